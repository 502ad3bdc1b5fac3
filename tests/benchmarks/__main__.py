"""`python -m tests.benchmarks`: hand-written SQL, our pipeline, other tools, documents and growth, in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import documents, floors, inputs, ours, peers, spark
from tests.benchmarks.servers import Bench

PARTS = ("floors", "ours", "changes", "peers", "documents", "growth", "spark")
GROWTH = (1_000_000, 5_000_000, 20_000_000)
ENGINES = (500_000, 5_000_000, 20_000_000)
# What a run costs with history: the limit for the second size in seconds, and for the third as a multiple of that.
DAYS = (("nothing to do", 0.8, 1.3), ("one day's file added", 6.0, 1.3), ("one user edited", 4.0, 1.3))
SAME = (
    "processed.users",
    "processed.viewing_sessions",
    "processed.content",
    "processed.genres",
    "raw.viewing_sessions",
)


def rates(
    bench: Bench, source: Path, wanted: set[str], repeat: int, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Measure the load of one input: ours, the floors, and changes; `keep` is told of what there is so far."""
    found: dict[str, Any] = {}
    first, loads, publishes = [], [], []
    # In turns, so that a slow hour of the machine meets them all.
    for _ in range(repeat):
        project, run = ours.first_run(bench, source)
        first.append(run)
        if "floors" in wanted:
            loads.append(floors.load_floor(bench, source, project.env["POSTGRES_DB"]))
            publishes.append(floors.publish_floor(bench))
    found["ours"] = {
        "first run, whole command": ours.middle(first, lambda each: each.total),
        "first load": ours.middle(first, lambda each: each.load),
        "stages": {stage: median(each.stages.get(stage, 0) for each in first) for stage in ours.STAGES},
        "peak memory of a process, MB": max(max(each.peaks.values(), default=0) for each in first),
        "runs": [vars(each) for each in first],
    }
    keep(found)
    if "floors" in wanted:
        found["load floor"], found["publish floor"] = floors.seconds(loads), floors.seconds(publishes)
        found["differs from the floor"] = floors.same_content(bench, "bench_ours", SAME)
        found["views that differ from the floor"] = floors.same_content(bench, "bench_ours", floors.views(bench))
        keep(found)
    if "changes" in wanted:
        for change, runs in ours.changes(bench, source, project, repeat).items():
            found[change] = {
                "whole command": ours.middle(runs, lambda each: each.total),
                "load": ours.middle(runs, lambda each: each.load),
                "publish": ours.middle(runs, lambda each: each.stages.get("publish", 0)),
            }
            keep(found)
        empty = ours.day_into_empty(bench, source, repeat)
        found["the day's file into an empty warehouse"] = {"load": ours.middle(empty, lambda each: each.load)}
    bench.drop("bench_floor")
    bench.drop("bench_ours")
    return found


def ratios(found: dict[str, Any]) -> list[tuple[str, float, str]]:
    """Return what the project means to reach: name, value, limit."""
    lines: list[tuple[str, float, str]] = []
    if "ours" in found:
        first, publish = found["ours"]["first load"], found["ours"]["stages"]["publish"]
        if "load floor" in found:
            lines.append(("first load / load floor", first / found["load floor"], "<= 1.0"))
            lines.append(("publish / publish floor", publish / found["publish floor"], ""))
        lines.append(("publish / first load", publish / first, "<= 1.0"))
        if "nothing to do" in found:
            day, empty = found["one day's file added"], found["the day's file into an empty warehouse"]
            lines += [
                ("nothing to do, seconds", found["nothing to do"]["whole command"], "<= 1.0"),
                ("load of a day's file / into an empty warehouse", day["load"] / empty["load"], "<= 2.0"),
                ("publish after a day's file / full publish", day["publish"] / publish, "<= 0.4"),
                ("load after one user edited, seconds", found["one user edited"]["load"], "<= 2.5"),
            ]
        if isinstance(found.get("peers", {}).get("dlt"), float):
            lines.append(("dlt / first load", found["peers"]["dlt"] / first, ">= 4"))
            lines.append(("pandas / first load", found["peers"]["pandas to_sql"] / first, ""))
        lines.append(("peak memory of a process, MB", found["ours"]["peak memory of a process, MB"], "<= 200"))
    if "growth" in found:
        _, middle, large = sizes = list(found["growth"].values())
        for change, seconds, multiple in DAYS:
            lines.append((f"{change}: second size, seconds", middle[change], f"<= {seconds}"))
            lines.append((f"{change}: third size / second", large[change] / middle[change], f"<= {multiple}"))
        for number, each in enumerate(sizes, 1):
            share = each["one file withdrawn"] / each["first run"]
            lines.append((f"one of {found['files']} files withdrawn / first run, size {number}", share, "<= 0.15"))
        memory = max(each["peak memory of a process, MB"] for each in sizes)
        lines.append(("peak memory of a process at any size, MB", memory, "<= 200"))
    if "documents" in found:
        lines.append(("extraction / drain, rate", found["documents"]["extraction / drain, rate"], ">= 0.8"))
        lines.append(("normalizing / decoding, time", found["documents"]["normalizing / decoding, time"], "<= 1.5"))
    return lines


def show(found: dict[str, Any]) -> None:
    """Print everything as tables."""
    console = Console(width=110)
    seconds = Table("seconds", "", title=f"{found['sessions']:,} sessions in {found['files']} files, median of runs")

    def add(name: str, value: object) -> None:
        if isinstance(value, dict):
            for part, inner in value.items():
                add(f"{name}: {part}", inner)
        elif isinstance(value, float):
            seconds.add_row(name, f"{value:,.2f}")
        elif not isinstance(value, list):
            seconds.add_row(name, str(value))
        elif all(isinstance(each, str) for each in value):
            seconds.add_row(name, ", ".join(value) or "none")

    for name, value in found.items():
        if name not in ("sessions", "files"):
            add(name, value)
    console.print(seconds)
    if lines := ratios(found):
        reached = Table("ratio", "measured", "meant", title="What is meant to be reached")
        for name, value, limit in lines:
            reached.add_row(name, f"{value:,.2f}", limit)
        console.print(reached)


def main() -> None:
    """Measure what was asked for, print it and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--sessions", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=3, help="the median of so many runs is taken")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)} [default: all]")
    parser.add_argument("--growth", default=",".join(map(str, GROWTH)), help="three numbers of sessions for that part")
    parser.add_argument("--engines", default=",".join(map(str, ENGINES)), help="numbers of sessions for the part spark")
    parser.add_argument("--documents", type=int, default=100_000, help="number of documents of that part")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmark"), help="servers and input; kept")
    parser.add_argument("--embedded", type=Path, default=None, help="servers to use that run already")
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has the other tools")
    parser.add_argument("--json", type=Path, default=None, help="where to write the figures [default: in the folder]")
    given = parser.parse_args()
    wanted = set(given.parts.split(","))
    if unknown := wanted - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    folder = given.folder.resolve()
    bench = Bench(folder, given.embedded)
    found: dict[str, Any] = {"sessions": given.sessions, "files": given.files}
    file = given.json or folder / "benchmark.json"

    def keep(more: dict[str, Any]) -> None:
        """Write what there is so far: the whole takes long."""
        found.update(more)
        file.write_text(json.dumps(found, indent=2, default=str), encoding="utf-8")

    def growth() -> dict[str, Any]:
        sizes = [int(size) for size in given.growth.split(",")]
        return {
            f"{size:,}": ours.by_size(bench, inputs.make(folder, size, given.files), given.repeat) for size in sizes
        }

    def engines() -> dict[str, Any]:
        measured: dict[str, Any] = {}
        for size in map(int, given.engines.split(",")):
            measured[f"{size:,}"] = spark.by_engine(bench, inputs.make(folder, size, given.files))
            keep({"spark": measured})
        return measured

    try:
        source = inputs.make(folder, given.sessions, given.files)
        if wanted & {"floors", "ours", "changes"}:
            keep(rates(bench, source, wanted, given.repeat, keep))
        steps: dict[str, Callable[[], Any]] = {
            "peers": lambda: peers.measure(bench, source, given.sessions, given.peers_python),
            "documents": lambda: documents.measure(bench, given.documents, given.repeat),
            "growth": growth,
            "spark": engines,
        }
        for name, step in steps.items():
            if name in wanted:
                keep({name: step()})
    finally:
        bench.close()
    show(found)


if __name__ == "__main__":
    main()

"""`python -m tests.benchmarks`: hand-written SQL, our pipeline, other tools, documents and growth, in one run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import documents, floors, inputs, ours, peers
from tests.benchmarks.servers import DAY, Bench

PARTS = ("floors", "ours", "changes", "peers", "documents", "growth")
GROWTH = (500_000, 2_000_000, 8_000_000)
SAME = (
    "processed.users",
    "processed.viewing_sessions",
    "processed.content",
    "processed.genres",
    "raw.viewing_sessions",
)


def rates(bench: Bench, source: Path, wanted: set[str], repeat: int) -> dict[str, Any]:
    """Measure the load of one input: ours, the floors, and changes."""
    found: dict[str, Any] = {}
    project, first = ours.first_runs(bench, source, repeat)
    found["ours"] = {
        "first run, whole command": ours.middle(first, lambda each: each.total),
        "first load": ours.middle(first, lambda each: each.load),
        "stages": {stage: ours.middle(first, lambda each, s=stage: each.stages.get(s, 0)) for stage in ours.STAGES},
        "peak memory of a process, MB": max(max(each.peaks.values(), default=0) for each in first),
        "runs": [vars(each) for each in first],
    }
    if "floors" in wanted:
        catalogue = Path(project.env["DATA_PROCESSED_PATH"]) / DAY
        found["load floor"] = floors.seconds(floors.load_floor(bench, source, catalogue, repeat))
        found["differs from the floor"] = floors.same_content(bench, "bench_ours", SAME)
        found["publish floor"] = floors.seconds(floors.publish_floor(bench, repeat))
        found["views that differ from the floor"] = floors.same_content(bench, "bench_ours", floors.views(bench))
    if "changes" in wanted:
        for change, runs in ours.changes(bench, source, project, repeat).items():
            found[change] = {
                "whole command": ours.middle(runs, lambda each: each.total),
                "load": ours.middle(runs, lambda each: each.load),
                "publish": ours.middle(runs, lambda each: each.stages.get("publish", 0)),
            }
        empty = ours.day_into_empty(bench, source, repeat)
        found["the day's file into an empty warehouse"] = {"load": ours.middle(empty, lambda each: each.load)}
    bench.drop("bench_floor")
    bench.drop("bench_ours")
    return found


def ratios(found: dict[str, Any]) -> list[tuple[str, float, str]]:
    """Return what the project means to reach: name, value, limit."""
    first = found["ours"]["first load"]
    publish = found["ours"]["stages"]["publish"]
    lines = [("publish / first load", publish / first, "<= 1.0")]
    if "load floor" in found:
        lines.insert(0, ("first load / load floor", first / found["load floor"], "<= 1.0"))
        lines.append(("publish / publish floor", publish / found["publish floor"], ""))
    if "nothing to do" in found:
        day, empty = found["one day's file added"], found["the day's file into an empty warehouse"]
        lines += [
            ("nothing to do, seconds", found["nothing to do"]["whole command"], "<= 1.0"),
            ("load of a day's file / into an empty warehouse", day["load"] / empty["load"], "<= 2.0"),
            ("publish after a day's file / full publish", day["publish"] / publish, "<= 0.4"),
            ("load after one user edited, seconds", found["one user edited"]["load"], "<= 2.5"),
        ]
    if "peers" in found:
        lines += [
            (f"{name} / first load", peer / first, ">= 4" if name == "dlt" else "")
            for name, peer in found["peers"].items()
            if isinstance(peer, float)
        ]
    return [*lines, ("peak memory of a process, MB", found["ours"]["peak memory of a process, MB"], "<= 200")]


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
    if "ours" in found:
        reached = Table("ratio", "measured", "meant", title="What is meant to be reached")
        for name, value, limit in ratios(found):
            reached.add_row(name, f"{value:,.2f}", limit)
        console.print(reached)


def main() -> None:
    """Measure what was asked for, print it and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--sessions", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=3, help="the median of so many runs is taken")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)} [default: all]")
    parser.add_argument("--documents", type=int, default=100_000, help="number of documents of that part")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmark"), help="servers and input; kept")
    parser.add_argument("--json", type=Path, default=None, help="where to write the figures [default: in the folder]")
    given = parser.parse_args()
    wanted = set(given.parts.split(","))
    if unknown := wanted - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    folder = given.folder.resolve()
    bench = Bench(folder)
    found: dict[str, Any] = {"sessions": given.sessions, "files": given.files}
    try:
        source = inputs.make(folder, given.sessions, given.files)
        if wanted & {"floors", "ours", "changes"}:
            found |= rates(bench, source, wanted, given.repeat)
        steps: dict[str, Callable[[], Any]] = {
            "peers": lambda: peers.measure(bench, source, given.sessions),
            "documents": lambda: documents.measure(bench, given.documents, given.repeat),
            "growth": lambda: {
                f"{size:,}": rates(bench, inputs.make(folder, size, given.files), set(), 1)["ours"] for size in GROWTH
            },
        }
        for name, step in steps.items():
            if name in wanted:
                found[name] = step()
    finally:
        bench.close()
    show(found)
    (given.json or folder / "benchmark.json").write_text(json.dumps(found, indent=2, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()

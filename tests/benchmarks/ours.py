"""Our own pipeline: the first run, nothing to do, and what changes of the input cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks import inputs
from tests.benchmarks.servers import Bench, Ended
from tests.project import Project

# A run's stages as the audit has them: seconds from the first start to the last end.
STAGES = {
    "land": ("LoadCsvToPostgres", "LoadJsonToMongo"),
    "extract": ("ExtractMongoToCsv",),
    "load catalogue": ("LoadNormalizedJsonsToPostgres",),
    "load users": ("LoadUsers",),
    "load sessions": ("LoadViewingSessions",),
    "check": ("CheckQuality",),
    "publish": ("PublishTrusted",),
    "report": ("BuildReport",),
}
LOAD = ("land", "extract", "load catalogue", "load users", "load sessions")


@dataclass
class Measured:
    """One run: seconds of the whole command, of load (from its start) and of each stage; peak memory in MB."""

    total: float
    load: float
    stages: dict[str, float]
    peaks: dict[str, float] = field(default_factory=dict)


def run(bench: Bench, project: Project) -> Measured:
    """Run the main job once."""
    known = bench.execute("SELECT clock_timestamp()")[0][0]
    ended: Ended = bench.luigi(project)
    rows = bench.execute(
        f"SELECT task, min(extract(epoch FROM started - '{known}')), max(extract(epoch FROM finished - '{known}'))"
        f" FROM etl.batches WHERE started >= '{known}' GROUP BY task",
        project.env["POSTGRES_DB"],
    )
    spans = {str(task): (float(str(first)), float(str(last))) for task, first, last in rows}
    stages, load = {}, 0.0
    for stage, tasks in STAGES.items():
        found = [spans[task] for task in tasks if task in spans]
        if found:
            stages[stage] = max(end for _, end in found) - min(start for start, _ in found)
            if stage in LOAD:
                load = max(load, *(end for _, end in found))
    return Measured(ended.seconds, load, stages, ended.peaks)


def first_run(bench: Bench, source: Path) -> tuple[Project, Measured]:
    """Run into empty databases; the project stays."""
    project = bench.project("bench_ours")
    inputs.link(source, project.raw)
    bench.pipeline_ready(project)
    return project, run(bench, project)


def changes(bench: Bench, source: Path, project: Project, repeat: int) -> dict[str, list[Measured]]:
    """Change the input in small ways, and run after each change."""
    bench.execute("CHECKPOINT")
    files = sorted(project.raw.glob(f"{inputs.SESSIONS}-[0-9]*"))

    def change(work: Callable[[int], object]) -> list[Measured]:
        measured = []
        for number in range(1, repeat + 1):
            work(number)
            measured.append(run(bench, project))
        return measured

    return {
        "nothing to do": change(lambda _: None),
        "one day's file added": change(lambda number: inputs.day_file(source, project.raw, number)),
        "one user edited": change(lambda number: inputs.edit_user(project.raw, number)),
        "one file withdrawn": change(lambda number: files[-number].unlink()),
    }


def by_size(bench: Bench, source: Path, repeat: int) -> dict[str, float]:
    """Return what the first run of an input and each kind of change cost, in seconds of the whole command."""
    project, first = first_run(bench, source)
    runs = changes(bench, source, project, repeat)
    bench.drop("bench_ours")
    peaks = [max(each.peaks.values(), default=0) for measured in ([first], *runs.values()) for each in measured]
    return {
        "first run": first.total,
        **{change: middle(measured, lambda each: each.total) for change, measured in runs.items()},
        # It makes the indexes by which sessions are looked up.
        "first day's file added": runs["one day's file added"][0].total,
        "peak memory of a process, MB": max(peaks),
    }


def day_into_empty(bench: Bench, source: Path, repeat: int) -> list[Measured]:
    """Load users, titles and nothing but the file of one day into empty databases."""
    runs = []
    for _ in range(repeat):
        project = bench.project("bench_day")
        for name in ("users.csv", "content.json"):
            (project.raw / name).write_bytes((source / name).read_bytes())
        inputs.day_file(source, project.raw, 1)
        bench.pipeline_ready(project)
        runs.append(run(bench, project))
    bench.drop("bench_day")
    return runs


def middle(runs: list[Measured], value: Callable[[Measured], float]) -> float:
    """Return the median of a value over the runs."""
    return median(value(each) for each in runs)

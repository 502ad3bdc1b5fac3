"""The engines beside each other: PostgreSQL, and Spark on a cluster of two workers on this machine."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks import inputs, ours
from tests.benchmarks.servers import Bench
from tests.project import Project
from tests.spark_cluster import Cluster, cluster

POLL_SECONDS = 0.5
WORKER_MEMORY = "3g"
CONFIG = """
[spark]
executor-memory = 2g
driver-memory = 1g
"""


class Watch:
    """What processes and all that they started take: CPU-seconds, and the most memory at once, in MB."""

    def __init__(self, roots: list[psutil.Process]) -> None:
        self._roots = roots
        self._seconds: dict[tuple[int, float], float] = {}
        self._ended = threading.Event()
        self.memory = 0.0

    def __enter__(self) -> Watch:
        self._before = self._look()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """CPU-seconds since this was entered."""
        return sum(seconds - self._before.get(key, 0) for key, seconds in self._seconds.items())

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            self._look()

    def _look(self) -> dict[tuple[int, float], float]:
        memory = 0.0
        for each in self._processes():
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                self._seconds[each.pid, each.create_time()] = times.user + times.system
                memory += each.memory_info().rss / 1e6
        self.memory = max(self.memory, memory)
        return dict(self._seconds)

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with contextlib.suppress(psutil.Error):
                yield from (root, *root.children(recursive=True))


def by_engine(bench: Bench, source: Path) -> dict[str, dict[str, float]]:
    """Return what a first run, a day's file and a run with nothing to do cost on each engine."""
    server = psutil.Process(int((bench.embedded / "postgres/data/postmaster.pid").read_text().split()[0]))
    found = {"PostgreSQL": _measure(bench, source, "bench_ours", [server], lambda project: project)}
    bench.drop("bench_ours")
    with cluster(workers=2, memory=WORKER_MEMORY) as running:

        def on_spark(project: Project) -> Project:
            config = project.folder / "luigi.cfg"
            config.write_text(CONFIG)
            project.env |= {"SPARK_MASTER": running.master, "LAKE_PATH": str(project.folder / "lake")}
            project.env |= {"LUIGI_CONFIG_PATH": str(config)}
            return project

        found["Spark"] = _measure(bench, source, "bench_spark", [server, *_of(running)], on_spark)
    shutil.rmtree(bench.folder / "bench_spark")
    bench.drop("bench_spark")
    return found


def _of(running: Cluster) -> list[psutil.Process]:
    return running.workers


def _measure(
    bench: Bench, source: Path, name: str, roots: list[psutil.Process], prepare: Callable[[Project], Project]
) -> dict[str, float]:
    project = prepare(bench.project(name))
    inputs.link(source, project.raw)
    bench.pipeline_ready(project)
    found: dict[str, Any] = {}

    def run(what: str) -> None:
        with Watch([*roots, psutil.Process()]) as watch:
            measured = ours.run(bench, project)
        found[f"{what}, s"] = measured.total
        found[f"{what}, CPU-seconds"] = watch.seconds
        found[f"{what}, MB of all processes"] = watch.memory
        for stage in ("land", "load sessions", "publish"):
            found[f"{what}, {stage}, s"] = measured.stages.get(stage, 0.0)

    run("first run")
    inputs.day_file(source, project.raw, 1)
    run("a day's file")
    inputs.day_file(source, project.raw, 2)
    run("the next day's file")
    run("nothing to do")
    return found

"""The engines beside each other: PostgreSQL, and Spark on a cluster of two workers on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks import inputs, ours
from tests.benchmarks.servers import Bench
from tests.engines import differing
from tests.project import Project
from tests.spark_cluster import cluster

POLL_SECONDS = 0.5
POLLS_FOR_MEMORY = 10  # which is slow to ask for
WORKER_MEMORY = "3g"
CONFIG = """
[spark]
executor-memory = 2g
driver-memory = 1g
"""


class Watch:
    """What processes and all that they started take: CPU-seconds, and the most memory at once, in MB.

    Memory that processes share is counted once.
    """

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
        polls = 0
        while not self._ended.wait(POLL_SECONDS):
            self._look(with_memory=polls % POLLS_FOR_MEMORY == 0)
            polls += 1

    def _look(self, *, with_memory: bool = False) -> dict[tuple[int, float], float]:
        memory = 0.0
        for each in self._processes():
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                self._seconds[each.pid, each.create_time()] = times.user + times.system
                if with_memory and each.pid != os.getpid():
                    memory += each.memory_full_info().pss / 1e6
        self.memory = max(self.memory, memory)
        return dict(self._seconds)

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with contextlib.suppress(psutil.Error):
                yield from (root, *root.children(recursive=True))


def by_engine(bench: Bench, source: Path) -> dict[str, Any]:
    """Return what a first run, a day's file and a run with nothing to do cost on each engine, and what differs then."""
    server = psutil.Process(int((bench.embedded / "postgres/data/postmaster.pid").read_text().split()[0]))
    plain = bench.project("bench_ours")
    found: dict[str, Any] = {"PostgreSQL": _measure(bench, source, plain, "PostgreSQL", [server])}
    with cluster(workers=2, memory=WORKER_MEMORY) as running:
        lake = bench.project("bench_spark")
        config = lake.folder / "luigi.cfg"
        config.write_text(CONFIG)
        lake.env |= {"SPARK_MASTER": running.master, "LAKE_PATH": str(lake.folder / "lake")}
        lake.env |= {"LUIGI_CONFIG_PATH": str(config)}
        found["Spark"] = _measure(bench, source, lake, "Spark", [server, *running.workers])
        found["differs"] = differing(lake, plain, lake.folder)
    for project in (lake, plain):
        shutil.rmtree(project.folder)
        bench.drop(project.env["POSTGRES_DB"])
    return found


def _measure(bench: Bench, source: Path, project: Project, name: str, roots: list[psutil.Process]) -> dict[str, float]:
    inputs.link(source, project.raw)
    bench.pipeline_ready(project)
    found: dict[str, Any] = {}

    def run(what: str) -> None:
        with Watch([*roots, psutil.Process()]) as watch:
            measured = ours.run(bench, project)
        print(f"{name}, {what}: {measured.total:.1f} s, {watch.seconds:.0f} CPU-seconds", flush=True)
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

"""A standalone cluster of Spark's: a master and workers of one core, as processes of the package pyspark alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from pipeline.lake import guard
from tests.deployment.servers import missing

MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
SECONDS_TO_START = 120


@dataclass
class Cluster:
    """A cluster that runs.

    Attributes:
        master: its address, for `SPARK_MASTER`.
        workers: its workers' processes; executors are their children.
    """

    master: str
    workers: list[psutil.Process]

    def executors(self) -> list[psutil.Process]:
        """Return the processes that work on jobs, those of Python included."""
        found = [child for worker in filter(_works, self.workers) for child in worker.children(recursive=True)]
        # The script that starts a worker may leave it a child that has ended.
        return [child for child in found if _works(child)]


def _works(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def needs_spark() -> None:
    """Skip the test where there is no Spark; CI must have it."""
    if find_spec("pyspark") is None:
        missing("pyspark (./install.sh requirements-spark.txt)")
    if shutil.which("java") is None:
        missing("Java (apt install openjdk-17-jre-headless)")


@pytest.fixture(scope="session")
def spark_cluster() -> Iterator[Cluster]:
    """Return a cluster of two workers, which the tests of this process share."""
    needs_spark()
    with cluster(workers=2) as running:
        yield running


@contextmanager
def cluster(workers: int, memory: str = "1536m") -> Iterator[Cluster]:
    """Start a cluster, on ports and in a folder that no other has; it ends with the block, or with this process."""
    with tempfile.TemporaryDirectory(prefix="spark-") as place, ExitStack() as running:
        folder = Path(place)
        log = _start(running, folder / "master", MASTER, "--port", "0")[1]
        [master] = _wait_for(log, r"Starting Spark master at (spark://\S+)")
        size = ("--cores", "1", "--memory", memory, "--work-dir", str(folder / "work"))
        started = [_start(running, folder / f"worker-{n}", WORKER, *size, master) for n in range(workers)]
        for _, log in started:
            _wait_for(log, "Successfully registered with master")
        yield Cluster(master, [psutil.Process(pid).children()[0] for pid, _ in started])


def _start(running: ExitStack, folder: Path, program: str, *arguments: str) -> tuple[int, Path]:
    spec = find_spec("pyspark")
    assert spec is not None and spec.origin is not None
    home = Path(spec.origin).parent
    folder.mkdir()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ} | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_DAEMON_MEMORY": "256m",
    }
    command = [str(home / "bin/spark-class"), program, "--host", "127.0.0.1", "--webui-port", "0", *arguments]
    log = folder / "log"
    with log.open("wb") as file:
        guarded = [sys.executable, "-IS", guard.__file__, str(os.getpid()), *command]
        process = subprocess.Popen(guarded, env=env, cwd=folder, stdout=file, stderr=file, start_new_session=True)

    def end() -> None:
        process.terminate()
        process.wait(60)

    running.callback(end)
    return process.pid, log


def _wait_for(log: Path, pattern: str) -> list[str]:
    found: list[str] = []

    def is_there() -> bool:
        found[:] = re.findall(pattern, log.read_text(errors="replace"))
        return bool(found)

    wait_until(is_there, SECONDS_TO_START, lambda: log.read_text(errors="replace")[-2000:])
    return found[:1]


def wait_until(is_so: Callable[[], bool], seconds: float, told: Callable[[], str] = lambda: "") -> None:
    """Wait for something to become true, and fail with what is `told` if it does not."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)

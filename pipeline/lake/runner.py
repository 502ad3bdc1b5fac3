"""Running a program on Spark.

Luigi's own task would run it too, but its error shows the whole environment, passwords included, it tells nothing
before the end, and a job goes on whose Luigi was killed.
"""

from __future__ import annotations

import multiprocessing
import os
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

import luigi

from pipeline import progress
from pipeline.lake import guard
from pipeline.lake.command import environment, spark_command
from pipeline.lake.output import Output, SparkError, no_master
from pipeline.lake.shipped import archive
from pipeline.settings import PACKAGE_ROOT, get_settings

__all__ = ["SparkError", "submit"]

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_CONNECT = 5


def submit(program: str | Path, arguments: Sequence[str], *, name: str, task: luigi.Task | None = None) -> None:
    """Run a program on the cluster of `SPARK_MASTER`, and wait for its end.

    Lines that it prints such as `PROGRESS 0.35 sums` are its progress, as a share of the whole, and `PAGE http://…` is
    where Spark shows it; what Spark warns of is logged as it comes. It ends with this process, and with the run that
    this process belongs to, however they end.

    Args:
        program: its name in `pipeline/spark`, or the path of another one.
        arguments: of the program; anybody on this machine may see them.
        name: what it does, for people.
        task: shows Spark's page as its own, if it can.

    Raises:
        SparkError: it failed, or there is no Spark, Java, master or free core; one line says which.
    """
    _see_master()
    app = program if isinstance(program, Path) else PACKAGE_ROOT / f"pipeline/spark/{program}.py"
    output = Output(name, task)
    with tempfile.TemporaryDirectory(prefix="pipeline-spark-") as folder, progress.stage(name, progress.PERCENT, 100):
        shipped = archive(Path(folder) / "pipeline.zip")
        if code := _run(spark_command(app, arguments, name=name, code=shipped), output):
            raise SparkError(f"{name}: {output.cause(code)}")


def _run(command: list[str], output: Output) -> int:
    """Run a command under a guard, give its output what it prints, and return its exit code."""
    job = subprocess.Popen(
        [sys.executable, "-IS", guard.__file__, str(os.getpid()), *command],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    printed, logged = cast(IO[bytes], job.stdout), cast(IO[bytes], job.stderr)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(printed, selectors.EVENT_READ, Lines(output.take_printed))
            selector.register(logged, selectors.EVENT_READ, Lines(output.take_logged))
            while selector.get_map():
                ready = selector.select(SECONDS_BETWEEN_LOOKS)
                for key, _ in ready:
                    if not key.data.read(key.fd):
                        selector.unregister(key.fileobj)
                if not ready and job.poll() is not None:  # something that it started holds the pipes
                    break
                _see_run()
                output.see_master()
        return job.wait()
    finally:
        printed.close()
        logged.close()
        if job.poll() is None:
            job.terminate()
            job.wait()


class Lines:
    """Takes bytes apart into lines."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take, self._begun = take, b""

    def read(self, file: int) -> bool:
        """Read what is there, and take its lines; False at the end."""
        data = os.read(file, 1 << 16)
        *whole, self._begun = (self._begun + data if data else self._begun + b"\n").split(b"\n")
        for line in whole:
            self._take(line.decode(errors="replace").rstrip())
        return bool(data)


def _see_master() -> None:
    """See that a standalone cluster is there: Spark itself would try for a minute.

    Raises:
        SparkError: none of its masters answers.
    """
    master = get_settings().spark_master or ""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        found = urlsplit(f"spark://{address}")
        try:
            socket.create_connection((found.hostname or "", found.port or 0), SECONDS_TO_CONNECT).close()
        except (OSError, ValueError):
            continue
        return
    raise SparkError(no_master())


def _see_run() -> None:
    """See that the run is still there: of its workers, which are processes, nobody takes the end.

    Raises:
        SparkError: it was killed.
    """
    run = multiprocessing.parent_process()
    if run is not None and os.getppid() != run.pid:
        raise SparkError("the run was killed, so its job on Spark is ended: run again")

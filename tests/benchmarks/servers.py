"""Projects and databases of the benchmark, and processes run with a watch on time and memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg2
from pymongo import MongoClient

from pipeline.servers.embedded import ADMIN, ensure_mongo, ensure_postgres, find_binaries, mongo_login, stop
from pipeline.settings import Settings
from tests.project import REPOSITORY, Project

DAY = "2026-03-02"
POLL_SECONDS = 0.2
# What the pipeline sets for its own sessions, so that all contestants use the server alike.
SESSION = "-c work_mem=64MB -c maintenance_work_mem=256MB -c jit=off"


@dataclass
class Ended:
    """A command that has ended: wall-clock seconds, what it printed, peak memory of its processes in MB."""

    seconds: float
    output: str
    peaks: dict[str, float] = field(default_factory=dict)


def _peak(process: psutil.Process) -> float:
    """Return the largest resident memory a process ever had, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _note_peaks(process: subprocess.Popen[bytes], peaks: dict[str, float]) -> None:
    """Look at a process and its descendants until it ends."""
    root = psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):  # it ended while it was looked at
            for each in (root, *root.children(recursive=True)):
                name = "main" if each.pid == root.pid else f"worker {each.pid}"
                with contextlib.suppress(psutil.Error, OSError, StopIteration):  # this one ended
                    if "python" in each.name() or "luigi" in each.name():
                        peaks[name] = max(peaks.get(name, 0), _peak(each))
        time.sleep(POLL_SECONDS)


def watch(command: list[str], env: dict[str, str], folder: Path) -> Ended:
    """Run a command to its end, and note the largest memory of each of its Python processes.

    Raises:
        RuntimeError: it failed.
    """
    log = folder / "last.log"
    peaks: dict[str, float] = {}
    started = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        watching = threading.Thread(target=_note_peaks, args=(process, peaks))
        watching.start()
        process.wait()
    seconds = time.monotonic() - started
    watching.join()
    text = log.read_text()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-3000:]}")
    return Ended(seconds, text, peaks)


class Bench:
    """The servers of one benchmark, and fresh databases on them."""

    def __init__(self, folder: Path, embedded: Path | None = None) -> None:
        """Start servers below `folder`, or use those of `embedded`."""
        self.folder = folder
        self.embedded = embedded or folder / "embedded"
        self.is_guest = embedded is not None
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = Settings(_env_file=None, embedded_path=self.embedded)  # type: ignore[call-arg]
        self.address = ensure_postgres(self.settings)
        self.mongo = ensure_mongo(self.settings)

    def dsn(self, database: str) -> str:
        """Return a connection string of the server's administrator."""
        return f"host={self.address.host} port={self.address.port} user={ADMIN} dbname={database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Execute a statement as administrator."""
        connection = psycopg2.connect(self.dsn(database))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def drop(self, database: str) -> None:
        """Drop a database, and settle the disk so that the next measurement does not pay for it."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self.execute("CHECKPOINT")

    def fresh(self, database: str) -> None:
        """Make an empty database."""
        self.drop(database)
        self.execute(f'CREATE DATABASE "{database}"')

    def psql(self, database: str, script: Path, **variables: str) -> Ended:
        """Run a script by psql."""
        command = [str(find_binaries() / "psql"), "--no-psqlrc", "--quiet", "-d", self.dsn(database), "-f", str(script)]
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        return watch(command, {**os.environ, "PGOPTIONS": SESSION}, self.folder)

    def project(self, name: str) -> Project:
        """Return a project of our own pipeline, with its own folders and empty databases."""
        self.drop(name)
        with MongoClient(self.mongo.host, self.mongo.port, **mongo_login(self.settings)) as client:
            client.drop_database(name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.rmtree(self.embedded / "postgres/prepared", ignore_errors=True)  # which say that its database is there
        project = Project(self.folder / name, self.embedded, name)
        project.env |= {"LOCK_TIMEOUT_SECONDS": "3600"}
        return project

    def luigi(self, project: Project, task: str = "RunAll") -> Ended:
        """Run a task of the pipeline."""
        command = [str(Path(sys.executable).with_name("luigi")), "--module", "pipeline", task, "--date", DAY]
        return watch(command, project.env, self.folder)

    def pipeline_ready(self, project: Project) -> None:
        """Have the project's database made, and code compiled, before anything is measured."""
        project.pipeline("up", "--no-luigid")
        project.pipeline("explain", "--json")

    def close(self) -> None:
        """Stop the servers that were started for it; their data stays."""
        if not self.is_guest:
            stop(self.settings)

"""A project folder of a test's own: its files, its databases, and the commands run in it."""

from __future__ import annotations

import copy
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import psycopg2
from pymongo import MongoClient
from pymongo.database import Database

from pipeline.servers import postgres
from pipeline.servers.embedded import ADMIN, ensure_mongo, ensure_postgres, mongo_login
from pipeline.servers.embedded.cluster import prepared_mark
from pipeline.servers.libpq import Role
from pipeline.settings import Settings, get_settings
from tests.warm_start import run_module

REPOSITORY = Path(__file__).resolve().parent.parent
# The log has a line like this as each task starts.
STARTED = re.compile(r" pipeline: (.+): started$", re.MULTILINE)
OWN_SETTINGS = (
    "POSTGRES_",
    "MONGO_",
    "LUIGI",
    "DATA_",
    "PROJECT_ROOT",
    "REPORT",
    "LOGS_PATH",
    "EMBEDDED_",
    "MAX_REJECT",
    "SPARK_MASTER",
    "SPARK_WAIT",
    "LAKE_PATH",
    "SESSIONS_IN_",
)
DAY = "2026-03-02"


@dataclass(frozen=True)
class Run:
    """A command that has ended: its exit code, the tasks it ran, all it printed, what it logged, its answer.

    The answer is what it printed on standard output alone, the failures are those of a run in this process.
    """

    code: int
    ran: list[str]
    output: str
    log: str = ""
    answer: str = ""
    failures: list[Exception] = field(default_factory=list)


class Project:
    """Input folders, settings and databases that no other test uses, on the servers of this test run."""

    # What the last project kept of the code that it took apart: known by the code's text, so never out of date, and
    # almost a second of each project's first run.
    _code: ClassVar[tuple[Path, bytes]] = (Path(), b"{}")

    def __init__(self, folder: Path, embedded: Path, name: str) -> None:
        self.folder = folder
        self._begin_with_known_code(folder / "logs/.digests-of-code.json")
        self.raw = folder / "raw"
        self.raw.mkdir(parents=True)
        self._as_root = True
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)},
            "PROJECT_ROOT": str(REPOSITORY),
            "DATA_RAW_PATH": str(self.raw),
            "DATA_PROCESSED_PATH": str(folder / "processed"),
            "DATA_REJECTED_PATH": str(folder / "rejected"),
            "REPORTS_PATH": str(folder / "reports"),
            "LOGS_PATH": str(folder / "logs"),
            "EMBEDDED_PATH": str(embedded),
            "POSTGRES_DB": name,
            "MONGO_DB": name,
        }
        self._dsns: dict[str, str] = {}

    @classmethod
    def _begin_with_known_code(cls, store: Path) -> None:
        last, known = cls._code
        known = last.read_bytes() if last.is_file() else known
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_bytes(known)
        cls._code = store, known

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a raw file; one whose name ends in .gz is compressed."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    def write_rows(self, name: str, rows: Iterable[str]) -> Path:
        """Write a raw file from its lines."""
        return self.write(name, "\n".join(rows) + "\n")

    def write_titles(self, name: str = "content.json", **collections: list[dict[str, Any]]) -> Path:
        """Write a JSON delivery."""
        return self.write(name, json.dumps(collections))

    def heed_permissions(self) -> None:
        """Have commands read only what permissions of files allow, also if root runs the tests."""
        self.dsn()
        self._as_root = False
        # The embedded servers, which are another user's then, are spoken to like any other.
        servers = Settings(_env_file=None, embedded_path=Path(self.env["EMBEDDED_PATH"]))  # type: ignore[call-arg]
        sql, mongo = ensure_postgres(servers), ensure_mongo(servers)
        self.env |= {"POSTGRES_HOST": str(sql.host), "POSTGRES_PORT": str(sql.port)}
        login = mongo_login(servers)
        self.env |= {"MONGO_HOST": mongo.host, "MONGO_PORT": str(mongo.port)}
        self.env |= {"MONGO_USER": login["username"], "MONGO_PASSWORD": login["password"]}
        if os.geteuid() == 0:
            run = Path(sql.host)
            for path in (run.parent, run, *run.glob(".s.PGSQL.*")):
                path.chmod(0o777)

    def copy_code(self) -> Path:
        """Give the project a copy of the code, which a test may edit; return its folder."""
        code = self.folder / "code"
        skipped = shutil.ignore_patterns("__pycache__")
        for folder in ("pipeline", "sql"):
            shutil.copytree(REPOSITORY / folder, code / folder, ignore=skipped)
        for file in ("luigi.cfg", "init-postgres.sh", "pyproject.toml"):
            shutil.copy2(REPOSITORY / file, code / file)
        self.env |= {"PROJECT_ROOT": str(code), "PYTHONPATH": str(code)}
        return code

    def branch(self, name: str) -> Project:
        """Return a project with the same files and the same MongoDB, on a copy of the database of PostgreSQL."""
        branch = copy.copy(self)
        branch.env, branch._dsns = {**self.env, "POSTGRES_DB": name}, {}
        embedded = Path(self.env["EMBEDDED_PATH"])
        settings = Settings(_env_file=None, embedded_path=embedded, postgres_db=name)  # type: ignore[call-arg]
        server = ensure_postgres(settings.model_copy(update={"postgres_db": self.env["POSTGRES_DB"]}))
        connection = psycopg2.connect(host=server.host, port=server.port, user=ADMIN, dbname="postgres")
        connection.autocommit = True  # a database is not made in a transaction
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} OWNER pipeline TEMPLATE {self.env['POSTGRES_DB']}")
            # What the role setup does beside what is copied; it would give the tables rights of their own.
            cursor.execute(
                f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO data_analyst"
            )
        prepared_mark(settings, embedded / "postgres").touch()
        return branch

    def move(self, folder: Path) -> None:
        """Move the project with all it holds to another place."""
        old, new = str(self.folder), str(folder)
        self.folder.rename(folder)
        self.folder, self.raw = folder, folder / "raw"
        self.env = {
            name: new + value.removeprefix(old) if value.startswith(old) else value for name, value in self.env.items()
        }
        self._dsns.clear()

    def command(self, *arguments: str, **env: str) -> Run:
        """Run `python -m <arguments>` and wait for its end."""
        code, answer, errors = run_module(
            list(arguments), self.env["PROJECT_ROOT"], {**self.env, **env}, as_root=self._as_root
        )
        return Run(code, [], answer + errors, answer=answer)

    def pipeline(self, *arguments: str, **env: str) -> Run:
        """Run an operator command."""
        return self.command("pipeline", *arguments, **env)

    def task(self, *arguments: str, **env: str) -> Run:
        """Run a Luigi task; the tasks that ran are named with the file they were for, if any."""
        log = self.log
        known = log.stat().st_size if log.exists() else 0
        run = self.command("luigi", "--module", "pipeline", *arguments, **env)
        logged = log.read_bytes()[known:].decode() if log.exists() else ""
        return Run(run.code, sorted(STARTED.findall(logged)), run.output, logged)

    def explain(self, task: str = "RunAll", date: str = DAY, **env: str) -> dict[str, list[str]]:
        """Return the tasks that a run would run, as `task` names them, each with its causes."""
        told = self.pipeline("explain", task, "--date", date, "--json", **env)
        assert told.code == 0, told.output
        return causes_by_task(told.answer)

    def run_all(self, *arguments: str, date: str = DAY, **env: str) -> Run:
        """Run the main job."""
        return self.task("RunAll", "--date", date, *arguments, **env)

    def start(self, *arguments: str, date: str = DAY, **env: str) -> subprocess.Popen[bytes]:
        """Start the main job in a process group of its own, and go on; its output is in the log alone."""
        return subprocess.Popen(
            [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll", "--date", date, *arguments],
            cwd=self.env["PROJECT_ROOT"],
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def log(self) -> Path:
        """The log of all runs."""
        return Path(self.env["LOGS_PATH"]) / "luigi.log"

    def logged(self) -> str:
        """Return all that was logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_task(self, process: subprocess.Popen[bytes], task: str, known: int = 0) -> bool:
        """Wait until a run begins a task; False if it ends before. `known` characters of the log are of the past."""
        while process.poll() is None:
            if f"running   {task}(" in self.logged()[known:]:
                return True
            time.sleep(0.01)
        return False

    def must_run(self, *arguments: str, date: str = DAY, **env: str) -> Run:
        """Run the main job and insist that it succeeds."""
        run = self.run_all(*arguments, date=date, **env)
        assert run.code == 0, run.output
        return run

    def dsn(self, role: Role = "pipeline") -> str:
        """Return a connection URI; the embedded server is started and prepared if need be."""
        with patch.dict(os.environ, self.env, clear=True):
            get_settings.cache_clear()
            try:
                return postgres.dsn(role)
            finally:
                get_settings.cache_clear()

    @contextmanager
    def connection(self, role: Role = "pipeline") -> Iterator[Any]:
        """Open a connection in autocommit mode; the server is asked for its address once."""
        try:
            connection = psycopg2.connect(self._dsns[role])
        except (KeyError, psycopg2.OperationalError):
            self._dsns[role] = self.dsn(role)
            connection = psycopg2.connect(self._dsns[role])
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, query: str, *parameters: object, role: Role = "pipeline") -> list[tuple[Any, ...]]:
        """Return the rows of a query; none for a statement without result."""
        with self.connection(role) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def value(self, query: str, *parameters: object) -> Any:
        """Return the single value of a query."""
        [(value,)] = self.rows(query, *parameters)
        return value

    @contextmanager
    def mongo(self) -> Iterator[Database[dict[str, Any]]]:
        """Open the project's MongoDB database."""
        embedded = Path(self.env["EMBEDDED_PATH"])
        settings = Settings(_env_file=None, embedded_path=embedded)  # type: ignore[call-arg]
        address = ensure_mongo(settings)
        client: MongoClient[dict[str, Any]] = MongoClient(address.host, address.port, **mongo_login(settings))
        try:
            yield client[self.env["MONGO_DB"]]
        finally:
            client.close()


WRAPPERS = {"RunAll", "LoadCsvsToPostgres", "LoadJsonsToMongo"}


def causes_by_task(explained: str) -> dict[str, list[str]]:
    """Return from what `explain --json` prints the tasks that will run, with their files, and why."""
    return {
        f"{each['task']} {each['file']}" if each["file"] else each["task"]: each["causes"]
        for each in json.loads(explained)
        if each["task"] not in WRAPPERS and each["state"] == "will run"
    }

"""Servers and project folders for tests: every test has its own databases and folders."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from pipeline.servers.embedded import ADMIN, Address, ensure_mongo, ensure_postgres, scheduler_address, stop
from pipeline.settings import Settings
from tests.project import Project
from tests.scheduler import central_scheduler
from tests.spark_cluster import spark_cluster

__all__ = ["spark_cluster"]

# Programs start in half the time with the bytecode of what they import; for Airflow it is seconds each time.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
sys.dont_write_bytecode = False

# A suite that runs in the background ignores Ctrl-C, and so would the programs that its tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

COURSE_DATA = Path(__file__).resolve().parents[2] / "shared/data/course"


@pytest.fixture(scope="session")
def embedded() -> Iterator[Path]:
    """Return the folder of the servers that this worker's tests share; they are stopped at the end.

    It is not below pytest's own folder: to that, root's other test runs deny the server's user the way.
    """
    folder = Path(tempfile.mkdtemp(prefix="pipeline-test-"))
    settings = Settings(_env_file=None, embedded_path=folder)  # type: ignore[call-arg]
    spare_effort(ensure_postgres(settings))
    ensure_mongo(settings)
    yield folder
    stop(settings)
    shutil.rmtree(folder)


def spare_effort(server: Address) -> None:
    """Let a server leave out what only pays for databases that live longer, or after a power cut."""
    connection = psycopg2.connect(host=server.host, port=server.port, user=ADMIN, dbname="postgres")
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        for setting in ("autovacuum = off", "fsync = off", "full_page_writes = off"):
            cursor.execute(f"ALTER SYSTEM SET {setting}")
        cursor.execute("SELECT pg_reload_conf()")


@pytest.fixture
def project(tmp_path: Path, embedded: Path) -> Project:
    """Return an empty project of the test's own."""
    left = scheduler_address(Settings(_env_file=None, embedded_path=embedded))  # type: ignore[call-arg]
    assert left is None, "an earlier test left its luigid to all others"
    return Project(tmp_path / "project", embedded, f"test_{uuid.uuid4().hex[:12]}")


@pytest.fixture
def course(project: Project) -> Project:
    """Return a project whose raw folder holds the real input, where that is at hand."""
    folder = Path(os.environ.get("COURSE_DATA", COURSE_DATA))
    if not folder.is_dir():
        pytest.skip("the real input is not at hand")
    for name in ("users.csv", "viewing_sessions.csv", "content.json"):
        project.write(name, (folder / name).read_bytes())
    return project


@pytest.fixture
def scheduler(project: Project, tmp_path: Path) -> Iterator[Project]:
    """Return a project whose runs use a central scheduler of the test's own."""
    with central_scheduler(tmp_path / "scheduler") as env:
        project.env |= env
        yield project


# What takes longest begins: at the end, the other workers would wait for it.
LONG = (
    "test_readme",
    "deployment/",
    "test_many_files",
    "test_convergence",
    "test_kills",
    "survival/",
    "test_reruns",
    "browser/",
)
# Files whose tests share nothing that is slow to set up, and may be spread over the workers.
SPREAD = (
    "test_bad_csv.py",
    "test_drift.py",
    "test_incremental.py",
    "test_kills.py",
    "test_reconciliation.py",
    "test_refused_files.py",
    "test_two_runs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    items.sort(key=lambda item: next((place for place, name in enumerate(LONG) if name in item.nodeid), len(LONG)))


class Shares(LoadFileScheduling):
    """Give each worker whole files, for tests of a file share what they set up, but single tests of some."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/deployment/"):
            return "tests/deployment"
        return nodeid if file.endswith(SPREAD) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares:
    """Choose how tests are shared out among the workers."""
    return Shares(config, log)

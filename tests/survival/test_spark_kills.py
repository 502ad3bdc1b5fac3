"""Runs whose sessions Spark keeps, with anything of theirs killed at any step: the end is as if nothing had been.

One project is taken through all of it, for a snapshot costs half a minute of two cores.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg2
import pytest
from luigi.rpc import RemoteScheduler

from pipeline.sample.generate import write_sample
from pipeline.servers.embedded import scheduler_address
from tests.engines import LOADS, assert_same_state
from tests.in_process import REFUSED, settle
from tests.project import Project
from tests.small_input import session, write_sessions
from tests.spark_cluster import Cluster, cluster, needs_spark, wait_until
from tests.survival.mortal import kill_server, mortal_servers, settings_in

SECONDS = 300  # a machine that has other things to do
# A program that runs once is not worth being compiled well.
QUICK = "-XX:TieredStopAtLevel=1"
CONFIGURED = f"""
[spark]
executor-memory = 512m
driver-memory = 512m
conf = spark.driver.extraJavaOptions={QUICK}|spark.executor.extraJavaOptions={QUICK}
"""
DRIVER = "org.apache.spark.deploy.SparkSubmit"
BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'video_streaming_pipeline' AND wait_event_type = 'Lock'
"""
TWICE = """
    SELECT place, table_name, batch_id, kind FROM etl.row_counts GROUP BY 1, 2, 3, 4 HAVING count(*) > 1
"""

FILES = 80

pytestmark = [pytest.mark.survival, pytest.mark.timeout(1800)]


class Kept:
    """A project whose sessions a cluster keeps, and the run of the moment."""

    def __init__(self, project: Project, running: Cluster) -> None:
        self.project, self.cluster = project, running
        self.lake = Path(project.env["LAKE_PATH"])
        self._run: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._run = self.project.start()

    @property
    def run(self) -> subprocess.Popen[bytes]:
        assert self._run is not None
        return self._run

    def found(self, pattern: str) -> set[Path]:
        return set(self.lake.glob(pattern))

    def sizes(self) -> dict[str, int]:
        """Return the files of the lake with their sizes, but for the checksums that Hadoop puts beside them."""
        files = [path for path in self.lake.rglob("*") if path.is_file() and path.suffix != ".crc"]
        return {str(path.relative_to(self.lake)): path.stat().st_size for path in files}

    def pages(self) -> list[str]:
        """Return the addresses that Luigi's page has of tasks that run."""
        address = scheduler_address(settings_in(Path(self.project.env["EMBEDDED_PATH"])))
        assert address is not None
        luigid: Any = RemoteScheduler("http://{}:{}".format(*address))
        running = luigid.task_list(status="RUNNING", upstream_status="")
        return [task["tracking_url"] for task in running.values()]

    def wait_until(self, is_so: Callable[[], object]) -> None:
        """Wait for something that comes while the run goes on."""

        def is_there() -> bool:
            assert self.run.poll() is None, self.project.logged()[-5000:]
            return bool(is_so())

        wait_until(is_there, SECONDS, lambda: self.project.logged()[-5000:])

    def wait_for_files(self, pattern: str) -> None:
        """Wait for files of the lake that were not there."""
        known = self.found(pattern)
        self.wait_until(lambda: self.found(pattern) - known)

    def processes(self) -> list[psutil.Process]:
        """Return all that is at work for the run."""
        return [*psutil.Process(self.run.pid).children(recursive=True), *self.cluster.executors()]

    def driver(self) -> psutil.Process:
        [driver] = [each for each in self.processes() if each.name() == "java" and DRIVER in each.cmdline()]
        return driver

    def executor(self) -> psutil.Process:
        return next(each for each in self.cluster.executors() if each.name() == "java")

    @contextmanager
    def ended(self, code: int) -> Iterator[None]:
        """See that the run ends with a code because of the block, and that nothing of it is left."""
        ours = self.processes()
        yield
        assert self.run.wait(SECONDS) == code, self.project.logged()[-5000:]
        _, alive = psutil.wait_procs([*ours, *self.cluster.executors()], timeout=SECONDS)
        assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Have the run wait as it takes up what came of Spark, and the block begin when it does."""
        with self.project.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = False
            cursor.execute("LOCK TABLE etl.lake_files IN SHARE MODE")
            self.wait_until(lambda: self.project.value(BLOCKED))
            yield
            with suppress(psycopg2.Error):  # the server may be gone
                connection.rollback()


@pytest.fixture(scope="module")
def servers() -> Iterator[Path]:
    with mortal_servers() as folder:
        yield folder


@pytest.fixture
def twins(tmp_path: Path, servers: Path) -> Iterator[tuple[Kept, Project]]:
    """Yield a project on a cluster of its own, and one with the same input in PostgreSQL."""
    needs_spark()
    name = f"test_{uuid.uuid4().hex[:10]}"
    plain, lake = Project(tmp_path / "plain", servers, name), Project(tmp_path / "lake", servers, f"{name}_lake")
    config = tmp_path / "spark.cfg"
    config.write_text(CONFIGURED)
    with cluster(workers=2) as running:
        lake.env |= {
            "DATA_RAW_PATH": str(plain.raw),
            "LAKE_PATH": str(tmp_path / "lake of all"),
            "LUIGI_CONFIG_PATH": str(config),
            "SESSIONS_IN_POSTGRES_DAYS": "36500",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_MASTER": running.master,
            "TMPDIR": str(tmp_path),
        }
        yield Kept(lake, running), plain


def test_whatever_is_killed_nothing_is_lost_or_doubled(twins: tuple[Kept, Project]) -> None:
    kept, plain = twins
    project = kept.project
    assert project.pipeline("up").code == 0
    write_sample(plain.raw, sessions=3_000)
    files = 12 + deliver(plain, "first")

    # An executor, as files land, which goes on; PostgreSQL, as they are taken up, which comes back.
    kept.start()
    kept.wait_for_files("landed/*.json")
    kept.executor().kill()
    with kept.held_up():
        kill_server(project, "PostgreSQL")
    # The run is asked to end, as a snapshot is made, which Luigi's page leads to.
    kept.wait_for_files("snapshots/*/rows")
    assert [urlsplit(page).scheme for page in kept.pages()] == ["http"]
    with kept.ended(128 + signal.SIGTERM):
        kept.run.terminate()
    assert project.value("SELECT count(*) FROM etl.lake_files") == files

    # The driver, as more files land.
    files += deliver(plain, "second")
    kept.start()
    kept.wait_for_files("landed/*.json")
    with kept.ended(REFUSED):
        kept.driver().kill()
    assert "landing viewing_sessions: its driver was killed" in project.logged()

    # Luigi, as further ones land; its workers see so.
    kept.start()
    kept.wait_for_files("landed/*.json")
    with kept.ended(-signal.SIGKILL):
        kept.run.kill()

    # A worker, as a snapshot is made: the other one makes it. Then the whole run, as it is taken up.
    kept.start()
    kept.wait_for_files("snapshots/*/rows")
    assert project.value("SELECT count(*) FROM etl.lake_files") == files
    kept.cluster.workers[0].kill()
    kept.wait_for_files("snapshots/*/manifest.json")
    with kept.held_up(), kept.ended(-signal.SIGKILL):
        os.killpg(kept.run.pid, signal.SIGKILL)
    made = kept.found("snapshots/*/manifest.json")

    # PostgreSQL, as the next run takes it up.
    kept.start()
    with kept.held_up():
        kill_server(project, "PostgreSQL")
    assert kept.run.wait(SECONDS) == 0, project.logged()[-5000:]
    assert kept.found("snapshots/*/manifest.json") == made

    settle(plain)
    assert_same_state(project, plain)
    assert project.rows(LOADS) == plain.rows(LOADS)
    assert project.rows(TWICE) == []
    assert project.rows("SELECT batch_id FROM etl.batches WHERE status = 'running'") == []
    assert_gc_leaves_what_counts(kept)
    assert project.must_run().ran == []
    assert_same_state(project, plain)


def deliver(project: Project, name: str) -> int:
    """Write many files, of which some can land before others do; return their number."""
    for number in range(FILES):
        lines = [f"{name}-{number},U1,M1,2024-05-01,{number},50.5,TV,HD", session(number % 9 + 1)]
        write_sessions(project, *lines, name=f"viewing_sessions/{name}-{number:03}.csv")
    return FILES


def assert_gc_leaves_what_counts(kept: Kept) -> None:
    counted = dict(kept.project.rows("SELECT path, bytes FROM etl.lake_files"))
    assert kept.sizes().keys() > counted.keys()
    for path in kept.lake.rglob("*"):
        os.utime(path, (0, 0))
    told = kept.project.pipeline("gc", "--keep-days", "0", "--yes")
    assert told.code == 0, told.output
    assert kept.sizes() == counted

"""Both engines lead to the same: what analysts see, what was rejected, waits or was superseded, and the audit."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sample.generate import write_sample
from tests.engines import LOADS, assert_same_state
from tests.in_process import ask, settle
from tests.project import Project
from tests.small_input import ANN, BOB, movie, series, session, write_sessions, write_users
from tests.spark_cluster import needs_spark
from tests.spark_in_process import ALL_DAYS, on_spark, programs_in, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    needs_spark()
    with spark_session(tmp_path_factory.mktemp("warehouse")) as session:
        yield session


class Twins:
    """The same input in two projects: PostgreSQL keeps the sessions of one, Spark those of the other."""

    def __init__(self, folder: Path, embedded: Path, spark: SparkSession) -> None:
        name = f"test_{uuid.uuid4().hex[:10]}"
        self.plain = Project(folder / "plain", embedded, name)
        self.lake = on_spark(Project(folder / "lake", embedded, f"{name}_lake"), ALL_DAYS)
        self.lake.env["DATA_RAW_PATH"] = str(self.plain.raw)
        self.spark = spark

    @property
    def input(self) -> Project:
        return self.plain

    def settle(self, **options: Any) -> list[str]:
        """Bring both up to date, compare them, and return what ran where Spark keeps the sessions."""
        settle(self.plain, **options)
        with programs_in(self.spark):
            ran = settle(self.lake, **options)
        assert_same_state(self.lake, self.plain)
        return ran


@pytest.fixture
def twins(tmp_path: Path, embedded: Path, spark: SparkSession) -> Twins:
    return Twins(tmp_path, embedded, spark)


def write_first(project: Project) -> None:
    write_users(project, ANN, BOB)
    project.write_titles(movies=[movie("M1"), movie("M2", title=None)], series=[series("T1")])
    spoiled = ["S7,U1,M1,soon,-1,50.5,Mobile,HD", "S8,U1,M1,2024-05-08,50", ",U1,M1,2024-05-08,1,1,TV,4K"]
    write_sessions(project, session(1), session(2, user="U2", title="T1"), session(3, user="U9"), *spoiled)
    repeated = [
        session(1, minutes=70),
        session(4, title="M9"),
        "S9,U2,M1,2023-12-31,,,,",
        "S5,U2,M1,2999-01-01,9,100,TV,HD",
    ]
    write_sessions(project, *repeated, name="viewing_sessions-2.csv")


def test_every_change_leads_to_the_same_on_both_engines(twins: Twins) -> None:
    project = twins.input
    write_first(project)
    twins.settle()
    assert twins.lake.rows(LOADS) == twins.plain.rows(LOADS)
    assert twins.lake.value("SELECT count(*) FROM raw.viewing_sessions") == 0
    assert twins.settle() == []
    # A file is edited, and one comes that supersedes rows of both.
    write_sessions(project, session(1), session(2, user="U2", title="T1", minutes=5), session(6), "S8,U1,M1,soon,,,,")
    write_sessions(project, session(2), session(4), name="viewing_sessions-3.csv")
    twins.settle()
    # It is withdrawn again, a user leaves, and another comes for whom a row waits.
    (project.raw / "viewing_sessions-3.csv").unlink()
    write_users(project, ANN, "U9,20,Peru,,2024-01-01,")
    twins.settle()
    # A title comes for which a row waits, and the file is delivered again.
    project.write_titles("more.json", movies=[movie("M9")], series=[])
    write_users(project, ANN, BOB, "U9,20,Chile,Basic,2024-01-01,")
    write_sessions(project, session(2), session(4), name="viewing_sessions-3.csv")
    twins.settle()


def test_the_engine_can_be_changed_and_changed_back(twins: Twins) -> None:
    project = twins.input
    write_first(project)
    twins.settle()
    with programs_in(twins.spark):
        on_spark(twins.plain, ALL_DAYS)
        explained = ask(twins.plain, "explain").output
        assert "engine: PostgreSQL → Spark" in explained
        settle(twins.plain)
        assert settle(twins.plain) == []
    assert twins.plain.value("SELECT count(*) FROM raw.viewing_sessions") == 0
    assert_same_state(twins.lake, twins.plain)
    write_sessions(project, session(6), name="viewing_sessions-3.csv")
    for name in ("SPARK_MASTER", "LAKE_PATH", "SESSIONS_IN_POSTGRES_DAYS"):
        del twins.plain.env[name]
    settle(twins.plain)
    assert settle(twins.plain) == []
    assert twins.plain.value("SELECT count(*) FROM etl.lake_files") == 0
    twins.settle()


def test_a_dirty_sample_leads_to_the_same_on_both_engines(twins: Twins) -> None:
    write_sample(twins.input.raw, sessions=5_000)
    twins.settle()
    assert twins.lake.rows(LOADS) == twins.plain.rows(LOADS)


def test_the_real_input_leads_to_the_same_on_both_engines(twins: Twins, course: Project) -> None:
    shutil.copytree(course.raw, twins.input.raw, dirs_exist_ok=True)
    twins.settle()
    assert twins.lake.rows(LOADS) == twins.plain.rows(LOADS)
    assert twins.lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 8125

"""What operators and analysts have of sessions that Spark keeps: the same commands, a window, and the files."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from tests.in_process import ask, attempt, explain, settle
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import SESSION_COLUMNS, session, write_all, write_sessions, write_users
from tests.spark_cluster import needs_spark
from tests.spark_in_process import ALL_DAYS, off_spark, on_spark, programs_in, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DETAILS = "SELECT session_id, user_id, title, watch_date::text, country FROM {} ORDER BY 1"
OLD = 100_000  # seconds: more than a day
AT_WORK = """
    INSERT INTO etl.batches (task, target_table, source, fingerprint, started)
    VALUES ('t', 't', 's', 'f', now() - '2 days'::interval)
"""
ALL = [
    ("S1", "U1", "Metropolis", "2024-05-01", "Peru"),
    ("S2", "U2", "The Wire", "2024-05-02", "Chile"),
    ("S3", "U2", "Metropolis", "2024-05-03", "Chile"),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    needs_spark()
    with spark_session(tmp_path_factory.mktemp("warehouse")) as session:
        yield session


@pytest.fixture
def lake(project: Project, spark: SparkSession) -> Iterator[Project]:
    write_all(project)
    with programs_in(spark):
        yield on_spark(project)


def files_of(project: Project) -> list[Path]:
    folder = Path(project.env["LAKE_PATH"])
    # But for the checksums that Hadoop puts beside what it writes.
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".crc")


def test_sessions_are_read_from_their_files_and_the_last_days_from_postgresql(lake: Project) -> None:
    import duckdb

    settle(lake)
    assert lake.rows("SELECT count(*) FROM trusted.session_details") == [(0,)]
    statement = ask(lake, "sessions", "--sql").output
    with duckdb.connect() as connection:
        connection.execute(statement)
        assert connection.execute(DETAILS.format("session_details").replace("::text", "::varchar")).fetchall() == ALL
    assert "2024-05:              3 sessions in" in ask(lake, "sessions").output
    about = "SELECT obj_description('trusted.session_details'::regclass)"
    assert lake.value(about).endswith("and here are those of no day; python -m pipeline sessions --sql: a view of all.")
    days = (date.fromisoformat(DAY) - date(2024, 5, 2)).days + 1
    ran = settle(lake, SESSIONS_IN_POSTGRES_DAYS=str(days))
    assert "LoadViewingSessions" in ran
    assert lake.rows(DETAILS.format("trusted.session_details")) == ALL[1:]
    assert "here are those from 2024-05-02 on" in lake.value(about)
    before = "SELECT count(*) FROM processed.viewing_sessions WHERE watch_date < '2024-05-02'"
    assert lake.value(before) == 0


def test_a_file_of_the_lake_that_is_lost_or_damaged_is_made_again(lake: Project) -> None:
    settle(lake)
    folder = Path(lake.env["LAKE_PATH"])
    landed = sorted(folder.glob("landed/*.parquet"))
    landed[0].unlink()
    landed[1].write_bytes(b"PAR1")
    manifest = next(folder.glob("snapshots/*/manifest.json"))
    manifest.unlink()
    explained = ask(lake, "explain").output
    for path in (landed[0], landed[1], manifest):
        assert f"{path.relative_to(folder)} is missing or not whole" in explained
    told = f"error: the sessions that Spark keeps are not all in {folder}: correct LAKE_PATH, or run the pipeline"
    assert ask(lake, "sessions", "--sql").output.startswith(told)
    ran = settle(lake)
    assert [task for task in ran if task.startswith("Load")] == [
        "LoadCsvToPostgres viewing_sessions-2.csv",
        "LoadCsvToPostgres viewing_sessions.csv",
        "LoadViewingSessions",
    ]
    assert settle(lake) == []
    assert lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 3


def test_what_a_killed_run_had_landed_and_made_is_taken_up(lake: Project, spark: SparkSession) -> None:
    settle(lake)
    kept = files_of(lake)
    lake.rows("DELETE FROM etl.table_updates WHERE target_table LIKE '%viewing_sessions'")
    lake.rows("DELETE FROM etl.lake_files")
    with programs_in(spark) as ran:
        settle(lake)
        lake.rows("TRUNCATE etl.lake_files")
        landed = [f"LoadCsvToPostgres {name}.csv" for name in ("viewing_sessions-2", "viewing_sessions")]
        assert settle(lake) == [*landed, "LoadViewingSessions"]
    assert ran == []
    assert files_of(lake) == kept
    assert lake.value("SELECT etl.is_in_lake('viewing_sessions')")
    assert lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 3


def test_only_what_counts_is_kept(lake: Project) -> None:
    settle(lake)
    write_sessions(lake, session(1), session(2, user="U2", title="T1"), session(4))
    settle(lake)
    counted = {path for (path,) in lake.rows("SELECT path FROM etl.lake_files")}
    folder = Path(lake.env["LAKE_PATH"])
    (folder / "landings/killed").mkdir()
    (folder / "landings/killed/spec.json").touch()
    left = [path for path in folder.rglob("*") if str(path.relative_to(folder)) not in counted]
    assert left
    assert str(folder) not in ask(lake, "gc", "--keep-days", "0", "--yes").output, "a run may be about to commit it"
    for path in left:
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - OLD))
    lake.rows(AT_WORK)
    assert str(folder) not in ask(lake, "gc", "--keep-days", "0", "--yes").output, "a load is at work since before"
    lake.rows("DELETE FROM etl.batches WHERE status = 'running'")
    ask(lake, "gc", "--keep-days", "0", "--yes")
    assert {str(path) for path in files_of(lake)} == counted
    assert settle(lake) == []


def test_an_empty_folder_is_not_taken_for_the_lake(lake: Project) -> None:
    settle(lake)
    mount = lake.folder / "mount"
    mount.mkdir()
    write_sessions(lake, session(4), name="viewing_sessions-3.csv")
    count = lake.value("SELECT count(*) FROM etl.lake_files")
    run = attempt(lake, LAKE_PATH=str(mount))
    told = f"{mount}: none of the {count} files that Spark keeps is there: mount the file system, or correct LAKE_PATH."
    assert f"LoadCsvToPostgres viewing_sessions-3.csv failed: {told}" in run.output
    assert f"To have all of them made again: mkdir -p {mount}/landed" in run.output
    assert list(mount.iterdir()) == []
    (mount / "landed").mkdir()
    settle(lake, LAKE_PATH=str(mount))
    assert lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 4


def test_where_no_session_is_loaded_that_is_told(lake: Project) -> None:
    assert "all sessions are in PostgreSQL" in ask(lake, "sessions").output
    write_sessions(lake, session(1, user="nobody"))
    write_sessions(lake, session(2, user="nobody"), name="viewing_sessions-2.csv")
    settle(lake)
    assert ask(lake, "sessions", "--sql").output == "error: no sessions are loaded: there is no file of any\n"


def test_a_day_is_added_to_the_snapshot_before(lake: Project) -> None:
    lines = [f"S{n},U{n % 2 + 1},M1,2024-0{n % 6 + 1}-05,50,50.5,Mobile,HD" for n in range(100, 200)]
    write_sessions(lake, *lines, name="viewing_sessions-0.csv")
    settle(lake)
    write_sessions(lake, session(4), name="viewing_sessions-3.csv")
    settle(lake)
    manifests = Path(lake.env["LAKE_PATH"]).glob("snapshots/*/manifest.json")
    first, second = (json.loads(path.read_text()) for path in sorted(manifests, key=lambda path: path.stat().st_mtime))
    changed = [month for month in second["months"] if second["months"][month] != first["months"][month]]
    assert changed == ["2024-05"], "months that are as they were are taken over"
    assert lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 104


def test_spark_makes_every_sum_that_a_view_reads() -> None:
    from pipeline.lake.snapshot import SUMS

    views = "".join(path.read_text() for path in (REPOSITORY / "sql/trusted").glob("*.sql"))
    assert {*SUMS} == {*re.findall(r"etl\.(rollup_\w+)", views)} - {"rollup_state"}


def test_a_redo_makes_everything_again(lake: Project, spark: SparkSession) -> None:
    settle(lake)
    landing = ("LoadCsvToPostgres viewing_sessions.csv", "land")
    # Twice, since what was landed before is still there.
    for task, program in (landing, landing, ("LoadViewingSessions", "snapshot")):
        assert "does it again" in ask(lake, "redo", task).output
        with programs_in(spark) as ran:
            assert settle(lake) == [task]
        assert ran == [program]
        assert settle(lake) == []


def test_a_bad_file_does_not_hold_back_the_others(lake: Project) -> None:
    lake.write("viewing_sessions-3.csv.gz", b"\x1f\x8b\x08cut short")
    lake.write("viewing_sessions-4.csv", "session_id,user_id\nS9,U1\n")
    lake.write_rows("viewing_sessions-5.csv", ["session_id,user_id,content_id,watch_date", *["S,U1,M1,soon"] * 200])
    run = attempt(lake)
    assert run.code != 0
    for words in ("viewing_sessions-3.csv", "declared columns are missing", "200 of 200 records were rejected"):
        assert words in run.output
    assert lake.rows("SELECT source FROM etl.file_outcomes WHERE table_name = 'viewing_sessions' ORDER BY 1") == [
        ("viewing_sessions-2.csv",),
        ("viewing_sessions.csv",),
    ]


def test_waiting_rows_are_told_of(lake: Project) -> None:
    write_users(lake, "U1,30,Peru,Basic,2023-01-01,1.5")
    settle(lake)
    assert "viewing_sessions: 2 for users" in ask(lake, "status").output
    assert lake.rows("SELECT name, findings FROM trusted.data_quality WHERE severity = 'waiting' ORDER BY source") == [
        ("waiting for users", 1),
        ("waiting for users", 1),
    ]


def test_where_a_table_refers_to_sessions_they_stay_in_postgresql(lake: Project) -> None:
    code = lake.copy_code()
    (code / "sql/processed/notes.sql").write_text(
        "CREATE TABLE processed.notes ("
        "    note_id text PRIMARY KEY, session_id text REFERENCES processed.viewing_sessions"
        ");"
        "COMMENT ON TABLE processed.notes IS 'Grain: note.'; COMMENT ON COLUMN processed.notes.note_id IS 'Key.';"
        "COMMENT ON COLUMN processed.notes.session_id IS 'Session.';"
    )
    run = attempt(lake)
    told = "processed.notes refers to processed.viewing_sessions"
    assert f"LoadCsvToPostgres viewing_sessions.csv failed: {told}" in run.output, "before it left PostgreSQL"


def test_rows_that_one_engine_alone_has_are_not_lost_to_the_other(lake: Project) -> None:
    settle(lake)
    for change, place in ((off_spark, "in the lake"), (on_spark, "in PostgreSQL")):
        lake.write("viewing_sessions-2.csv", "session_id,user_id\nS9,U1\n")
        change(lake)
        run = attempt(lake)
        assert run.code != 0
        told = f"viewing_sessions-2.csv: its rows are {place}, and the file was not landed again"
        assert f"LoadViewingSessions failed: {told}" in run.output
        assert lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 3
        write_sessions(lake, session(3, user="U2"), name="viewing_sessions-2.csv")
        settle(lake)
        assert settle(lake) == []
        assert lake.value("SELECT sum(sessions) FROM trusted.country_engagement") == 3


def test_files_are_landed_again_as_their_table_is_declared_otherwise(lake: Project) -> None:
    declaration = lake.copy_code() / "sql/processed/viewing_sessions.sql"
    text = declaration.read_text()
    on_spark(lake, ALL_DAYS)
    minutes = [session(number % 9 + 1, minutes=10 + number) for number in range(200)]
    lake.write_rows("viewing_sessions-2.csv", [f"{SESSION_COLUMNS},stars", *(f"{line},4" for line in minutes)])
    third = [f"{session(9)},many", "S0,U1,M1,2024-05-01,9,33.336,TV,HD,5"]
    lake.write_rows("viewing_sessions-3.csv", [f"{SESSION_COLUMNS},stars", *third])
    settle(lake)
    last = "quality_level          text\n"
    stars = "quality_level text, stars smallint CHECK (stars BETWEEN 1 AND 5)\n"
    declared = (
        text.replace("numeric(5,2)", "numeric(6,3)").replace(last, stars)
        + "COMMENT ON COLUMN processed.viewing_sessions.stars IS 'Given to it.';\n"
    )
    declaration.write_text(declared)
    causes = explain(lake)
    assert "the declaration of its table changed" in causes["LoadCsvToPostgres viewing_sessions-2.csv"]
    assert "processed.viewing_sessions: column stars added" in causes["LoadViewingSessions"]
    settle(lake)
    given = "SELECT session_id, stars FROM processed.viewing_sessions WHERE session_id IN ('S1', 'S8', 'S9') ORDER BY 1"
    assert lake.rows(given) == [("S1", None), ("S8", 4), ("S9", 4)]
    assert lake.rows("SELECT record, reason FROM etl.rejected_rows") == [(1, "not a number")]
    assert lake.rows("SELECT completion_percentage::text FROM processed.viewing_sessions WHERE session_id = 'S0'") == [
        ("33.336",)
    ]
    # As PostgreSQL rounds.
    assert lake.value("SELECT completion_hundredths FROM etl.rollup_device WHERE device_type = 'TV'") == 3334
    assert settle(lake) == []
    # Too many of the rows of a file are none by now: nothing is loaded, as where PostgreSQL keeps the sessions.
    declaration.write_text(declared.replace("watch_duration_minutes >= 0", "watch_duration_minutes < 60"))
    run = attempt(lake)
    assert run.code != 0
    assert "viewing_sessions-2.csv: 150 of 200 records were rejected" in run.output
    assert (
        "viewing_sessions-2.csv: its values are typed as processed.viewing_sessions was declared before" in run.output
    )
    assert lake.rows(given) == [("S1", None), ("S8", 4), ("S9", 4)]
    declaration.write_text(declared)
    settle(lake)
    assert lake.rows(given) == [("S1", None), ("S8", 4), ("S9", 4)]
    assert settle(lake) == []


def test_what_is_missing_where_spark_is_to_keep_sessions_is_one_line(
    lake: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lake.folder / "file").touch()
    run = attempt(lake, LAKE_PATH=str(lake.folder / "file/lake"))
    told = f"{lake.folder}/file/lake/landed: Not a directory; LAKE_PATH must be a folder that this machine and all of"
    assert f"LoadCsvToPostgres viewing_sessions.csv failed: {told}" in run.output
    for name in [name for name in sys.modules if name.startswith("pipeline.lake.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    told = "pyarrow is not installed: pip install 'video-streaming-pipeline[spark]'"
    assert f"LoadCsvToPostgres viewing_sessions.csv failed: {told}" in attempt(lake).output
    assert ask(lake, "sessions").output == f"error: {told}\n"


def test_a_landing_that_fails_shows_its_traceback_once(lake: Project) -> None:
    for number in range(30):
        write_sessions(lake, session(4), name=f"more-{number}/viewing_sessions.csv")
    with patch("pipeline.lake.landing.submit", side_effect=ZeroDivisionError("as a whole")):
        run = attempt(lake)
    assert len(run.failures) == 1
    assert len(traceback.format_exception(run.failures[0])) < 30

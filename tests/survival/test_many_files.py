"""Many files that arrive at once, and many that leave."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from psycopg2.extensions import cursor as Cursor

from pipeline.state import markers
from pipeline.tasks.create import CreatePostgresTables
from tests.in_process import REFUSED, ask, attempt, explain, settings_of, settle
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import session, write_all, write_sessions

pytestmark = pytest.mark.survival

ARRIVING, STAYING = 100, 70  # more than the locks that PostgreSQL sets apart for a transaction (64)
DOWNSTREAM = {"LoadViewingSessions", "CheckQuality", "PublishTrusted", "BuildReport"}


def sessions(project: Project) -> list[tuple[str, int]]:
    query = "SELECT session_id, watch_duration_minutes FROM trusted.session_details ORDER BY session_id"
    return [(name, minutes) for name, minutes in project.rows(query)]


def test_many_files_arrive_and_leave(project: Project) -> None:
    write_all(project)
    small = [("S1", 50), ("S2", 50), ("S3", 50)]
    files = [project.raw / f"viewing_sessions/{number:04}.csv" for number in range(ARRIVING)]
    for number, file in enumerate(files):
        line = f"L{number:04},U1,M1,2024-05-01,{number},50.5,TV,HD"
        write_sessions(project, line, name=f"viewing_sessions/{file.name}")
    # With more workers, Luigi forks for each, which costs as much as the loads.
    project.must_run("--workers", "1")
    assert sessions(project) == [(f"L{number:04}", number) for number in range(ARRIVING)] + small

    write_sessions(project, session(9), name="viewing_sessions/0050.csv")
    assert set(explain(project)) == {"LoadCsvToPostgres viewing_sessions/0050.csv", *DOWNSTREAM}
    files[0].unlink()
    for file in files[STAYING + 1 :]:
        file.unlink()
    run = project.must_run("--workers", "1")
    assert len(run.ran) == 1 + ARRIVING - STAYING + len(DOWNSTREAM)
    kept = [(f"L{number:04}", number) for number in range(1, STAYING + 1) if number != 50]
    assert sessions(project) == [*kept, *small, ("S9", 50)]
    assert len(json.loads(ask(project, "status", "--json").answer)["files"]) == STAYING + 3
    assert settle(project, report=True) == []


def write_many(project: Project, count: int) -> list[str]:
    """Write files of one session each, and return their names."""
    names = [f"viewing_sessions/{number:04}.csv" for number in range(count)]
    for number, name in enumerate(names):
        write_sessions(project, f"L{number:04},U1,M1,2024-05-01,{number},50.5,TV,HD", name=name)
    return names


def landed(project: Project) -> list[str]:
    query = """
        SELECT batches.source FROM etl.table_updates AS updates INNER JOIN etl.batches AS batches USING (batch_id)
        WHERE updates.target_table = 'raw.viewing_sessions' AND batches.status = 'loaded' AND batches.source LIKE '%/%'
        ORDER BY batches.source
    """
    return [source for (source,) in project.rows(query)]


def test_a_bad_file_holds_none_of_those_back_that_land_with_it(project: Project) -> None:
    write_all(project)
    names = write_many(project, 30)
    project.write(names[7], "no,header\n1,2\n")
    project.write(names[8], b"\xff\xfe\xff")
    run = attempt(project)
    assert run.code == REFUSED
    good = [name for name in names if name not in names[7:9]]
    assert landed(project) == good
    assert [each for each in run.ran if each.startswith("LoadCsv")] == sorted(
        f"LoadCsvToPostgres {name}" for name in (*names, "users.csv", "viewing_sessions.csv", "viewing_sessions-2.csv")
    )
    failed = project.rows("SELECT source FROM trusted.load_history WHERE status = 'failed' ORDER BY 1")
    assert [source for (source,) in failed] == names[7:9]
    assert project.value("SELECT count(*) FROM trusted.session_details") == len(good) + 3
    for name in names[7:9]:
        (project.raw / name).unlink()
    settle(project, report=True)
    assert settle(project, report=True) == []


CHANGED_WHILE_RUNNING = """
import sys
from pathlib import Path

from luigi.cmdline import luigi_run

import pipeline
from pipeline.sources.inventory import inventory

inventory()
with Path(sys.argv[2]).open("a") as file:
    file.write("S99,U1,M1,2024-05-01,1,50.5,TV,HD\\n")
sys.argv[0] = "luigi"
luigi_run(["--module", "pipeline", "RunAll", "--local-scheduler", "--date", sys.argv[1]])
"""


def test_a_file_that_changes_fails_alone_among_those_that_land_with_it(project: Project) -> None:
    write_all(project)
    names = write_many(project, 30)
    command = [sys.executable, "-c", CHANGED_WHILE_RUNNING, DAY, str(project.raw / names[7])]
    run = subprocess.run(command, cwd=REPOSITORY, env=project.env, capture_output=True, text=True, check=False)
    assert run.returncode == REFUSED
    assert f"LoadCsvToPostgres {names[7]} FAILED" in run.stderr
    assert f"{names[7]}: changed while it was read; the next run loads it" in run.stderr
    assert landed(project) == [name for name in names if name != names[7]]
    settle(project)
    assert project.value("SELECT count(*) FROM trusted.session_details") == len(names) + 4


def test_what_lands_together_survives_kills(project: Project) -> None:
    write_all(project)
    settle(project)
    names = write_many(project, 400)
    process = project.start()
    while process.poll() is None and len(landed(project)) < 50:
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = landed(project)
    assert len(before) < len(names)
    run = project.must_run()
    again = {each.removeprefix("LoadCsvToPostgres ") for each in run.ran}
    assert not again & set(before)
    assert landed(project) == names
    assert project.value("SELECT count(*) FROM trusted.session_details") == len(names) + 3
    assert settle(project, report=True) == []


def test_files_land_together_by_the_central_scheduler_too(scheduler: Project) -> None:
    write_all(scheduler)
    names = write_many(scheduler, 30)
    scheduler.write(names[7], "no,header\n1,2\n")
    run = scheduler.run_all()
    assert run.code == REFUSED
    assert f"LoadCsvToPostgres {names[7]} was refused" in run.output
    assert " more files" in run.log
    assert landed(scheduler) == [name for name in names if name != names[7]]
    (scheduler.raw / names[7]).unlink()
    assert scheduler.must_run().ran == ["BuildReport", "CheckQuality", "LoadViewingSessions", "PublishTrusted"]


ODD = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it is odd'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON raw.viewing_sessions FOR EACH STATEMENT EXECUTE FUNCTION refuse()
"""


def test_files_that_fail_together_are_left_to_the_next_run(scheduler: Project) -> None:
    write_all(scheduler)
    names = write_many(scheduler, 30)
    settle(scheduler, only=CreatePostgresTables)
    scheduler.rows(ODD)
    process = scheduler.start()
    assert process.wait(120) == REFUSED
    logged = scheduler.logged()
    assert len(re.findall("running   LoadCsvToPostgres.* more files", logged)) == 1
    assert f"LoadCsvToPostgres {names[7]}: failed" in logged
    scheduler.rows("DROP FUNCTION refuse CASCADE")
    scheduler.must_run()
    assert landed(scheduler) == names


def test_a_table_that_goes_while_markers_are_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write_all(project)
    project.write("t.csv", "a\n1\n")
    settle(project)
    listed = markers.existing_objects

    def listed_before_it_went(cursor: Cursor) -> list[str]:
        found = listed(cursor)
        project.rows("DROP TABLE IF EXISTS raw.t")
        return found

    monkeypatch.setattr(markers, "existing_objects", listed_before_it_went)
    with settings_of(project):
        assert markers.markers()["LoadCsvToPostgres:t.csv"].missing == "raw.t is missing"


def test_many_undeclared_files_are_one_line(project: Project) -> None:
    write_all(project)
    for number in range(40):
        project.write(f"t{number:02}.csv", "a\n1\n")
    run = project.must_run()
    told = (
        "warning: 40 files are in raw as text only, in 40 tables that are not declared, such as t00.csv, t01.csv,"
        " t02.csv; "
    )
    assert run.output.count(told) == 1
    # As they came, they leave: a process for each would take Luigi seconds, and there may be thousands.
    for file in project.raw.glob("t*.csv"):
        file.unlink()
    left = project.must_run()
    assert left.ran.count("WithdrawCsv t07.csv") == 1
    assert re.search(r"running +WithdrawCsv\(path=t\d\d\.csv and \d+ more files\)", left.log)
    assert project.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'raw' AND tablename LIKE 't__'") == []
    assert run.output.count("not declared") + run.output.count("is declared") == 2  # as it begins, and at the end

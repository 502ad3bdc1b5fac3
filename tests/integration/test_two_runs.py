"""Runs that meet, and runs that follow at once, with Luigi's central scheduler and without it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from luigi.rpc import RemoteScheduler

from pipeline import CreatePostgresTables, LoadUsers
from pipeline.sample import write_sample
from tests.comparing import assert_loaded
from tests.in_process import ask, load_all, settle
from tests.oracle import expected
from tests.project import DAY, Project, Run
from tests.small_input import movie, session, write_all, write_sessions

DOCUMENTED = (10, 25)  # already_running, not_run
SECONDS_OF_RETRIES = 5  # longer than a scheduler of ours keeps anything back


def two_runs_at_once(project: Project) -> list[Run]:
    with ThreadPoolExecutor(2) as together:
        return list(together.map(lambda _: project.run_all(), range(2)))


def assert_loaded_once(project: Project) -> None:
    """Nothing was done twice, and nothing is wrong with what was done."""
    loads = project.rows(
        """
        SELECT task, source, status, count(*) FROM etl.batches
        GROUP BY task, source, status HAVING count(*) > 1 OR status <> 'loaded'
        """
    )
    assert loads == []
    assert_loaded(project, expected(project.raw))
    assert settle(project, report=True) == []


def test_two_runs_at_once_on_empty_databases_load_everything_once(project: Project) -> None:
    write_sample(project.raw, sessions=2000, seed=11)
    runs = two_runs_at_once(project)
    assert [run.code for run in runs] == [0, 0], runs[0].output + runs[1].output
    assert_loaded_once(project)
    assert project.value("SELECT count(*) FROM etl.batches WHERE task = 'PublishTrusted'") == 1


def test_two_runs_at_once_take_up_a_change_once(project: Project) -> None:
    load_all(project)
    write_sessions(project, session(1), session(4))
    (project.raw / "viewing_sessions-2.csv").unlink()
    known = project.value("SELECT max(batch_id) FROM etl.batches")
    runs = two_runs_at_once(project)
    assert [run.code for run in runs] == [0, 0], runs[0].output + runs[1].output
    loads = project.rows(
        "SELECT task, source, status FROM etl.batches WHERE batch_id > %s ORDER BY task, source", known
    )
    assert [(task, source.replace(str(project.folder), ""), status) for task, source, status in loads] == [
        ("BuildReport", "trusted", "loaded"),
        ("CheckQuality", "processed", "loaded"),
        ("LoadCsvToPostgres", "viewing_sessions.csv", "loaded"),
        ("LoadViewingSessions", "raw.viewing_sessions", "loaded"),
        ("PublishTrusted", "processed", "loaded"),
        ("WithdrawCsv", "viewing_sessions-2.csv", "loaded"),
    ]
    assert_loaded(project, expected(project.raw))


def test_two_runs_at_once_with_a_central_scheduler_load_everything_once(scheduler: Project) -> None:
    write_sample(scheduler.raw, sessions=2000, seed=12)
    for run in two_runs_at_once(scheduler):
        # Tasks that the other run was doing when this one looked are no failure, but this run did not do all.
        assert run.code in {0, *DOCUMENTED}, run.output
    assert_loaded_once(scheduler)


def test_a_change_right_after_a_run(scheduler: Project) -> None:
    load_all(scheduler)
    for minutes in (51, 52):
        write_sessions(scheduler, session(3, user="U2", minutes=minutes), name="viewing_sessions-2.csv")
        run = scheduler.must_run()
        assert run.ran == [
            "BuildReport",
            "CheckQuality",
            "LoadCsvToPostgres viewing_sessions-2.csv",
            "LoadViewingSessions",
            "PublishTrusted",
        ]
        changed = "SELECT watch_duration_minutes FROM trusted.session_details WHERE session_id = 'S3'"
        assert scheduler.value(changed) == minutes


def test_a_task_left_running_by_a_killed_run(
    scheduler: Project,
) -> None:
    load_all(scheduler)
    central: Any = RemoteScheduler(f"http://{scheduler.env['LUIGID_HOST']}:{scheduler.env['LUIGID_PORT']}/")
    central.add_task(worker="killed", task_id=LoadUsers().task_id, family="LoadUsers", module="pipeline")
    assert central.get_work(worker="killed")["task_id"] == LoadUsers().task_id
    write_sessions(scheduler, session(4), name="viewing_sessions-3.csv")
    process = scheduler.start()
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert settle(scheduler, report=True) == []


def test_two_runs_that_began_together_repeat_an_extraction_once(project: Project) -> None:
    load_all(project)
    shutil.rmtree(project.folder / "processed" / DAY)
    with project.mongo() as db:
        db.movies.insert_one(movie("M7", title="Added by another program"))
    assert [run.code for run in two_runs_at_once(project)] == [0, 0], project.logged()[-3000:]
    assert project.value("SELECT count(*) FROM trusted.content_summary WHERE content_id = 'M7'") == 1
    repeated = ["ExtractMongoToCsv", "LoadNormalizedJsonsToPostgres"]
    counts = "SELECT task, count(*) FROM etl.batches WHERE status = 'loaded' GROUP BY task"
    assert {task: count for task, count in project.rows(counts) if task in repeated} == dict.fromkeys(repeated, 2)
    assert settle(project, report=True) == []


@contextmanager
def held_up(project: Project, table: str) -> Iterator[None]:
    """Let tasks read a table but not write to it."""
    with project.connection() as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
        connection.rollback()


def start_and_wait_for(project: Project, task: str) -> subprocess.Popen[bytes]:
    known = len(project.logged())
    process = project.start()
    assert project.wait_for_task(process, task, known), project.logged()[known:]
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)


def test_a_run_after_a_killed_one(scheduler: Project) -> None:
    load_all(scheduler)
    for _ in range(2):
        assert ask(scheduler, "redo", "LoadUsers").code == 0
        with held_up(scheduler, "etl.merged_batches"):
            kill(start_and_wait_for(scheduler, "LoadUsers"))
        assert "LoadUsers" in scheduler.must_run().ran
    assert ask(scheduler, "redo", "BuildReport", "--date", DAY).code == 0
    kill(start_and_wait_for(scheduler, "BuildReport"))
    assert scheduler.must_run().ran == ["BuildReport"]


def test_what_failed_is_tried_again_when_it_is_asked_for_alone(scheduler: Project) -> None:
    scheduler.copy_code()
    file = scheduler.folder / "code/sql/processed/users.sql"
    good = file.read_text()
    for times in (1, 2):
        file.write_text(f"{good}\nSELECT {times} / 0;\n")
        failed = scheduler.task("CreatePostgresTables")
        assert (failed.code, failed.ran) == (30, ["CreatePostgresTables"]), failed.output
    file.write_text(good)
    assert scheduler.task("CreatePostgresTables").code == 0


def test_a_run_waits_for_another(scheduler: Project) -> None:
    load_all(scheduler)
    assert ask(scheduler, "redo", "LoadUsers").code == 0
    known = scheduler.logged().count("Running Worker")
    with ThreadPoolExecutor(1) as meanwhile:
        with held_up(scheduler, "etl.merged_batches"):
            killed = start_and_wait_for(scheduler, "LoadUsers")
            waiting = meanwhile.submit(scheduler.run_all)
            deadline = time.monotonic() + 60
            while scheduler.logged().count("Running Worker") < known + 2:
                assert time.monotonic() < deadline, scheduler.logged()[-2000:]
                time.sleep(0.05)
            kill(killed)
        run = waiting.result(60)
    assert run.code in DOCUMENTED, run.output
    told = f"LoadUsers: another run is at it (process {killed.pid} on {socket.gethostname()}) and is waited for\n"
    assert told in run.output
    assert settle(scheduler, report=True) == []


def assert_a_task_that_failed_is_left_to_the_next_run(project: Project) -> None:
    write_all(project)
    settle(project, only=CreatePostgresTables)
    project.rows("ALTER TABLE processed.users RENAME COLUMN country TO land")
    with held_up(project, "raw.viewing_sessions"):
        process = start_and_wait_for(project, "LoadUsers")
        time.sleep(SECONDS_OF_RETRIES)
    assert process.wait(60) == 30
    assert project.logged().count("LoadUsers: failed") == 1
    assert project.value("SELECT count(*) FROM etl.batches WHERE task = 'LoadUsers'") == 1
    project.rows("ALTER TABLE processed.users RENAME COLUMN land TO country")
    assert "LoadUsers" in project.must_run().ran


def test_a_task_that_failed_is_left_to_the_next_run(project: Project) -> None:
    assert_a_task_that_failed_is_left_to_the_next_run(project)


def test_a_failed_task_is_left_to_the_next_run(scheduler: Project) -> None:
    assert_a_task_that_failed_is_left_to_the_next_run(scheduler)


def test_a_killed_task_is_left_to_the_next_run(scheduler: Project) -> None:
    write_all(scheduler)
    settle(scheduler, only=CreatePostgresTables)
    with held_up(scheduler, "raw.viewing_sessions"):
        with held_up(scheduler, "etl.merged_batches"):
            process = start_and_wait_for(scheduler, "LoadUsers")
            [child] = re.findall(r" INFO (\d+) luigi-interface: .* running   LoadUsers\(", scheduler.logged())
            os.kill(int(child), signal.SIGKILL)
        time.sleep(SECONDS_OF_RETRIES)
    assert process.wait(60) == 30
    assert scheduler.logged().count("running   LoadUsers(") == 1
    assert "LoadUsers" in scheduler.must_run().ran


def test_a_failed_file_is_tried_again(scheduler: Project) -> None:
    write_all(scheduler)
    path = scheduler.write("users.csv", "")
    failed = scheduler.run_all()
    assert failed.code == 30, failed.output
    path.unlink()
    write_all(scheduler)
    assert "LoadCsvToPostgres users.csv" in scheduler.must_run().ran

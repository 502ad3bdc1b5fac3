"""Runs that meet, and runs that follow at once, with Luigi's central scheduler and without it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from luigi.rpc import RemoteScheduler

from pipeline import LoadUsers
from pipeline.sample import write_sample
from tests.comparing import assert_loaded
from tests.oracle import expected
from tests.project import Project, Run
from tests.small_input import session, write_all, write_sessions

DOCUMENTED = (10, 25)  # already_running, not_run


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
    again = project.must_run()
    assert again.ran == []


def test_two_runs_at_once_on_empty_databases_load_everything_once(project: Project) -> None:
    write_sample(project.raw, sessions=2000, seed=11)
    runs = two_runs_at_once(project)
    assert [run.code for run in runs] == [0, 0], runs[0].output + runs[1].output
    assert_loaded_once(project)
    assert project.value("SELECT count(*) FROM etl.batches WHERE task = 'PublishTrusted'") == 1


def test_two_runs_at_once_take_up_a_change_once(project: Project) -> None:
    write_all(project)
    project.must_run()
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


def assert_a_change_is_taken_up_at_once(project: Project) -> None:
    write_all(project)
    project.must_run()
    for minutes in (51, 52):
        write_sessions(project, session(3, user="U2", minutes=minutes), name="viewing_sessions-2.csv")
        run = project.must_run()
        assert run.ran == [
            "BuildReport",
            "CheckQuality",
            "LoadCsvToPostgres viewing_sessions-2.csv",
            "LoadViewingSessions",
            "PublishTrusted",
        ]
        changed = "SELECT watch_duration_minutes FROM trusted.session_details WHERE session_id = 'S3'"
        assert project.value(changed) == minutes


def test_a_change_right_after_a_run_is_taken_up(project: Project) -> None:
    assert_a_change_is_taken_up_at_once(project)


def test_a_change_right_after_a_run_is_taken_up_with_a_central_scheduler(scheduler: Project) -> None:
    assert_a_change_is_taken_up_at_once(scheduler)


def test_a_complete_task_that_a_killed_run_left_running_at_the_central_scheduler_is_not_waited_for(
    scheduler: Project,
) -> None:
    write_all(scheduler)
    scheduler.must_run(LUIGID_HOST="")
    central = RemoteScheduler(f"http://{scheduler.env['LUIGID_HOST']}:{scheduler.env['LUIGID_PORT']}/")
    central.add_task(worker="killed", task_id=LoadUsers().task_id, family="LoadUsers", module="pipeline")
    assert central.get_work(worker="killed")["task_id"] == LoadUsers().task_id
    write_sessions(scheduler, session(4), name="viewing_sessions-3.csv")
    process = scheduler.start()
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert scheduler.must_run().ran == []


def test_a_task_that_failed_is_tried_again_by_a_later_run_with_a_central_scheduler(scheduler: Project) -> None:
    write_all(scheduler)
    path = scheduler.write("users.csv", "")
    failed = scheduler.run_all()
    assert failed.code == 30, failed.output
    path.unlink()
    write_all(scheduler)
    deadline = time.monotonic() + 60
    while (again := scheduler.run_all()).code == 25:  # the scheduler keeps a failed task back for a second
        assert time.monotonic() < deadline, again.output
    assert again.code == 0, again.output
    assert "LoadCsvToPostgres users.csv" in again.ran

"""Runs are ordered by numbers of the database, never by a clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.in_process import ask, load_all, settle
from tests.project import Project
from tests.small_input import ANN, BOB, write_all, write_users

CAT = "U3,52,Peru,Basic,2023-03-01,2"


def users(project: Project) -> list[str]:
    return [user for (user,) in project.rows("SELECT user_id FROM processed.users ORDER BY 1")]


def test_a_clock_that_was_ahead_holds_nothing_up(project: Project) -> None:
    load_all(project)
    project.rows("UPDATE etl.table_updates SET inserted = inserted + interval '1 hour'")
    write_users(project, ANN, BOB, CAT)
    settle(project)
    assert users(project) == ["U1", "U2", "U3"]


def test_markers_ordered_by_a_clock_are_brought_along(project: Project) -> None:
    load_all(project)
    # As an earlier version had them, its clock a day ahead.
    project.rows(
        """
        ALTER TABLE etl.table_updates DROP COLUMN run_number,
            ADD COLUMN run_started timestamptz NOT NULL DEFAULT now() + interval '1 day';
        ALTER TABLE etl.table_updates ALTER COLUMN run_started DROP DEFAULT;
        DROP SEQUENCE etl.run_numbers;
        UPDATE etl.table_updates SET fingerprint = 'of the earlier version' WHERE update_id = 'CreatePostgresTables'
        """
    )
    write_users(project, ANN, BOB, CAT)
    settle(project)
    assert users(project) == ["U1", "U2", "U3"]
    assert settle(project) == []


def test_numbers_that_were_lost_go_on_after_those_in_use(project: Project) -> None:
    load_all(project)
    project.rows("UPDATE etl.table_updates SET run_number = 1000; DROP SEQUENCE etl.run_numbers")
    write_users(project, ANN, BOB, CAT)
    settle(project)
    assert users(project) == ["U1", "U2", "U3"]
    assert project.value("SELECT run_number > 1000 FROM etl.table_updates WHERE update_id = 'LoadUsers'")


def test_a_marker_that_stands_before_all_runs_yields_to_redo(project: Project) -> None:
    load_all(project)
    project.rows("UPDATE etl.table_updates SET run_number = 1000000 WHERE update_id = 'LoadUsers'")
    assert ask(project, "redo", "LoadUsers").code == 0
    assert "LoadUsers" in settle(project)


def test_two_first_runs_at_once_without_any_schema(project: Project) -> None:
    write_all(project)
    project.rows("DROP SCHEMA etl, raw, processed, trusted CASCADE")
    with ThreadPoolExecutor(2) as together:
        runs = list(together.map(lambda _: project.run_all(), range(2)))
    assert [run.code for run in runs] == [0, 0], runs[0].output + runs[1].output
    assert users(project) == ["U1", "U2"]
    assert settle(project) == []

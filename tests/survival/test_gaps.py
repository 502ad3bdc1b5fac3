"""Runs that are killed between two stores, where one has the result and the other does not know of it yet."""

from __future__ import annotations

import os
import signal
from datetime import date
from pathlib import Path

import pytest

from pipeline.cli.markers import void
from tests.in_process import settings_of, settle
from tests.project import DAY, Project
from tests.small_input import movie, series, session, write_all, write_sessions, write_users
from tests.survival.aftermath import assert_right

pytestmark = pytest.mark.survival

# Task, function, and whether the run dies as the function is called or when it has returned.
GAPS = [
    # The collections are made, the marker in MongoDB is not written.
    ("CreateMongodbCollections", "pipeline.tasks.create:write_marker", "before"),
    # The rows are there, what is rejected too, and nothing is committed.
    ("LoadCsvToPostgres", "pipeline.state.executor:_finish", "after"),
    ("LoadUsers", "pipeline.state.executor:_finish", "after"),
    # What is rejected is committed, the file of rejects is not written.
    ("LoadCsvToPostgres", "pipeline.state.executor:_follow_up", "before"),
    ("LoadUsers", "pipeline.state.executor:_follow_up", "before"),
    # It is written, and PostgreSQL does not know.
    ("LoadUsers", "pipeline.warehouse.reject_files:_put", "after"),
    # The documents are in MongoDB, their marker is not.
    ("LoadJsonToMongo", "pipeline.state.mongo_markers:write_marker", "before"),
    # The marker is in MongoDB, audit row and rejects are not committed to PostgreSQL.
    ("LoadJsonToMongo", "pipeline.state.mongo_markers:write_marker", "after"),
    # The old folder is aside, the new one not in place.
    ("ExtractMongoToCsv", "pathlib:Path.rename", "after"),
    # The new folder is in place, audit row and marker are not committed.
    ("ExtractMongoToCsv", "pipeline.state.targets:FolderTarget.publish", "after"),
    ("BuildReport", "pipeline.state.targets:FolderTarget.publish", "after"),
    ("BuildReport", "pipeline.report.index:write_index", "after"),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A loaded project, which every run that is killed finds changed in all its parts."""
    project = Project(tmp_path_factory.mktemp("gaps"), embedded, f"test_gaps_{os.getpid()}")
    write_all(project)
    settle(project)
    return project


def change_everything(project: Project, turn: int) -> None:
    """Bring a document, a user and a session, and with each something that is rejected; have collections made anew."""
    with settings_of(project):
        void("CreateMongodbCollections", date.fromisoformat(DAY), with_downstream=False)
    titles = [movie(f"L{turn}"), {"title": "No id"}]
    project.write_titles(f"late-{turn:02}.json", movies=titles, series=[series("T1", title=f"Title {turn}")])
    write_users(project, f"U{turn + 10},30,Peru,Basic,2023-01-01,{turn}", f"U{turn + 10},x,,,,", name="users-2.csv")
    write_sessions(project, session(9, user="U1", minutes=turn), f"short,{turn}", name="viewing_sessions-3.csv")


def run_killed_at(project: Project, task: str, place: str, moment: str) -> int:
    """Run the main job until it dies there; return its exit code."""
    program = ["tests.survival.killed_at", task, place, moment]
    return project.command(*program, "--module", "pipeline", "RunAll", "--date", DAY, "--local-scheduler").code


@pytest.mark.parametrize("turn", range(len(GAPS)), ids=[" ".join(gap) for gap in GAPS])
def test_a_run_killed_between_two_stores(loaded: Project, turn: int) -> None:
    change_everything(loaded, turn)
    assert run_killed_at(loaded, *GAPS[turn]) == -signal.SIGKILL
    assert_right(loaded)


def test_a_reject_file_of_a_killed_run(loaded: Project) -> None:
    change_everything(loaded, len(GAPS))
    assert run_killed_at(loaded, "LoadUsers", "pipeline.warehouse.reject_files:_put", "after") == -signal.SIGKILL
    change_everything(loaded, len(GAPS) + 1)
    assert_right(loaded)

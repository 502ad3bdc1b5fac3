"""What operators ask beside running: `explain`, `status`, `redo`, `accept`, `gc`."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.in_process import ask, explain, load_all, settle
from tests.project import DAY, Project
from tests.small_input import ANN, movie, session, write_all, write_sessions, write_users

NEXT_DAY = "2026-03-03"
AFTER_USERS = ["BuildReport", "CheckQuality", "LoadViewingSessions", "PublishTrusted"]


@pytest.fixture
def loaded(project: Project) -> Project:
    """A loaded project with a copy of the code, which a test may edit."""
    project.copy_code()
    load_all(project)
    settle(project, report=True)
    return project


def append(project: Project, file: str, line: str) -> None:
    path = Path(project.env["PROJECT_ROOT"]) / file
    path.write_text(f"{path.read_text()}\n{line}\n")


def test_explain_on_empty_databases_says_that_nothing_ever_ran(project: Project) -> None:
    write_all(project)
    explained = explain(project)
    ran = settle(project, report=True)
    assert sorted(explained) == ran
    assert set(map(tuple, explained.values())) == {("never ran",)}


def test_explain_draws_the_tree_of_one_task(loaded: Project) -> None:
    write_users(loaded, ANN)
    text = ask(loaded, "explain", "LoadUsers", "--date", DAY).output
    lines = text.splitlines()
    assert lines[0].split() == ["LoadUsers", "will", "run:", "upstream:", "users.csv", "changed"]
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["CreatePostgresTables", "complete"],
        ["LoadCsvToPostgres", "users.csv"],
    ]
    assert "will run: content " in lines[2]
    assert all(line.startswith("  ") for line in lines[1:-1])
    assert lines[-1] == "2 of 3 tasks will run"


def test_explain_offers_the_task_that_was_meant(loaded: Project) -> None:
    told = ask(loaded, "explain", "LoadUser")
    assert told.code == 1
    assert "did you mean LoadUsers?" in told.output
    assert len(told.output.strip().splitlines()) == 1


def test_status_tells_loads_rejects_waiting_and_findings(loaded: Project) -> None:
    write_sessions(
        loaded,
        session(3, user="U2"),
        "S4,U1,M1,31/12/2024,1,1,TV,HD",
        session(5, user="U9"),
        name="viewing_sessions-2.csv",
    )
    settle(loaded)
    told = ask(loaded, "status", "--json")
    assert told.code == 0
    state = json.loads(told.output)
    last = {load["source"]: load for load in state["loads"] if load["task"] == "LoadCsvToPostgres"}
    assert last["viewing_sessions-2.csv"]["rows_loaded"] == 3
    assert last["viewing_sessions-2.csv"]["status"] == "loaded"
    assert last["viewing_sessions-2.csv"]["seconds"] >= 0
    files = {file["source"]: file for file in state["files"]}
    assert (files["viewing_sessions-2.csv"]["rejected"], files["viewing_sessions-2.csv"]["waiting"]) == (1, 1)
    assert state["waiting"] == [{"table_name": "viewing_sessions", "waits_for": "users", "rows": 1}]
    text = ask(loaded, "status").output
    assert "viewing_sessions: 1 for users" in text
    assert "viewing_sessions-2.csv" in text


def test_status_before_the_first_run(project: Project) -> None:
    assert "nothing was loaded yet" in ask(project, "status").output
    assert json.loads(ask(project, "status", "--json").output) == {}


@pytest.mark.parametrize(
    "task",
    [
        "CreatePostgresTables",
        "CreateMongodbCollections",
        "LoadCsvToPostgres users.csv",
        "LoadNormalizedJsonsToPostgres",
        "LoadUsers",
        "LoadViewingSessions",
        "CheckQuality",
        "PublishTrusted",
        "BuildReport",
    ],
)
def test_redo_has_one_task_done_again(redone: Project, task: str) -> None:
    told = ask(redone, "redo", task, "--date", DAY)
    assert told.output.strip() == f"{task}: the next run does it again"
    assert explain(redone) == {task: ["to be done again, as asked by redo"]}
    assert settle(redone, report=True) == [task]
    assert settle(redone, report=True) == []


def test_redo_of_the_extraction_loads_what_mongodb_holds_by_now(redone: Project) -> None:
    with redone.mongo() as db:
        db.movies.insert_one(movie("M7", title="Added by another program"))
    ask(redone, "redo", "ExtractMongoToCsv", "--date", DAY)
    explained = explain(redone)
    assert explained["ExtractMongoToCsv"][0] == "to be done again, as asked by redo"
    assert explained["LoadNormalizedJsonsToPostgres"] == ["upstream: ExtractMongoToCsv changed"]
    assert settle(redone, report=True) == sorted(["ExtractMongoToCsv", "LoadNormalizedJsonsToPostgres", *AFTER_USERS])
    assert titles(redone, "M7") == ["Added by another program"]
    assert settle(redone, report=True) == []


def test_a_deleted_extraction_is_made_anew_from_what_mongodb_holds_by_now(redone: Project) -> None:
    shutil.rmtree(redone.folder / "processed" / DAY)
    with redone.mongo() as db:
        db.movies.insert_one(movie("M8", title="Added later"))
    explained = explain(redone)
    assert explained["ExtractMongoToCsv"][0] == f"processed/{DAY} is missing"
    assert settle(redone, report=True) == sorted(explained)
    assert titles(redone, "M8") == ["Added later"]
    assert settle(redone, report=True) == []


def titles(project: Project, content_id: str) -> list[str]:
    query = "SELECT title FROM trusted.content_summary WHERE content_id = %s"
    return [title for (title,) in project.rows(query, content_id)]


@pytest.fixture(scope="module")
def redone(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A loaded project that stays the same, since what is done again gives the same."""
    project = Project(tmp_path_factory.mktemp("redone"), embedded, f"test_redone_{os.getpid()}")
    project.copy_code()
    write_all(project)
    settle(project, report=True)
    return project


def test_redo_of_a_family_takes_all_its_files(redone: Project) -> None:
    ask(redone, "redo", "LoadCsvToPostgres", "--date", DAY)
    assert settle(redone, report=True) == [
        "LoadCsvToPostgres users.csv",
        "LoadCsvToPostgres viewing_sessions-2.csv",
        "LoadCsvToPostgres viewing_sessions.csv",
    ]
    assert redone.value("SELECT count(*) FROM raw.viewing_sessions") == 3


def test_redo_downstream_has_all_done_again_that_builds_on_it(redone: Project) -> None:
    ask(redone, "redo", "LoadUsers", "--downstream", "--date", DAY)
    assert settle(redone, report=True) == sorted([*AFTER_USERS, "LoadUsers"])


def test_redo_mends_rows_that_were_changed_by_hand(loaded: Project) -> None:
    loaded.rows("UPDATE processed.users SET country = 'Atlantis'")
    loaded.rows("UPDATE raw.users SET country = 'Atlantis'")
    ask(loaded, "redo", "LoadCsvToPostgres users.csv", "--downstream", "--date", DAY)
    settle(loaded)
    assert loaded.rows("SELECT DISTINCT country FROM processed.users ORDER BY 1") == [("Chile",), ("Peru",)]
    assert loaded.rows("SELECT country FROM trusted.country_engagement ORDER BY 1") == [("Chile",), ("Peru",)]


def test_an_accepted_code_change_reruns_nothing_downstream_neither(loaded: Project) -> None:
    append(loaded, "pipeline/documents/extraction.py", "NEW_LOGIC = 1")
    assert set(explain(loaded)) == {"ExtractMongoToCsv", "LoadNormalizedJsonsToPostgres", *AFTER_USERS}
    told = ask(loaded, "accept", "ExtractMongoToCsv", "--date", DAY)
    assert told.code == 0
    assert "ExtractMongoToCsv: accepted as it is" in told.output
    assert explain(loaded) == {}
    assert settle(loaded, report=True) == []
    assert "is current already" in ask(loaded, "accept", "ExtractMongoToCsv", "--date", DAY).output


def test_what_changed_for_another_reason_runs_although_upstream_was_accepted(loaded: Project) -> None:
    append(loaded, "sql/checks/users/registered_in_future.sql", "-- Reviewed.")
    write_sessions(loaded, session(4), name="viewing_sessions-3.csv")
    ask(loaded, "accept", "LoadUsers", "--date", DAY)
    assert settle(loaded, report=True) == sorted([*AFTER_USERS, "LoadCsvToPostgres viewing_sessions-3.csv"])


def test_accept_keeps_what_is_to_be_redone(loaded: Project) -> None:
    append(loaded, "sql/checks/users/registered_in_future.sql", "-- Reviewed.")
    ask(loaded, "redo", "PublishTrusted", "--date", DAY)
    assert ask(loaded, "accept", "LoadUsers", "--date", DAY).code == 0
    assert "PublishTrusted" in settle(loaded, report=True)


def test_changed_content_is_not_accepted(loaded: Project) -> None:
    write_users(loaded, ANN)
    for task in ("LoadCsvToPostgres users.csv", "LoadUsers"):
        told = ask(loaded, "accept", task, "--date", DAY)
        assert told.code == 1
        assert f"{task} cannot be accepted" in told.output
    assert "LoadUsers" in settle(loaded, report=True)


def test_a_load_whose_table_was_emptied_is_not_accepted(loaded: Project) -> None:
    loaded.rows("TRUNCATE processed.users CASCADE")
    append(loaded, "sql/checks/users/registered_in_future.sql", "-- Reviewed.")
    assert ask(loaded, "accept", "LoadUsers", "--date", DAY).code == 1


def test_gc_deletes_what_no_marker_needs_and_says_so_before(loaded: Project) -> None:
    rejected = "S4,U1,M1,31/12/2024,1,1,TV,HD"
    write_sessions(loaded, rejected, name="viewing_sessions-3.csv")
    settle(loaded)
    settle(loaded, NEXT_DAY, report=True)
    current = {*(loaded.folder / "rejected").glob("*.csv")}
    assert len(current) == 1
    edited = loaded.folder / "rejected/users-rejected-999999.csv"
    old_log = loaded.folder / "logs/luigi.log.1"
    young_log = loaded.folder / "logs/luigi.log"
    for path in (edited, old_log, young_log):
        path.write_text("old")
    month_ago = time.time() - 31 * 86_400
    for path in (edited, old_log, *current):
        os.utime(path, (month_ago, month_ago))
    listed = ask(loaded, "gc", "--keep-days", "0")
    doomed = [loaded.folder / "processed" / DAY, loaded.folder / "reports" / DAY, old_log]
    assert all(str(path) in listed.output for path in doomed)
    assert not any(str(path) in listed.output for path in (*current, NEXT_DAY))
    assert f"kept, since it was edited: {edited}" in listed.output
    assert all(path.exists() for path in doomed), "without an answer nothing is deleted"
    done = ask(loaded, "gc", "--keep-days", "1", "--yes")
    assert done.code == 0
    assert not any(path.exists() for path in doomed)
    assert all(path.exists() for path in (*current, edited, young_log))
    assert settle(loaded, NEXT_DAY, report=True) == []
    assert settle(loaded, DAY, report=True) == []
    edited.unlink()
    assert ask(loaded, "gc", "--keep-days", "1").output.strip() == "nothing to delete"

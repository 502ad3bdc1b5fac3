"""Files that leave take their rows along, but never the last rows of a table unless that is asked for."""

from __future__ import annotations

import bz2

from tests.in_process import ask, attempt, load_all, settle
from tests.project import Project
from tests.small_input import ANN, BOB, session, write_all, write_sessions, write_users


def sessions(project: Project) -> list[str]:
    return [each for (each,) in project.rows("SELECT session_id FROM trusted.session_details ORDER BY 1")]


def test_the_last_rows_of_a_table_leave_on_request_only(project: Project) -> None:
    write_all(project)
    write_sessions(project, name="viewing_sessions-0.csv")
    settle(project)
    moved = {project.raw / name: project.folder / name for name in ("viewing_sessions.csv", "viewing_sessions-2.csv")}
    for path, away in moved.items():
        path.rename(away)
    write_users(project, ANN.replace("U1", "U3"), name="users-2.csv")
    for _ in range(2):
        run = attempt(project)
        assert run.code == 30
        assert (
            "raw.viewing_sessions: nothing was withdrawn, since the table would be empty: 2 files with 3 rows left"
        ) in run.output
        assert "--allow-empty" in run.output
        assert "Traceback" not in run.output
        assert sessions(project) == ["S1", "S2", "S3"]
    assert run.ran == ["WithdrawCsv viewing_sessions-2.csv"]
    assert project.value("SELECT count(*) FROM processed.users") == 3

    # The files are back: nothing has to be done again.
    for path, away in moved.items():
        away.rename(path)
    assert "FAILED" not in ask(project, "status").output
    assert settle(project) == []
    for path in moved:
        path.unlink()
    run = project.must_run("--allow-empty")
    assert (
        "withdrawn: 3 rows of raw.viewing_sessions, since their files are gone: viewing_sessions-2.csv," in run.output
    )
    assert sessions(project) == []
    assert settle(project) == []


def test_files_with_other_names_take_the_place_of_those_that_left(project: Project) -> None:
    load_all(project)
    packed = bz2.compress((project.raw / "users.csv").read_bytes())
    (project.raw / "users.csv").unlink()
    (project.raw / "users.csv.bz2").write_bytes(packed)
    (project.raw / "viewing_sessions.csv").unlink()
    (project.raw / "viewing_sessions-2.csv").rename(project.raw / "viewing_sessions-day-2.csv")
    run = project.must_run()
    assert "withdrawn: 2 rows of raw.users, since their files are gone: users.csv\n" in run.output
    assert "withdrawn: 3 rows of raw.viewing_sessions" in run.output
    assert sessions(project) == ["S3"]
    assert project.value("SELECT count(*) FROM raw.users") == 2
    assert settle(project) == []


def test_a_refused_file_does_not_take_the_place_of_those_that_left(project: Project) -> None:
    load_all(project)
    (project.raw / "users.csv").unlink()
    (project.raw / "users-new.csv").write_text("id\n1\n")
    for _ in range(2):
        run = attempt(project)
        assert run.code == 30
        assert "raw.users: nothing was withdrawn, since the table would be empty: 1 file with 2 rows" in run.output
        assert project.value("SELECT count(*) FROM processed.users") == 2
    # It goes with the flag, although the refused file stays where it is.
    assert attempt(project, allow_empty=True).code == 30
    assert project.value("SELECT count(*) FROM processed.users") == 0
    assert sessions(project) == []
    write_users(project, ANN, BOB, name="users-new.csv")
    settle(project)
    assert sessions(project) == ["S1", "S2", "S3"]
    settle(project)
    assert settle(project) == []


def test_an_empty_file_replaces_none(project: Project) -> None:
    load_all(project)
    (project.raw / "users.csv").unlink()
    write_users(project, name="users-new.csv")
    assert attempt(project).code == 30
    assert project.value("SELECT count(*) FROM trusted.user_engagement") == 2
    settle(project, allow_empty=True)
    assert project.value("SELECT count(*) FROM trusted.user_engagement") == 0
    settle(project)
    assert settle(project) == []


def test_a_delivery_of_under_half_the_rows_is_named(project: Project) -> None:
    write_all(project)
    write_sessions(project, *(session(number) for number in range(1, 6)))
    write_users(project, ANN, BOB, name="users.csv")
    settle(project)
    write_sessions(project, session(1), session(2))
    write_users(project, ANN)
    run = attempt(project)
    assert run.code == 0, run.output
    assert "viewing_sessions.csv: 2 rows, where it had 5 before" in run.output
    assert "users.csv: 1 rows, where" not in run.output  # exactly half
    assert sessions(project) == ["S1", "S2"]

"""Row checks see the rows that changed, and those whose parent did; what they found elsewhere stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.warehouse.checks import CheckFailedError
from tests.in_process import settle
from tests.project import Project
from tests.small_input import ANN, BOB, movie, session, write_all, write_sessions, write_users

KEPT = """
    SELECT name, key[1] FROM etl.row_checks INNER JOIN etl.findings USING (check_id)
    CROSS JOIN LATERAL (SELECT substr(check_name, 18) AS name) AS short
    WHERE table_name = 'viewing_sessions' ORDER BY 1, 2
"""


def findings(project: Project) -> list[tuple[Any, ...]]:
    """Return the checks with findings, and which sessions they found, where kept findings and results agree."""
    kept = project.rows(KEPT)
    results = project.rows(
        "SELECT substr(check_name, 18), findings FROM etl.check_results"
        " WHERE target_table = 'viewing_sessions' AND findings > 0 ORDER BY 1"
    )
    assert results == sorted({(name, sum(name == other for other, _ in kept)) for name, _ in kept})
    return kept


def lose(project: Project, check: str, key: str) -> None:
    """Take a finding away: it comes back as soon as its row is judged again."""
    of_check = f"check_name = 'viewing_sessions/{check}'"
    gone = "DELETE FROM etl.findings USING etl.row_checks AS c WHERE c.check_id = findings.check_id"
    project.rows(f"{gone} AND {of_check} AND key = '{{{key}}}'")
    project.rows(f"UPDATE etl.row_checks SET findings = findings - 1 WHERE {of_check}")


@pytest.fixture
def loaded(project: Project) -> Project:
    """Sessions of May 2024: S1 and S3 last longer than the movie M1 of 100 minutes, S2 is of a series."""
    write_all(project)
    write_sessions(project, session(1, minutes=120), session(2, user="U2", title="T1"))
    write_sessions(project, session(3, user="U2", minutes=500), name="viewing_sessions-2.csv")
    settle(project)
    assert findings(project) == [("longer_than_movie", "S1"), ("longer_than_movie", "S3")]
    return project


def test_rows_that_come_change_and_leave(loaded: Project) -> None:
    write_sessions(loaded, session(4, minutes=110), session(5, minutes=2000), name="viewing_sessions-3.csv")
    settle(loaded)
    longer = [("longer_than_movie", "S1"), ("longer_than_movie", "S3"), ("longer_than_movie", "S5")]
    assert findings(loaded) == [("longer_than_a_day", "S5"), *longer]
    write_sessions(loaded, session(3, user="U2"), session(5, minutes=111), name="viewing_sessions-3.csv")
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S1"), ("longer_than_movie", "S5")]
    (loaded.raw / "viewing_sessions-3.csv").unlink()
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S1"), ("longer_than_movie", "S3")]


def test_rows_that_did_not_change_are_not_judged(loaded: Project) -> None:
    lose(loaded, "longer_than_movie", "S1")
    write_sessions(loaded, session(4), name="viewing_sessions-3.csv")
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S3")]
    assert loaded.pipeline("redo", "LoadViewingSessions").code == 0
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S1"), ("longer_than_movie", "S3")]


def test_an_edited_user(loaded: Project) -> None:
    write_users(loaded, ANN, BOB.replace("2023-02-01", "2024-05-03"))
    settle(loaded)
    assert findings(loaded) == [("before_registration", "S2"), ("longer_than_movie", "S1"), ("longer_than_movie", "S3")]
    noted = loaded.rows(
        "SELECT reads, columns, read_key FROM etl.check_reads WHERE table_name = 'viewing_sessions' ORDER BY 1"
    )
    assert noted == [
        ("content", ["content_id"], ["content_id"]),
        ("movie_details", ["content_id"], ["content_id"]),
        ("users", ["user_id"], ["user_id"]),
        ("viewing_sessions", ["session_id"], ["session_id"]),
    ]
    write_users(loaded, ANN, BOB)
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S1"), ("longer_than_movie", "S3")]


def test_what_no_check_reads_has_no_row_judged(loaded: Project) -> None:
    lose(loaded, "longer_than_movie", "S1")
    write_users(loaded, ANN.replace("Peru", "Chile"), BOB)
    loaded.write_titles("more.json", movies=[movie("M1", "Metropolis", rating=9)])
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S3")]
    assert loaded.rows("SELECT * FROM etl.changed_rows") == []


def test_an_edited_title(loaded: Project) -> None:
    loaded.write_titles("more.json", movies=[movie("M1", duration_minutes=110)])
    settle(loaded)
    assert findings(loaded) == [("longer_than_movie", "S3")]
    loaded.write_titles("more.json", movies=[movie("M1", duration_minutes=1000, release_year=2025)])
    settle(loaded)
    assert findings(loaded) == [("before_release", "S1"), ("before_release", "S3")]


def test_a_row_edited_by_hand_is_judged_by_the_next_load(loaded: Project) -> None:
    loaded.rows("UPDATE processed.viewing_sessions SET watch_duration_minutes = 3000 WHERE session_id = 'S2'")
    write_sessions(loaded, session(4), name="viewing_sessions-3.csv")
    settle(loaded)
    assert ("longer_than_a_day", "S2") in findings(loaded)


def test_days_that_pass(loaded: Project) -> None:
    ahead = [f"S{number},U1,M1,2026-03-0{number},50,50.5,Mobile,HD" for number in (3, 4, 5)]
    write_sessions(loaded, *ahead, name="viewing_sessions-3.csv")
    settle(loaded)
    future = [("watched_in_future", f"S{number}") for number in (3, 4, 5)]
    assert findings(loaded)[1:] == future
    settle(loaded, "2026-03-04")
    assert findings(loaded)[1:] == future[2:]
    # Where the last judgement was of a later day, rows may have begun to be of days to come.
    lose(loaded, "watched_in_future", "S5")
    loaded.rows("UPDATE etl.row_checks SET day = '2026-03-31'")
    write_sessions(loaded, session(6), name="viewing_sessions-4.csv")
    settle(loaded, "2026-03-04")
    assert findings(loaded)[1:] == future[2:]


def test_a_changed_check_judges_all_rows(copied: Project) -> None:
    project = copied
    checks = Path(project.env["PROJECT_ROOT"]) / "sql/checks/viewing_sessions"
    path = checks / "longer_than_movie.sql"
    path.write_text(path.read_text().replace("* 11", "* 30"))
    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    settle(project)
    assert findings(project) == [("longer_than_movie", "S3")]
    path.unlink()
    settle(project)
    assert project.rows(KEPT) == []


def test_an_error_in_a_changed_row_stops_the_load(copied: Project) -> None:
    check = Path(copied.env["PROJECT_ROOT"]) / "sql/checks/viewing_sessions/too_long.sql"
    check.write_text(
        "-- severity: error\n-- description: Too long.\n-- judges: rows\n"
        "SELECT session_id FROM processed.viewing_sessions WHERE watch_duration_minutes > 1440\n"
    )
    settle(copied)
    before = findings(copied)
    write_sessions(copied, session(4, minutes=2000), name="viewing_sessions-3.csv")
    message = r"check viewing_sessions/too_long: 1 findings \(Too long\.\), the first: .*S4"
    with pytest.raises(CheckFailedError, match=message):
        settle(copied)
    assert copied.value("SELECT count(*) FROM processed.viewing_sessions") == 3
    write_sessions(copied, session(4, minutes=20), name="viewing_sessions-3.csv")
    settle(copied)
    assert findings(copied) == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT user_id FROM processed.viewing_sessions", "odd.sql: judges rows, but does not return session_id"),
        (
            "SELECT session_id FROM processed.viewing_sessions WHERE NOT EXISTS (SELECT FROM etl.batches)",
            "odd.sql: judges rows, but reads etl.batches, to which no reference leads",
        ),
    ],
)
def test_a_check_that_cannot_judge_rows(copied: Project, query: str, message: str) -> None:
    check = Path(copied.env["PROJECT_ROOT"]) / "sql/checks/viewing_sessions/odd.sql"
    check.write_text(f"-- severity: warn\n-- description: Odd.\n-- judges: rows\n{query}\n")
    with pytest.raises(ValueError, match=message):
        settle(copied)


@pytest.fixture
def copied(loaded: Project) -> Project:
    """The same, with a copy of the project's files to edit."""
    loaded.copy_code()
    return loaded

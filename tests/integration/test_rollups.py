"""The sums behind the views of `trusted`: kept up from what changed, they are those that a rebuild gives."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from pipeline import LoadViewingSessions
from tests.in_process import settle
from tests.project import Project
from tests.small_input import ANN, BOB, session, write_all, write_sessions, write_users

VIEWS = (
    "completion_by_content_type",
    "completion_distribution",
    "content_summary",
    "country_engagement",
    "daily_viewing",
    "device_engagement",
    "device_summary",
    "genre_performance",
    "month_to_date",
    "monthly_retention",
    "overall_summary",
    "period_summary",
    "segment_summary",
    "subscription_engagement",
    "top_content_by_country",
    "user_engagement",
)


def published(project: Project) -> dict[str, list[tuple[Any, ...]]]:
    return {view: project.rows(f"SELECT * FROM trusted.{view} AS v ORDER BY v::text") for view in VIEWS}


def built(project: Project) -> Any:
    return project.value("SELECT built FROM etl.rollup_state")


def test_sums_kept_up_are_those_built_afresh(project: Project) -> None:
    write_all(project)
    settle(project)
    first = built(project)
    # One more session of a known pair of user, title and day; one of a new pair; one that leaves; one that changes.
    write_sessions(project, session(1, minutes=70), session(4), session(5, user="U2"), name="viewing_sessions.csv")
    settle(project)
    assert built(project) == first, "it was kept up"
    assert project.rows("SELECT * FROM etl.session_changes") == []
    kept_up = published(project)
    assert project.pipeline("redo", "PublishTrusted", "--date", "2026-03-02").code == 0
    settle(project)
    assert built(project) != first
    assert published(project) == kept_up


def test_sessions_that_cannot_be_looked_up_yet_are_summed_up_afresh(project: Project) -> None:
    write_all(project)
    settle(project)
    first = built(project)
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM processed.viewing_sessions")
        # Updated in place, and seen as it was: an index made now is not for transactions as old as this one.
        project.rows("UPDATE processed.viewing_sessions SET watch_date = '2024-05-20' WHERE session_id = 'S1'")
        write_sessions(project, session(4), name="viewing_sessions-3.csv")
        settle(project)
    assert built(project) != first
    assert project.rows("SELECT watch_date::text, sessions FROM trusted.daily_viewing ORDER BY 1") == [
        ("2024-05-02", 1),
        ("2024-05-03", 1),
        ("2024-05-04", 1),
        ("2024-05-20", 1),
    ]
    second = built(project)
    write_sessions(project, session(5), name="viewing_sessions-4.csv")
    settle(project)
    assert built(project) == second, "they are kept up from now on"


def test_a_user_who_moves_takes_the_sessions_along(project: Project) -> None:
    write_all(project)
    settle(project)
    first = built(project)
    top = "SELECT DISTINCT country FROM trusted.top_content_by_country ORDER BY country"
    assert project.rows(top) == [("Chile",), ("Peru",)]
    write_users(project, ANN, BOB.replace("Chile", "Japan"))
    settle(project)
    assert project.rows(top) == [("Japan",), ("Peru",)]
    assert built(project) == first, "they were kept up"


def test_views_are_those_of_the_last_publication_until_the_next_one(project: Project) -> None:
    write_all(project)
    settle(project)
    before = published(project)
    # What changes is not noted then: the table is filled in bulk.
    project.rows("TRUNCATE processed.viewing_sessions")
    assert published(project) == before
    write_sessions(project, session(4), session(5, user="U2"), name="viewing_sessions-3.csv")
    settle(project, only=LoadViewingSessions)
    assert project.value("SELECT count(*) FROM processed.viewing_sessions") == 5
    assert published(project) == before
    settle(project)
    assert project.value("SELECT sessions FROM trusted.overall_summary") == 5


def test_without_any_session_left_the_views_are_empty_and_fill_again(project: Project) -> None:
    write_all(project)
    settle(project)
    before = published(project)
    files = {path: path.read_bytes() for path in project.raw.glob("viewing_sessions*")}
    for path in files:
        path.unlink()
    settle(project, allow_empty=True)
    for view in ("daily_viewing", "device_engagement", "period_summary", "completion_distribution"):
        assert project.rows(f"SELECT * FROM trusted.{view}") == [], view
    for path, content in files.items():
        path.write_bytes(content)
    settle(project)
    assert published(project) == before


def test_what_is_truncated_behind_the_back_is_built_afresh(project: Project) -> None:
    write_all(project)
    settle(project)
    before = published(project)
    project.rows("TRUNCATE etl.rollup_day, etl.rollup_user")
    assert "PublishTrusted" in settle(project)
    assert published(project) == before


@pytest.mark.parametrize(
    ("last", "now", "before"),
    [
        ("2024-03-31", ("2024-03-01", "2024-03-31"), ("2024-02-01", "2024-02-29")),
        ("2024-03-30", ("2024-03-01", "2024-03-30"), ("2024-02-01", "2024-02-29")),
        ("2024-03-14", ("2024-03-01", "2024-03-14"), ("2024-02-01", "2024-02-14")),
        ("2024-02-29", ("2024-02-01", "2024-02-29"), ("2024-01-01", "2024-01-31")),
        ("2024-01-01", ("2024-01-01", "2024-01-01"), ("2023-12-01", "2023-12-01")),
    ],
)
def test_a_month_is_compared_with_as_many_days_of_the_one_before(
    known: Project, last: str, now: tuple[str, str], before: tuple[str, str]
) -> None:
    with known.connection() as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("UPDATE etl.rollup_day SET watch_date = %s, sessions = 1", (last,))
        cursor.execute("SELECT first_date::text, last_date::text FROM trusted.month_to_date ORDER BY 1 DESC")
        compared = cursor.fetchall()
        connection.rollback()
    assert compared == [now, before]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A published project with one day of sessions."""
    project = Project(tmp_path_factory.mktemp("rollups"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    write_all(project)
    for path in project.raw.glob("viewing_sessions*"):
        path.unlink()
    write_sessions(project, session(1))
    settle(project)
    return project

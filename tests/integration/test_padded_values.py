"""Blanks around values are dropped when rows are typed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.records.text_rules import BLANKS
from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.load import LoadViewingSessions
from tests.in_process import settle
from tests.project import Project
from tests.small_input import ANN, BOB, movie, session, write_sessions, write_users

# The third and the fourth could pass as they are, as values of a text column without a foreign key.
PADDED = [
    " S1 ,U1\u00a0, M1,\v2024-05-01, 50,50.5 ,\fMobile , ",
    '" S2 ","U2\ufeff",M1,"2024-05-02 ","",50.5,"","\nHD"',
    "\u200bS6,U1,M1,2024-05-06,50,50.5,Mobile ,HD",
    'S7,U1,M1,2024-05-07,50,50.5,"","HD "',
]
WAITING_ROW = ("S2", "U2", "M1", "2024-05-02", None, 50.5, None, "HD")
PADDED_ROWS = [
    ("S1", "U1", "M1", "2024-05-01", 50, 50.5, "Mobile", None),
    ("S6", "U1", "M1", "2024-05-06", 50, 50.5, "Mobile", "HD"),
    ("S7", "U1", "M1", "2024-05-07", 50, 50.5, None, "HD"),
]
TIDY = [session(3), session(4), session(5)]
ROWS = """
    SELECT session_id, user_id, content_id, watch_date::text, watch_duration_minutes, completion_percentage::float,
        device_type, quality_level
    FROM processed.viewing_sessions ORDER BY session_id
"""


def typed(session: str) -> tuple[Any, ...]:
    number, user, title, day, minutes, completion, device, quality = session.split(",")
    return number, user, title, day, int(minutes), float(completion), device, quality


def load(project: Project) -> None:
    settle(project, only=LoadViewingSessions)


@pytest.fixture
def parents(project: Project) -> Project:
    """A project with two users and a movie."""
    write_users(project, " U1 ,30, Peru,Basic ,2023-01-01,1.5\t", BOB)
    project.write_titles(movies=[movie("M1")])
    return project


def test_padded_values_of_one_file_among_others(parents: Project) -> None:
    write_sessions(parents, *PADDED, name="viewing_sessions-1.csv")
    write_sessions(parents, *TIDY, name="viewing_sessions-2.csv")
    load(parents)
    assert parents.rows(ROWS) == sorted([*PADDED_ROWS, WAITING_ROW, *map(typed, TIDY)])
    assert parents.rows("SELECT * FROM processed.users WHERE user_id = 'U1'") == parents.rows(
        "SELECT 'U1', 30::smallint, 'Peru', 'Basic', date '2023-01-01', 1.50, _batch_id, _row FROM raw.users"
        " WHERE _row = 1"
    )
    # Raw values stay as they came.
    assert parents.value("SELECT content_id FROM raw.viewing_sessions WHERE session_id = ' S1 '") == " M1"


def test_blanks_are_the_same_in_sql_and_in_python(project: Project) -> None:
    write_users(project, ANN)
    settle(project, only=CreatePostgresTables)
    query = (
        "SELECT array_agg(n ORDER BY n) FROM generate_series(1, 1114111) AS n WHERE n NOT BETWEEN 55296 AND 57343 AND "
    )
    for condition in ("etl.clean(chr(n)) IS NULL", "etl.clean(chr(n) || 'a' || chr(n)) = 'a'"):
        assert project.value(query + condition) == sorted(map(ord, BLANKS))
    assert project.value("SELECT etl.key_problem(repeat('x', 512))") is None
    assert project.value("SELECT etl.key_problem(repeat('x', 513))") == "longer than 512 bytes"


def test_padded_values_of_a_file_that_comes_later(parents: Project) -> None:
    write_sessions(parents, *TIDY, name="viewing_sessions-1.csv")
    load(parents)
    write_sessions(parents, *PADDED, name="viewing_sessions-2.csv")
    load(parents)
    assert parents.rows(ROWS) == sorted([*PADDED_ROWS, WAITING_ROW, *map(typed, TIDY)])


def test_a_padded_session_that_waits_for_its_user(parents: Project) -> None:
    write_users(parents, ANN)
    write_sessions(parents, *PADDED, session(3))
    load(parents)
    assert parents.rows(ROWS) == sorted([*PADDED_ROWS, typed(session(3))])
    write_users(parents, ANN, BOB)
    load(parents)
    assert parents.rows(ROWS) == sorted([*PADDED_ROWS, WAITING_ROW, typed(session(3))])

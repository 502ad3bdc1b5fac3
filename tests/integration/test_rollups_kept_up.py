"""The rollups after any changes of sessions and users, kept up by key, are those that are built afresh.

`CONVERGENCE_EXAMPLES` sets how many sequences of changes are tried.
"""

from __future__ import annotations

import os
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from psycopg2.errors import ForeignKeyViolation
from psycopg2.extensions import cursor as Cursor

from pipeline import CreatePostgresTables
from pipeline.warehouse import rollups
from tests.in_process import settle
from tests.project import REPOSITORY, Project

EXAMPLES = int(os.environ.get("CONVERGENCE_EXAMPLES", "20"))
USERS, TITLES = ("U1", "U2", "U3", "U4"), ("M1", "M2", "M3")
LONG = "x" * 1200
NUMBERS = ("sessions", "users", "active_users", "viewers", "month_viewers", "titles")
ONE_EACH = {"favourite_device", "light_minutes"}  # in rows of users, and of the state

some = st.sampled_from
days = st.dates(date(2024, 1, 28), date(2024, 4, 3))
session = st.tuples(
    st.integers(1, 12).map("S{}".format),
    some(USERS),
    some(TITLES),
    days,
    some([None, 0, 30, 60]),
    some([None, 0, 55.5, 100]),
    some([None, "TV", "Mobile", LONG]),
    some([None, "HD"]),
)
MEASURES = "watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level"
put = st.tuples(
    st.just(
        f"INSERT INTO processed.viewing_sessions (session_id, user_id, content_id, {MEASURES}, _batch_id, _row)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1, 1) ON CONFLICT (session_id)"
        f" DO UPDATE SET (user_id, content_id, {MEASURES}) = ROW (excluded.user_id, excluded.content_id,"
        f" excluded.{MEASURES.replace(', ', ', excluded.')})"
    ),
    session,
)
take = st.tuples(
    st.just("DELETE FROM processed.viewing_sessions WHERE session_id = %s"),
    st.tuples(st.integers(1, 12).map("S{}".format)),
)
withdraw = st.tuples(
    st.just("DELETE FROM processed.viewing_sessions WHERE watch_date < %s OR user_id = %s"),
    st.tuples(days, some(USERS)),
)
move = st.tuples(
    st.just("UPDATE processed.users SET (country, subscription_type) = ROW (%s, %s) WHERE user_id = %s"),
    st.tuples(some([None, "Peru", "Chile"]), some([None, "Basic", "Premium", LONG]), some(USERS)),
)
leave = st.tuples(
    st.just(
        "WITH theirs AS (DELETE FROM processed.viewing_sessions WHERE user_id = %s) SELECT;"
        "DELETE FROM processed.users WHERE user_id = %s"
    ),
    some(USERS).map(lambda user: (user, user)),
)
come = st.tuples(
    st.just(
        "INSERT INTO processed.users (user_id, country, _batch_id, _row) VALUES (%s, 'Peru', 1, 1)"
        " ON CONFLICT DO NOTHING"
    ),
    some(USERS).map(lambda user: (user,)),
)
changes = st.lists(put | put | put | take | withdraw | move | leave | come, max_size=12)
# What happens between two publications, and the day of the second one.
periods = st.lists(st.tuples(changes, days), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A project with empty tables, some titles and users."""
    project = Project(tmp_path_factory.mktemp("kept_up"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    project.write_rows("users.csv", ["user_id"])
    settle(project, only=CreatePostgresTables)
    project.rows((REPOSITORY / "sql/rollups/lookups.sql").read_text())
    for title in TITLES:
        project.rows(f"INSERT INTO processed.content (content_id, title, type) VALUES ('{title}', '{title}', 'movie')")
    for user in USERS:
        project.rows(f"INSERT INTO processed.users (user_id, _batch_id, _row) VALUES ('{user}', 1, 1)")
    return project


def contents(cursor: Cursor) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every rollup, without those that have come to nothing."""
    found = {}
    for name in [*rollups.names(cursor), "rollup_state"]:
        cursor.execute(sql.SQL("SELECT to_jsonb(r) - 'built' FROM {} AS r").format(sql.Identifier("etl", name)))
        rows = [row for (row,) in cursor.fetchall() if not comes_to_nothing(row)]
        found[name] = sorted(rows, key=str)
    return found


def comes_to_nothing(row: dict[str, Any]) -> bool:
    return not ONE_EACH & row.keys() and not any(map(row.get, NUMBERS))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(periods=periods)
def test_rollups_kept_up_are_those_built_afresh(
    tables: Project, periods: list[tuple[list[tuple[str, Any]], date]]
) -> None:
    with tables.connection() as connection, connection.cursor() as cursor:
        connection.autocommit = False
        day = date(2024, 1, 1)
        rollups.bring_up_to_date(cursor, day, rebuild=True)
        cursor.execute("SELECT built FROM etl.rollup_state")
        [built] = cursor.fetchone()
        for changes, next_day in periods:
            for statement, values in changes:
                cursor.execute("SAVEPOINT before_change")
                try:
                    cursor.execute(statement, values)
                except ForeignKeyViolation:  # the user has left
                    cursor.execute("ROLLBACK TO SAVEPOINT before_change")
            day = max(day, next_day)
            cursor.execute("DISCARD TEMP")
            rollups.bring_up_to_date(cursor, day, rebuild=False)
        kept_up = contents(cursor)
        cursor.execute("SELECT count(*) FROM etl.rollup_state WHERE built = %s", (built,))
        assert cursor.fetchone() == (1,), "they were kept up"
        cursor.execute("DISCARD TEMP")
        rollups.bring_up_to_date(cursor, day, rebuild=True)
        assert kept_up == contents(cursor)
        connection.rollback()

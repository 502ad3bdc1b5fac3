"""What analysts and the pipeline may do in the database, and what is refused."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg2
import pytest

from tests.in_process import settle
from tests.project import Project

VIEWS = [
    "completion_by_content_type",
    "completion_distribution",
    "content_summary",
    "country_engagement",
    "daily_viewing",
    "data_quality",
    "device_engagement",
    "device_summary",
    "episode_details",
    "file_reconciliation",
    "genre_performance",
    "lineage",
    "load_history",
    "month_to_date",
    "monthly_retention",
    "overall_summary",
    "period_summary",
    "schema_drift",
    "segment_summary",
    "session_details",
    "subscription_engagement",
    "top_content_by_country",
    "user_engagement",
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("access"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    project.write_rows(
        "users.csv",
        [
            "user_id,age,country,subscription_type,registration_date,total_watch_time_hours",
            "U1,30,Peru,Basic,2023-01-01,1.5",
        ],
    )
    project.write_rows(
        "viewing_sessions.csv",
        [
            "session_id,user_id,content_id,watch_date,watch_duration_minutes,completion_percentage,device_type,quality_level",
            "S1,U1,M1,2024-01-01,60,50,Mobile,HD",
        ],
    )
    project.write_titles(movies=[{"content_id": "M1", "title": "One", "duration_minutes": 120}], series=[])
    settle(project)
    return project


@pytest.mark.parametrize("view", VIEWS)
def test_an_analyst_reads_every_view(loaded: Project, view: str) -> None:
    rows = loaded.rows(f"SELECT * FROM {view}", role="analyst")
    assert rows or view in ("episode_details", "schema_drift")


def test_trusted_holds_these_views_and_no_other(loaded: Project) -> None:
    found = loaded.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'trusted'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')"
    )
    assert sorted(name for (name,) in found) == VIEWS


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM processed.users",
        "SELECT * FROM raw.users",
        "SELECT * FROM etl.rejected_rows",
        "SELECT etl.clean('x')",
        "INSERT INTO trusted.daily_viewing (watch_date) VALUES ('2024-01-01')",
        "UPDATE trusted.daily_viewing SET sessions = 2",
        "DELETE FROM trusted.daily_viewing",
        "TRUNCATE processed.users CASCADE",
        "REFRESH MATERIALIZED VIEW trusted.content_summary",
        "DROP VIEW trusted.daily_viewing",
        "CREATE VIEW trusted.mine AS SELECT 1",
        "CREATE TABLE trusted.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE TABLE processed.mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (n int)",
        "CREATE TEMP VIEW mine AS SELECT 1",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SET ROLE pipeline",
        "CREATE FUNCTION trusted.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_an_analyst_can_do_nothing_else(loaded: Project, statement: str) -> None:
    with loaded.connection("analyst") as connection, connection.cursor() as cursor:
        # An analyst's own settings must not be what stands in the way.
        cursor.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)


def test_an_analyst_cannot_pass_rights_on(loaded: Project) -> None:
    with loaded.connection("analyst") as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute("GRANT SELECT ON trusted.daily_viewing TO PUBLIC")  # PostgreSQL only warns
    grants = "SELECT * FROM information_schema.table_privileges WHERE grantee = 'PUBLIC' AND table_schema = 'trusted'"
    assert loaded.rows(grants) == []


def test_every_table_view_and_column_is_described(loaded: Project) -> None:
    silent = loaded.rows(
        """
        SELECT relnamespace::regnamespace || '.' || relname AS object
        FROM pg_class
        WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('etl', 'raw', 'processed', 'trusted'))
            AND relkind IN ('r', 'v', 'm') AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL
        SELECT attrelid::regclass || '.' || attname
        FROM pg_attribute
        INNER JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('etl', 'raw', 'processed', 'trusted'))
            AND relkind IN ('r', 'v', 'm') AND attnum > 0 AND NOT attisdropped
            AND col_description(attrelid, attnum) IS NULL
        """
    )
    assert silent == []


def test_a_view_that_was_replaced_is_still_readable(loaded: Project) -> None:
    loaded.rows("DROP VIEW trusted.daily_viewing")
    assert settle(loaded) == ["PublishTrusted"]
    assert loaded.rows("SELECT watch_date::text, sessions, watch_hours FROM daily_viewing", role="analyst") == [
        ("2024-01-01", 1, 1)
    ]

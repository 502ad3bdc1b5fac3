"""The load of an empty table: fast, and nothing of the table's definition is another one afterwards."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from psycopg2.errors import CheckViolation

from pipeline.servers.embedded.cluster import prepared_mark
from pipeline.settings import Settings
from pipeline.tasks.load import LoadNormalizedJsonsToPostgres, LoadUsers, LoadViewingSessions
from tests.in_process import settle
from tests.project import Project
from tests.small_input import session, write_all, write_sessions

TABLE = "processed.viewing_sessions"
SESSIONS = [("S1", "U1", "M1"), ("S2", "U2", "T1"), ("S3", "U2", "M1")]
DEFINITION = """
    SELECT 'column', attname::text, concat_ws(
        ' ', attnum, format_type(atttypid, atttypmod), attnotnull, attacl, attstattarget,
        col_description(attrelid, attnum)
    )
    FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0
    UNION ALL
    SELECT 'constraint', conname, pg_get_constraintdef(oid) || convalidated FROM pg_constraint
    WHERE conrelid = %(table)s::regclass
    UNION ALL
    SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) || indisvalid FROM pg_index
    WHERE indrelid = %(table)s::regclass
    UNION ALL
    SELECT 'trigger', tgname, pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger
    WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal
    UNION ALL
    SELECT 'policy', polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = %(table)s::regclass
    UNION ALL
    SELECT 'statistics', stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
    WHERE stxrelid = %(table)s::regclass
    UNION ALL
    SELECT 'publication', pubname, tablename FROM pg_publication_tables WHERE schemaname || '.' || tablename = %(table)s
    UNION ALL
    SELECT 'default', adnum::text, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = %(table)s::regclass
    UNION ALL
    SELECT 'table', relname, concat_ws(
        ' ', relacl, reloptions, relowner::regrole, relpersistence, relreplident, relrowsecurity, relkind,
        obj_description(oid, 'pg_class')
    )
    FROM pg_class WHERE oid = %(table)s::regclass
    ORDER BY 1, 2
"""


def definition(project: Project) -> list[tuple[Any, ...]]:
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute(DEFINITION, {"table": TABLE})
        return list(cursor.fetchall())


def identity(project: Project) -> int:
    return int(project.value("SELECT %s::regclass::oid", TABLE))


def sessions(project: Project) -> list[tuple[Any, ...]]:
    return project.rows("SELECT session_id, user_id, content_id FROM processed.viewing_sessions ORDER BY 1")


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A project whose users and titles are loaded; its sessions are not."""
    project = Project(tmp_path_factory.mktemp("bulk"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    write_all(project)
    settle(project, only=LoadUsers)
    settle(project, only=LoadNormalizedJsonsToPostgres)
    return project


@pytest.fixture
def created(parents: Project) -> Project:
    """That project, on a database of the test's own."""
    return parents.branch(f"test_{uuid.uuid4().hex[:12]}")


def load(project: Project) -> None:
    settle(project, only=LoadViewingSessions)


def test_the_first_load_replaces_the_empty_table(created: Project) -> None:
    before, empty = definition(created), identity(created)
    load(created)
    assert sessions(created) == SESSIONS
    assert identity(created) != empty
    assert definition(created) == before
    assert [name for kind, name, _ in before if kind == "constraint"] == [
        "viewing_sessions__batch_id_not_null",
        "viewing_sessions__row_not_null",
        "viewing_sessions_completion_percentage_check",
        "viewing_sessions_content_id_fkey",
        "viewing_sessions_content_id_not_null",
        "viewing_sessions_pkey",
        "viewing_sessions_session_id_not_null",
        "viewing_sessions_user_id_fkey",
        "viewing_sessions_user_id_not_null",
        "viewing_sessions_watch_date_check",
        "viewing_sessions_watch_date_not_null",
        "viewing_sessions_watch_duration_minutes_check",
    ]


def test_an_empty_table_is_replaced_after_the_role_setup_ran_again(created: Project) -> None:
    before, empty = definition(created), identity(created)
    embedded = Path(created.env["EMBEDDED_PATH"])
    name = created.env["POSTGRES_DB"]
    settings = Settings(_env_file=None, embedded_path=embedded, postgres_db=name)  # type: ignore[call-arg]
    prepared_mark(settings, embedded / "postgres").unlink()
    created.dsn()
    load(created)
    assert identity(created) != empty
    assert definition(created) == before


@pytest.mark.parametrize(
    "addition",
    [
        "GRANT SELECT ON processed.viewing_sessions TO data_analyst",
        "GRANT SELECT (user_id) ON processed.viewing_sessions TO data_analyst",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA processed GRANT SELECT ON TABLES TO data_analyst",
        "ALTER TABLE processed.viewing_sessions SET (autovacuum_enabled = off)",
        "ALTER TABLE processed.viewing_sessions REPLICA IDENTITY FULL",
        "ALTER TABLE processed.viewing_sessions ALTER device_type SET DEFAULT 'unknown'",
        "ALTER TABLE processed.viewing_sessions ADD COLUMN noted timestamptz DEFAULT '2026-01-01 00:00+00'",
        "ALTER TABLE processed.viewing_sessions ADD CONSTRAINT short CHECK (length(session_id) < 100)",
        "ALTER TABLE processed.viewing_sessions ADD CONSTRAINT known FOREIGN KEY (content_id)"
        " REFERENCES processed.content",
        "ALTER TABLE processed.viewing_sessions ALTER user_id SET STATISTICS 1000",
        "CREATE INDEX by_date ON processed.viewing_sessions (watch_date)",
        "CREATE UNIQUE INDEX one_row ON processed.viewing_sessions (_batch_id, _row)",
        "CREATE STATISTICS processed.pairs ON device_type, quality_level FROM processed.viewing_sessions",
        "CREATE POLICY of_all ON processed.viewing_sessions USING (true)",
        "CREATE PUBLICATION {name} FOR TABLE processed.viewing_sessions",
        "CREATE FUNCTION processed.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER noted AFTER INSERT ON processed.viewing_sessions EXECUTE FUNCTION processed.noted()",
        "CREATE VIEW processed.recent AS SELECT * FROM processed.viewing_sessions",
        "CREATE FUNCTION processed.minutes(s processed.viewing_sessions) RETURNS integer"
        " LANGUAGE sql AS 'SELECT s.watch_duration_minutes'",
        "CREATE TABLE processed.part () INHERITS (processed.viewing_sessions)",
    ],
)
def test_additions_to_an_empty_table_survive(created: Project, addition: str) -> None:
    created.rows(addition.format(name=f"p{identity(created)}"))
    before = definition(created)
    load(created)
    assert sessions(created) == SESSIONS
    assert definition(created) == before


def test_an_index_made_by_hand_survives(created: Project) -> None:
    load(created)
    created.rows("CREATE INDEX by_date ON processed.viewing_sessions (watch_date)")
    created.rows("TRUNCATE processed.viewing_sessions")
    before = definition(created)
    load(created)
    assert sessions(created) == SESSIONS
    assert definition(created) == before


def test_rows_that_break_a_rule_made_by_hand_are_not_loaded(created: Project) -> None:
    created.rows("ALTER TABLE processed.viewing_sessions ADD CONSTRAINT brief CHECK (watch_duration_minutes < 60)")
    write_sessions(created, session(1, minutes=60))
    with pytest.raises(CheckViolation, match="brief"):
        load(created)
    assert sessions(created) == []

"""Every right that analysts and the role of the pipeline have, read from the catalogue, and tried while runs go on."""

from __future__ import annotations

import re
import threading
import uuid
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errors

from pipeline.servers import postgres
from tests.in_process import settings_of, settle
from tests.project import Project
from tests.small_input import ANN, BOB, SESSION_COLUMNS, USER_COLUMNS, movie, session

# PostgreSQL calls a function volatile if it changes anything, or may answer otherwise within one statement. These
# change nothing, or the caller's own session alone; every other one must be closed to analysts.
HARMLESS = {
    "clocks and chance": r"clock_timestamp|timeofday|pg_sleep.*|random.*|setseed|array_(sample|shuffle)|\w*uuid(v\d)?",
    "settings of the session, its query, its cursors": r"set_config|current_query|cursor_to_xml\w*|currtid2",
    "a query given as text, run with the rights of who calls": r"query_to_xml\w*|ts_stat|ts_rewrite",
    "sequences, which need rights of their own": r"nextval|setval|currval|lastval|pg_sequence_last_value",
    "looks at the server": r"pg_(control|current_wal|last|is|available_wal|wal_summary|xact|prepared|jit|collation)_\w+"
    r"|pg_(database_collation|notification_queue|isolation_test|safe_snapshot)_\w+|pg_(lock_status|blocking_pids)"
    r"|txid_status",
    "looks at tables": r"pg_(database|relation|table|tablespace|indexes|total_relation)_size|pg_partition_\w+"
    r"|pg_get_\w+|amvalidate",
    "statistics": r"pg_stat_get_\w+|pg_stat_clear_snapshot|pg_stat_force_next_flush",
    "parts of PL/pgSQL": r"plpgsql_\w+",
}
OURS = "nspname !~ '^pg_' AND nspname <> 'information_schema'"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("privileges"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    project.write_rows("users.csv", [USER_COLUMNS, ANN])
    project.write_rows("viewing_sessions.csv", [SESSION_COLUMNS, session(1)])
    project.write_titles(movies=[movie("M1")], series=[])
    settle(project)
    return project


def test_analysts_have_these_rights_on_relations_and_no_others(loaded: Project) -> None:
    granted = loaded.rows(
        f"""
        SELECT nspname, right_name, count(*)
        FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        CROSS JOIN unnest(ARRAY[
            'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'
        ]) AS rights (right_name)
        WHERE {OURS} AND relkind IN ('r', 'v', 'm', 'p', 'f')
            AND has_table_privilege('data_analyst', pg_class.oid, right_name)
        GROUP BY nspname, right_name
        """
    )
    assert granted == [("trusted", "SELECT", 23)]


def test_analysts_have_no_other_rights(loaded: Project) -> None:
    assert loaded.rows(
        f"""
        SELECT nspname, right_name
        FROM pg_namespace
        CROSS JOIN unnest(ARRAY['USAGE', 'CREATE']) AS rights (right_name)
        WHERE {OURS} AND has_schema_privilege('data_analyst', oid, right_name)
        UNION ALL
        SELECT proname, 'EXECUTE'
        FROM pg_proc
        INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE ({OURS} OR proname ~ '^lo_' OR proname IN ('loread', 'lowrite'))
            AND has_function_privilege('data_analyst', pg_proc.oid, 'EXECUTE')
        UNION ALL
        SELECT relname, right_name
        FROM pg_class
        CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS rights (right_name)
        WHERE relkind = 'S' AND has_sequence_privilege('data_analyst', pg_class.oid, right_name)
        """
    ) == [("trusted", "USAGE")]
    roles = """
        SELECT roleid::regrole::text, member::regrole::text, admin_option, set_option FROM pg_auth_members
        WHERE 'data_analyst'::regrole IN (roleid, member) OR 'pipeline'::regrole IN (roleid, member)
        ORDER BY 2, 1
    """
    assert loaded.rows(roles) == [
        ("data_analyst", "analyst", False, False),
        ("analyst", "pipeline", False, False),
        ("pipeline_report", "pipeline", False, False),
        ("data_analyst", "pipeline_report", False, False),
    ]
    database = "SELECT has_database_privilege('data_analyst', current_database(), %s)"
    assert [loaded.value(database, right) for right in ("CONNECT", "TEMPORARY", "CREATE")] == [True, False, False]


def test_analysts_may_call_no_function_that_changes_anything(loaded: Project) -> None:
    volatile = loaded.rows(
        """
        SELECT DISTINCT proname FROM pg_proc
        WHERE provolatile = 'v' AND has_function_privilege('data_analyst', oid, 'EXECUTE')
            -- What only the server can call.
            AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
            AND 'internal'::regtype <> ALL (proargtypes)
        """
    )
    names = {name for (name,) in volatile}
    assert {name for name in names if not any(re.fullmatch(known, name) for known in HARMLESS.values())} == set()
    unused = [why for why, known in HARMLESS.items() if not any(re.fullmatch(known, name) for name in names)]
    assert unused == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_advisory_lock(22096, hashtext('PublishTrusted'))",
        "SELECT pg_try_advisory_xact_lock_shared(1)",
        "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000))",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT pg_notify('x', 'y')",
    ],
)
def test_analysts_reach_no_other_session(loaded: Project, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        loaded.rows(statement, role="analyst")
    if "advisory" in statement or "emit" in statement:
        assert len(loaded.rows(statement)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE data_analyst",
        "SET ROLE pipeline_report",
        "ALTER ROLE data_analyst PASSWORD 'mine'",
        "ALTER ROLE data_analyst SET statement_timeout = '1ms'",
        "ALTER ROLE pipeline_report PASSWORD 'mine'",
        "ALTER ROLE pipeline_report SET search_path = public",
        "ALTER ROLE pipeline_report IN DATABASE postgres SET statement_timeout = '1ms'",
        "GRANT data_analyst TO pipeline",
        "DROP ROLE pipeline_report",
    ],
)
def test_an_analyst_changes_nothing_of_others(loaded: Project, statement: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.InvalidGrantOperation, errors.SyntaxError)):
        loaded.rows(f"SET default_transaction_read_only = off; COMMIT; {statement}", role="analyst")


def test_nobody_logs_in_as_the_group_of_analysts(loaded: Project) -> None:
    with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
        psycopg2.connect(loaded.dsn("analyst").replace("//analyst@", "//data_analyst@"))


def test_the_report_heeds_no_settings_of_an_analyst(loaded: Project) -> None:
    loaded.rows(
        "SET default_transaction_read_only = off; COMMIT; ALTER ROLE analyst SET search_path = none", role="analyst"
    )
    try:
        with settings_of(loaded), postgres.session("report") as cursor:
            cursor.execute("SELECT user, count(*) FROM user_engagement")
            assert cursor.fetchall() == [("pipeline_report", 1)]
    finally:
        loaded.rows(
            "SET default_transaction_read_only = off; COMMIT; ALTER ROLE analyst SET search_path = trusted",
            role="analyst",
        )


def test_analysts_leave_connections_to_the_pipeline(loaded: Project) -> None:
    most = loaded.value("SELECT setting::int / 2 FROM pg_settings WHERE name = 'max_connections'")
    with ExitStack() as analysts:
        with pytest.raises(psycopg2.OperationalError, match='too many connections for role "analyst"'):
            for _ in range(most + 1):
                analysts.enter_context(closing(psycopg2.connect(loaded.dsn("analyst"))))
        assert loaded.rows("SELECT 1") == [(1,)]


def test_analysts_cannot_fill_the_disk(loaded: Project) -> None:
    assert loaded.rows("SHOW temp_file_limit", role="analyst") == [("4GB",)]
    for statement in ("SET temp_file_limit = -1", "ALTER ROLE analyst RESET temp_file_limit"):
        with pytest.raises(errors.InsufficientPrivilege):
            loaded.rows(f"SET TRANSACTION READ WRITE; {statement}", role="analyst")


def test_no_function_of_ours_runs_with_the_rights_of_its_owner(loaded: Project) -> None:
    lends = f"SELECT proname FROM pg_proc INNER JOIN pg_namespace n ON n.oid = pronamespace WHERE {OURS} AND prosecdef"
    assert loaded.rows(lends) == []


def test_tables_and_functions_made_later_are_covered(loaded: Project) -> None:
    for statement in (
        "CREATE TABLE trusted.made_later AS SELECT 1 AS one",
        "CREATE TABLE processed.made_later AS SELECT 1 AS one",
        "CREATE FUNCTION trusted.helper() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA later CREATE TABLE hidden (n int)",
    ):
        loaded.rows(statement)
    assert loaded.rows("SELECT one FROM made_later", role="analyst") == [(1,)]
    for refused in ("SELECT * FROM processed.made_later", "SELECT trusted.helper()", "SELECT * FROM later.hidden"):
        with pytest.raises(errors.InsufficientPrivilege):
            loaded.rows(refused, role="analyst")
    loaded.rows("DROP TABLE trusted.made_later, processed.made_later; DROP FUNCTION trusted.helper()")
    loaded.rows("DROP SCHEMA later CASCADE")


@pytest.mark.parametrize("path", ["processed", "raw, etl, processed", "public, pg_temp, processed"])
def test_a_search_path_opens_nothing(loaded: Project, path: str) -> None:
    with loaded.connection("analyst") as connection, connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {path}; SET default_transaction_read_only = off")
        for statement in ("SELECT * FROM users", "SELECT clean('x')", "SELECT * FROM batches"):
            with pytest.raises((errors.UndefinedTable, errors.UndefinedFunction, errors.InsufficientPrivilege)):
                cursor.execute(statement)
        # What stands in for a table of ours in a view or a load: nowhere may it be made.
        for statement in ("CREATE TABLE users (n int)", "CREATE TEMP TABLE users (n int)"):
            with pytest.raises((errors.InsufficientPrivilege, errors.InvalidSchemaName)):
                cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE friend",
        "CREATE DATABASE other",
        "ALTER ROLE pipeline SUPERUSER",
        "ALTER ROLE data_analyst CREATEDB",
        "GRANT pg_read_server_files TO pipeline",
        "SELECT * FROM pg_authid",
        "COPY processed.users TO '/tmp/out'",
        "COPY raw.users FROM PROGRAM 'id'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT lo_create(0)",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER SYSTEM SET log_statement = 'none'",
        "CREATE EXTENSION adminpack",
        "CREATE FUNCTION etl.f() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
    ],
)
def test_the_role_of_the_pipeline_owns_its_database_alone(loaded: Project, statement: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.FeatureNotSupported, errors.UndefinedFile)):
        loaded.rows(statement)


def test_the_role_of_the_pipeline_enters_no_other_database(loaded: Project) -> None:
    for role in ("pipeline", "analyst"):
        elsewhere = loaded.dsn(role).replace(f"/{loaded.env['POSTGRES_DB']}?", "/postgres?")
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            psycopg2.connect(elsewhere)


def test_rights_are_the_same_while_a_load_and_a_publication_run(loaded: Project) -> None:
    refused = ("SELECT * FROM processed.users", "SELECT * FROM raw.users", "SELECT * FROM etl.batches")
    over, seen, wrong = threading.Event(), set[tuple[int, ...]](), list[str]()

    def look() -> None:
        with loaded.connection("analyst") as connection, connection.cursor() as cursor:
            is_last = False
            while not is_last:
                is_last = over.is_set()  # whatever was read meanwhile, the end is looked at
                cursor.execute(
                    "SELECT (SELECT count(*) FROM user_engagement), (SELECT sum(users) FROM country_engagement)"
                )
                seen.update(cursor.fetchall())
                for statement in refused:
                    try:
                        cursor.execute(statement)
                        wrong.append(statement)
                    except errors.InsufficientPrivilege:
                        pass

    looking = threading.Thread(target=look)
    looking.start()
    try:
        loaded.write_rows("users-2.csv", [USER_COLUMNS, BOB])
        # A changed definition is dropped and made anew: its grants with it.
        loaded.rows("DROP VIEW trusted.daily_viewing")
        loaded.must_run()
    finally:
        over.set()
        looking.join()
    assert wrong == []
    assert seen == {(1, 1), (2, 2)}

"""Every right that analysts and the role of the pipeline have, read from the catalogue, and tried while runs go on."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errors

from tests.in_process import settle
from tests.project import Project
from tests.small_input import ANN, BOB, SESSION_COLUMNS, USER_COLUMNS, movie, session

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
        WHERE member IN ('data_analyst'::regrole, 'pipeline'::regrole)
    """
    assert loaded.rows(roles) == [("data_analyst", "pipeline", False, False)]
    database = "SELECT has_database_privilege('data_analyst', current_database(), %s)"
    assert [loaded.value(database, right) for right in ("CONNECT", "TEMPORARY", "CREATE")] == [True, False, False]


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
            while not over.is_set():
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

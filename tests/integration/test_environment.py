"""What the environment, a role or a database says must not change what is loaded, nor where."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pipeline.cli.psql import choose_psql
from pipeline.servers.embedded import find_binaries
from tests.comparing import assert_loaded
from tests.in_process import load_all, settings_of, settle
from tests.oracle import expected
from tests.project import DAY, Project
from tests.small_input import ANN, BOB, session, write_all, write_sessions, write_users

SPANISH = "U3,30,México,Básico,2024-01-02,1.5"
HOSTILE_VARIABLES = {
    "PGCLIENTENCODING": "LATIN1",
    "PGDATABASE": "postgres",
    "PGDATESTYLE": "SQL,DMY",
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c default_transaction_read_only=on -c statement_timeout=1",
    "PGPASSFILE": "/nowhere",
    "PGPORT": "1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGSERVICE": "elsewhere",
    "PGSERVICEFILE": "/nowhere",
    "PGSSLMODE": "verify-full",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Pacific/Kiritimati",
    "PGUSER": "nobody",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "TZ": "Pacific/Kiritimati",
}
HOSTILE_SETTINGS = {
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "datestyle": "SQL,DMY",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "extra_float_digits": "-15",
    "idle_in_transaction_session_timeout": "1",
    "intervalstyle": "sql_standard",
    "lock_timeout": "1",
    "row_security": "off",
    "search_path": "nowhere",
    "standard_conforming_strings": "off",
    "statement_timeout": "1",
    "timezone": "Pacific/Kiritimati",
    "transaction_timeout": "1",
    "transform_null_equals": "on",
}


def write_spanish(project: Project) -> None:
    write_users(project, ANN, BOB, SPANISH)
    write_sessions(project, session(4, user="U3"), session(5), name="viewing_sessions-3.csv")


def countries(project: Project) -> list[tuple[str, str]]:
    return project.rows("SELECT country, subscription_type FROM processed.users WHERE user_id = 'U3'")


def test_hostile_variables_change_nothing(project: Project) -> None:
    write_all(project)
    write_spanish(project)
    project.env["REPORTS_PATH"] = f"{project.folder}/réports of us"
    run = project.must_run(**HOSTILE_VARIABLES)
    assert f"{project.folder.as_uri()}/r%C3%A9ports%20of%20us/{DAY}/index.html" in run.output
    assert countries(project) == [("México", "Básico")]
    assert_loaded(project, expected(project.raw))
    assert "México" in next(Path(project.env["REPORTS_PATH"]).glob("*/index.html")).read_text(encoding="utf-8")
    told = project.pipeline("psql", "-XAtc", "SELECT country FROM user_engagement ORDER BY 1", **HOSTILE_VARIABLES)
    assert (told.code, told.answer) == (0, "Chile\nMéxico\nPeru\n")


@pytest.fixture
def hostile_database(project: Project) -> Project:
    """A loaded project in whose database both roles begin with hostile settings."""
    load_all(project)
    database = project.env["POSTGRES_DB"]
    with project.connection() as connection, connection.cursor() as cursor:
        for name, value in HOSTILE_SETTINGS.items():
            cursor.execute(f"ALTER ROLE pipeline IN DATABASE {database} SET {name} = %s", (value,))
            cursor.execute(f"ALTER DATABASE {database} SET {name} = %s", (value,))
    return project


def test_hostile_settings_of_the_role_change_nothing(hostile_database: Project) -> None:
    project, database = hostile_database, hostile_database.env["POSTGRES_DB"]
    write_spanish(project)
    settle(project)
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute(f"ALTER DATABASE {database} RESET ALL")
        cursor.execute(f"ALTER ROLE pipeline IN DATABASE {database} RESET ALL")
    assert countries(project) == [("México", "Básico")]
    assert_loaded(project, expected(project.raw))


def test_the_dsn_says_its_encoding(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    for role in ("pipeline", "analyst"):
        assert project.rows("SHOW client_encoding", role=role) == [("UTF8",)]


@pytest.mark.parametrize(("version", "is_bundled"), [("15.3 (Debian 15.3-1)", True), ("99.1", False)])
def test_a_psql_older_than_the_server_gives_way(
    project: Project, tmp_path: Path, version: str, is_bundled: bool
) -> None:
    program, bundled = tmp_path / "psql", str(find_binaries() / "psql")
    program.write_text(f"#!/bin/sh\necho 'psql (PostgreSQL) {version}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with settings_of(project):
        assert choose_psql(str(program), bundled, "analyst") == (bundled if is_bundled else str(program))
        assert choose_psql(None, bundled, "analyst") == bundled
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    told = project.pipeline("psql", "-XAtc", "SELECT 'one'", PATH=path)
    assert told.answer == ("one\n" if is_bundled else f"psql (PostgreSQL) {version}\n")

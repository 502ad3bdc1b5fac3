"""PostgreSQL's own client, connected to the warehouse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing

import typer

from pipeline.cli.options import RoleName, role_of
from pipeline.servers import postgres
from pipeline.servers.embedded import EmbeddedServerError, find_binaries
from pipeline.servers.libpq import ENCODING, Role, without_libpq
from pipeline.servers.postgres import PostgresError
from pipeline.settings import get_settings, without_secrets


def psql(context: typer.Context, role: RoleName = "analyst") -> None:
    """Open psql on the warehouse, your own or the one of the embedded server; all else is handed to it.

    Example: python -m pipeline psql -c 'SELECT * FROM period_summary'
    """
    variables = environment(role_of(role))
    program = choose_psql(shutil.which("psql"), _bundled(), role_of(role))
    if program is None:
        raise FileNotFoundError("there is no psql on the PATH; install PostgreSQL's client")
    sys.stdout.flush()
    # The address goes into the environment: anybody may read the arguments of a process.
    os.execve(program, [program, *context.args], variables)  # noqa: S606 (no shell is wanted)


def choose_psql(on_path: str | None, bundled: str | None, role: Role) -> str | None:
    """Return which psql to run: the one on the path, unless it is older than the server and than the bundled one."""
    if on_path is None or bundled is None:
        return on_path or bundled
    is_old = major_version(on_path) < min(_server_version(role), major_version(bundled))
    return bundled if is_old else on_path


def major_version(program: str) -> int:
    """Return the major version of a psql; 0 if it does not tell."""
    command = [program, "--version"]
    told = subprocess.run(command, env=without_secrets(os.environ), capture_output=True, text=True, check=False).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", told)
    return int(found[1]) if found else 0


def _server_version(role: Role) -> int:
    """Return the major version of the server; 0 where psql is to ask for a password, or to say what is wrong."""
    try:
        with closing(postgres.connect(role)) as connection:
            return connection.server_version // 10000
    except PostgresError:
        return 0


def _bundled() -> str | None:
    try:
        program = str(find_binaries() / "psql")
    except EmbeddedServerError:
        return None
    return program if os.access(program, os.X_OK) else None


def environment(role: Role) -> dict[str, str]:
    """Return the environment in which psql finds the warehouse as a role, and no secret but its password."""
    names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names |= {name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}
    given = {names[name]: str(value) for name, value in postgres.connection_parameters(role).items() if name in names}
    if not (sys.stdin.isatty() and sys.stdout.isatty()):  # on a terminal psql follows its encoding
        given["PGCLIENTENCODING"] = ENCODING
    ours = without_secrets(os.environ)
    return without_libpq(ours, is_embedded=get_settings().postgres_host is None) | given

"""PostgreSQL's own client, connected to the warehouse."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Literal

from pipeline.stores import postgres
from pipeline.stores.local_cluster import find_binaries


def run_psql(role: Literal["pipeline", "analyst"], arguments: list[str]) -> None:
    """Become psql: the one of this machine, or else the one of the embedded server.

    Raises:
        FileNotFoundError: there is neither.
    """
    program = shutil.which("psql") or str(find_binaries() / "psql")
    if not os.access(program, os.X_OK):
        raise FileNotFoundError(f"there is no psql: {program}; install PostgreSQL's client")
    sys.stdout.flush()
    # The address goes into the environment: anybody may read the arguments of a process.
    os.execve(program, [program, *arguments], os.environ | environment(role))  # noqa: S606 (no shell is wanted)


def environment(role: Literal["pipeline", "analyst"]) -> dict[str, str]:
    """Return the variables by which psql finds the warehouse as a role."""
    names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names |= {name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}
    return {names[name]: str(value) for name, value in postgres.connection_parameters(role).items() if name in names}

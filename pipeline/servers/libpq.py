"""What a session of PostgreSQL relies on, set by us, and the environment's variables that do not count."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

Role = Literal["pipeline", "analyst", "report"]
ENCODING = "UTF8"
# What results depend on. As part of the connection's start it costs nothing, and wins over what is set for the
# role, the database and the server; what only a superuser may set is not here.
RESULTS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "lc_numeric": "C",
    "lc_time": "C",
    "row_security": "off",  # a policy that hides rows is an error
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "synchronous_commit": "on",
}
_READER = {"search_path": "trusted", "default_transaction_read_only": "on", "work_mem": "64MB"}
# A load whose client died must not go on: the server looks every second whether it is still there. Compiling (jit)
# the expressions of a merge takes longer than it saves.
OF_ROLE = {
    "pipeline": {
        "search_path": "pg_catalog",
        "default_transaction_read_only": "off",
        "client_connection_check_interval": "1000",
        "work_mem": "64MB",
        "maintenance_work_mem": "256MB",
        "jit": "off",
    },
    "analyst": _READER,
    "report": _READER,
}
# How somebody proves who he is to a server of his own; everything else says where a server is, or how it answers.
CREDENTIALS = ("PGPASS", "PGSSL", "PGGSS", "PGKRB", "PGREQUIREAUTH", "PGCHANNELBINDING")


def session_options(role: Role, **more: str) -> str:
    """Return the `options` of a connection: all settings that our sessions rely on, and `more` of them."""
    settings = {**RESULTS, **OF_ROLE[role], **more}
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())


def without_libpq(environment: Mapping[str, str], *, is_embedded: bool) -> dict[str, str]:
    """Return an environment without the variables by which libpq would find another server, or get other results.

    Where the server is, is said by our settings alone. Those by which a user proves who he is stay, unless the
    server is the embedded one, which asks nobody.
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("PG") or (name.startswith(CREDENTIALS) and not is_embedded)
    }


def forget_variables(*, is_embedded: bool) -> None:
    """Remove those variables from the environment of this process, which libpq reads as it connects."""
    for name in os.environ.keys() - without_libpq(os.environ, is_embedded=is_embedded).keys():
        del os.environ[name]

"""Connections to PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from pydantic import SecretStr
from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception,
    stop_after_delay,
    wait_exponential,
)

from pipeline.errors import PipelineError
from pipeline.servers.embedded import ensure_postgres
from pipeline.servers.libpq import ENCODING, Role, forget_variables, session_options
from pipeline.servers.refusals import postgres_permission, postgres_refusal
from pipeline.settings import Settings, get_settings

logger = logging.getLogger("pipeline")

MINIMUM_VERSION = 170000
WAIT_FOR_SERVER_SECONDS = 30
# A server that vanished without a word is noticed within three minutes.
KEEPALIVE: dict[str, Any] = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 8}
# What a server says that is starting or restarting; anything else (password, database) is final.
PASSING_FAULTS = (
    "connection refused",
    "no such file or directory",
    "starting up",
    "shutting down",
    "in recovery",
    "server closed the connection",
    "unexpected postmaster exit",
    "timeout expired",
    "too many clients",
    "remaining connection slots",
)


class PostgresError(PipelineError):
    """PostgreSQL cannot be used; the message says why and what to do."""


def connection_parameters(role: Role = "pipeline") -> dict[str, Any]:
    """Return what `psycopg2.connect` needs for a role, starting the embedded server if that is the one."""
    settings = get_settings()
    user, secret = _login(settings, role)
    password = secret.get_secret_value()
    parameters: dict[str, Any] = {"user": user, "dbname": settings.postgres_db}
    if settings.postgres_host is None:
        address = ensure_postgres(settings)
        parameters |= {"host": address.host, "port": address.port}
    else:
        parameters |= {"host": settings.postgres_host, "port": settings.postgres_port, **_tls(settings)}
    return {**parameters, "password": password} if password else parameters


def _tls(settings: Settings) -> dict[str, str]:
    """Return what libpq is to know about TLS, under libpq's names; empty if nothing is set."""
    given = {
        "sslmode": settings.postgres_sslmode,
        "sslrootcert": settings.postgres_sslrootcert,
        "sslcert": settings.postgres_sslcert,
        "sslkey": settings.postgres_sslkey,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _login(settings: Settings, role: Role) -> tuple[str, SecretStr]:
    """Return the user and the password of a role."""
    return {
        "pipeline": (settings.postgres_user, settings.postgres_password),
        "analyst": (settings.data_analyst_user, settings.data_analyst_password),
        "report": (settings.report_user, settings.report_password),
    }[role]


def _user_of(role: Role) -> str:
    return _login(get_settings(), role)[0]


@contextmanager
def permissions_named(role: Role = "pipeline") -> Iterator[None]:
    """Say of a statement that was refused for want of a right who lacks it, where, and what to do.

    Raises:
        PostgresError: the block met such a refusal.
    """
    try:
        yield
    except psycopg2.errors.InsufficientPrivilege as error:
        reason = " ".join(str(error).split())
        raise PostgresError(postgres_permission(reason, server_name(), _user_of(role))) from error


def dsn(role: Role = "pipeline", *, with_password: bool = True) -> str:
    """Return a connection URI for `psql`, with the role's password if one is set."""
    given = connection_parameters(role)
    secret = f":{quote(given['password'], safe='')}" if with_password and "password" in given else ""
    address = {name: given[name] for name in given if name not in ("user", "password", "dbname")}
    query = urlencode({**address, "client_encoding": ENCODING}, quote_via=quote)
    return f"postgresql://{quote(given['user'], safe='')}{secret}@/{quote(given['dbname'], safe='')}?{query}"


def server_name(settings: Settings | None = None) -> str:
    """Return which server and database the settings mean, without credentials."""
    settings = settings or get_settings()
    if settings.postgres_host is None:
        return f"embedded/{settings.postgres_db}"
    return f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_db}"


def _is_passing(error: BaseException) -> bool:
    message = str(error).lower()
    return isinstance(error, psycopg2.OperationalError) and any(fault in message for fault in PASSING_FAULTS)


def _announce(state: RetryCallState) -> None:
    """Say once that the server is waited for, and why."""
    if state.attempt_number == 1 and state.outcome:
        reason = " ".join(str(state.outcome.exception()).split())
        logger.warning("waiting up to %d s for PostgreSQL (%s): %s", WAIT_FOR_SERVER_SECONDS, server_name(), reason)


@retry(
    retry=retry_if_exception(_is_passing),
    wait=wait_exponential(multiplier=0.1, max=2),
    stop=stop_after_delay(WAIT_FOR_SERVER_SECONDS),
    before_sleep=_announce,
    reraise=True,
)
def _connect(role: Role) -> Connection:
    settings = get_settings()
    parameters = connection_parameters(role)
    forget_variables(is_embedded=settings.postgres_host is None)
    connection: Connection = psycopg2.connect(
        **parameters,
        connect_timeout=10,
        application_name="video_streaming_pipeline",
        client_encoding=ENCODING,
        options=session_options(role, lock_timeout=f"{settings.lock_timeout_seconds}s"),
        **KEEPALIVE,
    )
    return connection


def connect(role: Role = "pipeline") -> Connection:
    """Open a connection; a server that is just starting is waited for.

    Raises:
        PostgresError: there is no connection to be had, or the server is too old.
    """
    try:
        connection = _connect(role)
    except psycopg2.OperationalError as error:
        reason = " ".join(str(error).split())
        raise PostgresError(postgres_refusal(reason, server_name(), _user_of(role), role)) from error
    if connection.server_version < MINIMUM_VERSION:
        version = connection.server_version // 10000
        connection.close()
        raise PostgresError(f"PostgreSQL 17 or later is needed; {server_name()} is version {version}")
    return connection


@contextmanager
def session(role: Role = "pipeline") -> Iterator[Cursor]:
    """Open a connection for a few statements, each committed by itself, and close it."""
    connection = connect(role)
    try:
        connection.autocommit = True
        with permissions_named(role), connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()

"""Telling apart why a server cannot be used: connection, TLS, login, database, permission, version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.servers.libpq import Role

if TYPE_CHECKING:
    from pymongo.errors import OperationFailure

POSTGRES_TLS = ("ssl", "certificate", "no encryption")
POSTGRES_LOGIN = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "not permitted to log in",
    'role "',
)
POSTGRES_DATABASE = ('database "',)
MONGO_TLS = ("ssl", "certificate", "tls")
# Who logs in, by the variables that say with which name and password.
LOGINS: dict[Role, str] = {
    "pipeline": "POSTGRES_USER and POSTGRES_PASSWORD",
    "analyst": "DATA_ANALYST_USER and DATA_ANALYST_PASSWORD",
    "report": "REPORT_USER and REPORT_PASSWORD",
}
# Codes of MongoDB's errors; hosted services answer a wrong login with one of their own.
UNAUTHORIZED = 13
WRONG_LOGIN = (18, 8000)


def postgres_refusal(reason: str, server: str, user: str, role: Role) -> str:
    """Return what to say of a connection that PostgreSQL or libpq refused, with what to do.

    Args:
        reason: the whole message of libpq.
        server: what `server_name` says.
        user: the name that logs in.
        role: as what.
    """
    told = reason.lower()
    # A server that takes no connection without encryption says so as if the login were at fault.
    if "pg_hba" in told and "no encryption" in told:
        return f"PostgreSQL ({server}) wants TLS or knows no such login: {reason}; set POSTGRES_SSLMODE=require"
    if any(phrase in told for phrase in POSTGRES_LOGIN):
        return (
            f"PostgreSQL ({server}) refused the login of {user}: {reason}; check {LOGINS[role]};"
            " an administrator makes the login, and sets its password, by running init-postgres.sh"
        )
    if any(phrase in told for phrase in POSTGRES_DATABASE):
        return (
            f"PostgreSQL ({server}) has no such database for {user}: {reason};"
            " an administrator makes it by running init-postgres.sh"
        )
    if any(phrase in told for phrase in POSTGRES_TLS):
        return f"no TLS connection to PostgreSQL ({server}): {reason}; check POSTGRES_SSLMODE and POSTGRES_SSLROOTCERT"
    return f"no connection to PostgreSQL ({server}): {reason}"


def postgres_permission(reason: str, server: str, user: str) -> str:
    """Return what to say when a statement was refused for want of a right."""
    return (
        f"PostgreSQL ({server}) does not permit this to {user}: {reason};"
        " an administrator grants what is needed by running init-postgres.sh"
    )


def mongo_refusal(error: OperationFailure, reason: str, server: str, user: str) -> str:
    """Return what to say of an operation that MongoDB refused: the login, a right, or something else."""
    if error.code in WRONG_LOGIN:
        return (
            f"MongoDB ({server}) refused the login of {user}: {reason};"
            " check the user, its password and the authentication database (MONGO_AUTH_SOURCE)"
        )
    if error.code == UNAUTHORIZED:
        database = server.rpartition("/")[2]
        return (
            f"MongoDB ({server}) does not permit this to {user}: {reason};"
            f" the roles readWrite and dbAdmin on {database} are needed"
        )
    return f"MongoDB ({server}) refused: {reason}"


def mongo_unreachable(reason: str, server: str) -> str:
    """Return what to say when no connection came about."""
    # PyMongo goes on with its picture of the servers, which says the same again at length.
    reason = reason.partition(", Topology Description:")[0]
    told = reason.lower()
    if "wire version" in told:
        return f"MongoDB 6 or later is needed ({server}): {reason}"
    if any(phrase in told for phrase in MONGO_TLS):
        return f"no TLS connection to MongoDB ({server}): {reason}; check MONGO_TLS and MONGO_TLS_CA_FILE"
    if "connection closed" in told or "connection reset" in told:
        return f"no connection to MongoDB ({server}): {reason}; if the server wants TLS, set MONGO_TLS=true"
    return f"no connection to MongoDB ({server}): {reason}"

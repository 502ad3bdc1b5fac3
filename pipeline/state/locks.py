"""Advisory locks of PostgreSQL, by name: they keep runs apart, and end with the session that holds them."""

from __future__ import annotations

from typing import NamedTuple

from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import cursor as Cursor

from pipeline.servers.lock_holders import LockHeldError, advisory_holders
from pipeline.warehouse.statements import fetch_value

SPACE = 0x5650  # first key of our locks, apart from those of other programs


class Locks(NamedTuple):
    """Names of locks: those held `alone`, and those that others may hold as `shared`, too."""

    alone: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def take_locks(cursor: Cursor, locks: Locks) -> None:
    """Wait for locks, in the order of their names, so that two loads never wait for each other.

    The session of `cursor`, in autocommit mode, holds them until it ends.

    Raises:
        LockHeldError: another session held one for `LOCK_TIMEOUT_SECONDS`.
    """
    for name in sorted({*locks.alone, *locks.shared}):
        function = "pg_advisory_lock" if name in locks.alone else "pg_advisory_lock_shared"
        try:
            cursor.execute(f"SELECT {function}(%s, hashtext(%s))", (SPACE, name))
        except LockNotAvailable as error:
            holders = advisory_holders(cursor, SPACE, name, is_shared=name not in locks.alone)
            raise LockHeldError(holders) from error


def is_free(cursor: Cursor, name: str) -> bool:
    """Tell whether nobody holds a lock now."""
    if not try_lock(cursor, name):
        return False
    release(cursor, name)
    return True


def try_lock(cursor: Cursor, name: str) -> bool:
    """Take a lock alone if nobody holds it; tell whether it was to be had."""
    return bool(fetch_value(cursor, "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (SPACE, name)))


def release(cursor: Cursor, name: str) -> None:
    """Give back a lock that was held alone, before its session ends."""
    cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (SPACE, name))

"""Who holds a lock that a load waited for in vain."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from pipeline.settings import get_settings

SHOWN_HOLDERS = 3
SHOWN_QUERY = 120  # characters
SESSIONS = """
    SELECT
        pid, coalesce(usename, 'the server'), coalesce(host(client_addr), 'this machine'), coalesce(state, 'at work'),
        coalesce(xact_start, query_start, backend_start), coalesce(query, '')
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_locks WHERE granted AND {condition})
    ORDER BY coalesce(xact_start, query_start, backend_start) NULLS FIRST
"""
# Of a lock that is wanted together with others, only who holds it alone is in the way.
ADVISORY = """
    locktype = 'advisory' AND classid = %s::oid AND objid = (hashtext(%s)::bigint & 4294967295)::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (NOT %s OR mode = 'ExclusiveLock')
"""
TABLES = """
    locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (
        SELECT oid FROM pg_class
        WHERE relnamespace IN (
            SELECT oid FROM pg_namespace WHERE nspname IN ('etl', 'raw', 'processed', 'trusted')
        )
    )
"""


class LockHeldError(Exception):
    """An advisory lock was not free in time; the message names its holders."""


def advisory_holders(cursor: Cursor, space: int, name: str, *, is_shared: bool) -> str:
    """Return which sessions keep an advisory lock from us, in words."""
    cursor.execute(SESSIONS.format(condition=ADVISORY), (space, name, is_shared))
    return _in_words(cursor)


def table_holders(cursor: Cursor) -> str:
    """Return which sessions hold locks on tables of the warehouse, in words; which of them it was, nobody tells."""
    cursor.execute(SESSIONS.format(condition=TABLES))
    return _in_words(cursor)


def held_too_long(subject: str, holders: str) -> str:
    """Return what to say of a load that waited for a lock in vain."""
    seconds = get_settings().lock_timeout_seconds
    return (
        f"{subject}: another session held a lock for more than LOCK_TIMEOUT_SECONDS ({seconds} s): {holders};"
        " let it end, or end it with SELECT pg_terminate_backend(process), and run again"
    )


def _in_words(cursor: Cursor) -> str:
    told = []
    found = cursor.fetchall()
    for pid, user, host, state, since, query in found[:SHOWN_HOLDERS]:
        text = " ".join(query.split())
        shown = text if len(text) <= SHOWN_QUERY else f"{text[:SHOWN_QUERY]}…"
        when = f" since {since.astimezone():%H:%M:%S}" if since else ""
        told.append(f"process {pid} ({user} from {host}, {state}{when}: {shown})")
    more = [f"{len(found) - SHOWN_HOLDERS} more"] if len(found) > SHOWN_HOLDERS else []
    return ", ".join([*told, *more]) or "it has ended since"

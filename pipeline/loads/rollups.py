"""Sums over sessions that the views of `trusted` share: built in one go, or kept up from what changed.

What changed is noted by triggers of `processed.viewing_sessions`. Where they were not at work, after a bulk
load, or where too much changed, everything is built afresh.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.stores.postgres import execute_file, fetch_value

SQL = ("rollups/*.sql", "etl/rollups.sql")
"""The files, as patterns, that say what the rollups hold."""

TABLES = (
    "etl.rollup_user_devices",
    "etl.rollup_user_months",
    "etl.rollup_titles",
    "etl.rollup_title_viewers",
    "etl.rollup_days",
)
REBUILD_FROM_SHARE = 0.05  # of the sessions changed: the users concerned are then most users


def bring_up_to_date(cursor: Cursor, *, rebuild: bool) -> None:
    """Bring the rollups to the present sessions.

    Args:
        cursor: in the transaction that publishes, in whose snapshot everything is read.
        rebuild: build them afresh in any case.
    """
    if rebuild or not _can_be_kept_up(cursor):
        _rebuild(cursor)
    elif fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.session_changes)"):
        _keep_up(cursor)


def _can_be_kept_up(cursor: Cursor) -> bool:
    """Tell whether the rollups are there, and not too much has changed or was added to them since."""
    if not fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_state)"):
        return False
    changed = fetch_value(cursor, "SELECT count(*) FROM etl.session_changes")
    sessions = fetch_value(cursor, "SELECT coalesce(sum(sessions), 0) FROM etl.rollup_days")
    return bool(changed <= max(1000, REBUILD_FROM_SHARE * float(sessions)))


def _rebuild(cursor: Cursor) -> None:
    cursor.execute(f"TRUNCATE {', '.join(TABLES)}")
    _forget_changes(cursor)
    cursor.execute("DELETE FROM etl.rollup_state")
    whole = {"sessions": sql.SQL("processed.viewing_sessions"), "sign": sql.SQL(""), "sign_sum": sql.SQL("count(*)")}
    for name in ("user_devices", "user_months", "titles", "viewers", "days"):
        execute_file(cursor, f"rollups/{name}.sql", parts=whole)
    cursor.execute("INSERT INTO etl.rollup_state DEFAULT VALUES")
    cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def _keep_up(cursor: Cursor) -> None:
    execute_file(cursor, "rollups/begin_changes.sql")
    theirs = {"sessions": sql.SQL("their_sessions")}
    changes = {"sessions": sql.SQL("changes"), "sign": sql.SQL("sign * "), "sign_sum": sql.SQL("sum(sign)")}
    for name, parts in (
        ("user_devices", theirs),
        ("user_months", theirs),
        ("titles", changes),
        ("changed_viewers", changes),
        ("days", changes),
    ):
        execute_file(cursor, f"rollups/{name}.sql", parts=parts)
    _forget_changes(cursor)


def _forget_changes(cursor: Cursor) -> None:
    # Not TRUNCATE: what others changed since the snapshot waits for the next publication.
    cursor.execute("DELETE FROM etl.session_changes")

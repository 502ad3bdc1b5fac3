"""Sums over sessions that the views of `trusted` share: built in one go, or kept up from what changed.

What changed is noted by triggers of `processed.viewing_sessions`. Where they were not at work, after a bulk
load, or where too much changed, everything is built afresh.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.stores.statements import execute_file, fetch_value

SQL = ("rollups/*.sql", "etl/rollups.sql")
"""The files, as patterns, that say what the rollups hold."""

TABLES = (
    "etl.rollup_user_devices",
    "etl.rollup_user_months",
    "etl.rollup_users",
    "etl.rollup_titles",
    "etl.rollup_title_countries",
    "etl.rollup_title_viewers",
    "etl.rollup_days",
)
# The others may be emptied on purpose.
LASTING_TABLES = tuple(name for name in TABLES if name != "etl.rollup_title_countries")
SUMS = "SELECT count(*) FROM etl.rollup_titles"
REBUILD_FROM_SHARE = 0.05  # of the sessions changed: the users concerned are then most users


def bring_up_to_date(cursor: Cursor, *, rebuild: bool) -> None:
    """Bring the rollups to the present sessions.

    Args:
        cursor: in the transaction that publishes, in whose snapshot everything is read.
        rebuild: build them afresh in any case.
    """
    if rebuild or not _can_be_kept_up(cursor):
        _rebuild(cursor)
        return
    if fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.session_changes)"):
        _keep_up(cursor)
    if not fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_title_countries)"):
        # Users left, or their country is another: the sums by country start afresh, if there are any.
        execute_file(cursor, "rollups/title_countries.sql", parts=WHOLE)


def _can_be_kept_up(cursor: Cursor) -> bool:
    """Tell whether the rollups are there, and neither too much has changed nor too many sums are to be added up."""
    if not fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_state)"):
        return False
    changed = fetch_value(cursor, "SELECT count(*) FROM etl.session_changes")
    sessions = fetch_value(cursor, "SELECT coalesce(sum(sessions), 0) FROM etl.rollup_days")
    grown = fetch_value(cursor, f"SELECT ({SUMS}) > 2 * title_rows + 10000 FROM etl.rollup_state")  # noqa: S608
    return bool(changed <= max(1000, REBUILD_FROM_SHARE * float(sessions)) and not grown)


WHOLE = {
    "sessions": sql.SQL("processed.viewing_sessions"),
    "of_users": sql.SQL("true"),
    "sign": sql.SQL(""),
    "sign_sum": sql.SQL("count(*)"),
}
THEIRS = {
    "sessions": sql.SQL("their_sessions"),
    "of_users": sql.SQL("user_id IN (SELECT user_id FROM changed_users)"),
}
CHANGES = {"sessions": sql.SQL("changes"), "sign": sql.SQL("sign * "), "sign_sum": sql.SQL("sum(sign)")}


def _rebuild(cursor: Cursor) -> None:
    cursor.execute(f"TRUNCATE {', '.join(TABLES)}")
    _forget_changes(cursor)
    cursor.execute("DELETE FROM etl.rollup_state")
    for name in ("user_devices", "user_months", "users", "titles", "title_countries", "viewers", "days"):
        execute_file(cursor, f"rollups/{name}.sql", parts=WHOLE)
    cursor.execute(f"INSERT INTO etl.rollup_state (title_rows) {SUMS}")
    cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def _keep_up(cursor: Cursor) -> None:
    execute_file(cursor, "rollups/begin_changes.sql")
    for name in ("user_devices", "user_months", "users"):
        execute_file(cursor, f"rollups/{name}.sql", parts=THEIRS)
    for name in ("titles", "changed_viewers", "days"):
        execute_file(cursor, f"rollups/{name}.sql", parts=CHANGES)
    if fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_title_countries)"):
        execute_file(cursor, "rollups/title_countries.sql", parts=CHANGES)
    _forget_changes(cursor)


def _forget_changes(cursor: Cursor) -> None:
    # Not TRUNCATE: what others changed since the snapshot waits for the next publication.
    cursor.execute("DELETE FROM etl.session_changes")

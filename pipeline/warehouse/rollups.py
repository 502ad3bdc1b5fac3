"""Sums over sessions that the views of `trusted` are made of: built in one go, or kept up by key from what changed.

What changed is noted by triggers of `processed.viewing_sessions` and `processed.users`. Where they were not at work,
after a bulk load, or where too much changed, everything is built afresh.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.typing import FENCE
from pipeline.warehouse.retire import forget_objects
from pipeline.warehouse.statements import execute_file, fetch_value

logger = logging.getLogger("pipeline")

SESSIONS = "viewing_sessions"
REBUILD_FROM_SHARE = 0.05  # of the sessions, or of the users, changed: looking each up costs more then
LOOK_UP_TO_SHARE = 0.01  # changed: more of them concern most users, whose sums are joined as a whole then
A_FEW_ROWS = 1000  # are looked up in any case
EARLIER = {
    f"etl.rollup_{name}"
    for name in (
        "ahead",
        "days",
        "title_countries",
        "title_viewers",
        "titles",
        "user_devices",
        "user_months",
        "users",
    )
}
CHANGES = """
    SELECT 'sessions', (SELECT count(*) FROM etl.session_changes), coalesce(sum(sessions), 0)::bigint
    FROM etl.rollup_audience
    UNION ALL
    SELECT 'users', (SELECT count(*) FROM etl.user_changes), coalesce(sum(users), 0)::bigint
    FROM etl.rollup_audience
"""
LOOKUPS = """
    SELECT to_regclass(name) IS NOT NULL
    FROM unnest('{processed.viewing_sessions_user_day_idx, processed.viewing_sessions_title_user_idx}'::text[]) AS name
"""
# A transaction leaves an index alone that it made where somebody may still see a row as before an update in place.
USABLE_LOOKUPS = (
    "SELECT bool_and(NOT indcheckxmin) FROM pg_index WHERE indrelid = 'processed.viewing_sessions'::regclass"
)
WHOLE = {
    "sessions": sql.SQL("processed.viewing_sessions"),
    "sign": sql.SQL(""),
    "sign_sum": sql.SQL("count(*)"),
}
DIFFERENCES = {"sessions": sql.SQL("changes"), "sign": sql.SQL("sign * "), "sign_sum": sql.SQL("sum(sign)")}


def bring_up_to_date(cursor: Cursor, day: date, *, rebuild: bool) -> None:
    """Bring the rollups to the present sessions and users.

    Args:
        cursor: in the transaction that publishes, in whose snapshot everything is read.
        day: the day of the run; months and days leave out what is dated after it.
        rebuild: build them afresh in any case.
    """
    given = {"day": sql.Literal(day)}
    if rebuild or not _keep_up(cursor, day, given):
        _rebuild(cursor, given)
    execute_file(cursor, "rollups/finish.sql", parts=given)


def names(cursor: Cursor) -> list[str]:
    """Return the tables that are filled."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'etl'::regnamespace AND relkind = 'r'"
        " AND starts_with(relname, 'rollup_') AND relname <> 'rollup_state' ORDER BY relname"
    )
    return [name for (name,) in cursor.fetchall()]


def drop_earlier(cursor: Cursor) -> None:
    """Drop what the views of earlier versions were made of."""
    every = ", ".join(EARLIER)
    cursor.execute(f"DROP TABLE IF EXISTS {every}")
    forget_objects(cursor, EARLIER)


def _keep_up(cursor: Cursor, day: date, given: Mapping[str, sql.Composable]) -> bool:
    """Add what changed; tell whether that was possible: the rollups are there, of no later day, and near enough."""
    if not fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_state WHERE is_current AND day <= %s)", (day,)):
        return False
    changes = _changes(cursor)
    for what, changed, present in changes:
        if changed > REBUILD_FROM_SHARE * present:
            logger.info("trusted: %s changes of %s %s: all sums are built afresh", f"{changed:,}", f"{present:,}", what)
            return False
    is_small = all(changed <= LOOK_UP_TO_SHARE * present for _, changed, present in changes)
    parts = {**given, "by_key": sql.SQL(FENCE if is_small else "")}
    execute_file(cursor, "rollups/begin_changes.sql", parts=parts)
    if fetch_value(cursor, "SELECT EXISTS (SELECT FROM changed_users)"):
        if not _has_lookups(cursor):
            return False
        execute_file(cursor, "rollups/sums.sql", parts=DIFFERENCES)
        execute_file(cursor, "rollups/keep_up.sql", parts=parts)
    return True


def _changes(cursor: Cursor) -> list[tuple[str, int, int]]:
    """Return how many sessions, and users, changed, and of how many; a few are taken for none."""
    cursor.execute(CHANGES)
    return [(what, changed, present) for what, changed, present in cursor.fetchall() if changed > A_FEW_ROWS]


def _has_lookups(cursor: Cursor) -> bool:
    """Make the indexes by which sessions are looked up, if missing; tell whether this transaction can use them."""
    cursor.execute(LOOKUPS)
    if all(is_there for (is_there,) in cursor.fetchall()):
        return True
    execute_file(cursor, "rollups/lookups.sql")
    return bool(fetch_value(cursor, USABLE_LOOKUPS))


def _rebuild(cursor: Cursor, given: Mapping[str, sql.Composable]) -> None:
    tables = [sql.Identifier("etl", name) for name in names(cursor)]
    every = sql.SQL(", ").join(tables)
    keys = sql.SQL(", ").join(sql.Identifier("etl", f"{name}_key") for name in names(cursor))
    cursor.execute(sql.SQL("TRUNCATE {}; DROP INDEX IF EXISTS {}").format(every, keys))
    execute_file(cursor, "rollups/sums.sql", parts=WHOLE)
    execute_file(cursor, "rollups/rebuild.sql", parts=given)
    execute_file(cursor, "rollups/indexes.sql")
    cursor.execute("DELETE FROM etl.rollup_state; INSERT INTO etl.rollup_state DEFAULT VALUES")
    cursor.execute(sql.SQL("ANALYZE {}").format(every))

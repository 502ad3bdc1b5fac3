"""Sums over sessions that the views of `trusted` share: built in one go, or kept up from what changed.

What changed is noted by triggers of `processed.viewing_sessions`. Where they were not at work, after a bulk
load, or where too much changed, everything is built afresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.warehouse.statements import execute_file, fetch_value

TABLES = (
    "etl.rollup_user_devices",
    "etl.rollup_user_months",
    "etl.rollup_users",
    "etl.rollup_titles",
    "etl.rollup_title_countries",
    "etl.rollup_title_viewers",
    "etl.rollup_days",
    "etl.rollup_ahead",
)
# The others may be emptied on purpose.
LASTING_TABLES = tuple(name for name in TABLES if name != "etl.rollup_title_countries")
SUMS = "SELECT count(*) FROM etl.rollup_titles"
REBUILD_FROM_SHARE = 0.05  # of the sessions changed: the users concerned are then most users


def bring_up_to_date(cursor: Cursor, day: date, *, rebuild: bool) -> None:
    """Bring the rollups to the present sessions.

    Args:
        cursor: in the transaction that publishes, in whose snapshot everything is read.
        day: the day of the run; months and days leave out what is dated after it.
        rebuild: build them afresh in any case.
    """
    given = {"day": sql.Literal(day)}
    if rebuild or not _can_be_kept_up(cursor, day):
        _rebuild(cursor, given)
        return
    if fetch_value(
        cursor,
        "SELECT EXISTS (SELECT FROM etl.session_changes)"
        " OR EXISTS (SELECT FROM etl.rollup_ahead WHERE watch_date <= %s)",
        (day,),
    ):
        _keep_up(cursor, given)
    cursor.execute("UPDATE etl.rollup_state SET day = %s WHERE day <> %s", (day, day))
    if not fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_title_countries)"):
        # Users left, or their country is another: the sums by country start afresh, if there are any.
        execute_file(cursor, "rollups/title_countries.sql", parts=WHOLE)


def _can_be_kept_up(cursor: Cursor, day: date) -> bool:
    """Tell whether the rollups are there, of no later day, and neither too much changed nor too many sums are there."""
    if not fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_state WHERE day <= %s)", (day,)):
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


def _rebuild(cursor: Cursor, given: Mapping[str, sql.Composable]) -> None:
    cursor.execute(f"TRUNCATE {', '.join(TABLES)}")
    _forget_changes(cursor)
    cursor.execute("DELETE FROM etl.rollup_state")
    for name in ("user_devices", "user_months", "users", "titles", "title_countries"):
        execute_file(cursor, f"rollups/{name}.sql", parts={**WHOLE, **given})
    _add_viewers(cursor, "rollups/viewers.sql")
    execute_file(cursor, "rollups/days.sql", parts={**WHOLE, **given})
    ahead = sql.SQL("SELECT EXISTS (SELECT FROM etl.rollup_days WHERE watch_date > {day})").format(**given)
    if fetch_value(cursor, ahead):
        execute_file(cursor, "rollups/ahead.sql", parts={**WHOLE, **given})
    cursor.execute(sql.SQL(f"INSERT INTO etl.rollup_state (title_rows, day) SELECT ({SUMS}), {{day}}").format(**given))
    cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def _keep_up(cursor: Cursor, given: Mapping[str, sql.Composable]) -> None:
    execute_file(cursor, "rollups/begin_changes.sql", parts=given)
    for name in ("user_devices", "user_months", "users"):
        execute_file(cursor, f"rollups/{name}.sql", parts={**THEIRS, **given})
    _add_viewers(cursor, "rollups/changed_viewers.sql")
    for name in ("titles", "days", "ahead"):
        execute_file(cursor, f"rollups/{name}.sql", parts={**CHANGES, **given})
    if fetch_value(cursor, "SELECT EXISTS (SELECT FROM etl.rollup_title_countries)"):
        execute_file(cursor, "rollups/title_countries.sql", parts=CHANGES)
    _forget_changes(cursor)


def _add_viewers(cursor: Cursor, file: str) -> None:
    """Count the viewers of days, for `days.sql`, and of titles."""
    for key, table in (("watch_date", "new_day_viewers"), ("content_id", "new_title_viewers")):
        execute_file(cursor, file, parts={"key": sql.Identifier(key), "new_viewers": sql.Identifier(table)})
    cursor.execute("INSERT INTO etl.rollup_title_viewers SELECT * FROM new_title_viewers")


def _forget_changes(cursor: Cursor) -> None:
    # Not TRUNCATE: what others changed since the snapshot waits for the next publication.
    cursor.execute("DELETE FROM etl.session_changes")

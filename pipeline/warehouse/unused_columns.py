"""Columns of raw tables that no landed file has any more.

The audit keeps which columns each landed file has beside the declared ones (`details -> 'columns'` of its batch).
Where a batch of an earlier version does not say, the columns of its table stay.
"""

from __future__ import annotations

import logging

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.contract.table import LINEAGE
from pipeline.state.locks import release, try_lock
from pipeline.warehouse.raw_columns import add_columns, create_raw, index_raw, record_index
from pipeline.warehouse.statements import fetch_value, identifiers

logger = logging.getLogger("pipeline")

MAX_COLUMNS = 1_600  # of a table in PostgreSQL, dropped ones included until the table is made anew
UNUSED = """
    WITH landed AS (
        SELECT batches.details
        FROM etl.table_updates AS updates
        INNER JOIN etl.batches AS batches ON batches.batch_id = coalesce(updates.audit_id, updates.batch_id)
        WHERE updates.target_table = %(target)s AND updates.update_id <> %(but)s
    )

    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped AND attname <> ALL (%(declared)s)
        AND NOT EXISTS (SELECT FROM landed WHERE NOT details ? 'columns' OR details -> 'columns' ? attname)
    ORDER BY attnum
"""


def undeclared(table: str, columns: list[str]) -> list[str]:
    """Return those columns of a file that the declaration of its table lacks."""
    return [column for column in columns if column not in _declared(table)]


def _declared(table: str) -> list[str]:
    declared = csv_tables().get(table)
    return [*LINEAGE, *(declared.column_names if declared else ())]


def _unused(cursor: Cursor, table: str, but: str = "") -> list[str]:
    """Return the columns of a raw table that no landed file has, be they or not those of the marker `but`."""
    names = {"target": f"raw.{table}", "table": sql.Identifier("raw", table).as_string(cursor)}
    cursor.execute(UNUSED, {**names, "but": but, "declared": _declared(table)})
    return [name for (name,) in cursor.fetchall()]


def drop_unused(cursor: Cursor, table: str) -> None:
    """Drop the columns of a declared raw table that no landed file has; the next run does if another is at it now.

    Args:
        cursor: in autocommit mode.
        table: name of the table.
    """
    lock = f"raw.{table}"
    if not _unused(cursor, table) or not try_lock(cursor, lock):
        return
    if columns := _unused(cursor, table):
        drops = sql.SQL(", ").join(sql.SQL("DROP COLUMN {}").format(sql.Identifier(column)) for column in columns)
        cursor.execute(sql.SQL("ALTER TABLE {} {}").format(sql.Identifier("raw", table), drops))
        logger.info("raw.%s: columns dropped that no file has any more: %s", table, f"{len(columns):,}")
    release(cursor, lock)


def make_room(cursor: Cursor, table: str, new: int, replaced: str) -> None:
    """Make a raw table anew without the columns that are not used, if it has no room for more columns otherwise.

    Args:
        cursor: of a landing that has not changed the table yet.
        table: name of the table.
        new: how many columns are to be added.
        replaced: the marker of the file whose rows are about to go.
    """
    raw = sql.Identifier("raw", table)
    cursor.execute(
        """
        SELECT attname, attisdropped, col_description(attrelid, attnum) FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attnum > 0 ORDER BY attnum
        """,
        (raw.as_string(cursor),),
    )
    found = cursor.fetchall()
    if len(found) + new <= MAX_COLUMNS:
        return
    unused = _unused(cursor, table, replaced)
    kept = {name: comment for name, is_dropped, comment in found if not is_dropped and name not in unused}
    if len(kept) + new > MAX_COLUMNS or len(kept) == len(found):
        return
    about = fetch_value(cursor, "SELECT obj_description(to_regclass(%s))", (raw.as_string(cursor),))
    is_indexed = fetch_value(
        cursor,
        "SELECT to_regclass(%s) IS NOT NULL",
        (sql.Identifier("raw", record_index(table)).as_string(cursor),),
    )
    copy = sql.SQL(
        "LOCK TABLE {raw} IN ACCESS EXCLUSIVE MODE;"
        " CREATE TEMP TABLE kept_rows ON COMMIT DROP AS SELECT {columns} FROM {raw};"
        " DROP TABLE {raw}; CREATE TABLE {raw} AS SELECT * FROM kept_rows;"
        " ALTER TABLE {raw} ALTER COLUMN _batch_id SET NOT NULL, ALTER COLUMN _row SET NOT NULL"
    )
    cursor.execute(copy.format(raw=raw, columns=identifiers(kept)))
    create_raw(cursor, table, str(about or "").partition(" Grain: ")[0])
    add_columns(cursor, table, {name: comment or "" for name, comment in kept.items() if name not in LINEAGE})
    if is_indexed:
        index_raw(cursor, table)

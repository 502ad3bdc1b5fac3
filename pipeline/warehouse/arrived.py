"""The raw rows of the batches that came, and what they are when typed: temporary views for a merge."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import tables
from pipeline.contract.typing import define_staging
from pipeline.warehouse.statements import fetch_value

MAX_PADDED = 10_000  # as many numbers as a condition should spell out
UNKNOWN = sql.SQL("false")


def added_batches(cursor: Cursor) -> sql.Composable:
    """Spell out the batches that came.

    So the planner knows whether to read a few of them or the whole table, and reads that in parallel, which it
    cannot where a temporary table is in the query.
    """
    batch_ids = fetch_value(cursor, "SELECT coalesce(array_agg(batch_id), '{}') FROM added_batches")
    return sql.SQL("{}::bigint[]").format(sql.Literal(batch_ids))


def added_rows(cursor: Cursor) -> int:
    """Return how many raw rows came."""
    query = (
        "SELECT coalesce(sum(rows_loaded), 0) FROM etl.batches WHERE batch_id IN (SELECT batch_id FROM added_batches)"
    )
    return int(fetch_value(cursor, query))


def define_arrived(cursor: Cursor, table: str, batches: sql.Composable) -> None:
    """Define a view of the raw rows that came, `all_arrived`, and `typed_all`, of what they are when typed."""
    cursor.execute(
        sql.SQL("CREATE TEMP VIEW all_arrived AS SELECT * FROM {raw} WHERE _batch_id = ANY ({batches})").format(
            raw=sql.Identifier("raw", table), batches=batches
        )
    )
    define_typed(cursor, table, "typed_all", "all_arrived", _is_tidy(cursor))


def define_typed(cursor: Cursor, table: str, view: str, source: str, is_tidy: sql.Composable = UNKNOWN) -> None:
    """Define a view of the typed rows of `source`, which has the columns of the raw table.

    Args:
        cursor: the load's.
        table: name of the raw table.
        view: name of the view.
        source: table or view of the raw rows.
        is_tidy: a condition on a row; where it is true, no value is an empty string or has blanks around it.
    """
    define_staging(cursor, tables()[table], view, source, is_tidy=is_tidy)


def _is_tidy(cursor: Cursor) -> sql.Composable:
    """Spell out which rows of the batches that came are tidy, as far as it was noted when their files landed.

    By their number alone, whatever the file: to look at both takes longer than to trim some rows for nothing.
    """
    cursor.execute("SELECT details -> 'padded' FROM added_batches LEFT JOIN etl.batches USING (batch_id)")
    noted = [numbers for (numbers,) in cursor.fetchall()]
    if None in noted:
        return UNKNOWN
    padded = sorted({number for numbers in noted for number in numbers})
    if len(padded) > MAX_PADDED:
        return UNKNOWN
    return sql.SQL("_row <> ALL ({}::bigint[])").format(sql.Literal(padded))

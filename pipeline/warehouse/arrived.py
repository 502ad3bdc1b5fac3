"""The raw rows of the batches that came, and what they are when typed: temporary views for a merge."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import tables
from pipeline.contract.typing import define_staging
from pipeline.warehouse.statements import fetch_value


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
    define_typed(cursor, table, "typed_all", "all_arrived")


def define_typed(cursor: Cursor, table: str, view: str, source: str) -> None:
    """Define a view of the typed rows of `source`, which has the columns of the raw table.

    Args:
        cursor: the load's.
        table: name of the raw table.
        view: name of the view.
        source: table or view of the raw rows.
    """
    define_staging(cursor, tables()[table], view, source)

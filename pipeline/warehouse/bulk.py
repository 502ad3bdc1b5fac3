"""Filling an empty table of `processed`: without keys and indexes it takes rows in less than half the time.

Only rows that need no second look are put there: valid ones whose parents are there. The general merge does
the rest, so that what a load means is said in one place.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from pipeline import progress
from pipeline.contract.table import Table
from pipeline.warehouse import definitions
from pipeline.warehouse.merge_rows import Parts
from pipeline.warehouse.statements import execute_file, lock_out_readers

# Which share of the load of 500,000 sessions was over then, by the clock.
AT_FILLED, AT_REST, AT_KEYED = 0.32, 0.44, 0.67


def is_replaceable(cursor: Cursor, table: Table) -> bool:
    """Tell whether a table is as the pipeline made it, so that another one of the same columns can take its place."""
    regclass = sql.SQL("{}::regclass").format(sql.Literal(definitions.regclass(cursor, table)))
    execute_file(cursor, "merge/replaceable.sql", parts={"target": table.processed_sql, "regclass": regclass})
    return bool(cursor.fetchall()[0][0])


def fill(cursor: Cursor, table: Table, parts: Parts, incoming_rows: int) -> str | None:
    """Put a table made of the incoming rows in the place of an empty one.

    To copy the rows into the table would take a tenth of a first load more. The primary key is in place afterwards;
    foreign keys and other indexes are not (see `pipeline.warehouse.tables.complete`).

    Args:
        cursor: the load's.
        table: the table.
        parts: what the SQL files of a merge leave open.
        incoming_rows: how many raw rows came.

    Returns:
        The temporary table of the raw rows that were not put there; None if there are none.
    """
    filled = sql.Identifier("processed", f"{table.name}_filled")
    # Little is known of the rows that come, and the planner would rather loop over the parents for each.
    cursor.execute("SET LOCAL enable_nestloop = off")
    execute_file(cursor, "merge/fill.sql", parts={**parts, "filled": filled})
    progress.reach(AT_FILLED)
    some_left = cursor.rowcount != incoming_rows
    primary_key = definitions.addition(cursor, table, definitions.PRIMARY_KEY)
    rules = definitions.addition(cursor, table, definitions.RULES)
    replace = sql.SQL("DROP TABLE {target}; ALTER TABLE {filled} RENAME TO {name}").format(
        target=table.processed_sql, filled=filled, name=sql.Identifier(table.name)
    )
    definitions.forget_rollups(cursor)
    lock_out_readers(cursor, lambda: cursor.execute(replace))
    cursor.execute(rules)
    if some_left:
        execute_file(cursor, "merge/rest.sql", parts=parts)
    progress.reach(AT_REST)
    cursor.execute("SET LOCAL enable_nestloop = on")
    # Keys that come twice are seldom: the index finds out, and only then are they looked for.
    cursor.execute("SAVEPOINT without_key")
    try:
        cursor.execute(primary_key)
    except UniqueViolation:
        cursor.execute("ROLLBACK TO SAVEPOINT without_key")
        execute_file(cursor, "merge/deduplicate.sql", parts=parts)
        cursor.execute(primary_key)
    progress.reach(AT_KEYED)
    return "rest" if some_left else None

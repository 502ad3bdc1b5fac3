"""Filling an empty table of `processed`: without keys and indexes it takes rows several times faster.

Only rows that need no second look are put there: valid ones whose parents are there. The general merge does
the rest, so that what a load means is said in one place.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from pipeline.warehouse.definitions import Parts, drop_constraints, forget_rollups, primary_key_of, rules_of
from pipeline.warehouse.statements import execute_file, fetch_value, lock_out_readers


def is_possible(cursor: Cursor, parts: Parts) -> bool:
    """Tell whether a table can be filled from scratch.

    It must be empty, no row held back may compete with those that come, and nothing may need its primary key:
    neither a foreign key nor a view that groups by it.
    """
    query = sql.SQL(
        """
        SELECT NOT EXISTS (SELECT FROM processed.{table})
            AND NOT EXISTS (
                SELECT FROM etl.held_rows
                WHERE table_name = {name} AND batch_id NOT IN (SELECT batch_id FROM removed_batches)
            )
            AND NOT EXISTS (
                SELECT FROM pg_constraint AS primary_key
                WHERE primary_key.conrelid = {qualified}::regclass AND primary_key.contype = 'p' AND (
                    EXISTS (
                        SELECT FROM pg_constraint AS reference
                        WHERE reference.contype = 'f' AND reference.conindid = primary_key.conindid
                    )
                    OR EXISTS (
                        SELECT FROM pg_depend
                        WHERE refclassid = 'pg_constraint'::regclass AND refobjid = primary_key.oid
                            AND deptype = 'n'
                    )
                )
            )
        """
    )
    return bool(fetch_value(cursor, query.format(**parts)))


def fill(cursor: Cursor, parts: Parts, arrived_rows: int) -> bool:
    """Fill an empty table from the view `typed_all`; what it does not take is put into the table `rest`.

    The primary key is in place again afterwards; foreign keys and other indexes are not: the table's own SQL
    file makes them, and so checks all rows at once.

    Args:
        cursor: the load's.
        parts: what the SQL files of a merge leave open.
        arrived_rows: how many raw rows came.

    Returns:
        Whether anything is left in `rest`.
    """
    execute_file(cursor, "load/bulk_begin.sql", parts=parts)
    # Little is known of the rows that come, and the planner would rather loop over the parents for each.
    cursor.execute("SET LOCAL enable_nestloop = off")
    place = _place_by_replacing if _is_replaceable(cursor, parts) else _place_by_copying
    placed, primary_key = place(cursor, parts)
    some_left = placed != arrived_rows
    execute_file(cursor, "load/bulk_rest.sql", parts={**parts, "some_left": sql.Literal(some_left)})
    cursor.execute("SET LOCAL enable_nestloop = on")
    # Keys that come twice are seldom: the index finds out, and only then are they looked for.
    cursor.execute("SAVEPOINT without_key")
    try:
        cursor.execute(primary_key)
    except UniqueViolation:
        cursor.execute("ROLLBACK TO SAVEPOINT without_key")
        execute_file(cursor, "load/bulk_dedupe.sql", parts=parts)
        cursor.execute(primary_key)
    return some_left


def _is_replaceable(cursor: Cursor, parts: Parts) -> bool:
    """Tell whether the empty table may be dropped for another one with the same definition."""
    execute_file(cursor, "load/bulk_replaceable.sql", parts=parts)
    return bool(cursor.fetchall()[0][0])


def _place_by_replacing(cursor: Cursor, parts: Parts) -> tuple[int, sql.Composable]:
    """Make a table of the rows and put it in the place of the empty one, without keys and indexes.

    Returns:
        The number of rows, and the statement that makes the primary key.
    """
    table = parts["table"].as_string(cursor)
    filled = {**parts, "typed_rows": sql.SQL(f"processed.{table}_filled"), "kind": sql.SQL("TABLE")}
    execute_file(cursor, "load/bulk_typed.sql", parts=filled)
    placed = cursor.rowcount
    primary_key, rules = primary_key_of(cursor, parts), rules_of(cursor, parts)
    replace = sql.SQL("DROP TABLE processed.{table}; ALTER TABLE {typed_rows} RENAME TO {table}").format(**filled)
    forget_rollups(cursor)
    lock_out_readers(cursor, lambda: cursor.execute(replace))
    cursor.execute(rules)
    return placed, primary_key


def _place_by_copying(cursor: Cursor, parts: Parts) -> tuple[int, sql.Composable]:
    """Copy the rows into the table, without keys and indexes; return the same."""
    primary_key = drop_constraints(cursor, parts)
    aside = {**parts, "typed_rows": sql.Identifier("typed_rows"), "kind": sql.SQL("TEMP TABLE")}
    execute_file(cursor, "load/bulk_typed.sql", parts=aside)
    placed = cursor.rowcount
    execute_file(cursor, "load/bulk_insert.sql", parts=aside)
    return placed, primary_key

"""Filling an empty table of `processed`: without keys and indexes it takes rows several times faster.

Only rows that need no second look are put there: valid ones whose parents are there. The general merge does
the rest, so that what a load means is said in one place.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from pipeline.stores.postgres import execute_file, fetch_value, lock_out_readers

Parts = Mapping[str, sql.Composable]


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


def fill(cursor: Cursor, parts: Parts) -> bool:
    """Fill an empty table from the view `typed_all`; what it does not take is put into the table `rest`.

    The primary key is in place again afterwards; foreign keys and other indexes are not: the table's own SQL
    file makes them, and so checks all rows at once.

    Returns:
        Whether anything is left in `rest`.
    """
    execute_file(cursor, "load/bulk_begin.sql", parts=parts)
    primary_key = drop_constraints(cursor, parts)
    # Little is known of the rows that come, and the planner would rather loop over the parents for each.
    cursor.execute("SET LOCAL enable_nestloop = off")
    execute_file(cursor, "load/bulk_insert.sql", parts=parts)
    placed = cursor.rowcount
    landed = fetch_value(
        cursor,
        "SELECT coalesce(sum(rows_loaded), 0) FROM etl.batches WHERE batch_id IN (SELECT batch_id FROM added_batches)",
    )
    some_left: bool = placed != landed
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


def drop_constraints(cursor: Cursor, parts: Parts, *, keep_primary: bool = False) -> sql.Composed:
    """Drop foreign keys, indexes, triggers and the primary key; return the statement that makes that again."""
    cursor.execute(
        sql.SQL(
            """
            SELECT contype, conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE conrelid = {qualified}::regclass AND contype IN ('f', 'p')
            UNION ALL
            SELECT 'i', indexrelid::regclass::text, NULL FROM pg_index
            WHERE indrelid = {qualified}::regclass AND NOT indisprimary AND NOT indisunique
            UNION ALL
            SELECT 't', tgname, NULL FROM pg_trigger
            WHERE tgrelid = {qualified}::regclass AND tgfoid = 'etl.log_session_changes'::regproc
            """
        ).format(**parts)
    )
    primary_key = sql.Composed([])
    drops: list[sql.Composable] = []
    for kind, name, definition in cursor.fetchall():
        constraint = {**parts, "constraint": sql.Identifier(name)}
        if kind == "p":
            primary_key = sql.SQL("ALTER TABLE processed.{table} ADD CONSTRAINT {constraint} {definition}").format(
                definition=sql.SQL(definition), **constraint
            )
        if kind == "i":
            drops.append(sql.SQL("DROP INDEX " + name))
        elif kind == "t":
            drops.append(sql.SQL("DROP TRIGGER {constraint} ON processed.{table}").format(**constraint))
        elif kind == "f" or not keep_primary:
            drops.append(sql.SQL("ALTER TABLE processed.{table} DROP CONSTRAINT {constraint}").format(**constraint))
    # Without the triggers, what is published next is built from all rows.
    cursor.execute("DELETE FROM etl.rollup_state")
    if drops:
        lock_out_readers(cursor, lambda: cursor.execute(sql.SQL(";").join(drops)))
    return primary_key

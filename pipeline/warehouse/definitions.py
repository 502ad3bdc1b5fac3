"""What a table of `processed` is made of beside its columns, as statements that make it again."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.warehouse.statements import lock_out_readers

Parts = Mapping[str, sql.Composable]


def drop_constraints(cursor: Cursor, parts: Parts, *, keep_primary: bool = False) -> sql.Composable:
    """Drop foreign keys, indexes, triggers and the primary key; return the statement that makes that again."""
    primary_key = primary_key_of(cursor, parts)
    cursor.execute(
        sql.SQL(
            """
            SELECT 'ALTER TABLE processed.{table} DROP CONSTRAINT ' || quote_ident(conname) FROM pg_constraint
            WHERE conrelid = {qualified}::regclass AND (contype = 'f' OR (contype = 'p' AND NOT {keep_primary}))
            UNION ALL
            SELECT 'DROP INDEX ' || indexrelid::regclass::text FROM pg_index
            WHERE indrelid = {qualified}::regclass AND NOT indisprimary AND NOT indisunique
            UNION ALL
            SELECT format('DROP TRIGGER %I ON processed.{table}', tgname) FROM pg_trigger
            WHERE tgrelid = {qualified}::regclass AND tgfoid = 'etl.log_session_changes'::regproc
            """
        ).format(keep_primary=sql.Literal(keep_primary), **parts)
    )
    drops = ";".join(statement for (statement,) in cursor.fetchall())
    forget_rollups(cursor)
    if drops:
        lock_out_readers(cursor, lambda: cursor.execute(drops))
    return primary_key


def indexes_and_keys(cursor: Cursor, parts: Parts) -> dict[str, str]:
    """Return the statements that make the indexes and foreign keys of a table, by name; not the unique indexes."""
    query = """
        SELECT conname, format('ALTER TABLE processed.{table} ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid = {qualified}::regclass AND contype = 'f'
        UNION ALL
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
        FROM pg_index WHERE indrelid = {qualified}::regclass AND NOT indisunique
    """
    cursor.execute(sql.SQL(query).format(**parts))
    return dict(cursor.fetchall())


def restore(cursor: Cursor, parts: Parts, wanted: Mapping[str, str]) -> None:
    """Make again what is missing of `wanted`, which was returned by `indexes_and_keys`: somebody added it."""
    present = indexes_and_keys(cursor, parts)
    for name, statement in wanted.items():
        if name not in present:
            cursor.execute(statement)


def primary_key_of(cursor: Cursor, parts: Parts) -> sql.Composable:
    """Return the statement that makes the primary key of a table."""
    return _definition(cursor, parts, "SELECT {constraint} FROM pg_constraint WHERE {of_table} AND contype = 'p'")


def rules_of(cursor: Cursor, parts: Parts) -> sql.Composable:
    """Return the statement that lets a table take no other values than it takes now."""
    query = """
        SELECT format('ALTER COLUMN %I SET NOT NULL', attname) FROM pg_attribute
        WHERE attrelid = {qualified}::regclass AND attnum > 0 AND attnotnull
        UNION ALL
        SELECT {constraint} FROM pg_constraint WHERE {of_table} AND contype = 'c'
    """
    return _definition(cursor, parts, query)


def _definition(cursor: Cursor, parts: Parts, query: str) -> sql.Composable:
    """Return an ALTER TABLE with what a query gives; one statement, so that the rows are read only once."""
    constraint = sql.SQL("format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))")
    of_table = sql.SQL("conrelid = {qualified}::regclass").format(**parts)
    cursor.execute(sql.SQL(query).format(constraint=constraint, of_table=of_table, **parts))
    clauses = ", ".join(clause for (clause,) in cursor.fetchall())
    return sql.SQL("ALTER TABLE processed.{table} {clauses}").format(clauses=sql.SQL(clauses), **parts)


def forget_rollups(cursor: Cursor) -> None:
    """Have what is published next built from all rows: no trigger tells which ones came."""
    cursor.execute("DELETE FROM etl.rollup_state")

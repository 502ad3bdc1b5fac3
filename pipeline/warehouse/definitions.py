"""What a table of `processed` is made of beside its columns, as statements that make it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.table import Table
from pipeline.warehouse.statements import identifiers, lock_out_readers

DROPS = """
    SELECT format('ALTER TABLE %1$s DROP CONSTRAINT %2$I', conrelid::regclass, conname) FROM pg_constraint
    WHERE conrelid = {table} AND contype = 'f'
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid = {table} AND NOT indisunique
    UNION ALL
    SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger
    WHERE tgrelid = {table} AND tgfoid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'etl'::regnamespace)
"""
INDEXES_AND_KEYS = """
    SELECT
        conname, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = {table} AND contype = 'f'
    UNION ALL
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = {table} AND NOT indisunique
"""
CONSTRAINT = "format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))"
PRIMARY_KEY = f"SELECT {CONSTRAINT} FROM pg_constraint WHERE conrelid = {{table}} AND contype = 'p'"  # noqa: S608
RULES = f"""
    SELECT format('ALTER COLUMN %I SET NOT NULL', attname) FROM pg_attribute
    WHERE attrelid = {{table}} AND attnum > 0 AND attnotnull
    UNION ALL
    SELECT {CONSTRAINT} FROM pg_constraint WHERE conrelid = {{table}} AND contype = 'c'
"""  # noqa: S608


def drop_indexes_and_keys(cursor: Cursor, table: Table) -> None:
    """Drop foreign keys, triggers of the pipeline, and indexes but the unique ones."""
    drops = "; ".join(statement for (statement,) in _fetch(cursor, table, DROPS))
    if drops:
        forget_rollups(cursor)
        lock_out_readers(cursor, lambda: cursor.execute(drops))


def indexes_and_keys(cursor: Cursor, table: Table) -> dict[str, str]:
    """Return the statements that make the indexes and foreign keys of a table, by name; not the unique indexes."""
    return {name: statement for name, statement in _fetch(cursor, table, INDEXES_AND_KEYS)}  # noqa: C416 (for the types)


def restore(cursor: Cursor, table: Table, wanted: Mapping[str, str]) -> None:
    """Make again what is missing of `wanted`, which was returned by `indexes_and_keys`: somebody added it."""
    present = indexes_and_keys(cursor, table)
    for name, statement in wanted.items():
        if name not in present:
            cursor.execute(statement)


def index_on(table: Table, columns: Sequence[str]) -> sql.Composable:
    """Return the statement that indexes columns which refer to another table, unless they are indexed."""
    return sql.SQL("CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns})").format(
        name=sql.Identifier("_".join((table.name, *columns, "idx"))),
        table=table.processed_sql,
        columns=identifiers(columns),
    )


def forget_rollups(cursor: Cursor) -> None:
    """Have what is published next built from all rows: no trigger tells which ones came."""
    cursor.execute("UPDATE etl.rollup_state SET is_current = false")


def addition(cursor: Cursor, table: Table, query: str) -> sql.Composable:
    """Return an ALTER TABLE that adds what `PRIMARY_KEY` or `RULES` finds; one, so that rows are read only once."""
    clauses = ", ".join(clause for (clause,) in _fetch(cursor, table, query))
    return sql.SQL("ALTER TABLE {} {}").format(table.processed_sql, sql.SQL(clauses))


def _fetch(cursor: Cursor, table: Table, query: str) -> list[tuple[str, ...]]:
    cursor.execute(sql.SQL(query).format(table=sql.SQL("{}::regclass").format(sql.Literal(regclass(cursor, table)))))
    return list(cursor.fetchall())


def regclass(cursor: Cursor, table: Table) -> str:
    """Return the qualified and quoted name of a table as text."""
    return table.processed_sql.as_string(cursor)

"""Tables as they stand in PostgreSQL's catalogue."""

from __future__ import annotations

from collections.abc import Collection

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.table import LINEAGE, Check, Column, Reference, Table

COLUMNS_QUERY = """
    SELECT
        relname, attname, format_type(atttypid, atttypmod), attnotnull, coalesce(col_description(attrelid, attnum), '')
    FROM pg_attribute
    INNER JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = %(schema)s AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
        AND (%(names)s::text[] IS NULL OR relname = ANY (%(names)s))
        AND attname <> ALL (%(lineage)s)
    ORDER BY relname, attnum
"""
CONSTRAINTS_QUERY = """
    WITH names AS (
        SELECT
            pg_constraint.oid,
            array(
                SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS part (number, place)
                INNER JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place
            ) AS columns,
            array(
                SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS part (number, place)
                INNER JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place
            ) AS parent_columns
        FROM pg_constraint
    )

    SELECT
        child.relname, contype, conname, columns, parent.relname, parent_columns, pg_get_expr(conbin, conrelid),
        coalesce(obj_description(pg_constraint.oid, 'pg_constraint'), '')
    FROM pg_constraint
    INNER JOIN names ON names.oid = pg_constraint.oid
    INNER JOIN pg_class AS child ON child.oid = conrelid
    LEFT JOIN pg_class AS parent ON parent.oid = confrelid
    WHERE child.relnamespace = %(schema)s AND (%(names)s::text[] IS NULL OR child.relname = ANY (%(names)s))
    ORDER BY child.relname, (SELECT min(number) FROM unnest(conkey) AS number), conname
"""
TABLES_QUERY = """
    SELECT
        pg_class.relname,
        coalesce(obj_description(pg_class.oid, 'pg_class'), ''),
        array(
            SELECT replace(pg_get_indexdef(indexrelid), ' ON pg_temp.', ' ON processed.')
            FROM pg_index WHERE indrelid = pg_class.oid AND NOT indisunique ORDER BY indexrelid
        )
    FROM pg_class
    WHERE relnamespace = %(schema)s AND relkind IN ('r', 'p')
        AND (%(names)s::text[] IS NULL OR relname = ANY (%(names)s))
"""


def read_schema(cursor: Cursor, schema: str, names: Collection[str] | None = None) -> dict[str, Table]:
    """Return the tables of a schema by name, or those of some names.

    Args:
        cursor: where to look.
        schema: an expression for the schema; none if it is null.
        names: the tables to read; all by default.
    """
    cursor.execute(f"SELECT {schema}::oid")
    parameters = {
        "schema": cursor.fetchall()[0][0] or 0,
        "lineage": list(LINEAGE),
        "names": None if names is None else list(names),
    }
    columns: dict[str, list[Column]] = {}
    cursor.execute(COLUMNS_QUERY, parameters)
    for table, *column in cursor.fetchall():
        columns.setdefault(table, []).append(Column(*column))
    keys: dict[str, tuple[str, ...]] = {}
    references: dict[str, list[Reference]] = {}
    checks: dict[str, list[Check]] = {}
    cursor.execute(CONSTRAINTS_QUERY, parameters)
    for table, kind, name, own, parent, theirs, definition, comment in cursor.fetchall():
        if kind == "p":
            keys[table] = tuple(own)
        elif kind == "f":
            references.setdefault(table, []).append(Reference(name, tuple(own), parent, tuple(theirs)))
        elif kind == "c":
            checks.setdefault(table, []).append(Check(name, tuple(own), definition, comment))
    cursor.execute(TABLES_QUERY, parameters)
    return {
        name: Table(
            name,
            tuple(columns.get(name, ())),
            keys.get(name, ()),
            tuple(references.get(name, ())),
            tuple(checks.get(name, ())),
            comment,
            tuple(indexes),
        )
        for name, comment, indexes in cursor.fetchall()
    }

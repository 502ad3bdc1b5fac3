"""The register of declared tables: the files in `sql/processed`, as PostgreSQL understands them.

The files are executed as temporary tables in a transaction that is rolled back, and read from the catalogue. The
result is kept between runs under the digest of the files: a run with nothing to do executes none of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.errors import UndefinedTable
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.mapping import document_tables
from pipeline.contract.table import LINEAGE, VERDICT, Check, Column, Reference, Table
from pipeline.errors import PipelineError
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.state.fingerprints import digest_bytes

# The name of the schema; quoted names and texts, and comments, are passed over.
IN_PROCESSED = re.compile(r"""(?:\bprocessed|"processed")\s*\.|('(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*)""")

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


class DeclarationError(PipelineError):
    """A file in `sql/processed` declares no table that can be loaded; the message names it and says why."""


@cache
def tables() -> dict[str, Table]:
    """Return every declared table by its name, parents before children; the same throughout the run.

    Raises:
        DeclarationError: see there.
        PostgresError: PostgreSQL cannot be used.
    """
    files = declarations()
    texts = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    digest = digest_bytes(Path(__file__).read_bytes() + json.dumps(texts).encode())
    store = get_settings().logs_path / ".declarations.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(store.read_text())
        if kept["digest"] == digest:
            return {each["name"]: _from_json(each) for each in kept["tables"]}
    found = _read_declarations(texts)
    partial = store.with_name(f"{store.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"digest": digest, "tables": [asdict(table) for table in found.values()]}))
        partial.replace(store)
    return found


def declarations() -> dict[str, Path]:
    """Return the files that declare a table, by its name."""
    return {path.stem: path for path in sorted((get_settings().sql_path / "processed").glob("*.sql"))}


def csv_tables() -> dict[str, Table]:
    """Return the declared tables that CSV files fill: all that no mapping of documents fills."""
    documents = document_tables()
    return {name: table for name, table in tables().items() if name not in documents}


def children(name: str) -> list[Table]:
    """Return the tables that refer to one, parents before children."""
    return [table for table in tables().values() if any(each.parent == name for each in table.references)]


def live(cursor: Cursor, names: Collection[str]) -> dict[str, Table]:
    """Return tables as they are in `processed` now, declared or not, in the same shape.

    Args:
        cursor: where to look.
        names: those to read; others may be replaced by another load meanwhile.
    """
    return _read_schema(cursor, "to_regnamespace('processed')", names)


def _read_declarations(texts: dict[str, str]) -> dict[str, Table]:
    with session() as cursor:
        cursor.execute("BEGIN")
        try:
            order = _execute(cursor, texts)
            found = _read_schema(cursor, "pg_my_temp_schema()")
        finally:
            cursor.execute("ROLLBACK")
    for name in order:
        if name not in found:
            raise DeclarationError(f"sql/processed/{name}.sql: does not create the table processed.{name}")
        if not found[name].key:
            raise DeclarationError(
                f"sql/processed/{name}.sql: processed.{name} has no PRIMARY KEY, by which its rows are told apart"
            )
        for column in VERDICT:
            if column in found[name].column_names:
                raise DeclarationError(
                    f"sql/processed/{name}.sql: the name '{column}' is taken by the pipeline; leave the column out, it"
                    " stays in raw"
                )
        for reference in found[name].references:
            if reference.parent == name:
                raise DeclarationError(f"sql/processed/{name}.sql: processed.{name} must not refer to itself")
            if reference.parent in found and reference.parent_columns != found[reference.parent].key:
                raise DeclarationError(
                    f"sql/processed/{name}.sql: a reference to processed.{reference.parent} must be to its primary key"
                )
    if extra := found.keys() - texts.keys():
        raise DeclarationError(
            f"processed.{min(extra)}: declare it in a file of its own, sql/processed/{min(extra)}.sql"
        )
    return {name: found[name] for name in order}


def _execute(cursor: Cursor, texts: dict[str, str]) -> list[str]:
    """Execute declarations as temporary tables, each after its parents; return their names in that order."""
    order: list[str] = []
    waiting = list(texts)
    while waiting:
        failed: dict[str, psycopg2.Error] = {}
        for name in waiting:
            cursor.execute("SAVEPOINT declaration")
            try:
                cursor.execute(IN_PROCESSED.sub(lambda match: match[1] or "pg_temp.", texts[name]))
                order.append(name)
            except UndefinedTable as error:
                failed[name] = error
                cursor.execute("ROLLBACK TO SAVEPOINT declaration")
            except psycopg2.Error as error:
                raise _refusal(name, error) from error
        if len(failed) == len(waiting):
            name, unresolved = next(iter(failed.items()))
            raise _refusal(name, unresolved) from unresolved
        waiting = list(failed)
    return order


def _refusal(name: str, error: psycopg2.Error) -> DeclarationError:
    message = (error.diag.message_primary or str(error)).replace("pg_temp.", "processed.")
    return DeclarationError(f"sql/processed/{name}.sql: {' '.join(message.split())}")


def _read_schema(cursor: Cursor, schema: str, names: Collection[str] | None = None) -> dict[str, Table]:
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


def _from_json(kept: dict[str, Any]) -> Table:
    return Table(
        kept["name"],
        tuple(Column(**each) for each in kept["columns"]),
        tuple(kept["key"]),
        tuple(Reference(each["name"], *map(_as_tuple, list(each.values())[1:])) for each in kept["references"]),
        tuple(
            Check(each["name"], tuple(each["columns"]), each["definition"], each["comment"]) for each in kept["checks"]
        ),
        kept["comment"],
        tuple(kept["indexes"]),
    )


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

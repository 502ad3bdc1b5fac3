"""Drift: what the sources hold now and did not before, or the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.documents.extended_json import SHOWN_LENGTH, shown
from pipeline.records.csv_header import RESERVED_COLUMNS
from pipeline.records.text_rules import visible
from pipeline.state.spec import Load
from pipeline.warehouse.statements import table_columns

Drift = dict[str, Any]
"""`collection` (or table), `kind`, `path` (or column) and the first `example`, None if there is none."""


def in_words(drift: Mapping[str, Any]) -> str:
    """Return a drift as a phrase."""
    example = "" if drift["example"] is None else f", such as {visible(drift['example'], SHOWN_LENGTH)}"
    return f"{drift['kind']} {visible(drift['path'], SHOWN_LENGTH)} in {drift['collection']}{example}"


def vanished_columns(load: Load, table: str, columns: Iterable[str]) -> list[Drift]:
    """Return the columns that the last version of a file had and this one lacks, but those that are told apart.

    To be called before the rows of the last version go. A file that is new is compared with the one before
    it by name that an earlier run loaded. `columns` are those of the file, and what need not be looked for.
    """
    batch_id = load.previous.batch_id if load.previous else _predecessor(load, table)
    if batch_id is None:
        return []
    candidates = set(table_columns(load.cursor, f"raw.{table}")) - set(columns) - set(RESERVED_COLUMNS)
    found = ((column, _example(load.cursor, table, column, batch_id)) for column in sorted(candidates))
    return [_drift(table, "vanished column", column, example) for column, example in found if example is not None]


def missing_columns(table: str, columns: Iterable[str]) -> list[Drift]:
    """Return the declared columns that a file lacks; all its rows have null there."""
    return [_drift(table, "missing column", column, None) for column in columns]


def new_columns(load: Load, table: str, columns: Iterable[str], batch_id: int) -> list[Drift]:
    """Return columns that this file was the first to have, with their first value."""
    return new_columns_of(table, {column: _example(load.cursor, table, column, batch_id) for column in columns})


def new_columns_of(table: str, examples: Mapping[str, str | None]) -> list[Drift]:
    """Return columns that a file was the first to have, by name, with the first value of each."""
    return [_drift(table, "new column", column, example) for column, example in examples.items()]


def vanished_fields(load: Load, fields: Mapping[str, list[str]], counts: Mapping[str, int]) -> list[Drift]:
    """Return the fields that documents of the last extraction had, and none of this one has.

    Args:
        load: of the extraction.
        fields: found in this extraction, by collection.
        counts: documents read, by collection; of an empty one nothing has vanished.
    """
    load.cursor.execute(
        """
        SELECT details -> 'fields' FROM etl.batches
        WHERE task = %s AND source = %s AND status = 'loaded' AND details ? 'fields'
        ORDER BY batch_id DESC LIMIT 1
        """,
        (load.spec.task, load.spec.source),
    )
    last = load.cursor.fetchone()
    return [
        {"collection": collection, "kind": "vanished field", "path": path, "example": None}
        for collection, paths in sorted(last[0].items() if last else [])
        for path in paths
        if counts.get(collection) and path not in fields[collection]
    ]


def _predecessor(load: Load, table: str) -> int | None:
    load.cursor.execute(
        """
        SELECT batch_id FROM etl.table_updates
        WHERE target_table = %s AND update_id < %s AND run_number < %s
        ORDER BY update_id DESC LIMIT 1
        """,
        (f"raw.{table}", load.spec.update_id, load.spec.run_number),
    )
    row = load.cursor.fetchone()
    return row[0] if row else None


def _example(cursor: Cursor, table: str, column: str, batch_id: int) -> str | None:
    # Of a file that Spark landed, the audit has the first values.
    cursor.execute("SELECT details -> 'examples' FROM etl.batches WHERE batch_id = %s", (batch_id,))
    if (kept := cursor.fetchone()) and kept[0] is not None:
        return shown(kept[0][column]) if column in kept[0] else None
    # Without parameters, since a column may be called %s.
    query = sql.SQL(
        "SELECT left({column}, 2000) FROM raw.{table}"
        " WHERE _batch_id = {batch} AND {column} <> '' ORDER BY _row LIMIT 1"
    )
    names = {"column": sql.Identifier(column), "table": sql.Identifier(table), "batch": sql.Literal(batch_id)}
    cursor.execute(query.format(**names))
    row = cursor.fetchone()
    return shown(row[0]) if row else None


def _drift(table: str, kind: str, column: str, example: str | None) -> Drift:
    return {"collection": f"raw.{table}", "kind": kind, "path": column, "example": example}

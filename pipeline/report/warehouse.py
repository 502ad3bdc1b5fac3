"""What the page shows, read from `trusted` with the rights of analysts: all of it from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.report.queries import COLUMNS, COUNTS, LIMITS, QUERIES, TABLES, VIEWS
from pipeline.servers.postgres import session
from pipeline.warehouse.statements import fetch_value


@dataclass(frozen=True)
class View:
    """A view of `trusted`: its name without the schema, comment, columns (name, type, comment), and rows.

    Or a table that analysts cannot read: with its schema, and without rows.
    """

    name: str
    comment: str
    columns: list[tuple[str, str, str | None]]
    rows: int = 0


@dataclass(frozen=True)
class Warehouse:
    """Everything the page shows: frames by the names of `QUERIES`, views, tables."""

    frames: dict[str, pd.DataFrame]
    views: list[View]
    tables: list[View]


def read() -> Warehouse:
    """Read everything in one transaction, so that all figures are those of one load."""
    with session("report") as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        frames = {name: _frame(cursor, query, LIMITS) for name, query in QUERIES.items()}
        views, tables = _views(cursor), _described(cursor, TABLES)
        cursor.execute("COMMIT")
    return Warehouse(frames, views, tables)


def _frame(cursor: Cursor, query: str, parameters: Mapping[str, object]) -> pd.DataFrame:
    """Return a query's rows with the very values the driver gives: exact numbers, None for null."""
    cursor.execute(query, parameters)
    columns = [column.name for column in cursor.description or ()]
    return pd.DataFrame(cursor.fetchall(), columns=columns, dtype=object)


def _views(cursor: Cursor) -> list[View]:
    count = sql.SQL("SELECT count(*) FROM {}")
    return [
        replace(
            view,
            rows=fetch_value(cursor, COUNTS.get(view.name) or count.format(sql.Identifier("trusted", view.name))),
        )
        for view in _described(cursor, VIEWS)
    ]


def _described(cursor: Cursor, query: str) -> list[View]:
    """Return what the catalogue says of the relations that a query names: oid, name, comment."""
    cursor.execute(query)
    found = []
    for oid, name, comment in cursor.fetchall():
        cursor.execute(COLUMNS, (oid,))
        found.append(View(name, comment or "", cursor.fetchall()))
    return found

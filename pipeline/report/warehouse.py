"""What the page shows, read from `trusted` as `data_analyst`: all of it from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.report.queries import COLUMNS, LIMITS, PERIOD, QUERIES, TABLES, VIEWS
from pipeline.servers.postgres import session
from pipeline.warehouse.statements import fetch_value


@dataclass(frozen=True)
class Period:
    """Days, both included, and the figures of the sessions in them."""

    first: date
    last: date
    figures: pd.Series


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
    """Everything the page shows: frames by the names of `QUERIES`, the last month and the one before, views, tables."""

    frames: dict[str, pd.DataFrame]
    month: Period | None
    month_before: Period | None
    views: list[View]
    tables: list[View]


def read() -> Warehouse:
    """Read everything in one transaction, so that all figures are those of one load."""
    with session("analyst") as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        frames = {name: _frame(cursor, query, LIMITS) for name, query in QUERIES.items()}
        days = frames["days"]
        month = month_before = None
        if len(days):
            now, before = months_compared(days["watch_date"].iloc[-1])
            month, month_before = _period(cursor, *now), _period(cursor, *before)
        views, tables = _views(cursor), _described(cursor, TABLES)
        cursor.execute("COMMIT")
    return Warehouse(frames, month, month_before, views, tables)


def months_compared(last: date) -> tuple[tuple[date, date], tuple[date, date]]:
    """Return the month up to `last`, and the same days of the month before: all of it if `last` ends its month."""
    first = last.replace(day=1)
    before_last = first - timedelta(days=1)
    before_first = before_last.replace(day=1)
    if (last + timedelta(days=1)).day > 1:
        before_last = min(before_last, before_first + (last - first))
    return (first, last), (before_first, before_last)


def _period(cursor: Cursor, first: date, last: date) -> Period:
    return Period(first, last, _frame(cursor, PERIOD, {"first": first, "last": last}).iloc[0])


def _frame(cursor: Cursor, query: str, parameters: Mapping[str, object]) -> pd.DataFrame:
    """Return a query's rows with the very values the driver gives: exact numbers, None for null."""
    cursor.execute(query, parameters)
    columns = [column.name for column in cursor.description or ()]
    return pd.DataFrame(cursor.fetchall(), columns=columns, dtype=object)


def _views(cursor: Cursor) -> list[View]:
    count = sql.SQL("SELECT count(*) FROM {}")
    return [
        replace(view, rows=fetch_value(cursor, count.format(sql.Identifier("trusted", view.name))))
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

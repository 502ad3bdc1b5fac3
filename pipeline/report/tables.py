"""Tables of the page: the result of a query, and how each value is shown and downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
from psycopg2.extensions import cursor as Cursor

NOTHING, UNKNOWN = "–", "not known"
NUMERIC_OIDS = frozenset({20, 21, 23, 700, 701, 1700})  # PostgreSQL's integer, float and numeric types


@dataclass(frozen=True)
class Column:
    """A column as its view names it; numbers are set to the right and sort by value."""

    name: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """The rows of a query.

    `total` is the number of rows there are when `rows` are only the first of them; `unknown` is what stands for null
    in columns that are not numeric.
    """

    name: str
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    total: int
    unknown: str = NOTHING

    @property
    def frame(self) -> pd.DataFrame:
        """The rows for a plot; numeric columns are floats, with NaN for null."""
        frame = pd.DataFrame(self.rows, columns=[column.name for column in self.columns])
        numeric = {column.name: float for column in self.columns if column.numeric}
        return frame.astype(numeric) if len(frame) else frame

    def values(self, name: str) -> list[Any]:
        """Return the values of a column."""
        position = [column.name for column in self.columns].index(name)
        return [row[position] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


def read_table(cursor: Cursor, name: str, query: str, limit: int | None = None, unknown: str = NOTHING) -> Table:
    """Run a query as it stands and return its result.

    Args:
        cursor: of an analyst.
        name: of the file that the table can be downloaded as.
        query: with its order.
        limit: rows to keep at most.
        unknown: what null reads as in columns that are not numeric.
    """
    cursor.execute(query)
    rows = cursor.fetchall()
    columns = tuple(Column(each.name, each.type_code in NUMERIC_OIDS) for each in cursor.description or ())
    return Table(name, columns, rows[:limit], len(rows), unknown)


def shown(value: object, unknown: str = NOTHING) -> str:
    """Return a value as people read it: digits in groups of three, times to the minute, `unknown` for null."""
    if value is None:
        return unknown
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)


def plain(value: object) -> str:
    """Return a value for sorting and for CSV: all its digits, no separators, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)

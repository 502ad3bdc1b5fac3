"""Tables of the page: how values are shown, and what a download holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pandas as pd

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """A value as it is shown, and as it is sorted by and downloaded if that differs."""

    text: str
    value: str | None = None
    is_null: bool = False
    is_number: bool = False
    is_time: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its name (also that of its download), what it holds, columns (name, whether numbers), rows.

    `flags` are the classes of its rows, one each, for what needs attention.
    """

    name: str
    caption: str
    columns: list[tuple[str, bool]]
    rows: list[list[Cell]]
    flags: list[str]


def table(name: str, caption: str, data: pd.DataFrame, flags: Sequence[str] = ()) -> Table:
    """Make a table of a frame whose values are those of the database driver."""
    rows = [[cell(value) for value in row] for row in data.itertuples(index=False, name=None)]
    numbers = [any(row[place].is_number for row in rows) for place in range(len(data.columns))]
    columns = list(zip(map(str, data.columns), numbers, strict=True))
    return Table(name, caption, columns, rows, list(flags) or [""] * len(rows))


def cell(value: object) -> Cell:
    """Show a value: numbers in groups of three, times in UTC to the minute, nothing as a dash."""
    if value is None or value is pd.NaT or value != value:  # noqa: PLR0124 (not a number is what differs from itself)
        return Cell(NOTHING, "", is_null=True)
    if isinstance(value, bool):
        return Cell("yes" if value else "no", str(value).lower())
    if isinstance(value, int | float | Decimal):
        return Cell(text := f"{value:,}", None if text == str(value) else str(value), is_number=True)
    if isinstance(value, datetime):
        return Cell(f"{value:%Y-%m-%d %H:%M}", value.isoformat(), is_time=True)
    if isinstance(value, date):
        return Cell(value.isoformat(), is_time=True)
    return Cell(str(value))

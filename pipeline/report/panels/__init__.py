"""The panels of the page: each a question, its drawing, the table beside it, and the view both come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from pipeline.report.figures.bars import Measure, bars
from pipeline.report.tables import Table, table

BARS_DRAWN = 12


@dataclass(frozen=True)
class Panel:
    """A drawing and its table; `svg` is None where there is nothing to draw."""

    name: str
    title: str
    view: str
    note: str
    table: Table
    svg: str | None = field(repr=False)


def panel(name: str, title: str, *, view: str, note: str, data: pd.DataFrame, svg: str | None) -> Panel:
    """Make a panel of a drawing and the rows of its table.

    Args:
        name: of the panel, its drawing, its table and the download.
        title: what is shown.
        view: of `trusted`, without the schema.
        note: what to know in order to read it.
        data: the rows of the table.
        svg: the drawing; None where there is nothing to draw.
    """
    return Panel(name, title, view, note, table(name, title, data), svg)


def bar_chart(
    name: str, data: pd.DataFrame, label: str, measures: Sequence[Measure], rows: int = BARS_DRAWN
) -> str | None:
    """Draw the first rows as bars; None if there is none."""
    return bars(name, data.head(rows), label, measures) if len(data) else None

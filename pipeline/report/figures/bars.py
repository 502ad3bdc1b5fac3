"""Bars for each row of a table, one or two measures side by side, the names above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.patches import Rectangle

from pipeline.report.figures.style import SERIES, SOFT, TEXT, WIDTH, Drawing, rounded, shortened

ROW = 36.0
HEADING = 20.0
GROUP = 24.0
BAR = 12.0
GAP = 16.0
LABEL_ROOM = 66.0  # beside the longest bar, for its number
NAME_LENGTH = 46


@dataclass(frozen=True)
class Measure:
    """A column that is drawn as bars; `unit` is shown above them, `whole` writes numbers without decimals."""

    column: str
    unit: str
    whole: bool = False

    def text(self, value: object) -> str:
        """Return a number as it stands beside its bar."""
        if value is None or value != value:  # noqa: PLR0124 (not a number is what differs from itself)
            return "none"
        return rounded(value, 0 if self.whole else 2)


def bars(name: str, data: pd.DataFrame, label: str, measures: Sequence[Measure], group: str | None = None) -> str:
    """Draw bars, from the first row down.

    Args:
        name: of the drawing.
        data: one row for each name, at least one.
        label: column of the names.
        measures: one or two columns of numbers that are not negative.
        group: column whose runs of equal values get a heading of their own; None for no headings.
    """
    starts = [group is not None and (row == 0 or _differs(data, group, row)) for row in range(len(data))]
    height = HEADING + len(data) * ROW + sum(starts) * GROUP
    drawing = Drawing(name, height)
    column_width = (WIDTH - GAP * (len(measures) - 1)) / len(measures)
    lefts = [place * (column_width + GAP) for place in range(len(measures))]
    for measure, left in zip(measures, lefts, strict=True):
        drawing.text(left, 10, measure.unit, color=SOFT)
    longest = [max((float(value) for value in data[each.column] if value is not None), default=0) for each in measures]
    top = HEADING
    for row in range(len(data)):
        if starts[row]:
            drawing.text(
                0, top + GROUP - 12, shortened(data[group].iloc[row], NAME_LENGTH), fontsize=TEXT, weight="bold"
            )
            top += GROUP
        drawing.text(0, top + 9, shortened(data[label].iloc[row], NAME_LENGTH), fontsize=TEXT)
        for number, (measure, left) in enumerate(zip(measures, lefts, strict=True)):
            value = data[measure.column].iloc[row]
            share = float(value) / longest[number] if value is not None and longest[number] else 0.0
            length = share * (column_width - LABEL_ROOM)
            drawing.shape(Rectangle((left, top + 24 - BAR / 2), length, BAR, color=SERIES[number], linewidth=0))
            drawing.text(left + length + 4, top + 24, measure.text(value))
        top += ROW
    return drawing.svg()


def _differs(data: pd.DataFrame, column: str, row: int) -> bool:
    return bool(data[column].iloc[row] != data[column].iloc[row - 1])

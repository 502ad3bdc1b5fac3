"""Heat maps: a grid of cells, each with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from matplotlib.patches import Rectangle

from pipeline.report.figures.style import (
    HEAT,
    HEAT_LEVELS,
    HEAT_TEXT,
    SMALL,
    SOFT,
    WIDTH,
    Drawing,
    rounded,
    shortened,
)

HEADING = 34.0
ROW = 26.0
LABELS = 108.0
NAME_LENGTH = 17
SMALLEST_TEXT = 7.5


def heat_map(
    name: str,
    rows: Sequence[object],
    columns: Sequence[object],
    values: Mapping[tuple[Any, Any], Decimal],
    unit: str,
    *,
    decimals: int = 0,
    scale: tuple[float, float] | None = None,
) -> str:
    """Draw a grid, the more the darker (in the dark: the brighter); a pair without a value has no cell.

    Args:
        name: of the drawing.
        rows: from the top down, at least one.
        columns: from the left, at least one.
        values: by row and column, at least one.
        unit: what the numbers are, shown above the columns.
        decimals: of the numbers shown.
        scale: the values of the lightest and of the darkest cell; None for the smallest and the largest.
    """
    low, high = scale or (float(min(values.values())), float(max(values.values())))
    height = HEADING + len(rows) * ROW + 2
    drawing = Drawing(name, height)
    width = (WIDTH - LABELS - 2) / len(columns)
    size = max(SMALLEST_TEXT, min(SMALL, width / (2.2 + 0.9 * decimals)))
    drawing.text(LABELS, 8, unit, color=SOFT)
    for place, column in enumerate(columns):
        text = shortened(column, max(3, int(width / 6)))
        drawing.text(LABELS + (place + 0.5) * width, 25, text, color=SOFT, fontsize=size, ha="center")
    for line, row in enumerate(rows):
        top = HEADING + line * ROW
        drawing.text(0, top + ROW / 2, shortened(row, NAME_LENGTH))
        for place, column in enumerate(columns):
            value = values.get((row, column))
            if value is None:
                continue
            share = (float(value) - low) / (high - low) if high > low else 0.5
            level = min(HEAT_LEVELS - 1, max(0, int(share * HEAT_LEVELS)))
            corner = (LABELS + place * width + 1, top + 1)
            drawing.shape(Rectangle(corner, width - 2, ROW - 2, facecolor=HEAT[level], linewidth=0))
            drawing.text(
                corner[0] + width / 2 - 1,
                top + ROW / 2,
                rounded(value, decimals),
                color=HEAT_TEXT[level],
                fontsize=size,
                ha="center",
            )
    return drawing.svg()

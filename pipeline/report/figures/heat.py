"""Heat maps: a grid of cells, each with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.patches import Rectangle

from pipeline.report.figures.style import (
    HEAT,
    HEAT_LEVELS,
    HEAT_TEXT,
    INK,
    SMALL,
    SOFT,
    WIDTH,
    Drawing,
    shortened,
)

HEADING = 34.0
ROW = 26.0
LABELS = 104.0
NAME_LENGTH = 17
SMALLEST_TEXT = 7.5


def heat_map(
    name: str,
    rows: Sequence[object],
    columns: Sequence[object],
    values: Mapping[tuple[object, object], float],
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
    low, high = scale or (min(values.values()), max(values.values()))
    height = HEADING + len(rows) * ROW + 2
    drawing = Drawing(name, height)
    axes = drawing.axes(0, 0, WIDTH, height, bare=True)
    width = (WIDTH - LABELS - 2) / len(columns)
    size = max(SMALLEST_TEXT, min(SMALL, width / (2.0 + 0.9 * decimals)))
    axes.text(LABELS, 8, unit, color=SOFT, fontsize=SMALL, va="center")
    for place, column in enumerate(columns):
        text = shortened(column, max(3, int(width / 5.5)))
        axes.text(LABELS + (place + 0.5) * width, 25, text, color=SOFT, fontsize=size, ha="center", va="center")
    for line, row in enumerate(rows):
        top = HEADING + line * ROW
        axes.text(0, top + ROW / 2, shortened(row, NAME_LENGTH), color=INK, fontsize=SMALL, va="center")
        for place, column in enumerate(columns):
            value = values.get((row, column))
            if value is None:
                continue
            share = (value - low) / (high - low) if high > low else 0.5
            level = min(HEAT_LEVELS - 1, max(0, int(share * HEAT_LEVELS)))
            corner = (LABELS + place * width + 1, top + 1)
            axes.add_patch(Rectangle(corner, width - 2, ROW - 2, facecolor=HEAT[level], linewidth=0))
            axes.text(
                corner[0] + width / 2 - 1,
                top + ROW / 2,
                f"{value:.{decimals}f}",
                color=HEAT_TEXT[level],
                fontsize=size,
                ha="center",
                va="center",
            )
    return drawing.svg()

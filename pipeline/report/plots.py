"""Plots of the page, as SVG to be put into HTML."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import pandas as pd

mpl.use("svg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ACCENT = "#2a6f97"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#d9dee3",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "video-streaming",  # the same plot is the same bytes
    "svg.fonttype": "none",
}
UNKNOWN = "not known"
MEAN_DAYS = 7


def bars(data: pd.DataFrame, category: str, value: str, unit: str) -> str:
    """Draw one horizontal bar for each row, labelled with its value.

    Args:
        data: one row for each category.
        category: column with the names; null is shown as not known.
        value: column with the lengths.
        unit: what the lengths are in, for the axis.
    """
    shown = data.assign(**{category: data[category].fillna(UNKNOWN).astype(str)}).sort_values(value)

    def draw(axes: Axes) -> None:
        drawn = axes.barh(shown[category].map(_plain), shown[value].astype(float), color=ACCENT, height=0.6)
        axes.bar_label(drawn, fmt="%.1f", padding=4)
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)

    return _svg(draw, height=0.9 + 0.4 * max(len(shown), 1))


def daily(data: pd.DataFrame, day: str, value: str, unit: str) -> str:
    """Draw a figure over days, with its mean over seven days.

    Args:
        data: one row for each day that has any.
        day: column with the dates.
        value: column with the figure; days without a row count as 0.
        unit: what the figure counts, for the axis.
    """
    series = pd.Series(data[value].astype(float).to_numpy(), index=pd.to_datetime(data[day]))
    if not series.empty:
        series = series.reindex(pd.date_range(series.index.min(), series.index.max()), fill_value=0)

    def draw(axes: Axes) -> None:
        axes.plot(series.index, series.to_numpy(), color=ACCENT, alpha=0.35, linewidth=0.8, label="each day")
        mean = series.rolling(MEAN_DAYS, min_periods=1).mean()
        axes.plot(mean.index, mean.to_numpy(), color=ACCENT, linewidth=1.8, label=f"mean of {MEAN_DAYS} days")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, loc="upper left", ncols=2)

    return _svg(draw, height=3.2)


def _plain(text: str) -> str:
    """Shorten a label, and keep matplotlib from reading it as a formula."""
    return (text if len(text) <= 40 else text[:39] + "…").replace("$", r"\$")  # noqa: PLR2004


def _svg(draw: Callable[[Axes], None], height: float) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, height), layout="constrained")
        draw(figure.subplots())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"',
        r"\1",
        re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1),
        count=1,
    )

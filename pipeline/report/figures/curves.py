"""Figures over time, distributions, and one figure against another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pipeline.report.figures.style import INK, SERIES, SMALL, WIDTH, Drawing, compact, shortened

LEFT = 40.0
PANEL = 120.0
MARKERS = ("o", "^", "s")


def daily(name: str, days: pd.DataFrame, panels: Sequence[tuple[str, str, str]]) -> str:
    """Draw figures over days, one panel below the other, each with its mean of seven days.

    Args:
        name: of the drawing.
        days: one row for each day in order, `watch_date` and the columns drawn, at least one row.
        panels: column of the figure, column of its mean, and what it counts.
    """
    step = PANEL + 36
    drawing = Drawing(name, 26 + step * len(panels))
    dates = pd.to_datetime(days["watch_date"])
    alone = len(days) == 1
    for number, (column, mean, unit) in enumerate(panels):
        axes = drawing.axes(LEFT, 26 + number * step, WIDTH - LEFT - 10, PANEL)
        figures = days[column].astype(float)
        axes.plot(
            dates, figures, color=SERIES[0], alpha=0.4, linewidth=0.8, marker="o" if alone else "", label="each day"
        )
        axes.plot(dates, days[mean].astype(float), color=SERIES[0], linewidth=1.8, label="mean of 7 days")
        axes.set_title(unit, loc="left", fontsize=SMALL, color=INK, pad=6)
        axes.set_ylim(bottom=0, top=max(1.0, float(figures.max()) * 1.05))
        _grid(axes)
        locator = AutoDateLocator(maxticks=7, minticks=2)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        if alone:
            axes.set_xticks(dates, [f"{day:%Y-%m-%d}" for day in dates])
        if number == 0:
            axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=2, borderaxespad=0.2, handlelength=1.4)
    return drawing.svg()


def distribution(name: str, shares: pd.DataFrame, unit: str) -> str:
    """Draw ten bars from 0 to 100 percent for each kind.

    Args:
        name: of the drawing.
        shares: `type`, `bucket` (0 to 9) and `percent`, at least one row.
        unit: what `percent` is of.
    """
    drawing = Drawing(name, 210)
    axes = drawing.axes(LEFT, 26, WIDTH - LEFT - 10, 140)
    kinds = list(dict.fromkeys(shares["type"]))
    width = 8.0 / len(kinds)
    for number, kind in enumerate(kinds):
        of_kind = shares[shares["type"] == kind]
        lefts = [10 * bucket + 1 + number * width for bucket in of_kind["bucket"]]
        axes.bar(
            lefts,
            of_kind["percent"].astype(float),
            width=width,
            align="edge",
            color=SERIES[number % 3],
            label=shortened(kind, 20),
        )
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_locator(FixedLocator(range(0, 101, 10)))
    axes.set_xlabel("percent of the title watched")
    axes.set_title(unit, loc="left", fontsize=SMALL, color=INK, pad=6)
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=len(kinds), borderaxespad=0.2, handlelength=1)
    _grid(axes)
    return drawing.svg()


def scatter(name: str, points: pd.DataFrame, x: tuple[str, str], y: tuple[str, str], kind: str) -> str:
    """Draw one figure against another, both on logarithmic scales.

    Args:
        name: of the drawing.
        points: one row for each point, both figures above 0; at least one.
        x: column and what it is.
        y: column and what it is.
        kind: column that tells points apart by colour and shape.
    """
    drawing = Drawing(name, 330)
    axes = drawing.axes(LEFT, 26, WIDTH - LEFT - 14, 262)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for number, one in enumerate(dict.fromkeys(points[kind])):
        of_kind = points[points[kind] == one]
        place = number % len(MARKERS)
        axes.plot(
            of_kind[x[0]].astype(float),
            of_kind[y[0]].astype(float),
            linestyle="",
            marker=MARKERS[place],
            markersize=4,
            markeredgewidth=0,
            alpha=0.55,
            color=SERIES[place],
            label=shortened(one, 20),
        )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_major_formatter(FuncFormatter(compact))
        axis.set_minor_formatter(NullFormatter())
    for column, limits in ((x[0], axes.set_xlim), (y[0], axes.set_ylim)):
        figures = points[column].astype(float)
        limits(10 ** math.floor(math.log10(figures.min()) - 0.01), 10 ** math.ceil(math.log10(figures.max()) + 0.01))
    axes.set_xlabel(x[1])
    axes.set_title(y[1], loc="left", fontsize=SMALL, color=INK, pad=6)
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.99), ncols=3, borderaxespad=0.2, handletextpad=0.2)
    axes.grid(visible=True, which="major")
    axes.minorticks_off()
    return drawing.svg()


def _grid(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(compact))
    axes.grid(visible=True, axis="y")
    axes.tick_params(length=2)

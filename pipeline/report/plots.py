"""The plots of the page, each drawn from the table beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from pipeline.report.style import FIRST, SECOND, draw, label, without_axis

ROW = 0.34  # inches that a horizontal bar takes
AXIS = 0.75  # inches that an axis with its label takes
PERCENT = 100
STRONGEST = 0.62  # opacity of the fullest cell: ink on it can still be read
BUCKETS = 10
LARGE = 1e5  # numbers from here on are shortened


def short(value: float, _: object = None) -> str:
    """Return a number in few letters: 1.2k, 3.4M."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


SHORT = FuncFormatter(short)


def bars(name: str, data: pd.DataFrame, category: str, panels: Sequence[tuple[str, str]], top: int = 15) -> str:
    """Draw horizontal bars, one for each row in its order, in one panel for each figure.

    Args:
        name: of the plot.
        data: one row for each category, the most important first.
        category: column with the names.
        panels: column and axis label of each panel; a label with "%" makes an axis of 0 to 100.
        top: rows drawn at most.
    """
    drawn = data.head(top).iloc[::-1]
    names = [label(value, 18 if len(panels) > 1 else 26) for value in drawn[category]]

    def work(*axes: Axes) -> None:
        for axis, (column, unit), color in zip(axes, panels, (FIRST, SECOND), strict=False):
            values = drawn[column].astype(float).to_numpy()
            shown = axis.barh(np.arange(len(drawn)), np.nan_to_num(values), color=color, height=0.62)
            axis.bar_label(shown, texts_of(values), padding=3)
            axis.set_yticks(np.arange(len(drawn)), names)
            axis.set_xlabel(unit)
            axis.xaxis.set_major_formatter(SHORT)
            is_share = "%" in unit
            steps = FixedLocator([0, 50, 100] if len(panels) > 1 else [0, 25, 50, 75, 100])
            axis.xaxis.set_major_locator(steps if is_share else MaxNLocator(4 if len(panels) == 1 else 3))
            axis.grid(visible=False, axis="y")
            axis.tick_params(axis="y", length=0)
            largest = float(np.nanmax(values, initial=0))
            axis.set_xlim(
                0,
                PERCENT * (1.2 if len(panels) == 1 else 1.5)
                if is_share
                else (largest or 1) * (1.25 if len(panels) == 1 else 1.5),
            )

    return draw(name, AXIS + ROW * max(len(drawn), 1), work, columns=len(panels), sharey=True)


def texts_of(values: Iterable[float]) -> list[str]:
    """Return numbers as labels of bars: to two decimals if one of them is not whole, large ones shortened."""
    values = [float(value) for value in values]
    places = 0 if all(value.is_integer() or np.isnan(value) for value in values) else 2
    return [
        "–" if np.isnan(value) else short(value) if abs(value) >= LARGE else f"{value:,.{places}f}" for value in values
    ]


def over_time(name: str, data: pd.DataFrame) -> str:
    """Draw sessions and watch hours of each day, each with its mean of seven days."""
    days = pd.to_datetime(data["watch_date"])

    def work(*axes: Axes) -> None:
        panels = (("sessions", "sessions a day", FIRST), ("watch_hours", "watch hours a day", SECOND))
        for axis, (column, unit, color) in zip(axes, panels, strict=True):
            alone = len(days) == 1
            axis.plot(days, data[column], color=color, alpha=0.4, linewidth=0.8, marker="o" if alone else None)
            axis.plot(days, data[f"{column}_7_day_mean"], color=color, linewidth=2)
            axis.set_title(f"{unit[0].upper()}{unit[1:]}, bold: mean of 7 days", fontweight="normal")
            axis.set_ylim(0, (data[column].max() or 1) * 1.05)
            axis.yaxis.set_major_formatter(SHORT)
            axis.yaxis.set_major_locator(MaxNLocator(4))
        if len(days) <= 1:
            axes[-1].set_xticks(date2num(days), [f"{day:%Y-%m-%d}" for day in days])  # type: ignore[no-untyped-call]
        else:
            locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
            axes[-1].xaxis.set_major_locator(locator)
            axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]

    return draw(name, 4.4, work, rows=2, sharex=True)


def distribution(name: str, data: pd.DataFrame) -> str:
    """Draw the sessions of each ten percent of completion, movies and series beside each other."""
    kinds = sorted(data["type"].unique())

    def work(axes: Axes) -> None:
        width = 0.8 / max(len(kinds), 1)
        for place, (kind, color) in enumerate(zip(kinds, (FIRST, SECOND), strict=False)):
            of_kind = data[data["type"] == kind].sort_values("bucket")
            axes.bar(
                of_kind["bucket"] + (place + 0.5) * width - 0.4, of_kind["sessions"], width, color=color, label=kind
            )
        axes.set_xticks(range(BUCKETS), [f"{10 * bucket}–{10 * bucket + 10}" for bucket in range(BUCKETS)])
        axes.tick_params(axis="x", labelsize=7.5)
        axes.set_xlabel("completion in % of the title")
        axes.set_ylabel("sessions")
        axes.yaxis.set_major_formatter(SHORT)
        axes.grid(visible=False, axis="x")
        axes.legend(frameon=False, loc="upper left")

    return draw(name, 3.0, work)


def top_titles(name: str, data: pd.DataFrame, countries: Sequence[Any], top: int = 5) -> str:
    """Draw the most watched titles of some countries, one panel each."""
    largest = data["watch_hours"].max() if len(data) else 1

    def work(*axes: Axes) -> None:
        for axis, country in zip(axes, countries, strict=False):
            of_country = data[data["country"].isna() if country is None else data["country"] == country]
            first = of_country.sort_values("rank").head(top).iloc[::-1]
            shown = axis.barh(np.arange(len(first)), first["watch_hours"], color=FIRST, height=0.62)
            axis.bar_label(shown, texts_of(first["watch_hours"].to_numpy(dtype=float)), padding=3)
            axis.set_yticks(np.arange(len(first)), [label(title, 24) for title in first["title"]])
            axis.set_title(label(country, 40))
            axis.set_xlim(0, (largest or 1) * 1.3)
            axis.xaxis.set_major_formatter(SHORT)
            axis.xaxis.set_major_locator(MaxNLocator(4))
            axis.grid(visible=False, axis="y")
            axis.tick_params(axis="y", length=0)
        axes[-1].set_xlabel("watch hours in the country")

    panels = max(len(countries), 1)
    return draw(name, 0.5 + 1.55 * panels, work, rows=panels, sharex=True)


def heat_map(
    name: str, cells: pd.DataFrame, texts: pd.DataFrame, axis_labels: tuple[str, str], highest: float | None = None
) -> str:
    """Draw a matrix of cells, each as strong as its value, with a text in it.

    Args:
        name: of the plot.
        cells: the values; index and columns are the labels; NaN stays empty.
        texts: what to write into the cells, of the same shape.
        axis_labels: of the columns and of the rows.
        highest: value of the strongest cell; the largest if not given.
    """
    height, width = cells.shape
    strengths = cells.to_numpy(dtype=float)
    largest = highest or float(np.nanmax(strengths, initial=0)) or 1
    size = 9.5 if width <= 6 else 7 if width <= 13 else 5.5  # noqa: PLR2004

    def work(axes: Axes) -> None:
        for y in range(height):
            for x in range(width):
                value = strengths[y, x]
                if not np.isnan(value):
                    strength = 0.04 + (STRONGEST - 0.04) * min(value / largest, 1)
                    axes.add_patch(
                        Rectangle((x + 0.02, y + 0.03), 0.96, 0.94, color=FIRST, alpha=strength, linewidth=0)
                    )
                    axes.text(x + 0.5, y + 0.5, str(texts.iat[y, x]), ha="center", va="center", fontsize=size)
        axes.set_xlim(0, max(width, 1))
        axes.set_ylim(max(height, 1), 0)
        rotated = width <= 6 and max((len(label(each)) for each in cells.columns), default=0) * width > 40  # noqa: PLR2004
        axes.set_xticks(np.arange(width) + 0.5, [label(each, 16) for each in cells.columns], rotation=30 * rotated)
        axes.set_yticks(np.arange(height) + 0.5, [label(each, 20) for each in cells.index])
        axes.set_xlabel(axis_labels[0])
        axes.set_ylabel(axis_labels[1])
        without_axis(axes)

    return draw(name, 0.9 + 0.42 * max(height, 1), work)


def scatter(name: str, data: pd.DataFrame) -> str:
    """Draw watch hours over budget, one dot for each title."""

    def work(axes: Axes) -> None:
        for kind, color, marker in (("movie", FIRST, "o"), ("series", SECOND, "^")):
            of_kind = data[(data["type"] == kind) & (data["production_budget"] > 0)]
            if len(of_kind):
                axes.scatter(
                    of_kind["production_budget"],
                    of_kind["watch_hours"],
                    s=22,
                    color=color,
                    alpha=0.65,
                    marker=marker,
                    linewidths=0,
                    label=kind,
                )
        budgets = data["production_budget"][data["production_budget"] > 0] if len(data) else data
        if len(budgets) and budgets.max() > 10 * budgets.min():
            axes.set_xscale("log")
        axes.xaxis.set_major_formatter(SHORT)
        axes.xaxis.set_minor_formatter(lambda *_: "")
        axes.yaxis.set_major_formatter(SHORT)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("production budget, in the catalogue's currency")
        axes.set_ylabel("watch hours")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, loc="upper left")

    return draw(name, 3.6, work)

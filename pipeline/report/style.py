"""From matplotlib to SVG inside a page: one style, colours that follow the page's scheme, ids of its own."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.tables import UNKNOWN

# Stand-ins that matplotlib draws with; in the page each is a CSS variable, which differs by colour scheme.
INK, SOFT, LINE, FIRST, SECOND = "#010203", "#010204", "#010205", "#010206", "#010207"
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", FIRST: "--first", SECOND: "--second"}
WIDTH = 4.8  # inches: about as wide as a phone, so that letters keep their size there
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "svg.fonttype": "none",
}
LABEL_LENGTH = 26


def label(value: object, length: int = LABEL_LENGTH) -> str:
    """Return a value as a label of an axis: on one line, cut at `length`, "not known" for null."""
    if value is None or value != value:  # noqa: PLR0124 (NaN is what differs from itself)
        return UNKNOWN
    text = " ".join("".join(mark if mark.isprintable() else " " for mark in str(value)).split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def draw(
    name: str,
    height: float,
    work: Callable[..., None],
    rows: int = 1,
    columns: int = 1,
    **options: Any,
) -> str:
    """Return what `work` draws as SVG.

    Args:
        name: of the plot, unique in the page: its ids begin with it.
        height: of the figure in inches.
        work: gets the axes, one argument each.
        rows: of axes.
        columns: of axes.
        options: for `Figure.subplots`.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser has fonts for scripts that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(options.pop("width", WIDTH), height), layout="constrained")
        axes = np.atleast_1d(figure.subplots(rows, columns, **options)).ravel()
        work(*axes)
        out = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=True, metadata=metadata)
    return embed(out.getvalue(), name)


def embed(svg: str, name: str) -> str:
    """Make a file of matplotlib's a part of the page: scalable, with the page's colours and fonts, ids of its own."""
    svg = svg[svg.index("<svg") :]
    head, _, body = svg.partition(">")
    head = re.sub(r'\s(width|height|version|xmlns|xmlns:xlink)="[^"]*"', "", head)
    svg = f'{head} aria-hidden="true" focusable="false">{body}'
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    for color, variable in VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    svg = re.sub(r"font: ([^;\"]*?)([\d.]+px) [^;\"]*", r"font: \1\2 system-ui, sans-serif", svg)
    svg = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    return re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', svg)


def without_axis(axes: Axes) -> None:
    """Leave only the cells of a heat map."""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)

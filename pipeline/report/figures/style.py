"""One style for all drawings: sizes in points, colours by role, SVG to be put into HTML."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

WIDTH = 360.0
"""Points. A phone shows them as they are, a desk 1.3 times as large."""
TEXT = 11.5
SMALL = 10.5
HEAT_LEVELS = 8
NO_LABEL = "not known"

# Each colour stands for a variable of the page's style sheet, and is replaced by it.
INK, SOFT, LINE, PAGE = "#000001", "#000002", "#000003", "#000004"
SERIES = ("#000011", "#000012", "#000013")
HEAT = tuple(f"#0000{0x20 + level:02x}" for level in range(HEAT_LEVELS))
HEAT_TEXT = tuple(f"#0000{0x30 + level:02x}" for level in range(HEAT_LEVELS))
VARIABLES = {
    "#000000": "ink",
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    PAGE: "page",
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)},
    **{colour: f"heat-{level}" for level, colour in enumerate(HEAT)},
    **{colour: f"heat-text-{level}" for level, colour in enumerate(HEAT_TEXT)},
}

PARAMETERS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a title is a dollar
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": SMALL,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.labelcolor": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "svg.fonttype": "none",
}
mpl.rcParams.update(PARAMETERS)  # nothing else in a run draws


class Drawing:
    """A figure that is laid out in points from its top left corner.

    Args:
        name: distinguishes the ids inside the SVG from those of the page's other drawings.
        height: points.
        width: points.
    """

    def __init__(self, name: str, height: float, width: float = WIDTH) -> None:
        self.name = name
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._points = Affine2D().scale(1, -1).translate(0, height)

    def text(self, left: float, top: float, text: str, **properties: Any) -> None:
        """Write on the drawing itself, the middle of the line at `top`."""
        properties = {"fontsize": SMALL, "va": "center", **properties}
        self.figure.add_artist(Text(left, top, text, transform=self._points, **properties))

    def shape(self, patch: Patch) -> None:
        """Draw a shape on the drawing itself. Axes take as long as all that is drawn in them."""
        patch.set_transform(self._points)
        self.figure.add_artist(patch)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes at a place in points."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place)

    def svg(self) -> str:
        """Return the SVG: no size of its own, no ids but those it refers to, colours as variables."""
        out = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": self.name}), warnings.catch_warnings():
            # Which glyphs a title needs is the browser's concern, which has more fonts.
            warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
            warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
            self.figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return _for_html(out.getvalue())


def _for_html(svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
    svg = re.sub(r'<style type="text/css">.*?</style>', "", svg, flags=re.DOTALL)  # the page's style sheet has it
    svg = re.sub(r'(<(?:g|text)) id="[^"]*"', r"\1", svg)
    svg = re.sub(r"#0000[0-9a-f]{2}", lambda found: f"var(--{VARIABLES.get(found[0], 'ink')})", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", svg)
    # Hundredths of a point are below what can be seen.
    svg = re.sub(r"(-?\d+\.\d{2})\d+", r"\1", svg)
    return re.sub(r"\n\s*", "\n", svg)


def shortened(text: object, length: int) -> str:
    """Return a label as wide as so many letters at most, on one line; what is missing is said to be not known."""
    if text is None:
        return NO_LABEL
    line = " ".join(str(text).split())
    room = float(length)
    for place, letter in enumerate(line):
        room -= _letters(letter)
        # The last letter may take the place that is kept for the dots.
        if room < (1 if place + 1 < len(line) else 0):
            return f"{line[:place].rstrip()}…"
    return line


def _letters(character: str) -> float:
    """Return how wide a character is, in letters of usual width."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.8
    if character in "MWmw@%":
        return 1.65
    return 1.2 if character.isupper() else 1.0


def rounded(value: object, places: int) -> str:
    """Return a number to so many decimals, rounded half up as the database rounds."""
    return f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,}"


def compact(value: float, _: object = None) -> str:
    """Return a number for an axis: 1.5k, 20k, 3M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"

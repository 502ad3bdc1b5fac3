"""Cells of CSV files that people open in a spreadsheet, correct and give back: none of them is a formula.

The mark is an apostrophe, as the report's downloads have it. A text that begins with apostrophes before the beginning
of a formula gets one more, so what comes back is what went out.
"""

from __future__ import annotations

import re

FORMULA = re.compile("'*(?![+-]?[0-9]+([.,][0-9]+)?$)[=+\\-@\t\r\n＝＋－＠]")


def defused(cell: str) -> str:
    """Return a cell as a spreadsheet may have it: an apostrophe stands before what it would take for a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Return what a cell held before `defused`."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell

"""The list of the days that have a page."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from pipeline.days import today
from pipeline.report.templates import render

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
INDEX = "index.html"


def write_index(folder: Path, leaving: Collection[Path] = ()) -> None:
    """Write the list of the days whose page stands in `folder`, the newest first, in place of the last list.

    Args:
        folder: the folder of all reports.
        leaving: pages that are about to be deleted.
    """
    pages = [each for each in folder.iterdir() if _is_day(each.name) and (each / INDEX).is_file()]
    days = sorted((each.name for each in pages if each not in leaving), reverse=True)
    partial = folder / f".{INDEX}.partial"
    partial.write_text(render("index.html.j2", days=days), encoding="utf-8")
    partial.replace(folder / INDEX)


def _is_day(name: str) -> bool:
    # A day to come was taken by earlier versions.
    return bool(DAY.fullmatch(name)) and name <= today().isoformat()

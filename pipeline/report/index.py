"""The list of reports, so that one address leads to all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline.report.page import environment

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def write_index(reports: Path) -> None:
    """Write `index.html` of the folder of reports anew: one link for each day that has a page, the newest first."""
    days = sorted(
        (page.parent.name for page in reports.glob("*/index.html") if DAY.fullmatch(page.parent.name)), reverse=True
    )
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    html = environment().get_template("index.html.j2").render(days=days, style=style)
    partial = reports / f".index.html.{os.getpid()}"
    partial.write_text(html, encoding="utf-8")
    partial.replace(reports / "index.html")

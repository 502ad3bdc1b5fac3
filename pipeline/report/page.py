"""Writing the analysts' page, and the list of all days."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.report import TEMPLATES
from pipeline.report.dictionary import entry, questions
from pipeline.report.lineage import lineage_graph
from pipeline.report.overview import overview
from pipeline.report.panels import audience, titles, viewing
from pipeline.report.quality import quality, summary
from pipeline.report.queries import read
from pipeline.report.tables import table
from pipeline.settings import get_settings

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
INDEX = "index.html"


def write_page(path: Path, day: date) -> int:
    """Write the page to `path`, from what an analyst can read; return the number of sessions it shows."""
    data = read()
    frames = data.frames
    devices = frames["devices"]
    sessions = int(devices.loc[devices["is_total"] == 1, "sessions"].sum())
    page = _render(
        "page.html.j2",
        day=day,
        written=datetime.now(UTC),
        sessions=sessions,
        overview=overview(data),
        months=table("months", "Month by month", frames["months"]),
        parts=[
            ("viewing", "Viewing", viewing(frames)),
            ("titles", "Titles", titles(frames)),
            ("audience", "Audience", audience(frames)),
        ],
        quality_summary=summary(frames),
        quality=quality(frames),
        questions=questions(get_settings().sql_path / "examples"),
        dictionary=[entry(view) for view in data.views],
        lineage_svg=lineage_graph(frames["lineage"]),
        lineage=table("lineage", "What is made from what, and what is loaded now", frames["lineage"]),
    )
    path.write_text(page, encoding="utf-8")
    return sessions


def write_index(folder: Path) -> None:
    """Write the list of the days whose page stands in `folder`, the newest first."""
    days = sorted(
        (each.name for each in folder.iterdir() if DAY.fullmatch(each.name) and (each / INDEX).is_file()), reverse=True
    )
    partial = folder / f".{INDEX}.partial"
    partial.write_text(_render("index.html.j2", days=days), encoding="utf-8")
    partial.replace(folder / INDEX)


def _render(template: str, **values: object) -> str:
    """Render a template with the style sheet, and the script with the hash that alone lets it run."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(TEMPLATES),
    )
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(style=style, script=script, script_hash=script_hash, **values)

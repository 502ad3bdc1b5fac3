"""Writing the analysts' page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pipeline.report.dictionary import entry, questions
from pipeline.report.lineage import lineage_graph
from pipeline.report.overview import overview
from pipeline.report.panels.audience import audience
from pipeline.report.panels.titles import titles
from pipeline.report.panels.viewing import viewing
from pipeline.report.quality import quality, summary
from pipeline.report.tables import table
from pipeline.report.templates import render
from pipeline.report.warehouse import read
from pipeline.settings import get_settings


def write_page(path: Path, day: date) -> int:
    """Write the page to `path`, from what an analyst can read; return the number of sessions it shows."""
    data = read()
    frames = data.frames
    sessions = int(frames["overall"]["sessions"].iloc[0])
    page = render(
        "page.html.j2",
        day=day,
        written=datetime.now(UTC),
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
        tables=[entry(table) for table in data.tables],
        lineage_svg=lineage_graph(frames["lineage"]),
        lineage=table("lineage", "What is made from what, and what is loaded now", frames["lineage"]),
    )
    path.write_text(page, encoding="utf-8")
    return sessions

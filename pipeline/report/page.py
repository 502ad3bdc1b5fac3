"""Writing the analysts' page: everything in one file, read as `data_analyst` at one moment."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report import FOLDER
from pipeline.report.dictionary import Question, read_dictionary, read_questions
from pipeline.report.lineage import read_lineage
from pipeline.report.overview import read_overview
from pipeline.report.panels import read_panels
from pipeline.report.quality import read_quality
from pipeline.report.tables import plain, shown
from pipeline.stores.postgres import session


def write_page(path: Path, day: date) -> int:
    """Write the page to `path`, from what an analyst can read; return the number of sessions it shows."""
    with session("analyst") as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        overview = read_overview(cursor)
        parts = {
            "overview": overview,
            "panels": read_panels(cursor),
            "quality": read_quality(cursor),
            "views": read_dictionary(cursor),
            "lineage": read_lineage(cursor),
        }
        cursor.execute("COMMIT")
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    html = (
        environment()
        .get_template("page.html.j2")
        .render(
            **parts,
            day=day,
            questions=read_questions(),
            style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 (our own file)
            script=Markup(script),  # noqa: S704
            policy=policy(script),
        )
    )
    path.write_text(html, encoding="utf-8")
    return int(overview.figures[0].all_time or 0)


def environment() -> Environment:
    """Return the templates' environment; whatever comes from the data is escaped."""
    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"shown": shown, "plain": plain, "change": change, "uses": uses}
    return found


def policy(script: str) -> str:
    """Return the page's content security policy: nothing is fetched, and no script but our own runs."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = ("default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


def change(value: Decimal) -> str:
    """Return a change with its sign."""
    return f"{'±' if not value else '+' if value > 0 else '−'}{abs(value):,}"


def uses(questions: list[Question], view: str) -> list[Question]:
    """Return the questions that ask a view."""
    return [question for question in questions if view in question.views]

"""Writing the analysts' page: counts, checks and plots, read as `data_analyst`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.report import TEMPLATE
from pipeline.report.plots import bars, daily
from pipeline.stores.postgres import fetch_value, session

SESSION_WEIGHTED_DEVICES = """
    SELECT device_type, round(avg(watch_duration_minutes), 2) AS avg_duration_minutes, count(*) AS sessions
    FROM trusted.session_details GROUP BY device_type ORDER BY device_type
"""
COMPLETION_BY_TYPE = "SELECT type, avg_completion, sessions FROM trusted.completion_by_content_type ORDER BY type"
DAILY = "SELECT watch_date, sessions FROM trusted.daily_viewing ORDER BY watch_date"
QUALITY = "SELECT * FROM trusted.data_quality ORDER BY findings = 0, severity, findings DESC"
VIEWS = """
    SELECT relname, obj_description(oid, 'pg_class') FROM pg_class
    WHERE relnamespace = 'trusted'::regnamespace AND relkind IN ('v', 'm') ORDER BY relname
"""


def write_page(path: Path, day: date) -> int:
    """Write the page to `path`, from what an analyst can read; return the number of sessions it shows."""
    with session("analyst") as cursor:
        devices = _frame(cursor, SESSION_WEIGHTED_DEVICES)
        types = _frame(cursor, COMPLETION_BY_TYPE)
        days = _frame(cursor, DAILY)
        quality = _frame(cursor, QUALITY)
        views = _view_counts(cursor)
    plots = [
        {
            "title": "Mean session duration by device type",
            "svg": bars(devices, "device_type", "avg_duration_minutes", "minutes"),
            "table": devices,
            "view": "trusted.session_details",
        },
        {
            "title": "Mean completion by content type",
            "svg": bars(types, "type", "avg_completion", "percent of the title watched"),
            "table": types,
            "view": "trusted.completion_by_content_type",
        },
        {
            "title": "Sessions a day",
            "svg": daily(days, "watch_date", "sessions", "sessions"),
            "table": days.tail(14),
            "view": "trusted.daily_viewing",
        },
    ]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = _cell
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    path.write_text(template.render(day=day, plots=plots, quality=quality, views=views), encoding="utf-8")
    return int(days["sessions"].sum()) if len(days) else 0


def _frame(cursor: Cursor, query: str) -> pd.DataFrame:
    cursor.execute(query)
    return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])


def _view_counts(cursor: Cursor) -> list[dict[str, Any]]:
    cursor.execute(VIEWS)
    views = []
    for name, comment in cursor.fetchall():
        rows = fetch_value(cursor, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("trusted", name)))
        views.append({"name": f"trusted.{name}", "rows": rows, "comment": comment})
    return views


def _cell(value: object) -> str:
    """Show a value of a table: whole numbers in groups of three, nothing for null."""
    if value is None or value != value:  # noqa: PLR0124 (not a number is what differs from itself)
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value)

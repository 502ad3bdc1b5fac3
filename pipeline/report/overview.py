"""The head of the page: the last month against the one before, and how fresh the data is."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from pipeline.report.tables import Table, read_table

MONTHS = """
SELECT month, sessions, active_users, new_users, watch_hours, avg_completion, titles_watched
FROM trusted.period_summary
ORDER BY month DESC
LIMIT 36
"""
ALL_TIME = """
SELECT
    (SELECT coalesce(sum(sessions), 0)::bigint FROM trusted.daily_viewing) AS sessions,
    (SELECT coalesce(sum(active_users), 0)::bigint FROM trusted.subscription_engagement) AS active_users,
    (SELECT round(coalesce(sum(watch_duration_minutes), 0) / 60.0, 2) FROM trusted.session_details) AS watch_hours,
    (SELECT round(avg(completion_percentage), 2) FROM trusted.session_details) AS avg_completion,
    (SELECT count(*) FROM trusted.content_summary WHERE NOT removed) AS titles_watched
"""
FRESHNESS = """
SELECT
    (SELECT max(watch_date) FROM trusted.daily_viewing) AS last_date,
    (SELECT max(finished) FROM trusted.load_history WHERE task = 'PublishTrusted' AND status = 'loaded') AS published
"""
FILES = """
SELECT source, target_table, rows_read, loaded
FROM (
    SELECT DISTINCT ON (target_table, source) source, target_table, task, rows_read, finished AS loaded
    FROM trusted.load_history
    WHERE status = 'loaded' AND task IN ('LoadCsvToPostgres', 'LoadJsonToMongo', 'WithdrawCsv')
    ORDER BY target_table, source, batch_id DESC
) AS latest
WHERE task <> 'WithdrawCsv'
ORDER BY loaded DESC, source
"""
MOST_FILES = 200
FIGURES = (
    ("sessions", "Sessions", ""),
    ("active_users", "Active users", ""),
    ("watch_hours", "Watch hours", "h"),
    ("avg_completion", "Mean completion", "%"),
    ("titles_watched", "Titles watched", ""),
)


@dataclass(frozen=True)
class Figure:
    """One figure of the last month, against the month before, and over all the data.

    `change` is in percent, or in percentage points for a percentage; None without a month before.
    """

    name: str
    title: str
    unit: str
    value: int | Decimal | None
    change: Decimal | None
    points: bool
    all_time: int | Decimal | None


@dataclass(frozen=True)
class Overview:
    """The figures of `month`, None without data; `until` is its last day with data if that is not its end."""

    month: date | None
    until: date | None
    figures: list[Figure]
    months: Table
    last_date: date | None
    published: datetime | None
    files: Table


def read_overview(cursor: Cursor) -> Overview:
    """Ask for the months, the totals, and what was loaded when."""
    months = read_table(cursor, "months", MONTHS)
    files = read_table(cursor, "files", FILES, MOST_FILES)
    cursor.execute(FRESHNESS)
    [(last_date, published)] = cursor.fetchall()
    cursor.execute(ALL_TIME)
    [totals] = cursor.fetchall()
    names = [column.name for column in months.columns]
    rows = [dict(zip(names, row, strict=True)) for row in months.rows]
    last: dict[str, Any] = rows[0] if rows else {}
    before = rows[1] if len(rows) > 1 and _follows(rows[1]["month"], last["month"]) else {}
    figures = [
        _figure(about, last.get(about[0]), before.get(about[0]), total)
        for about, total in zip(FIGURES, totals, strict=True)
    ]
    month = last.get("month")
    whole = last_date is None or last_date.day == calendar.monthrange(last_date.year, last_date.month)[1]
    return Overview(month, None if whole else last_date, figures, months, last_date, published, files)


def _follows(month: date, later: date) -> bool:
    return (later.year - month.year) * 12 + later.month - month.month == 1


def _figure(about: tuple[str, str, str], value: Any, before: Any, total: Any) -> Figure:
    name, title, unit = about
    points = unit == "%"
    change = None
    if value is not None and before is not None:
        if points:
            change = Decimal(value) - Decimal(before)
        elif before:
            change = (100 * (Decimal(value) - Decimal(before)) / Decimal(before)).quantize(
                Decimal("0.1"), "ROUND_HALF_UP"
            )
    return Figure(name, title, unit, value, change, points, total)

"""What the page shows of viewing: each plot with its table, and the view both come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from psycopg2.extensions import cursor as Cursor

from pipeline.report import plots
from pipeline.report.tables import UNKNOWN, Table, read_table

MOST_TITLES = 500
COHORTS, MONTHS = 13, 13  # drawn; the table has more
COUNTRIES = 6


@dataclass(frozen=True)
class Panel:
    """A plot beside its table.

    `svg` is None when there is nothing to draw, `view` is where the figures come from, `query` is what was asked.
    """

    name: str
    title: str
    note: str
    view: str
    query: str
    table: Table
    svg: str | None


@dataclass(frozen=True)
class Wanted:
    """What a panel is made of: a query over one view, and how its result is drawn."""

    name: str
    title: str
    note: str
    view: str
    query: str
    draw: Callable[[str, Table], str]
    limit: int | None = None


DEVICES = """
SELECT device_type, round(avg(watch_duration_minutes), 2) AS avg_duration_minutes, count(*) AS sessions
FROM trusted.session_details
GROUP BY device_type
ORDER BY avg_duration_minutes DESC NULLS LAST, device_type
"""
TYPES = """
SELECT type, avg_completion, avg_duration_minutes, sessions
FROM trusted.completion_by_content_type
ORDER BY avg_completion DESC NULLS LAST, type
"""
# Days without a session count as 0; the first six days have no mean yet. Two years, should one date be far off.
DAYS = """
WITH bounds AS (
    SELECT greatest(min(watch_date), max(watch_date) - 730) AS first_day, max(watch_date) AS last_day
    FROM trusted.daily_viewing
),

calendar AS (
    SELECT day::date AS watch_date
    FROM bounds, generate_series(first_day::timestamp, last_day::timestamp, interval '1 day') AS day
),

figures AS (
    SELECT
        c.watch_date,
        coalesce(d.sessions, 0) AS sessions,
        coalesce(d.watch_hours, 0) AS watch_hours,
        coalesce(d.unique_viewers, 0) AS unique_viewers,
        d.avg_completion,
        row_number() OVER week AS number,
        round(avg(coalesce(d.sessions, 0)) OVER week, 2) AS sessions_mean,
        round(avg(coalesce(d.watch_hours, 0)) OVER week, 2) AS hours_mean
    FROM calendar AS c
    LEFT JOIN trusted.daily_viewing AS d USING (watch_date)
    WINDOW week AS (ORDER BY c.watch_date ROWS 6 PRECEDING)
)

SELECT
    watch_date,
    sessions,
    CASE WHEN number >= 7 THEN sessions_mean END AS sessions_7_day_mean,
    watch_hours,
    CASE WHEN number >= 7 THEN hours_mean END AS watch_hours_7_day_mean,
    unique_viewers,
    avg_completion
FROM figures
ORDER BY watch_date DESC
"""
DISTRIBUTION = """
SELECT
    type,
    bucket,
    bucket * 10 AS from_percent,
    bucket * 10 + 10 AS to_percent,
    sessions,
    round(100 * sessions / nullif(sum(sessions) OVER (PARTITION BY type), 0), 2) AS share
FROM trusted.completion_distribution
ORDER BY type, bucket
"""
TOP_TITLES = """
SELECT country, rank, title, content_id, sessions, watch_hours
FROM trusted.top_content_by_country
ORDER BY sum(watch_hours) OVER (PARTITION BY country) DESC, country, rank
"""
GENRES = """
SELECT genre, weighted_sessions, avg_completion, titles, sessions, watch_hours, total_budget
FROM trusted.genre_performance
ORDER BY weighted_sessions DESC, genre
"""
DEVICE_QUALITY = """
SELECT device_type, quality_level, sessions, unique_viewers, avg_duration_minutes, avg_completion
FROM trusted.device_engagement
ORDER BY sum(sessions) OVER (PARTITION BY device_type) DESC, device_type, quality_level
"""
PLANS = """
SELECT subscription_type, users, active_users, sessions, sessions_per_active_user, watch_hours, avg_completion
FROM trusted.subscription_engagement
ORDER BY users DESC, subscription_type
"""
RETENTION = """
SELECT
    cohort_month,
    month_number,
    sum(cohort_users)::bigint AS cohort_users,
    sum(active_users)::bigint AS active_users,
    round(100 * sum(active_users) / sum(cohort_users), 2) AS retention
FROM trusted.monthly_retention
WHERE cohort_month > (SELECT max(cohort_month) FROM trusted.monthly_retention) - interval '24 months'
GROUP BY cohort_month, month_number
ORDER BY cohort_month DESC, month_number
"""
SEGMENTS = """
SELECT
    segment,
    count(*) AS users,
    sum(sessions)::bigint AS sessions,
    sum(watch_hours) AS watch_hours,
    round(100 * sum(watch_hours) / nullif(sum(sum(watch_hours)) OVER (), 0), 2) AS share_of_hours
FROM trusted.user_engagement
GROUP BY segment
ORDER BY array_position(ARRAY['heavy', 'regular', 'light', 'inactive'], segment)
"""
BUDGETS = """
SELECT
    title,
    type,
    production_budget,
    watch_hours,
    round(1000 * watch_hours / nullif(production_budget, 0), 4) AS hours_per_thousand,
    sessions,
    content_id
FROM trusted.content_summary
WHERE production_budget IS NOT NULL
ORDER BY watch_hours DESC, content_id
"""


def _draw_devices(name: str, table: Table) -> str:
    return plots.bars(name, table.frame, "device_type", [("avg_duration_minutes", "mean minutes of a session")])


def _draw_types(name: str, table: Table) -> str:
    return plots.bars(name, table.frame, "type", [("avg_completion", "mean completion in % of the title")])


def _draw_days(name: str, table: Table) -> str:
    return plots.over_time(name, table.frame)


def _draw_top_titles(name: str, table: Table) -> str:
    countries = list(dict.fromkeys(table.values("country")))[:COUNTRIES]
    return plots.top_titles(name, table.frame, countries)


def _draw_genres(name: str, table: Table) -> str:
    panels = [("weighted_sessions", "weighted sessions"), ("avg_completion", "mean completion in %")]
    return plots.bars(name, table.frame, "genre", panels)


def _draw_plans(name: str, table: Table) -> str:
    panels = [("sessions_per_active_user", "sessions per active user"), ("avg_completion", "mean completion in %")]
    return plots.bars(name, table.frame, "subscription_type", panels)


def _draw_segments(name: str, table: Table) -> str:
    return plots.bars(name, table.frame, "segment", [("users", "users"), ("share_of_hours", "share of hours in %")])


def _draw_device_quality(name: str, table: Table) -> str:
    devices = list(dict.fromkeys(table.values("device_type")))[:10]
    qualities = sorted(set(table.values("quality_level")), key=lambda each: (each is None, each or ""))[:8]
    frame = table.frame
    keys = zip(table.values("device_type"), table.values("quality_level"), strict=True)
    found = dict(zip(keys, zip(frame["sessions"], frame["avg_completion"], strict=True), strict=True))
    nothing = (float("nan"), float("nan"))
    cells = [[found.get((device, quality), nothing) for quality in qualities] for device in devices]
    sessions = pd.DataFrame([[cell[0] for cell in row] for row in cells])
    texts = pd.DataFrame([[_cell_text(*cell) for cell in row] for row in cells])
    sessions.index = texts.index = pd.Index(devices, dtype=object)
    sessions.columns = texts.columns = pd.Index(qualities, dtype=object)
    return plots.heat_map(name, sessions, texts, ("picture quality", ""))


def _cell_text(sessions: float, completion: float) -> str:
    if sessions != sessions:  # noqa: PLR0124
        return ""
    count = plots.short(sessions) if sessions >= plots.LARGE else f"{sessions:,.0f}"
    return f"{count}\n{'–' if completion != completion else f'{completion:.0f} %'}"  # noqa: PLR0124


def _draw_retention(name: str, table: Table) -> str:
    matrix = table.frame.pivot_table(index="cohort_month", columns="month_number", values="retention")
    matrix = matrix.tail(COHORTS).iloc[:, :MONTHS].dropna(axis=1, how="all")
    texts = matrix.map(lambda value: "" if value != value else f"{value:.0f}")  # noqa: PLR0124
    matrix.index = pd.Index([f"{month:%Y-%m}" for month in matrix.index])
    matrix.columns = pd.Index([f"{number:.0f}" for number in matrix.columns])
    labels = ("months since the first session", "month of the first session")
    return plots.heat_map(name, matrix, texts, labels, 100)


WANTED = (
    Wanted(
        "sessions-over-time",
        "Sessions and watch hours over time",
        "Each day, and the mean of the seven days up to it; days without a session count as zero.",
        "daily_viewing",
        DAYS,
        _draw_days,
    ),
    Wanted(
        "duration-by-device",
        "Mean session duration by device type",
        "A plain mean over all sessions that have a duration.",
        "session_details",
        DEVICES,
        _draw_devices,
    ),
    Wanted(
        "completion-by-type",
        "Mean completion by content type",
        "How much of a title a session reaches, on average.",
        "completion_by_content_type",
        TYPES,
        _draw_types,
    ),
    Wanted(
        "completion-distribution",
        "How far titles are watched",
        "Sessions by ten percent of completion; exactly 100 % is in the last group. The share is of the type.",
        "completion_distribution",
        DISTRIBUTION,
        lambda name, table: plots.distribution(name, table.frame),
    ),
    Wanted(
        "device-quality",
        "Devices and picture quality",
        "The stronger the cell, the more sessions. In it: sessions, and their mean completion.",
        "device_engagement",
        DEVICE_QUALITY,
        _draw_device_quality,
    ),
    Wanted(
        "top-titles",
        "Top titles by country",
        f"By hours watched. Drawn: five titles of the {COUNTRIES} countries whose leading titles are watched most.",
        "top_content_by_country",
        TOP_TITLES,
        _draw_top_titles,
    ),
    Wanted(
        "genres",
        "Genres by weighted sessions and completion",
        "A session of a title with n genres counts 1/n for each, so that weighted sessions add up.",
        "genre_performance",
        GENRES,
        _draw_genres,
    ),
    Wanted(
        "plans",
        "Subscription types",
        "How often an active user of each plan watches, and how far.",
        "subscription_engagement",
        PLANS,
        _draw_plans,
    ),
    Wanted(
        "retention",
        "Monthly retention",
        "Of the users whose first session was in a month, the percentage with a session so many months later. "
        "All plans together.",
        "monthly_retention",
        RETENTION,
        _draw_retention,
    ),
    Wanted(
        "segments",
        "Engagement segments",
        "Active users by their watch hours: the upper tenth is heavy, the lower half light. Inactive: no session.",
        "user_engagement",
        SEGMENTS,
        _draw_segments,
    ),
    Wanted(
        "budget",
        "Budget against watch hours",
        f"Titles with a known budget, the {MOST_TITLES} most watched of them.",
        "content_summary",
        BUDGETS,
        lambda name, table: plots.scatter(name, table.frame),
        limit=MOST_TITLES,
    ),
)


def read_panels(cursor: Cursor) -> list[Panel]:
    """Ask for the figures of every panel, and draw those that have any."""
    panels = []
    for wanted in WANTED:
        table = read_table(cursor, wanted.name, wanted.query, wanted.limit, UNKNOWN)
        svg = wanted.draw(wanted.name, table) if len(table) else None
        view = f"trusted.{wanted.view}"
        panels.append(Panel(wanted.name, wanted.title, wanted.note, view, wanted.query.strip(), table, svg))
    return panels

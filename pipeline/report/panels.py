"""The panels of the page: each a question, its drawing, the table beside it, and the view both come from."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from pipeline.report.figures.bars import Measure, bars
from pipeline.report.figures.curves import daily, distribution, scatter
from pipeline.report.figures.heat import heat_map
from pipeline.report.figures.style import NO_LABEL
from pipeline.report.queries import COUNTRIES_DRAWN, TITLES_SHOWN
from pipeline.report.tables import Table, table

BARS_DRAWN = 12
GENRES_DRAWN = 20
CELLS_DRAWN = 10
TOP_DRAWN = 5
SESSIONS_TO_COUNT = 30
POINTS_DRAWN = 5000


@dataclass(frozen=True)
class Panel:
    """A drawing and its table; `svg` is None where there is nothing to draw."""

    name: str
    title: str
    view: str
    note: str
    table: Table
    svg: str | None = field(repr=False)


def viewing(frames: dict[str, pd.DataFrame]) -> list[Panel]:
    """Return the panels on when, where and how far is watched."""
    devices = frames["devices"]
    devices = devices[devices["is_total"] == 0].drop(columns="is_total")
    types, days, completion = frames["types"], frames["days"], frames["completion"]
    panels = [
        ("sessions", "sessions_7_day_mean", "sessions a day"),
        ("watch_hours", "watch_hours_7_day_mean", "watch hours a day"),
    ]
    return [
        _panel(
            "days",
            "Sessions and watch hours by day",
            "daily_viewing",
            "The last two years of the data; a day without a session counts as 0. The thick line is the mean of a day"
            " and the six before it.",
            days.iloc[::-1],
            daily("days", days, panels) if len(days) else None,
        ),
        _panel(
            "devices",
            "Mean session duration by device type",
            "session_details",
            "Minutes of a session, over the sessions whose duration is known.",
            devices,
            _bars("devices", devices, "device_type", [Measure("avg_duration_minutes", "mean minutes of a session")]),
        ),
        _panel(
            "types",
            "Mean completion by content type",
            "completion_by_content_type",
            "Percent of the title watched in a session, over the sessions where that is known.",
            types,
            _bars("types", types, "type", [Measure("avg_completion", "percent of the title watched")]),
        ),
        _panel(
            "completion",
            "How far titles are watched",
            "completion_distribution",
            "Bucket 0 is from 0 to below 10 percent, bucket 9 from 90 to 100.",
            completion,
            distribution("completion", completion, "percent of the sessions of the type")
            if len(completion) and completion["percent"].notna().all()
            else None,
        ),
        _panel(
            "device_quality",
            "Completion by device and picture quality",
            "device_engagement",
            "Mean percent of the title watched. The colours span the pairs with at least"
            f" {SESSIONS_TO_COUNT} sessions.",
            frames["device_quality"],
            _device_heat(frames["device_quality"]),
        ),
    ]


def titles(frames: dict[str, pd.DataFrame]) -> list[Panel]:
    """Return the panels on what is watched."""
    top, genres, budgets = frames["top_titles"], frames["genres"], frames["budgets"]
    countries = list(dict.fromkeys(top["country"]))[:COUNTRIES_DRAWN]
    drawn = top[top["country"].isin(countries) & (top["rank"] <= TOP_DRAWN)]
    drawn = drawn.assign(country=drawn["country"].where(drawn["country"].notna(), f"country {NO_LABEL}"))
    points = budgets[(budgets["production_budget"] > 0) & (budgets["watch_hours"] > 0)].head(POINTS_DRAWN)
    return [
        _panel(
            "top_titles",
            "Top titles by country",
            "top_content_by_country",
            f"By hours watched. Drawn: the first {TOP_DRAWN} of the {COUNTRIES_DRAWN} countries that watch most.",
            top,
            bars("top_titles", drawn, "title", [Measure("watch_hours", "watch hours")], group="country")
            if len(drawn)
            else None,
        ),
        _panel(
            "genres",
            "Genres",
            "genre_performance",
            "A session counts 1/n for each genre of a title of n genres, so that weighted sessions add up to all."
            f" Drawn: the first {GENRES_DRAWN}.",
            genres,
            _bars(
                "genres",
                genres,
                "genre",
                [
                    Measure("weighted_sessions", "weighted sessions", whole=True),
                    Measure("avg_completion", "mean completion, percent"),
                ],
                GENRES_DRAWN,
            ),
        ),
        _panel(
            "budgets",
            "Production budget against watch hours",
            "content_summary",
            "Titles with a budget, both scales logarithmic; titles never watched are in the table alone."
            + (
                f" The table shows the {TITLES_SHOWN} most watched of {len(budgets):,}."
                if len(budgets) > TITLES_SHOWN
                else ""
            )
            + (f" Drawn: the {POINTS_DRAWN:,} most watched." if len(budgets) > POINTS_DRAWN else ""),
            budgets.head(TITLES_SHOWN),
            scatter(
                "budgets",
                points,
                ("production_budget", "production budget, currency of the catalogue"),
                ("watch_hours", "watch hours"),
                "type",
            )
            if len(points)
            else None,
        ),
    ]


def audience(frames: dict[str, pd.DataFrame]) -> list[Panel]:
    """Return the panels on who watches and who comes back."""
    plans, segments, retention = frames["plans"], frames["segments"], frames["retention"]
    return [
        _panel(
            "plans",
            "Subscription types",
            "subscription_engagement",
            "A user is active with at least one session.",
            plans,
            _bars(
                "plans",
                plans,
                "subscription_type",
                [
                    Measure("sessions_per_active_user", "sessions of an active user"),
                    Measure("avg_completion", "mean completion, percent"),
                ],
            ),
        ),
        _panel(
            "segments",
            "Engagement segments",
            "user_engagement",
            "Users by their rank in watch time among active users: light is the lower half, heavy the upper tenth.",
            segments,
            _bars(
                "segments",
                segments,
                "segment",
                [
                    Measure("percent_of_users", "percent of users"),
                    Measure("percent_of_watch_hours", "percent of watch hours"),
                ],
            ),
        ),
        _panel(
            "retention",
            "Monthly retention",
            "monthly_retention",
            "Of the users whose first session was in a month, the percent with a session so many months later."
            " The last 13 cohorts, over all plans.",
            retention,
            _retention_heat(retention),
        ),
    ]


def _panel(name: str, title: str, view: str, note: str, data: pd.DataFrame, svg: str | None) -> Panel:
    return Panel(name, title, view, note, table(name, title, data), svg)


def _bars(name: str, data: pd.DataFrame, label: str, measures: list[Measure], rows: int = BARS_DRAWN) -> str | None:
    return bars(name, data.head(rows), label, measures) if len(data) else None


def _device_heat(data: pd.DataFrame) -> str | None:
    known = data[data["avg_completion"].notna()]
    if known.empty:
        return None
    rows = _commonest(known, "device_type")
    columns = _commonest(known, "quality_level")
    values = {
        (device, quality): completion
        for device, quality, completion in zip(
            known["device_type"], known["quality_level"], known["avg_completion"], strict=True
        )
    }
    shown = {pair: value for pair, value in values.items() if pair[0] in rows and pair[1] in columns}
    weighty = known.loc[known["sessions"] >= SESSIONS_TO_COUNT, "avg_completion"].astype(float)
    scale = (weighty.min(), weighty.max()) if len(weighty) else None
    return heat_map(
        "device_quality", rows, columns, shown, "mean percent of the title watched", decimals=1, scale=scale
    )


def _commonest(data: pd.DataFrame, column: str) -> list[object]:
    """Return the values with the most sessions, a missing one last."""
    sessions: dict[object, int] = {}
    for value, count in zip(data[column], data["sessions"], strict=True):
        sessions[value] = sessions.get(value, 0) + count
    first = sorted(sessions, key=lambda value: (value is None, -sessions[value], str(value)))[:CELLS_DRAWN]
    return first


def _retention_heat(data: pd.DataFrame) -> str | None:
    if data.empty:
        return None
    labels = {
        month: f"{month:%b %Y} ({users:,})"
        for month, users in zip(data["cohort_month"], data["cohort_users"], strict=True)
    }
    values = {
        (labels[month], number): retention
        for month, number, retention in zip(data["cohort_month"], data["month_number"], data["retention"], strict=True)
    }
    months = sorted(set(data["month_number"]))
    unit = "months after the first session; percent active"
    return heat_map("retention", list(labels.values()), months, values, unit, scale=(0, 100))

"""Every table of viewing on the page, computed with pandas from the raw files alone."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd

from tests.oracle import expected, trusted_views
from tests.oracle.grouping import rounded
from tests.oracle.warehouse import Content, User, ViewingSession

Tables = dict[str, list[tuple[Any, ...]]]


def mean(values: Any, places: int = 2) -> Decimal | None:
    """Return the exact mean of what is known, rounded; None if nothing is."""
    known = [Fraction(value) for value in values if not pd.isna(value)]
    return rounded(sum(known, Fraction(0)) / len(known), places) if known else None


def hours(minutes: Any) -> Decimal:
    """Return minutes as hours."""
    return rounded(Fraction(int(minutes.fillna(0).sum()), 60))


def share(part: Any, whole: Any, places: int = 2) -> Decimal | None:
    """Return a part in percent of the whole."""
    return rounded(100 * Fraction(part) / Fraction(whole), places) if whole else None


def null(value: Any) -> Any:
    """Return None for what pandas has instead."""
    return None if pd.isna(value) else value


def sessions_of(raw: Path) -> pd.DataFrame:
    """Return the sessions that must be loaded, with their user and title."""
    warehouse = expected(raw)
    sessions = pd.DataFrame(warehouse.viewing_sessions, columns=ViewingSession._fields, dtype=object)
    users = pd.DataFrame(warehouse.users, columns=User._fields, dtype=object)
    titles = pd.DataFrame(warehouse.content, columns=Content._fields, dtype=object)
    joined = sessions.merge(users, on="user_id", validate="many_to_one")
    joined = joined.merge(titles, on="content_id", validate="many_to_one")
    assert len(joined) == len(sessions)
    return joined


def page_tables(raw: Path) -> Tables:
    """Return the rows of every table of viewing by the table's name, in no order."""
    sessions = sessions_of(raw)
    views = trusted_views(expected(raw))
    return {
        "months": _months(sessions),
        "sessions-over-time": _days(sessions),
        "duration-by-device": [
            (null(device), mean(group["watch_duration_minutes"]), len(group))
            for device, group in sessions.groupby("device_type", dropna=False)
        ],
        "completion-by-type": [
            (kind, mean(group["completion_percentage"]), mean(group["watch_duration_minutes"]), len(group))
            for kind, group in sessions.groupby("type")
        ],
        "completion-distribution": _distribution(sessions),
        "device-quality": [
            (
                *map(null, key),
                len(group),
                group["user_id"].nunique(),
                mean(group["watch_duration_minutes"]),
                mean(group["completion_percentage"]),
            )
            for key, group in sessions.groupby(["device_type", "quality_level"], dropna=False)
        ],
        "top-titles": _top_titles(sessions),
        "genres": [
            (genre, weighted, completion, titles, count, watched, budget)
            for genre, titles, count, weighted, watched, completion, budget in views["genre_performance"]
        ],
        "plans": [
            (plan, users, active, count, each, watched, completion)
            for plan, users, active, count, watched, completion, each in views["subscription_engagement"]
        ],
        "retention": _retention(sessions),
        "segments": _segments(views["user_engagement"]),
        "budget": _budgets(views["content_summary"]),
    }


def _months(sessions: pd.DataFrame) -> list[tuple[Any, ...]]:
    months = sessions["watch_date"].map(lambda day: day.replace(day=1))
    first = months.groupby(sessions["user_id"]).min()
    return [
        (
            month,
            len(group),
            group["user_id"].nunique(),
            int((first == month).sum()),
            hours(group["watch_duration_minutes"]),
            mean(group["completion_percentage"]),
            group["content_id"].nunique(),
        )
        for month, group in sessions.groupby(months)
    ]


def _days(sessions: pd.DataFrame) -> list[tuple[Any, ...]]:
    groups = dict(iter(sessions.groupby("watch_date")))
    first, last = min(groups), max(groups)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    counts = [len(groups[day]) if day in groups else 0 for day in days]
    watched = [hours(groups[day]["watch_duration_minutes"]) if day in groups else Decimal(0) for day in days]
    rows = []
    for number, day in enumerate(days):
        week = slice(number - 6, number + 1)
        means = (mean(counts[week]), mean(watched[week])) if number >= 6 else (None, None)
        viewers = groups[day]["user_id"].nunique() if day in groups else 0
        completion = mean(groups[day]["completion_percentage"]) if day in groups else None
        rows.append((day, counts[number], means[0], watched[number], means[1], viewers, completion))
    return rows


def _distribution(sessions: pd.DataFrame) -> list[tuple[Any, ...]]:
    rows = []
    for kind, group in sessions.groupby("type"):
        known = group["completion_percentage"].dropna().astype(float)
        counts = pd.cut(known, [*range(0, 100, 10), 101], right=False, labels=False).value_counts()
        for bucket in range(10):
            count = int(counts.get(bucket, 0))
            rows.append((kind, bucket, 10 * bucket, 10 * bucket + 10, count, share(count, len(known))))
    return rows


def _top_titles(sessions: pd.DataFrame) -> list[tuple[Any, ...]]:
    rows = []
    for country, in_country in sessions.groupby("country", dropna=False):
        titles = [
            (-group["watch_duration_minutes"].fillna(0).sum(), content_id, group)
            for content_id, group in in_country.groupby("content_id")
        ]
        for rank, (_, content_id, group) in enumerate(sorted(titles, key=lambda each: each[:2])[:10], start=1):
            watched = hours(group["watch_duration_minutes"])
            rows.append((null(country), rank, group["title"].iloc[0], content_id, len(group), watched))
    return rows


def _retention(sessions: pd.DataFrame) -> list[tuple[Any, ...]]:
    def number(day: date) -> int:
        return 12 * day.year + day.month

    months = sessions["watch_date"].map(number)
    cohorts = months.groupby(sessions["user_id"]).min()
    active = pd.DataFrame({"user_id": sessions["user_id"], "month": months}).drop_duplicates()
    active["cohort"] = active["user_id"].map(cohorts)
    rows = []
    for cohort, size in cohorts.value_counts().items():
        if cohort <= cohorts.max() - 24:
            continue
        for later in range(months.max() - cohort + 1):
            count = int(((active["cohort"] == cohort) & (active["month"] == cohort + later)).sum())
            first = date((cohort - 1) // 12, (cohort - 1) % 12 + 1, 1)
            rows.append((first, later, int(size), count, share(count, int(size))))
    return rows


def _segments(users: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    total = sum(user[4] for user in users)
    frame = pd.DataFrame({"segment": [user[8] for user in users], "at": range(len(users))})
    rows = []
    for segment, group in frame.groupby("segment"):
        of_segment = [users[at] for at in group["at"]]
        watched = sum(user[4] for user in of_segment)
        rows.append((segment, len(of_segment), sum(user[3] for user in of_segment), watched, share(watched, total)))
    return rows


def _budgets(titles: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    rows = []
    for content_id, title, kind, _, _, budget, *_, count, _, watched, _, _ in titles:
        if budget is not None:
            each = rounded(1000 * Fraction(watched) / Fraction(budget), 4) if budget else None
            rows.append((title, kind, budget, watched, each, count, content_id))
    return rows

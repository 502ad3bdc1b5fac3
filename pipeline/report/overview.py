"""The first figures of the page: the last month against the month before, and how fresh the data is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pandas as pd

from pipeline.report.warehouse import Warehouse

FILES_NAMED = 3
UNITS = {
    "sessions": "sessions",
    "active_users": "active users",
    "watch_hours": "watch hours",
    "avg_completion": "mean completion",
    "titles_in_month": "titles watched",
}
# To count it for some days of the month before takes all sessions of these.
WHOLE_MONTH = "titles_in_month"


@dataclass(frozen=True)
class Card:
    """A figure of the last month: its name, value and change against the month before, as they are shown."""

    name: str
    label: str
    value: str
    change: str
    direction: str


@dataclass(frozen=True)
class Overview:
    """What stands at the top: the days compared, the cards, totals of all data (label, value), and freshness."""

    days: str
    days_before: str
    cards: list[Card]
    totals: list[tuple[str, str, str]]
    freshness: list[tuple[str, str]]


def overview(data: Warehouse) -> Overview | None:
    """Sum the warehouse up; None while it holds no session."""
    periods = data.frames["month_to_date"]
    if not len(periods):
        return None
    month, before = periods.iloc[0], periods.iloc[1]
    cards = [_card(name, month, before) for name in UNITS]
    return Overview(_days(month), _days(before), cards, _totals(data), _freshness(data))


def _card(name: str, month: pd.Series, before: pd.Series) -> Card:
    now, then = month[name], before[name]
    percent = name == "avg_completion"
    value = "none" if now is None else f"{now:,} %" if percent else f"{now:,}"
    if name == WHOLE_MONTH:
        return Card(name, UNITS[name], value, f"{then:,} in the whole month before", "same")
    if now is None or not before["sessions"] or then is None:
        return Card(name, UNITS[name], value, "nothing to compare with", "same")
    difference = Decimal(now) - Decimal(then)
    if percent:
        shown = f"{difference:+.2f} points"
    else:
        shown = f"{100 * difference / Decimal(then):+.1f} %" if then else "from 0"
    shown = shown.replace("-", "−") if difference else "no change"
    direction = "up" if difference > 0 else "down" if difference < 0 else "same"
    return Card(name, UNITS[name], value, shown, direction)


def _days(period: pd.Series) -> str:
    first, last = period["first_date"], period["last_date"]
    return _day(last) if first == last else f"{first.day}–{_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _totals(data: Warehouse) -> list[tuple[str, str, str]]:
    """Return key, label and value of the totals over all data."""
    everything = data.frames["overall"].iloc[0]
    titles = next(view.rows for view in data.views if view.name == "content_summary")
    completion = everything["avg_completion"]
    return [
        ("sessions", "sessions", f"{everything['sessions']:,}"),
        ("users", "users", f"{everything['users']:,}"),
        ("active_users", "of them active", f"{everything['active_users']:,}"),
        ("watch_hours", "watch hours", f"{everything['watch_hours']:,}"),
        ("avg_completion", "mean completion", "none" if completion is None else f"{completion:,} %"),
        ("titles", "titles in the catalogue", f"{titles:,}"),
    ]


def _freshness(data: Warehouse) -> list[tuple[str, str]]:
    lineage = data.frames["lineage"]
    files = lineage[lineage["kind"] == "file"].sort_values("loaded")
    names = list(files["object"])
    more = f" and {len(names) - FILES_NAMED:,} more" if len(names) > FILES_NAMED else ""
    loaded = {
        label: _loaded(lineage.loc[lineage["object"] == name, "loaded"].tolist())
        for label, name in (("Sessions", "processed.viewing_sessions"), ("Catalogue", "processed.content"))
    }
    last = data.frames["days"]["watch_date"].iloc[-1]
    return [
        ("Last day of the data", last.isoformat()),
        *((f"{label} loaded", when) for label, when in loaded.items()),
        (
            f"From {len(names):,} files" if len(names) != 1 else "From one file",
            f"{', '.join(names[-FILES_NAMED:])}{more}",
        ),
    ]


def _loaded(times: list[datetime | None]) -> str:
    known = [each for each in times if each is not None]
    return f"{max(known):%Y-%m-%d %H:%M} UTC" if known else "not known"

"""The first figures of the page: the last month against the month before, and how fresh the data is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from pipeline.report.warehouse import Period, Warehouse

FILES_NAMED = 3
UNITS = {
    "sessions": "sessions",
    "active_users": "active users",
    "watch_hours": "watch hours",
    "avg_completion": "mean completion",
    "titles": "titles watched",
}


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
    if data.month is None or data.month_before is None:
        return None
    cards = [_card(name, data.month, data.month_before) for name in UNITS]
    return Overview(_days(data.month), _days(data.month_before), cards, _totals(data), _freshness(data))


def _card(name: str, month: Period, before: Period) -> Card:
    now, then = month.figures[name], before.figures[name]
    percent = name == "avg_completion"
    value = "none" if now is None else f"{now:,} %" if percent else f"{now:,}"
    if now is None or not before.figures["sessions"] or then is None:
        return Card(name, UNITS[name], value, "nothing to compare with", "same")
    difference = Decimal(now) - Decimal(then)
    if percent:
        shown = f"{difference:+.2f} points"
    else:
        shown = f"{100 * difference / Decimal(then):+.1f} %" if then else "from 0"
    shown = shown.replace("-", "−") if difference else "no change"
    direction = "up" if difference > 0 else "down" if difference < 0 else "same"
    return Card(name, UNITS[name], value, shown, direction)


def _days(period: Period) -> str:
    if period.first == period.last:
        return _day(period.first)
    return f"{period.first.day}–{_day(period.last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _totals(data: Warehouse) -> list[tuple[str, str, str]]:
    """Return key, label and value of the totals over all data."""
    devices, plans = data.frames["devices"], data.frames["plans"]
    everything = devices[devices["is_total"] == 1].iloc[0]
    titles = next(view.rows for view in data.views if view.name == "content_summary")
    completion = everything["avg_completion"]
    return [
        ("sessions", "sessions", f"{everything['sessions']:,}"),
        ("users", "users", f"{sum(plans['users']):,}"),
        ("active_users", "of them active", f"{sum(plans['active_users']):,}"),
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

"""Sums and means over groups of sessions, in exact arithmetic."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from .warehouse import ViewingSession, Warehouse


def rounded(value: Fraction | Decimal | int, places: int = 2) -> Decimal:
    """Round half away from zero, as PostgreSQL rounds numerics."""
    scaled = Fraction(value) * 10**places
    whole = floor(abs(scaled) + Fraction(1, 2))
    return Decimal(whole if scaled >= 0 else -whole).scaleb(-places)


def month_of(day: date) -> date:
    return day.replace(day=1)


def months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


@dataclass
class Tally:
    """A group of sessions; unknown minutes and percentages count in no mean."""

    sessions: int = 0
    minutes_known: list[int] = field(default_factory=list)
    completions: list[Decimal] = field(default_factory=list)
    viewers: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)
    last_day: date | None = None

    def add(self, session: ViewingSession) -> None:
        self.sessions += 1
        self.viewers.add(session.user_id)
        self.titles.add(session.content_id)
        self.last_day = max(self.last_day or session.watch_date, session.watch_date)
        if session.watch_duration_minutes is not None:
            self.minutes_known.append(session.watch_duration_minutes)
        if session.completion_percentage is not None:
            self.completions.append(session.completion_percentage)

    @property
    def minutes(self) -> int:
        return sum(self.minutes_known)

    @property
    def watch_hours(self) -> Decimal:
        return rounded(Fraction(self.minutes, 60))

    @property
    def avg_duration(self) -> Decimal | None:
        return rounded(Fraction(self.minutes, len(self.minutes_known))) if self.minutes_known else None

    @property
    def avg_completion(self) -> Decimal | None:
        if not self.completions:
            return None
        return rounded(Fraction(sum(self.completions)) / len(self.completions))


class Joined:
    """The warehouse, its sessions joined to their users and titles; `watched` are those up to a day."""

    def __init__(self, warehouse: Warehouse, day: date) -> None:
        self.warehouse = warehouse
        self.sessions = warehouse.viewing_sessions
        self.watched = [session for session in self.sessions if session.watch_date <= day]
        self.users = {row.user_id: row for row in warehouse.users}
        self.content = {row.content_id: row for row in warehouse.content}
        self.genres: dict[str, list[str]] = defaultdict(list)
        for content_id, genre in warehouse.genres:
            self.genres[content_id].append(genre)
        self.first_month: dict[str, date] = {}
        for session in sorted(self.watched, key=lambda session: session.watch_date):
            self.first_month.setdefault(session.user_id, month_of(session.watch_date))

    def genre_groups(self, content_id: str) -> list[str | None]:
        """The genres a title counts for: None alone if it has none."""
        return [*self.genres[content_id]] or [None]

    def country(self, session: ViewingSession) -> str | None:
        return self.users[session.user_id].country

    def subscription_type(self, session: ViewingSession) -> str | None:
        return self.users[session.user_id].subscription_type

    def type(self, session: ViewingSession) -> str:
        return self.content[session.content_id].type

    def tally(self, key: Callable[[ViewingSession], Hashable]) -> dict[Any, Tally]:
        """The sessions by key; looking up a key without sessions gives an empty group."""
        return self._tally(self.sessions, key)

    def tally_watched(self, key: Callable[[ViewingSession], Hashable]) -> dict[Any, Tally]:
        """The same, of the sessions that are not dated after the day."""
        return self._tally(self.watched, key)

    @staticmethod
    def _tally(sessions: list[ViewingSession], key: Callable[[ViewingSession], Hashable]) -> dict[Any, Tally]:
        groups: dict[Any, Tally] = defaultdict(Tally)
        for session in sessions:
            groups[key(session)].add(session)
        return groups

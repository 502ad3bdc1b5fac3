"""The users of the sample: who they are, when they were there, what they like."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from pipeline.sample.draws import Draws, Ints, bits, lookup

USER_COLUMNS = (
    "user_id",
    "age",
    "country",
    "subscription_type",
    "registration_date",
    "total_watch_time_hours",
)
COUNTRIES = (
    "México",
    "Colombia",
    "Argentina",
    "Chile",
    "Perú",
    "España",
    "Brasil",
    "United States",
    "日本",
    "Korea, Republic of",
    "Côte d'Ivoire",
    "",
)
PLANS = ("Basic", "Standard", "Premium", "")
DEVICES = ("Mobile", "Smart TV", "Desktop", "Tablet", "Gaming Console", "")

FIRST_DAY = date(2024, 1, 1)
YEARS_BEFORE = 1095
_COUNTRY_TABLE = lookup((62, 48, 40, 28, 20, 16, 14, 10, 6, 3, 1, 8))
_PLAN_TABLE = lookup((100, 90, 63, 3))
_DEVICE_TABLE = lookup((88, 84, 38, 34, 12))
# Of 256: how many users of each plan never leave.
_LOYAL = np.array([130, 155, 185, 140], dtype=np.int64)
_NEVER = 10_000
# Of 256: users without an age, without a registration date.
_NO_AGE, _NO_DATE = 10, 3
_BLOCK = 20_000


def user_id(number: int) -> str:
    """Return the id of the user with this number (from 1)."""
    return f"U{number:06d}"


class People:
    """All users as compact arrays (about 50 bytes each), ordered by registration.

    Attributes:
        count: number of users.
        country, plan, device: index into `COUNTRIES`, `PLANS` and `DEVICES`; the device is the favourite.
    """

    def __init__(self, sessions: int, seed: int) -> None:
        self.count = max(50, min(sessions // 8, 400), sessions // 40)
        draws = Draws(seed, 1)
        one, two = draws.raw(self.count), draws.raw(self.count)
        self.country = _COUNTRY_TABLE[bits(one, 0, 8)].astype(np.int8)
        self.plan = _PLAN_TABLE[bits(one, 8, 8)].astype(np.int8)
        self.device = _DEVICE_TABLE[bits(one, 16, 8)].astype(np.int8)
        # Age 0 is written as an empty value.
        age = 16 + bits(one, 24, 5) + bits(one, 29, 5)
        self._age = np.where(bits(one, 34, 8) < _NO_AGE, 0, age).astype(np.int8)
        self._start = self._registration_days()
        self._end = self._last_days(bits(two, 0, 8), bits(two, 8, 10))
        self._hours = (366 - self._start) * (1 + bits(two, 18, 6)) // 10
        self._no_date = bits(two, 24, 8) < _NO_DATE
        # The first of the order watch most.
        self._order = draws.order(self.count)
        self._ordered_start = self._start[self._order]
        self._ordered_end = self._end[self._order]

    def _registration_days(self) -> Ints:
        """Day of registration, counted from the first day of the sample: six of ten came before it."""
        number = np.arange(self.count, dtype=np.int64)
        before = self.count * 6 // 10
        earlier = number * YEARS_BEFORE // before - YEARS_BEFORE
        later = (number - before) * 355 // (self.count - before)
        return np.where(number < before, earlier, later)

    def _last_days(self, luck: Ints, stay: Ints) -> Ints:
        """Last day on which each user watches; some register and never watch anything."""
        end = np.where(luck < _LOYAL[self.plan], _NEVER, self._start + 10 + stay)
        end[22::23] = self._start[22::23] - 1
        end[0] = _NEVER
        return end

    def present(self, day: int) -> Ints:
        """Return the indexes of the users who may watch on a day (from 0), the keenest first; never empty."""
        return self._order[(self._ordered_start <= day) & (day <= self._ordered_end)]

    def rows(self) -> Iterator[list[str]]:
        """Yield the record of each user, fields in the order of `USER_COLUMNS`."""
        for first in range(0, self.count, _BLOCK):
            block = slice(first, min(first + _BLOCK, self.count))
            columns = zip(
                range(block.start, block.stop),
                self._age[block].tolist(),
                self.country[block].tolist(),
                self.plan[block].tolist(),
                self._start[block].tolist(),
                self._no_date[block].tolist(),
                self._hours[block].tolist(),
                strict=True,
            )
            for index, age, country, plan, start, no_date, hours in columns:
                registered = "" if no_date else (FIRST_DAY + timedelta(days=start)).isoformat()
                yield [
                    user_id(index + 1),
                    str(age or ""),
                    COUNTRIES[country],
                    PLANS[plan],
                    registered,
                    f"{hours // 10}.{hours % 10}",
                ]

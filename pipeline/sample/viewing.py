"""The viewing sessions of a year, made day by day in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate, pairwise, repeat

import numpy as np

from pipeline.sample.catalogue import Catalogue
from pipeline.sample.draws import Draws, Flags, Ints, Raw, bits, lookup, scaled, skewed
from pipeline.sample.people import DEVICES, FIRST_DAY, People

Row = tuple[str, ...]

SESSION_COLUMNS = (
    "session_id",
    "user_id",
    "content_id",
    "watch_date",
    "watch_duration_minutes",
    "completion_percentage",
    "device_type",
    "quality_level",
)
QUALITIES = ("SD", "HD", "4K", "")
DAYS = 366

_BLOCK = 20_000
_WEEKDAY_WEIGHTS = (88, 86, 88, 92, 110, 134, 126)
_MONTH_WEIGHTS = (99, 97, 96, 97, 95, 94, 101, 103, 98, 101, 106, 113)
_DEVICE_TABLE = lookup((96, 72, 40, 36, 12))
# One table of qualities for each plan; users without a plan watch like Standard.
_QUALITY_TABLES = np.stack([lookup(w) for w in ((150, 106), (50, 150, 56), (20, 84, 152), (50, 150, 56))])
# People finish more on a television: a head start on the completion table below.
_DEVICE_HEAD_START = np.array([0, 520, 260, 150, 330], dtype=np.int64)
_MOBILE, _HD, _4K = 0, 1, 2
_NO_DEVICE, _NO_QUALITY, _NO_COMPLETION = len(DEVICES) - 1, len(QUALITIES) - 1, 1001


# Of 256: sessions on the favourite device, and of titles that are popular in one country.
_LOYAL_TO_DEVICE, _LOCAL_TASTE = 185, 64


def _among_256(*codes: int) -> Flags:
    """Return a table that is true for these of 256 codes."""
    return np.isin(np.arange(256), codes)


# Which value a session lacks; one code stands for two at once.
_LACKS_MINUTES = _among_256(0)
_LACKS_COMPLETION = _among_256(1, 2, 3, 4, 5)
_LACKS_DEVICE = _among_256(5, 6, 7, 8)
_LACKS_QUALITY = _among_256(9)


def _ramp(*knots: tuple[int, int]) -> list[int]:
    """Return 4,096 completions in tenths of a percent, straight between the knots (index, tenths)."""
    values = []
    for (left, low), (right, high) in pairwise(knots):
        values += [low + (high - low) * (i - left) // (right - left) for i in range(left, right)]
    return values


# Movies are left half-way more often than episodes; a quarter to a third is watched to the end.
_COMPLETION = np.array(
    [
        _ramp((0, 8), (500, 120), (1100, 420), (1800, 760), (2600, 930), (3250, 1000), (4096, 1000)),
        _ramp((0, 20), (350, 180), (800, 560), (1400, 850), (2300, 960), (2950, 1000), (4096, 1000)),
    ],
    dtype=np.int64,
)


def _texts(*values: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.array(values, dtype=object)


_COMPLETION_TEXTS = _texts(*(f"{tenths // 10}.{tenths % 10}" for tenths in range(1001)), "")
# Minutes are looked up, too; the last entry, index -1, is the empty value.
_MINUTE_TEXTS = _texts(*map(str, range(1000)), "")
_DEVICE_TEXTS = _texts(*DEVICES)
_QUALITY_TEXTS = _texts(*QUALITIES)


class Viewing:
    """The regular sessions: valid, each with an id of its own, of delivered users and titles.

    Args:
        sessions: how many.
        people: the users.
        catalogue: the titles.
        seed: seed of the sample.
    """

    def __init__(self, sessions: int, people: People, catalogue: Catalogue, seed: int) -> None:
        self._people = people
        self._catalogue = catalogue
        self._seed = seed
        self._days = [FIRST_DAY + timedelta(days=day) for day in range(DAYS)]
        weights = self._day_weights(Draws(seed, 3))
        total = weights[-1]
        # Sessions before each day; the last entry is the number of all.
        self._before = [0, *(sessions * weight // total for weight in weights)]
        self._title_ids = _texts(*catalogue.content_ids)
        self._popularity = np.cumsum(1_000_000 // (np.arange(catalogue.watched, dtype=np.int64) + 2))

    def _day_weights(self, draws: Draws) -> list[int]:
        """Cumulated weights of the days: a weekly rhythm, a season, and some noise."""
        return list(
            accumulate(
                _WEEKDAY_WEIGHTS[day.weekday()] * _MONTH_WEIGHTS[day.month - 1] * (94 + draws.below(13))
                for day in self._days
            )
        )

    def count(self, month: int) -> int:
        """Return the number of sessions in a month (1 to 12)."""
        return sum(
            self._before[number + 1] - self._before[number]
            for number, day in enumerate(self._days)
            if day.month == month
        )

    def blocks(self, month: int) -> Iterator[list[Row]]:
        """Yield the sessions of a month (1 to 12) by day, fields in the order of `SESSION_COLUMNS`."""
        draws = Draws(self._seed, 4, month)
        for number, day in enumerate(self._days):
            if day.month != month:
                continue
            present = self._people.present(number)
            for first in range(self._before[number], self._before[number + 1], _BLOCK):
                last = min(first + _BLOCK, self._before[number + 1])
                yield self._block(first + 1, last - first, day, present, draws)

    def _block(self, first: int, count: int, day: date, present: Ints, draws: Draws) -> list[Row]:
        who, what, how = draws.raw(3 * count).reshape(3, count)
        users = present[skewed(who, len(present))]
        titles = self._titles(what, users, local_taste=bits(how, 12, 8) < _LOCAL_TASTE)
        favourite = self._people.device[users].astype(np.int64)
        devices = np.where(bits(what, 32, 8) < _LOYAL_TO_DEVICE, favourite, _DEVICE_TABLE[bits(what, 40, 8)])
        qualities = _QUALITY_TABLES[self._people.plan[users], bits(what, 48, 8)]
        qualities = np.where((devices == _MOBILE) & (qualities == _4K), _HD, qualities)

        luck = np.minimum(bits(how, 0, 12) + _DEVICE_HEAD_START[devices], 4095)
        tenths = _COMPLETION[self._catalogue.is_series[titles].astype(np.int64), luck]
        # Rounded up: at least a minute, at most the length of the title.
        minutes = (self._catalogue.minutes[titles] * tenths + 999) // 1000

        gaps = bits(what, 56, 8)
        columns = (
            map("S%08d".__mod__, range(first, first + count)),
            map("U%06d".__mod__, (users + 1).tolist()),
            self._title_ids[titles].tolist(),
            repeat(day.isoformat(), count),
            _MINUTE_TEXTS[np.where(_LACKS_MINUTES[gaps], -1, minutes)].tolist(),
            _COMPLETION_TEXTS[np.where(_LACKS_COMPLETION[gaps], _NO_COMPLETION, tenths)].tolist(),
            _DEVICE_TEXTS[np.where(_LACKS_DEVICE[gaps], _NO_DEVICE, devices)].tolist(),
            _QUALITY_TEXTS[np.where(_LACKS_QUALITY[gaps], _NO_QUALITY, qualities)].tolist(),
        )
        return list(zip(*columns, strict=True))

    def _titles(self, what: Raw, users: Ints, local_taste: Flags) -> Ints:
        """Draw a title for each session: few are watched by many, and countries differ a little."""
        ranks = np.searchsorted(self._popularity, scaled(what, int(self._popularity[-1])), side="right")
        abroad = (ranks + 5 * self._people.country[users].astype(np.int64)) % self._catalogue.watched
        return self._catalogue.by_rank[np.where(local_taste, abroad, ranks)]

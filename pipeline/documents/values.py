"""Numbers and dates as documents hold them, in any of their representations, read leniently."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.errors import InvalidBSON
from pydantic_core import PydanticCustomError

from pipeline.sources.text_rules import trim

FIRST_YEAR, LAST_YEAR = 1900, 2100  # of dates, as in the CSV files
DATE_LENGTH = len("2024-05-01")
NOT_A_DATE = "not a date (YYYY-MM-DD)"

# Narrower than what Decimal reads, which includes "1_000", "NaN" and digits of other scripts.
_NUMERAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)

# What may follow a day, as in the CSV files: etl.date_problem in sql/etl/typing.sql.
_TIME = re.compile(r"[T ]\d", re.ASCII)
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?", re.ASCII)


def wrong(reason: str) -> PydanticCustomError:
    """The error of a value that breaks a rule; `reason` is shown to people as it is."""
    return PydanticCustomError("rule", reason)


def to_decimal(value: object) -> Decimal | None:
    """Read any representation of a number; null and blank text are None.

    Raises:
        PydanticCustomError: not a finite number. Booleans are not numbers.
    """
    if value is None or isinstance(value, str):
        text = trim(value or "")
        if text and not _NUMERAL.fullmatch(text):
            raise wrong("not a number")
        return Decimal(text) if text else None
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    elif isinstance(value, float):
        value = Decimal(repr(float(value)))
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise wrong("not a number")
    return Decimal(value)


def to_date(value: object) -> date | None:
    """Read `YYYY-MM-DD`, at midnight if a time follows, or a BSON date (its day in UTC); null and blank text are None.

    Raises:
        PydanticCustomError: not a date, or outside 1900-2100.
    """
    if isinstance(value, str):
        return text_to_date(value)
    if value is None:
        return None
    if isinstance(value, DatetimeMS):
        # What PyMongo hands out for dates outside the years 1 to 9999, or for all if it is told to.
        try:
            value = value.as_datetime()
        except (InvalidBSON, OverflowError, ValueError):
            value = datetime.max
    if not isinstance(value, datetime):
        raise wrong(NOT_A_DATE)
    return _in_range(value.date())


@lru_cache(maxsize=2**15)  # a catalogue repeats the same few thousand days
def text_to_date(value: str) -> date | None:
    """Read text as `to_date` does."""
    text = trim(value)
    if not text:
        return None
    if len(text) > DATE_LENGTH and _TIME.match(text, DATE_LENGTH):
        if not _MIDNIGHT.fullmatch(text, DATE_LENGTH):
            raise wrong("a time where a date belongs")
        text = text[:DATE_LENGTH]
    # date.fromisoformat alone would also take 20240501 and 2024-W18-3.
    if len(text) != DATE_LENGTH or not text[4] == "-" == text[7]:
        raise wrong(NOT_A_DATE)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong(NOT_A_DATE) from None
    return _in_range(day)


def _in_range(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise wrong("out of range: a date outside 1900 to 2100")
    return day

"""The text of a value to a typed one by the declaration of its column, or why it has none.

PostgreSQL does the same by `sql/etl/typing.sql` and `contract/typing.py`; a test holds values and wording equal.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import partial

from pipeline.records.declaration import DeclaredColumn
from pipeline.records.text_rules import trim

Value = str | int | float | bool | Decimal | date | None
Outcome = tuple[Value, str | None]
"""The value, and why there is none."""
Problem = dict[str, str | None]
"""What is wrong with a value: `column`, `value`, `reason`."""

MAX_KEY_BYTES = 512
LOOKED_AT = 1000  # characters of a value: its beginning shows what it is not
MAX_NUMBER = 60  # characters
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
WHOLE = re.compile(r"[+-]?[0-9]+(\.0+)?")
FLOAT = re.compile(r"[+-]?(?P<digits>[0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MIDNIGHT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?P<letter>T)| )(?P<time>00:00(:00(\.0+)?)?)"
    r"( ?(?P<zone>Z|[+-](?P<hours>[0-9]{2})(:?(?P<minutes>[0-9]{2}))?))?"
)
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]")
ZONE_HOURS, ZONE_MINUTES = 16, 60  # zones that PostgreSQL knows are below
TIME_BYTES = 129  # that PostgreSQL has for the parts of a time, each with a byte behind it
EXACT = Context(prec=2 * MAX_NUMBER)
TRUE = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
FALSE = frozenset({"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"})


def clean(text: str | None) -> str | None:
    """Return text without blanks around it; None if nothing is left."""
    return (trim(text) or None) if text is not None else None


def reader(column: DeclaredColumn) -> Callable[[str | None], Outcome]:
    """Return what reads the cleaned texts of a column, but for whether a value is a listed one."""
    read = _of_kind(column)
    if column["is_key"] and column["kind"] == "text":
        read = partial(_key, read)
    missing: Outcome = (None, "missing") if column["required"] else (None, None)
    return lambda text: missing if text is None else read(text)


def is_listed(column: DeclaredColumn) -> Callable[[Value], bool] | None:
    """Return what tells whether a column may have a value, where only some are allowed."""
    if column["listed"] is None:
        return None
    if column["kind"] == "text":
        width = _padded_to(column)
        texts = {each.ljust(width) for each in column["listed"]}
        return lambda value: value is None or value in texts
    numbers = {Decimal(each) for each in column["listed"]}
    return lambda value: value is None or value in numbers


class Typing:
    """How the rows of a table are read, column by column."""

    def __init__(self, columns: Sequence[DeclaredColumn]) -> None:
        self.readers = {column["name"]: reader(column) for column in columns}
        self.lists = {
            column["name"]: (judge, column["listed_reason"] or "")
            for column in columns
            if (judge := is_listed(column)) is not None
        }

    def outcome(self, name: str, text: str | None) -> Outcome:
        """Return the value of a cleaned text of a column, or why it has none."""
        value, reason = self.readers[name](text)
        if reason is None and name in self.lists:
            allows, refusal = self.lists[name]
            if not allows(value):
                return None, refusal
        return value, reason

    def problems(self, texts: Mapping[str, str | None]) -> list[Problem]:
        """Return all that is wrong with a row of texts, as they came; a column that is not there is null."""
        cleaned = {name: clean(texts.get(name)) for name in self.readers}
        outcomes = {name: read(cleaned[name]) for name, read in self.readers.items()}
        found = [(name, reason) for name, (_, reason) in outcomes.items() if reason is not None]
        found += [
            (name, refusal)
            for name, (allows, refusal) in self.lists.items()
            if outcomes[name][1] is None and not allows(outcomes[name][0])
        ]
        return [
            {
                "column": name,
                "value": None if (text := cleaned[name]) is None else text[:LOOKED_AT],
                "reason": f"{name} is missing" if reason == "missing" else reason,
            }
            for name, reason in found
        ]


def _of_kind(column: DeclaredColumn) -> Callable[[str], Outcome]:
    low, high = column["low"] or "", column["high"] or ""
    match column["kind"]:
        case "whole":
            return partial(_whole, int(low), int(high))
        case "number":
            step = Decimal(1).scaleb(-(column["scale"] or 0))
            return partial(_number, step, Decimal(low), Decimal(high), _out_of(low, high))
        case "date":
            return partial(_day, date.fromisoformat(low), date.fromisoformat(high))
        case "boolean":
            return _boolean
        case "float":
            return partial(_float, is_single=column["type"] == "real")
    return partial(_text, column["length"], _padded_to(column))


def _padded_to(column: DeclaredColumn) -> int:
    """Return how many characters PostgreSQL gives every value of a column."""
    return (column["length"] or 0) if column["type"].startswith("character(") else 0


def _out_of(low: object, high: object) -> str:
    return f"out of range: {low} to {high}"


def _key(read: Callable[[str], Outcome], text: str) -> Outcome:
    # The limit keeps the entries of PostgreSQL's indexes legal.
    return (None, f"longer than {MAX_KEY_BYTES} bytes") if len(text.encode()) > MAX_KEY_BYTES else read(text)


def _text(length: int | None, width: int, text: str) -> Outcome:
    if length is not None and len(text) > length:
        return None, f"longer than {length} characters"
    return text.ljust(width), None


def _whole(low: int, high: int, text: str) -> Outcome:
    begun = text[:LOOKED_AT]
    if not WHOLE.fullmatch(begun):
        return None, "not a whole number" if NUMBER.fullmatch(begun) else "not a number"
    if len(text) > MAX_NUMBER or not low <= (number := int(text.partition(".")[0])) <= high:
        return None, _out_of(low, high)
    return number, None


def _number(step: Decimal, low: Decimal, high: Decimal, out: str, text: str) -> Outcome:
    if not NUMBER.fullmatch(text[:LOOKED_AT]):
        return None, "not a number"
    if len(text) > MAX_NUMBER or not low <= (number := Decimal(text)) <= high:
        return None, out
    return number.quantize(step, ROUND_HALF_UP, EXACT), None  # PostgreSQL rounds halves away from zero


def _day(low: date, high: date, text: str) -> Outcome:
    midnight = None
    if not DAY.fullmatch(text):
        begun = text[:LOOKED_AT]
        midnight = MIDNIGHT.fullmatch(begun)
        if midnight is None:
            return None, "a time where a date belongs" if TIME.match(begun) else "not an ISO date (YYYY-MM-DD)"
    day = None
    if midnight is None or _is_time(midnight):
        with suppress(ValueError):
            day = date.fromisoformat(text[:10])
    if day is None:
        return None, "no such day"
    return (day, None) if low <= day <= high else (None, _out_of(low, high))


def _is_time(midnight: re.Match[str]) -> bool:
    """Tell whether PostgreSQL can read a midnight."""
    parts = (midnight["day"], midnight["letter"], midnight["time"], midnight["zone"])
    size = sum(len(part) + 1 for part in parts if part)
    hours, minutes = int(midnight["hours"] or 0), int(midnight["minutes"] or 0)
    return size <= TIME_BYTES and hours < ZONE_HOURS and minutes < ZONE_MINUTES


def _boolean(text: str) -> Outcome:
    lower = text.lower()
    if lower in TRUE:
        return True, None
    return (False, None) if lower in FALSE else (None, "neither true nor false")


def _float(text: str, *, is_single: bool) -> Outcome:
    if not FLOAT.fullmatch(text[:LOOKED_AT]):
        return None, "not a number"
    found = FLOAT.fullmatch(text)
    number = float(text) if found else math.inf
    if is_single and number and not math.isinf(number):
        number = _single(text, number)
    vanished = found is not None and number == 0 and found["digits"].strip("0.") != ""
    return (None, "out of range") if math.isinf(number) or vanished else (number, None)


def _single(text: str, number: float) -> float:
    """Return the number of single precision that is nearest to a text, given that of double precision."""
    (bits,) = struct.unpack("I", struct.pack("f", number))
    # As it was rounded twice, it may be one beside the nearest.
    near, *beside = (struct.unpack("f", struct.pack("I", each & 0xFFFFFFFF))[0] for each in (bits, bits - 1, bits + 1))
    exact = Fraction(text)
    found = [near, *filter(math.isfinite, beside)]
    return math.inf if math.isinf(near) else float(min(found, key=lambda each: abs(Fraction(each) - exact)))

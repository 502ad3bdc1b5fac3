"""What the checks of a table say of single values: a range, a list, or something else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pipeline.contract.table import Check, Column

Bound = Decimal | date

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2100, 12, 31)
"""The range of a date, unless a check says otherwise."""
_WHOLE_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_NUMERIC = re.compile(r"numeric(?:\(([0-9]+),(-?[0-9]+)\))?")
# As PostgreSQL prints a comparison with a constant, and a list of constants.
_COMPARISON = re.compile(
    r"""\(*(?P<column>"(?:[^"]|"")+"|\w+)\ (?P<operator>[<>]=?)
    \ \(?'?(?P<bound>-?[0-9]+(?:\.[0-9]+|-[0-9]{2}-[0-9]{2})?)'?\)?(?:::[a-z ]+(?:\([0-9, ]+\))?)?\)*""",
    re.VERBOSE,
)
_LIST = re.compile(
    r"""\(\(?(?:"(?:[^"]|"")+"|\w+)(?:\)::text)? = ANY \(\(?ARRAY\[(?P<values>.*?)\](?:\)?::[a-z \[\]]+)?\)\)""",
    re.DOTALL,
)
_LISTED = re.compile(r"""(?:'(?P<text>(?:[^']|'')*)'|(?P<number>-?[0-9.]+))(?:::[a-z ]+)?(?:, |$)""", re.DOTALL)


@dataclass(frozen=True)
class Range:
    """From where to where the values of a column may be, both included; None where there is no end."""

    low: Bound | None
    high: Bound | None

    def within(self, other: Range) -> Range:
        """Return what both ranges have in common."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        return Range(max(lows, default=None), min(highs, default=None))


def range_of_type(column: Column) -> Range | None:
    """Return which values a type can hold: of whole numbers, decimals and dates; None for all others."""
    if bits := _WHOLE_BITS.get(column.type):
        return Range(Decimal(-(2**bits)), Decimal(2**bits - 1))
    if match := _NUMERIC.fullmatch(column.type):
        if match[1] is None:
            return Range(None, None)
        # Not calculated, which would round what has more than 28 digits.
        high = Decimal((0, (9,) * int(match[1]), -int(match[2])))
        return Range(high.copy_negate(), high)
    return Range(FIRST_DAY, LAST_DAY) if column.type == "date" else None


def range_of_check(check: Check, column: Column) -> Range | None:
    """Return the range that a check keeps a column to; None if it says anything else.

    A bound that is excluded is moved by the smallest step of the type; where there is none, that is no range.
    """
    found = Range(None, None)
    for part in check.definition.removeprefix("(").removesuffix(")").split(" AND "):
        match = _COMPARISON.fullmatch(part)
        if not match or match["column"].strip('"').replace('""', '"') != column.name:
            return None
        bound, operator = _bound(match["bound"], column), match["operator"]
        if bound is None:
            return None
        if not operator.endswith("="):
            bound = _moved(bound, column, up=operator == ">")
        if bound is None:
            return None
        found = found.within(Range(bound, None) if operator.startswith(">") else Range(None, bound))
    return found


def range_of(column: Column, checks: Iterable[Check]) -> tuple[Range | None, list[Check]]:
    """Return the range of a column's values, and those of its checks that are not in it."""
    of_type = range_of_type(column)
    if of_type is None:
        return None, list(checks)
    found, others = Range(None, None), []
    for check in checks:
        of_check = range_of_check(check, column)
        if of_check is None:
            others.append(check)
        else:
            found = found.within(of_check)
    if column.type == "date":
        # That is a default, not what the type can hold.
        return Range(found.low or of_type.low, found.high or of_type.high), others
    return found.within(of_type), others


def reason_of(check: Check) -> str:
    """Return what to say of a value that a check refuses: its comment, the values that it lists, or its name."""
    if check.comment:
        return check.comment
    listed = list_of(check)
    return f"against {check.name}" if listed is None else f"not one of: {', '.join(listed)}"


def list_of(check: Check) -> list[str] | None:
    """Return the values that a check lists as the only ones of its column; None if it says anything else."""
    match = _LIST.fullmatch(check.definition)
    # Each part of it must be a plain constant.
    if match is None or _LISTED.sub("", match["values"]):
        return None
    found = _LISTED.finditer(match["values"])
    return [each["number"] or each["text"].replace("''", "'") for each in found]


def _bound(text: str, column: Column) -> Bound | None:
    if column.type != "date":
        return Decimal(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) else None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _moved(bound: Bound, column: Column, *, up: bool) -> Bound | None:
    sign = 1 if up else -1
    if isinstance(bound, date):
        return bound + timedelta(days=sign)
    if column.type in _WHOLE_BITS:
        return bound + sign
    match = _NUMERIC.fullmatch(column.type)
    return bound + sign * Decimal(1).scaleb(-int(match[2])) if match and match[1] else None

"""Text to typed values. Every function raises ``ValueError`` for what the rules reject.

Mostly a ``RejectedError``, but also what Python itself says of February 30 or of 5,000 digits.
"""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

# What isspace says of Unicode's white space, but for four separators of ASCII that are none; and two more
# characters that nobody sees.
BLANKS = "".join(
    character
    for character in map(chr, range(0x10000))
    if (character.isspace() and character not in "\x1c\x1d\x1e\x1f") or character in "\u200b\ufeff"
)

_WHOLE = re.compile(r"([+-]?[0-9]+)(\.0+)?")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_ISO_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ]00:00(:00(\.0+)?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?")


class RejectedError(ValueError):
    """A record breaks a rule; the message says which."""


def key(text: str) -> str:
    """Text of at most 512 bytes."""
    if len(text.encode()) > 512:
        raise RejectedError("too long for a key")
    return text


def whole(text: str, low: int, high: int) -> int:
    """A whole number from low to high, both included; a fraction of zeros is no fraction."""
    match = _WHOLE.fullmatch(text)
    if not match:
        raise RejectedError("not a whole number")
    number = int(match[1])
    if not low <= number <= high:
        raise RejectedError("out of range")
    return number


def numeric(text: str, precision: int, scale: int, high: int | None = None) -> Decimal:
    """A decimal from 0 to high (included, as given), rounded half away from zero to its scale.

    The rounded value has to fit ``numeric(precision, scale)``.
    """
    if not _DECIMAL.fullmatch(text):
        raise RejectedError("not a number")
    number = Decimal(text)
    limit = 10 ** (precision - scale)
    if number < 0 or number >= limit or (high is not None and number > high):
        raise RejectedError("out of range")
    # Adding zero turns -0.00 into 0.00.
    rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP) + 0
    if rounded >= limit:
        raise RejectedError("out of range")
    return rounded


def iso_date(text: str, first_year: int, last_year: int) -> date:
    """A real day, written YYYY-MM-DD, and midnight of that day at most."""
    match = _ISO_DATE.fullmatch(text)
    if not match:
        raise RejectedError("not an ISO date")
    day = date.fromisoformat(match[1])
    if not first_year <= day.year <= last_year:
        raise RejectedError("out of range")
    return day

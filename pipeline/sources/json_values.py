"""JSON values and what they mean as MongoDB Extended JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError

BLANKS = " \t\r\n\ufeff"  # of JSON, and byte order marks of files that were put together
EXTENDED_JSON = json_util.JSONOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)

_fast = json.JSONDecoder()
# Python reads whole numbers of up to 4,300 digits; a longer one must not hide the document around it.
_patient = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 4300 else Decimal(digits))  # noqa: PLR2004


def decode(text: str, at: int) -> tuple[Any, int]:
    """Decode the JSON value at a place of a text, and return it with the place behind it.

    Raises:
        json.JSONDecodeError: there is none.
        RecursionError: it is nested too deeply.
    """
    try:
        return _fast.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _patient.raw_decode(text, at)


def decode_line(line: str) -> list[Any]:
    """Decode a line that holds one JSON value, or objects of files that were joined without an end of line between.

    Raises:
        json.JSONDecodeError: it does not.
        RecursionError: one is nested too deeply.
    """
    found: list[Any] = []
    at = 0
    while not found or at < len(line):
        if found and not line[0] == line[at] == "{":
            raise json.JSONDecodeError("Extra data", line, at)
        value, end = decode(line, at)
        found.append(extended(value, line, at, end))
        at = len(line) - len(line[end:].lstrip(BLANKS))
    return found


def extended(value: Any, text: str, start: int, end: int) -> Any:
    """Convert Extended JSON; most documents have no name with a dollar, and are left alone."""
    if text.find('"$', start, end) < 0 and text.find("\\u0024", start, end) < 0:
        return value
    try:
        return _bson(value)
    except RecursionError:
        return value  # deeper than MongoDB takes, and refused for that


def _bson(value: Any) -> Any:
    """Replace what is written as MongoDB Extended JSON by the value it means; malformed marks stay as they are."""
    if isinstance(value, dict):
        converted = {key: _bson(item) for key, item in value.items()}
        if any(key.startswith("$") for key in converted):
            try:
                meant = json_util.object_hook(converted, EXTENDED_JSON)
            except (TypeError, ValueError, KeyError, ArithmeticError, BSONError):
                return converted
            # Not every server takes dates outside the years 1 to 9999; as they are written all do.
            return {"$date": {"$numberLong": str(int(meant))}} if isinstance(meant, DatetimeMS) else meant
        return converted
    if isinstance(value, list):
        return [_bson(item) for item in value]
    return value

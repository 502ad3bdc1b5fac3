"""MongoDB Extended JSON that PostgreSQL's `jsonb` accepts, and values as short text for people."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping

from bson import json_util
from bson.binary import UuidRepresentation

SHOWN_LENGTH = 1000
MAX_ROW = 4 << 20  # characters of a rejected document that is kept whole; to be written each takes four bytes
KEPT_LENGTH = 10_000

_EXTENDED_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED, uuid_representation=UuidRepresentation.STANDARD
)
# In JSON text: the escape of NUL, but not an escaped backslash followed by "u0000".
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def extended_json(value: object) -> str:
    """Write any BSON value as relaxed MongoDB Extended JSON that PostgreSQL's `jsonb` accepts.

    NUL characters and lone surrogates, which `jsonb` refuses, become U+FFFD. Key order is kept.

    Raises:
        ValueError: the value is nested too deeply, or is no BSON value.
    """
    return extended_json_cleaned(value)[0]


def extended_json_cleaned(value: object) -> tuple[str, bool]:
    """Like `extended_json`, and whether text in the value had to be cleaned."""
    try:
        text = json_util.dumps(value, json_options=_EXTENDED_JSON, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"not a BSON value: {error}") from None
    storable = _ESCAPED_NUL.sub("\\1\ufffd", text) if "\\u0000" in text else text
    if not storable.isascii():
        storable = _UNSTORABLE.sub("\ufffd", storable)
    return storable, storable != text


def row_json(content: object) -> str:
    """Write a rejected document, whatever it holds; of one that is too long to be kept, the beginning."""
    try:
        text = extended_json(content)
    except (ValueError, MemoryError):
        return json.dumps({"_reject_line": shown(content)})
    if len(text) <= MAX_ROW:
        return text
    return json.dumps({"_reject_line": f"{text[:KEPT_LENGTH]}… (shortened: {len(text):,} characters)"})


def shown(value: object) -> str:
    """Show a value to people: at most 1,000 characters that PostgreSQL can store as text."""
    try:
        text = reprlib.repr(value) if isinstance(value, Mapping | list | tuple | bytes) else str(value)
    except ValueError:  # whole numbers of more than 4,300 digits
        text = f"{type(value).__name__} too long to show"
    return _UNSTORABLE.sub("\ufffd", text[:SHOWN_LENGTH])

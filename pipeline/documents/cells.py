"""Values of BSON as text that PostgreSQL reads, and what is to be said of those that have none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from pipeline.contract.table import Column
from pipeline.documents.extended_json import extended_json, shown

Cell = str | None
Row = tuple[Any, ...]
"""The number of the document, the path of the row and a cell for each column of its table that documents fill."""

# Why a value is none for a kind of column if it cannot even be written as text.
_WANTED = {
    "text": "not text",
    "number": "not a number",
    "date": "not an ISO date (YYYY-MM-DD)",
    "timestamp": "not a time",
    "time": "not a time",
    "boolean": "not true or false",
}
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double")

NEW_FIELD = "new field"


class Problem(NamedTuple):
    """What is wrong with a document, at a path like `seasons.1.title`; `value` is text, None if it is missing."""

    path: str
    value: str | None
    reason: str

    def told(self) -> dict[str, str | None]:
        """Return it as `etl.rejected_rows` keeps it."""
        return {"column": self.path or None, "value": self.value, "reason": self.reason}


class Drift(NamedTuple):
    """A difference from what is declared that loads all the same; `path` names no positions (`seasons.director`).

    `kind` is `new field`, `type changed`, `text cleaned` (NUL characters or lone surrogates replaced by U+FFFD) or
    `not used` (kept in `extra` although known).
    """

    path: str
    kind: str
    example: str | None


@dataclass(slots=True)
class Flattened:
    """The rows of a document by table, and what is to be said of it; with problems it is rejected as a whole."""

    number: int
    rows: dict[str, list[Row]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)


def kind_of(column: Column) -> str:
    """Return what kind of value a column wants: text, number, date, timestamp, time, boolean or json."""
    base = column.type.partition("(")[0].partition(" ")[0]
    if base in _NUMBERS:
        return "number"
    if base in {"date", "timestamp", "time", "boolean"}:
        return base
    return "json" if base in {"json", "jsonb"} else "text"


def id_text(value: object) -> Cell:
    """Return an `_id` as text that can be a key: of text, an ObjectId, a whole number or a UUID; of others None."""
    if isinstance(value, Binary) and value.subtype == UUID_SUBTYPE and len(value) == len(UUID(int=0).bytes):
        value = value.as_uuid()
    if isinstance(value, ObjectId | UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return value if isinstance(value, str) else None


def cell_of(value: Any, kind: str, at: str, path: str, flat: Flattened) -> Cell:
    """Return any value as text; what cannot be written so is a problem at `at`, what is not as declared is drift."""
    if kind == "json":
        return extended_json(value)
    if isinstance(value, str):
        if "\0" in value:
            flat.problems.append(Problem(at, shown(value), "contains a NUL character"))
        elif not _is_unicode(value):
            flat.problems.append(Problem(at, shown(value), "not valid Unicode text"))
        else:
            if kind == "number":
                flat.drift.append(Drift(path, "type changed", shown(value)))
            return value
        return None
    text = None if kind == "text" else _written(value, kind)
    if text is None:
        flat.problems.append(Problem(at, shown(value), _WANTED[kind]))
    return text


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _written(value: Any, kind: str) -> Cell:
    """Write a value of BSON as PostgreSQL reads it: numbers without exponents, days in UTC; None if that is not one."""
    if isinstance(value, bool):
        return str(value).lower() if kind == "boolean" else None
    if isinstance(value, datetime):
        return {"date": value.date().isoformat(), "timestamp": value.isoformat()}.get(kind)
    if kind != "number":
        return None
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Decimal128):
        return format(value.to_decimal(), "f")
    return float_text(value) if isinstance(value, float) else None


def float_text(value: float) -> str:
    """Write a binary fraction in its shortest form, without an exponent."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text

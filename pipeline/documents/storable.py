"""What of a document MongoDB can store, as it is written there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import bson
from bson.errors import InvalidDocument

from pipeline.contract.collections import key_column
from pipeline.documents.cells import Problem, id_text, kind_of
from pipeline.documents.extended_json import shown
from pipeline.records.text_rules import trim
from pipeline.sources.json_files import Document

MAX_BYTES = 16 * 1024 * 1024
ID_BYTES = 22  # of the `_id` that MongoDB adds
MAX_DEPTH = 100
BYTES_PER_LEVEL = 7  # at least
SIZE_BYTES = 4
_UNSTORABLE = (InvalidDocument, OverflowError, ValueError, TypeError, RecursionError)


class UnstorableError(Exception):
    """A document that cannot be landed."""

    def __init__(self, document_id: str | None, problem: Problem) -> None:
        super().__init__(f"{document_id or 'document without id'}: {problem}")
        self.document_id, self.problem = document_id, problem


@dataclass(frozen=True)
class Storable:
    """A good document of a collection in BSON, and the filter that finds its predecessor, in BSON too.

    `has_dollar`: a name of its own begins with a dollar, which needs another way of writing.
    """

    collection: str
    key: bytes
    content: bytes
    has_dollar: bool

    def dump(self, file: IO[bytes]) -> None:
        """Append to a file for `load_storable`."""
        name = self.collection.encode()
        file.write(bytes([len(name), self.has_dollar]) + name + self.key + self.content)


def load_storable(file: IO[bytes]) -> Iterable[Storable]:
    """Yield what was appended to a file, from its position on."""
    while head := file.read(2):
        yield Storable(file.read(head[0]).decode(), _read_bson(file), _read_bson(file), bool(head[1]))


def _read_bson(file: IO[bytes]) -> bytes:
    size = file.read(SIZE_BYTES)
    return size + file.read(int.from_bytes(size, "little") - SIZE_BYTES)


def storable(document: Document) -> Storable:
    """Check that a document has a key, and that MongoDB can store it; its values are looked at when they are typed.

    It is known by its key field without blanks around it, and then keeps the `_id` it has in MongoDB; without that
    field it is known by its `_id`.

    Raises:
        UnstorableError: it has no key, or MongoDB cannot hold it.
    """
    if document.fault:
        raise UnstorableError(None, Problem("", document.place and shown(document.place), document.fault))
    if not isinstance(document.content, dict):
        raise UnstorableError(None, Problem("", shown(document.content), "not a document"))
    content: dict[str, Any] = document.content
    column = key_column(document.collection)
    field = column.name
    key = _key(content, field, is_number=kind_of(column) == "number")
    if field in key:
        content = {name: item for name, item in content.items() if name != "_id"} | key
    document_id = shown(key.get(field, key.get("_id")))
    try:
        encoded = bson.encode(content)
    except _UNSTORABLE:
        raise UnstorableError(document_id, _unstorable(content)) from None
    if len(encoded) + ID_BYTES > MAX_BYTES:
        problem = Problem("", f"{len(encoded):,} bytes", "larger than the 16 MiB that MongoDB takes")
        raise UnstorableError(document_id, problem)
    if len(encoded) > MAX_DEPTH * BYTES_PER_LEVEL and _too_deep(content):
        raise UnstorableError(document_id, _TOO_DEEP)
    has_dollar = any(name.startswith("$") for name in content)
    return Storable(document.collection, bson.encode(key), encoded, has_dollar)


def id_shown(content: object, field: str) -> str | None:
    """Return by what a document is known to people, usable as a key or not."""
    if not isinstance(content, dict):
        return None
    found = content.get("_id") if content.get(field) is None else content[field]
    return None if found is None else shown(found)


def _key(content: dict[str, Any], field: str, *, is_number: bool) -> dict[str, Any]:
    """Return the field that a document is known by, as a filter."""
    given = content.get(field)
    if given is None:
        if trim(id_text(content.get("_id")) or ""):
            return {"_id": content["_id"]}
    elif is_number and isinstance(given, int) and not isinstance(given, bool):
        return {field: given}
    elif not isinstance(given, str):
        reason = "neither a whole number nor text" if is_number else "not text"
        raise UnstorableError(id_shown(content, field), Problem(field, shown(given), reason))
    elif trim(given):
        return {field: trim(given)}
    raise UnstorableError(id_shown(content, field), Problem(field, None, f"{field} is missing"))


_TOO_DEEP = Problem("", f"more than {MAX_DEPTH} levels", "nested deeper than MongoDB takes")


def _too_deep(content: dict[str, Any]) -> bool:
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _unstorable(content: dict[str, Any]) -> Problem:
    """Find the innermost part of a document that cannot be encoded."""
    if _too_deep(content):
        return _TOO_DEEP
    path, value = "", content
    while (inner := _first_unstorable(value)) is not None:
        step, value = inner
        path += f".{shown(step)}" if path else shown(step)
    return Problem(path, shown(value), _reason(value))


def _first_unstorable(value: Any) -> tuple[int | str, Any] | None:
    parts: Iterable[tuple[int | str, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    return next(((step, part) for step, part in parts if _error(part)), None)


def _error(value: Any) -> Exception | None:
    try:
        bson.encode({"": value})
    except _UNSTORABLE as error:
        return error
    return None


def _reason(value: Any) -> str:
    error = _error(value)
    if isinstance(value, dict | list):
        return "a field name that MongoDB cannot store"
    if isinstance(error, UnicodeError):
        return "not valid Unicode text"
    if isinstance(error, OverflowError) or not isinstance(value, str):
        return "out of range: MongoDB stores whole numbers of 64 bits"
    return f"MongoDB cannot store it: {error}"

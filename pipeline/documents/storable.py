"""What of a document MongoDB can store, as it is written there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import bson
from bson.errors import InvalidDocument

from pipeline.documents.contract import COLLECTIONS
from pipeline.documents.extended_json import shown
from pipeline.documents.normalizer import normalize
from pipeline.documents.problems import DocumentError, Problem
from pipeline.sources.json_files import Document

MAX_BYTES = 16 * 1024 * 1024
ID_BYTES = 22  # of the `_id` that MongoDB adds
MAX_DEPTH = 100
BYTES_PER_LEVEL = 7  # at least
SIZE_BYTES = 4
_NAMES = tuple(COLLECTIONS)
_UNSTORABLE = (InvalidDocument, OverflowError, ValueError, TypeError, RecursionError)


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
        file.write(bytes([_NAMES.index(self.collection), self.has_dollar]) + self.key + self.content)


def load_storable(file: IO[bytes]) -> Iterable[Storable]:
    """Yield what was appended to a file, from its position on."""
    while head := file.read(2):
        yield Storable(_NAMES[head[0]], _read_bson(file), _read_bson(file), bool(head[1]))


def _read_bson(file: IO[bytes]) -> bytes:
    size = file.read(SIZE_BYTES)
    return size + file.read(int.from_bytes(size, "little") - SIZE_BYTES)


def storable(document: Document) -> Storable:
    """Check a document against the contract and against what MongoDB stores.

    It is known by its `content_id` without blanks around it, and then keeps the `_id` it has in MongoDB;
    without `content_id` it is known by its `_id`.

    Raises:
        DocumentError: it breaks the contract, or MongoDB cannot hold it.
    """
    if document.fault:
        raise DocumentError(None, [Problem("", document.place and shown(document.place), document.fault)])
    content_id = normalize(document.collection, document.content).content_id
    content: dict[str, Any] = document.content
    if content.get("content_id") is None:
        key = {"_id": content["_id"]}
    else:
        key = {"content_id": content_id}
        content = {name: item for name, item in content.items() if name != "_id"} | key
    try:
        encoded = bson.encode(content)
    except _UNSTORABLE:
        raise DocumentError(content_id, [_unstorable(content)]) from None
    if len(encoded) + ID_BYTES > MAX_BYTES:
        problem = Problem("", f"{len(encoded):,} bytes", "larger than the 16 MiB that MongoDB takes")
        raise DocumentError(content_id, [problem])
    if len(encoded) > MAX_DEPTH * BYTES_PER_LEVEL and _too_deep(content):
        raise DocumentError(content_id, [_TOO_DEEP])
    has_dollar = any(name.startswith("$") for name in content)
    return Storable(document.collection, bson.encode(key), encoded, has_dollar)


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
        path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if path else shown(step)
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

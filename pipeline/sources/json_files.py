"""JSON files as a stream of documents: an envelope of collections, an array, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import ijson
from bson import json_util

from pipeline.sources.documents import COLLECTIONS
from pipeline.sources.files import FileRefusedError, table_of

PEEK_BYTES = 1 << 16
EXTENDED_JSON = json_util.JSONOptions(tz_aware=True)


@dataclass(frozen=True)
class Document:
    """A document of a file: its collection, its number (from 1) there, and its content.

    `fault` says why a line of JSON Lines is no document; `content` is then the line's text.
    """

    collection: str
    number: int
    content: Any
    fault: str | None = None


def read_documents(file: IO[bytes], name: str) -> Iterator[Document]:
    """Yield the documents of a file in their order, in constant memory.

    Args:
        file: the content, decompressed.
        name: path relative to the raw folder. The collection of an array or of JSON Lines follows from it.

    Raises:
        FileRefusedError: the content is not JSON (the message gives line and column), or holds something
            else than documents of the known collections.
    """
    buffered = _Rewound(file)
    start = buffered.peek().lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        if not start:
            raise FileRefusedError(f"{name}: the file is empty; deliver it again")
        if start.startswith(b"["):
            yield from _array(buffered, name)
        elif _is_envelope(start):
            yield from _envelope(buffered, name)
        else:
            yield from _lines(buffered, name)
    except ijson.JSONError as error:
        line, column = buffered.position
        raise FileRefusedError(
            f"{name}: not JSON at or after line {line}, column {column} ({_first_line(error)}); deliver it again"
        ) from error


class _Rewound:
    """A stream whose beginning was looked at already; it knows how far its readers came."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._head = file.read(PEEK_BYTES)
        self._lines = 1
        self._column = 0

    def peek(self) -> bytes:
        return self._head

    def read(self, size: int = -1) -> bytes:
        # A small buffer keeps the position that is reported close to the fault.
        block, self._head = (self._head[:size], self._head[size:]) if self._head else (self._file.read(size), b"")
        breaks = block.count(b"\n")
        self._lines += breaks
        self._column = len(block) - block.rfind(b"\n") - 1 if breaks else self._column + len(block)
        return block

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        while block := self.read(PEEK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
        if rest:
            yield rest

    @property
    def position(self) -> tuple[int, int]:
        return self._lines, self._column


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return (text.decode(errors="replace") if isinstance(text, bytes) else str(text)).strip().split("\n")[0]


def _is_envelope(start: bytes) -> bool:
    """Tell `{"movies": […` from a first line of JSON Lines, by the first key and what follows it."""
    events = ijson.basic_parse(_Bytes(start))
    try:
        next(events)
        _, key = next(events)
        event, _ = next(events)
    except (ijson.JSONError, StopIteration):
        return False
    return event == "start_array" and (key in COLLECTIONS or key not in ("genre", "seasons", "episodes_per_season"))


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        block, self._content = self._content[:size], self._content[size:]
        return block


def _collection(name: str) -> str:
    collection = table_of(name)
    if collection not in COLLECTIONS:
        raise FileRefusedError(
            f"{name}: the name gives no known collection; name it {' or '.join(f'{c}-….json' for c in COLLECTIONS)},"
            f' or put the documents into an envelope {{"{next(iter(COLLECTIONS))}": […]}}'
        )
    return collection


def _array(file: _Rewound, name: str) -> Iterator[Document]:
    collection = _collection(name)
    for number, content in enumerate(ijson.items(file, "item", use_float=True), start=1):
        yield Document(collection, number, _bson(content))


def _envelope(file: _Rewound, name: str) -> Iterator[Document]:
    numbers = dict.fromkeys(COLLECTIONS, 0)
    builder, depth, collection = ijson.ObjectBuilder(), 0, ""
    for event, value in ijson.basic_parse(file, use_float=True):
        if depth == 1 and event == "map_key":
            collection = value
            if collection not in COLLECTIONS:
                raise FileRefusedError(f"{name}: unknown collection '{value}'; known are {', '.join(COLLECTIONS)}")
            continue
        opens, closes = event in ("start_map", "start_array"), event in ("end_map", "end_array")
        if depth == 1 and event not in ("start_array", "end_map"):
            raise FileRefusedError(f"{name}: '{collection}' must hold a list of documents")
        depth -= closes
        if depth >= 2:  # noqa: PLR2004 (inside the list of a collection)
            builder.event(event, value)
            if depth == 2 and not opens:  # noqa: PLR2004 (a whole document, or a value where one belongs)
                numbers[collection] += 1
                yield Document(collection, numbers[collection], _bson(builder.value))
                builder = ijson.ObjectBuilder()
        depth += opens


def _lines(file: _Rewound, name: str) -> Iterator[Document]:
    collection = _collection(name)
    for number, line in enumerate(file, start=1):
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue
        try:
            content = json.loads(text)
        except ValueError as error:  # also text that is not UTF-8
            if number == 1:
                raise FileRefusedError(f"{name}: not JSON at line 1 ({error}); deliver it again") from error
            yield Document(collection, number, text.decode(errors="backslashreplace"), f"not JSON: {error}")
        else:
            yield Document(collection, number, _bson(content))


def _bson(value: Any) -> Any:
    """Replace what is written as MongoDB Extended JSON by the value it means; malformed marks stay as they are."""
    if isinstance(value, dict):
        converted = {key: _bson(item) for key, item in value.items()}
        if any(key.startswith("$") for key in converted):
            try:
                return json_util.object_hook(converted, EXTENDED_JSON)
            except (TypeError, ValueError, KeyError, ArithmeticError):
                return converted
        return converted
    if isinstance(value, list):
        return [_bson(item) for item in value]
    return value

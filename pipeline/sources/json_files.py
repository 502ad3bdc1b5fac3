"""JSON files as a stream of documents: an envelope of collections, an array, or JSON Lines.

Built on the decoder of the standard library, one document at a time: it knows the place of a fault, and a
number or text that cannot be stored costs its document alone rather than the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from pipeline.sources.documents import COLLECTIONS, FIELDS, Series
from pipeline.sources.extended_json import shown
from pipeline.sources.files import FileRefusedError, table_of
from pipeline.sources.json_text import BLANKS, JsonText, decode, decode_line

BYTE_ORDER_MARK = "\ufeff"
SHOWN_PART = 60  # characters of a line that is not JSON, from the fault on
ENVELOPE_START = re.compile(r'\{\s*"([^"\\]*)"\s*:\s*\[')


@dataclass(frozen=True)
class Document:
    """A document of a file: its collection, its number (from 1) there, and its content.

    `fault` says why a line of JSON Lines is no document, and `place` where in the line; `content` is then
    the line's text. The number of a line counts all lines.
    """

    collection: str
    number: int
    content: Any
    fault: str | None = None
    place: str | None = None


def read_documents(file: IO[bytes], name: str) -> Iterator[Document]:
    """Yield the documents of a file in their order, in memory for one document.

    Bytes that are not UTF-8 become lone surrogates, which the contract refuses in that document. The
    literals NaN and Infinity are taken, since many programs write them; the contract refuses them too.

    Args:
        file: the content, decompressed.
        name: path relative to the raw folder. The collection of an array or of JSON Lines follows from it.

    Raises:
        FileRefusedError: the content is not JSON (the message gives line and column, from 1, the column in
            characters), or holds something else than documents of the known collections.
    """
    text = JsonText(file, name)
    start = text.next_character()
    if not start:
        raise FileRefusedError(f"{name}: the file is empty; deliver it again")
    if start == "[":
        yield from _array(text, name)
    elif _is_envelope(text.ahead(), name):
        yield from _envelope(text, name)
    else:
        yield from _lines(text, name)


def _array(text: JsonText, name: str) -> Iterator[Document]:
    collection = _collection(name)
    for number, content in enumerate(text.elements(), start=1):
        yield Document(collection, number, content)
    text.end()


def _envelope(text: JsonText, name: str) -> Iterator[Document]:
    counts = dict.fromkeys(COLLECTIONS, 0)
    text.take("{")
    more = text.next_character() != "}" or text.take("}") == ","
    while more:
        collection = text.key()
        if collection not in COLLECTIONS:
            raise FileRefusedError(
                f"{name}: unknown collection '{shown(collection)}'; known are {', '.join(COLLECTIONS)}"
            )
        if text.next_character() not in ("[", ""):
            raise FileRefusedError(f"{name}: '{collection}' must hold a list of documents")
        for content in text.elements():
            counts[collection] += 1
            yield Document(collection, counts[collection], content)
        more = text.take(",", "}") == ","
    text.end()


def _lines(text: JsonText, name: str) -> Iterator[Document]:
    collection = _collection(name)
    first = True
    for number, begin, line in text.lines():
        written = line.strip(BLANKS + BYTE_ORDER_MARK)
        if not written:
            continue
        try:
            content = decode_line(written)
        except json.JSONDecodeError as error:
            column = begin + line.index(written) + error.pos
            if first:
                raise FileRefusedError(
                    f"{name}: not JSON ({error.msg}) at line {number}, column {column}; deliver it again"
                ) from error
            fault = f"not JSON: {error.msg.removesuffix(' at').removesuffix(' starting')}"
            yield Document(collection, number, written, fault, f"column {column}: {written[error.pos :][:SHOWN_PART]}")
        except RecursionError:
            yield Document(collection, number, written, "nested too deeply")
        else:
            yield Document(collection, number, content)
        first = False


def _collection(name: str) -> str:
    collection = table_of(name)
    if collection not in COLLECTIONS:
        raise FileRefusedError(
            f"{name}: the name gives no known collection; name it {' or '.join(f'{c}-….json' for c in COLLECTIONS)},"
            f' or put the documents into an envelope {{"{next(iter(COLLECTIONS))}": […]}}'
        )
    return collection


def _is_envelope(start: str, name: str) -> bool:
    """Tell `{"movies": […` from a first line of JSON Lines, by its fields or, if it is long, by its start."""
    if table_of(name) not in COLLECTIONS:
        return True
    if not start.startswith("{"):
        return False
    fields = {"_id", *FIELDS[Series]}
    try:
        content, _ = decode(start, 0)
    except (json.JSONDecodeError, RecursionError):
        opening = ENVELOPE_START.match(start)
        return opening is not None and opening[1] not in fields
    return fields.isdisjoint(content) and any(isinstance(value, list) for value in content.values())

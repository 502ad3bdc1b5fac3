"""JSON files as a stream of documents: an envelope of collections, an array, JSON Lines, or one after another.

Built on the decoder of the standard library, one document at a time: it knows the place of a fault, and a
number or text that cannot be stored costs its document alone rather than the file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from pipeline.documents.extended_json import shown
from pipeline.records.files import FileRefusedError, table_of
from pipeline.sources.json_text import JsonText
from pipeline.sources.json_values import BLANKS, decode, decode_line

SHOWN_PART = 60  # characters of a line that is not JSON, from the fault on
ENVELOPE_START = re.compile(r'\{\s*"([^"\\]*)"\s*:\s*\[')
PAGES = frozenset({"data", "results", "items", "records", "documents", "docs", "value"})  # as APIs name their lists


@dataclass(frozen=True)
class Known:
    """What is declared of documents: their collections, the fields that tell one from other objects, all fields."""

    collections: tuple[str, ...]
    identity: frozenset[str]
    fields: frozenset[str]

    @property
    def envelope(self) -> str:
        """The form of a file of several collections, for messages."""
        return "{" + ", ".join(f'"{each}": […]' for each in self.collections) + "}"

    @property
    def file_names(self) -> str:
        """The names of files of one collection, for messages."""
        return " or ".join(f"{each}-….json" for each in self.collections)


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


def read_documents(
    file: IO[bytes], name: str, known: Known, passed_over: dict[str, str] | None = None
) -> Iterator[Document]:
    """Yield the documents of a file in their order, in memory for one document.

    Bytes that are not UTF-8 become lone surrogates, which the contract refuses in that document. The
    literals NaN and Infinity are taken, since many programs write them; the contract refuses them too.

    Args:
        file: the content, decompressed.
        name: path relative to the raw folder. The collection of an array or of documents one after another
            follows from it.
        known: the collections, and the fields of their documents.
        passed_over: gets the unknown collections that were passed over, each with a sentence that says so.

    Raises:
        FileRefusedError: the content is not JSON (the message gives line and column, from 1, the column in
            characters), or a page of an API.
    """
    passed_over = {} if passed_over is None else passed_over
    text = JsonText(file, name)
    start = text.next_character()
    if not start:
        raise FileRefusedError(f"{name}: the file is empty; deliver it again")
    collection = table_of(name)
    if start == "{" and _is_envelope(text.ahead(), known, is_named=collection in known.collections):
        yield from _envelope(text, name, known, passed_over)
    elif collection not in known.collections:
        if start not in "[{":
            text.take("{")
        passed_over[collection] = (
            f"{name}: passed over, its name gives no known collection; if it is one, name it"
            f" {known.file_names}, or put the documents into {known.envelope}"
        )
    elif start == "[":
        for number, content in enumerate(text.elements(), start=1):
            yield Document(collection, number, content)
        text.end()
    else:
        yield from _one_after_another(text, name, known, collection)


def _envelope(text: JsonText, name: str, known: Known, passed_over: dict[str, str]) -> Iterator[Document]:
    counts: Counter[str] = Counter()
    text.take("{")
    more = text.next_character() != "}" or text.take("}") == ","
    while more:
        collection = text.key()
        counts[collection] += 0
        if text.next_character() not in ("[", ""):
            if collection in known.collections:
                raise FileRefusedError(f"{name}: '{collection}' must hold a list of documents")
            _refuse_page(name, known, collection)
        for content in text.elements():
            counts[collection] += 1
            if collection in known.collections:
                yield Document(collection, counts[collection], content)
        more = text.take(",", "}") == ","
    text.end()
    unknown = {key: count for key, count in counts.items() if key not in known.collections}
    if (
        unknown
        and len(unknown) == len(counts)
        and (table_of(name) in known.collections or not PAGES.isdisjoint(unknown))
    ):
        _refuse_page(name, known, next(iter(unknown)))
    for key, count in unknown.items():
        passed_over[key] = (
            f"{name}: unknown collection '{shown(key)}' passed over (documents in it: {count:,});"
            f" known are {', '.join(known.collections)}"
        )


def _one_after_another(text: JsonText, name: str, known: Known, collection: str) -> Iterator[Document]:
    """Read JSON Lines, of which a bad line is rejected alone, or documents that span lines or share them."""
    line = text.first_line()
    written = line.rstrip(BLANKS)
    try:
        _, end = decode(written, 0)
    except json.JSONDecodeError as error:
        if error.pos < len(written):
            text.refuse_fault(error.msg, error.pos)
        # The first document goes on in the next line.
        is_lines = False
    except RecursionError:
        is_lines = True
    else:
        is_lines = end == len(written)
        if written[end:].lstrip(BLANKS).startswith(","):
            text.refuse_commas()
    found = (
        _lines(text, collection)
        if is_lines
        else (Document(collection, number, content) for number, content in enumerate(text.values(), start=1))
    )
    for place, document in enumerate(found):
        if not place and not document.fault and _is_page(document.content, known):
            _refuse_page(name, known, next(iter(document.content)))
        yield document


def _lines(text: JsonText, collection: str) -> Iterator[Document]:
    for number, begin, line in text.lines():
        written = line.strip(BLANKS)
        if not written:
            continue
        try:
            yield from [Document(collection, number, content) for content in decode_line(written)]
        except json.JSONDecodeError as error:
            column = begin + line.index(written) + error.pos
            fault = f"not JSON: {error.msg.removesuffix(' at').removesuffix(' starting')}"
            yield Document(collection, number, written, fault, f"column {column}: {written[error.pos :][:SHOWN_PART]}")
        except RecursionError:
            yield Document(collection, number, written, "nested too deeply")


def _is_envelope(start: str, known: Known, *, is_named: bool) -> bool:
    """Tell `{"movies": […` from a document, by its fields or, if it is long, by its start.

    A file whose name gives no collection is to hold an envelope, if anything; one that is cut must not be passed over.
    """
    try:
        content, _ = decode(start, 0)
    except (json.JSONDecodeError, RecursionError):
        opening = ENVELOPE_START.match(start)
        return not is_named or (opening is not None and opening[1] not in known.fields)
    if not known.fields.isdisjoint(content):
        return False
    if any(isinstance(value, list) for value in content.values()):
        return True
    return not content or (not is_named and not content.keys().isdisjoint(known.collections))


def _is_page(content: Any, known: Known) -> bool:
    if not isinstance(content, dict) or not known.identity.isdisjoint(content):
        return False
    lists = (value for value in content.values() if isinstance(value, list))
    return any(value and isinstance(value[0], dict) and not known.identity.isdisjoint(value[0]) for value in lists)


def _refuse_page(name: str, known: Known, key: str) -> NoReturn:
    raise FileRefusedError(
        f"{name}: this looks like a page of an API ('{shown(key)}' is no collection); wanted is {known.envelope}, or"
        f" the list alone in a file named {known.file_names}; deliver it so"
    )

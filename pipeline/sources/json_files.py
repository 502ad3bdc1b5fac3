"""JSON files as a stream of documents: an envelope of collections, an array, or JSON Lines.

Built on the decoder of the standard library, one document at a time: it knows the place of a fault, and a
number or text that cannot be stored costs its document alone rather than the file.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from json.scanner import NUMBER_RE
from typing import IO, Any, NoReturn

from bson import json_util

from pipeline.sources.documents import COLLECTIONS, Series
from pipeline.sources.files import FileRefusedError, table_of

READ_SIZE = 1 << 16
MAX_DOCUMENT = 1 << 27  # characters; MongoDB takes 16 MiB, which JSON may write several times as long
LONGEST_TOKEN = 16  # of literals and escapes, which a read may have cut in two
BLANKS = " \t\r\n"
BYTE_ORDER_MARK = "\ufeff"
EXTENDED_JSON = json_util.JSONOptions(tz_aware=True)


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
    text = _Text(file, name)
    start = text.next_character()
    if not start:
        raise FileRefusedError(f"{name}: the file is empty; deliver it again")
    if start == "[":
        collection = _collection(name)
        for number, content in enumerate(text.elements(), start=1):
            yield Document(collection, number, content)
        text.end()
    elif _is_envelope(text.ahead(), name):
        yield from _envelope(text, name)
        text.end()
    else:
        yield from _lines(text, name)


class _Text:
    """The text of a file, read forwards; what was used is forgotten."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._text = ""
        self._at = 0  # the next character
        self._line, self._column = 1, 1  # of the text's first character
        self._ended = False

    def _fill(self) -> bool:
        """Read on; a text that is not used up doubles. Return whether there was more."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        if len(rest) > MAX_DOCUMENT:
            self._refuse(f"one document is longer than {MAX_DOCUMENT:,} characters; it begins", self._at)
        self._line, self._column = self._position(self._at)
        block = self._file.read(max(READ_SIZE, len(rest)))
        self._ended = not block
        self._text, self._at = rest + self._decoder.decode(block, final=self._ended), 0
        return True

    def _position(self, at: int) -> tuple[int, int]:
        breaks = self._text.count("\n", 0, at)
        if breaks:
            return self._line + breaks, at - self._text.rfind("\n", 0, at)
        return self._line, self._column + at

    def _refuse(self, what: str, at: int) -> NoReturn:
        line, column = self._position(at)
        raise FileRefusedError(f"{self._name}: {what} at line {line}, column {column}; deliver it again")

    def _refuse_token(self, expected: str) -> NoReturn:
        cut = self._at == len(self._text)
        self._refuse(f"cut short, expecting {expected}" if cut else f"not JSON, expecting {expected}", self._at)

    def next_character(self) -> str:
        """Skip blanks and return the character that follows, without using it; nothing at the end."""
        while True:
            while self._at < len(self._text):
                character = self._text[self._at]
                if character not in BLANKS:
                    return character
                self._at += 1
            if not self._fill():
                return ""

    def ahead(self) -> str:
        """Return what is read already but not used."""
        return self._text[self._at :]

    def take(self, *wanted: str) -> str:
        """Use one of some characters and return it."""
        character = self.next_character()
        if not character or character not in wanted:
            self._refuse_token(" or ".join(f"'{each}'" for each in wanted))
        self._at += 1
        return character

    def end(self) -> None:
        """Insist that nothing follows."""
        if self.next_character():
            self._refuse("not JSON, something follows the end of the list or object", self._at)

    def value(self) -> Any:
        """Use a JSON value and return it."""
        if not self.next_character():
            self._refuse_token("a value")
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except json.JSONDecodeError as error:
                in_text = error.msg.startswith("Unterminated string")
                if in_text or error.pos > len(self._text) - LONGEST_TOKEN:
                    if self._fill():
                        continue
                    if in_text or error.pos == len(self._text):
                        where = f"({error.msg} column {self._position(error.pos)[1]})" if in_text else f"({error.msg})"
                        self._refuse(f"cut short {where}", len(self._text))
                self._refuse(f"not JSON ({error.msg})", error.pos)
            except RecursionError:
                self._refuse("a document is nested too deeply to be read; it begins", self._at)
            # A number that ends where the text does may go on.
            if isinstance(value, int | float | Decimal) and end > len(self._text) - LONGEST_TOKEN and self._fill():
                continue
            found = _extended(value, self._text, self._at, end)
            self._at = end
            return found

    def elements(self) -> Iterator[Any]:
        """Use a list and yield its elements."""
        self.take("[")
        if self.next_character() == "]":
            self.take("]")
            return
        yield self.value()
        while self.take(",", "]") == ",":
            yield self.value()

    def key(self) -> str:
        """Use a key and its colon, and return the key."""
        if self.next_character() != '"':
            self._refuse_token("a name in double quotes")
        key = str(self.value())
        self.take(":")
        return key

    def lines(self) -> Iterator[str]:
        """Use all lines and yield them without their ends."""
        searched = 0
        while True:
            end = self._text.find("\n", self._at + searched)
            if end >= 0:
                line, self._at, searched = self._text[self._at : end], end + 1, 0
                yield line
                continue
            searched = len(self._text) - self._at
            if not self._fill():
                if searched:
                    yield self._text[self._at :]
                return


_fast = json.JSONDecoder()
# Python reads whole numbers of up to 4,300 digits; a longer one must not hide the document around it.
_patient = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 4300 else Decimal(digits))  # noqa: PLR2004


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        return _fast.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _patient.raw_decode(text, at)


def _extended(value: Any, text: str, start: int, end: int) -> Any:
    """Convert Extended JSON; most documents have no name with a dollar, and are left alone."""
    marked = text.find('"$', start, end) >= 0 or text.find("\\u0024", start, end) >= 0
    return _bson(value) if marked else value


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

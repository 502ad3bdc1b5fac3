"""JSON text read forwards, value by value, with the place of any fault.

In place of a library: `ijson` takes a fifth longer, gives no line and column, refuses a whole file for one NaN or one
byte that is not UTF-8, and its fastest backend does not survive a number of 5,000 digits.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, NoReturn

from pipeline.records.files import FileRefusedError
from pipeline.sources.json_values import BLANKS, decode, extended

READ_SIZE = 1 << 16
MAX_DOCUMENT = 1 << 27  # characters; MongoDB takes 16 MiB, which JSON may write several times as long
LONGEST_TOKEN = 16  # of literals and escapes, which a read may have cut in two
BLANK_RUN = re.compile(f"[{BLANKS}]*")
SHELL = re.compile(r"(?:new\s+)?(ObjectId|ISODate|Date|Number(?:Int|Long|Decimal)|Timestamp|BinData|UUID|DBRef)\s*\(")


class JsonText:
    """The text of a file, read forwards; what was used is forgotten.

    Every method that finds something else than it should raises FileRefusedError with line and column.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
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

    def refuse_fault(self, fault: str, offset: int) -> NoReturn:
        """Refuse the file for what the decoder says of a place, as many characters behind what is used."""
        at = self._at + offset
        if shell := SHELL.match(self._text, at):
            self._refuse(
                f"not JSON but the language of MongoDB's shell ({shell[1]}(…)); export it with mongoexport, which"
                ' writes {"$oid": "…"} and the like:',
                at,
            )
        self._refuse(f"not JSON ({fault})", at)

    def next_character(self) -> str:
        """Skip blanks and return the character that follows, without using it; nothing at the end."""
        while True:
            self._at = self._after_blanks()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _after_blanks(self) -> int:
        found = BLANK_RUN.match(self._text, self._at)
        return found.end() if found else self._at

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
                value, end = decode(self._text, self._at)
            except json.JSONDecodeError as error:
                in_text = error.msg.startswith("Unterminated string")
                if in_text or error.pos > len(self._text) - LONGEST_TOKEN:
                    if self._fill():
                        continue
                    if in_text or error.pos == len(self._text):
                        where = f"({error.msg} column {self._position(error.pos)[1]})" if in_text else f"({error.msg})"
                        self._refuse(f"cut short {where}", len(self._text))
                self.refuse_fault(error.msg, error.pos - self._at)
            except RecursionError:
                self._refuse("a document is nested too deeply to be read; it begins", self._at)
            # A number that ends where the text does may go on.
            if isinstance(value, int | float | Decimal) and end > len(self._text) - LONGEST_TOKEN and self._fill():
                continue
            found = extended(value, self._text, self._at, end)
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

    def first_line(self) -> str:
        """Return the rest of the present line without using it."""
        searched = 0
        while (end := self._text.find("\n", self._at + searched)) < 0:
            searched = len(self._text) - self._at
            if not self._fill():
                return self._text[self._at :]
        return self._text[self._at : end]

    def values(self) -> Iterator[Any]:
        """Use all values, which stand one after another, and yield each."""
        while self.next_character():
            yield self.value()
            if self.next_character() == ",":
                self.refuse_commas()

    def refuse_commas(self) -> NoReturn:
        """Refuse documents with commas between them and no brackets around."""
        self._refuse(
            "commas between documents, but no brackets around them; put [ before the first and ] behind the last, or"
            " leave out the commas: they begin",
            self._at,
        )

    def lines(self) -> Iterator[tuple[int, int, str]]:
        """Use all lines and yield each with its number and the column where it begins, without its end.

        Of blank ones, most are left out.
        """
        number, column = self._position(self._at)
        while (line := self.first_line()) or self._at < len(self._text):
            yield number, column, line
            end = self._at = self._at + len(line) + 1
            self._at = max(end, self._text.rfind("\n", end, self._after_blanks()) + 1)
            number, column = number + 1 + self._text.count("\n", end, self._at), 1

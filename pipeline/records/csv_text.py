"""The text of a CSV record: bytes that may not be UTF-8, and fields between quotes that may not match."""

from __future__ import annotations

import csv
import re
import sys
from functools import cache

from pipeline.records.text_rules import BLANKS, trim

SURROGATES = "surrogateescape"  # how bytes that are not UTF-8 pass through text
KEPT_CHARACTERS = 10_000  # of a record or value that was rejected

_ENCODED = [blank.encode() for blank in BLANKS]
_OTHERS = [blank for blank in _ENCODED if len(blank) > 1]


_BLANK = (
    b"[" + b"".join(each for each in _ENCODED if len(each) == 1 and each not in b"\r\n") + b"]|" + b"|".join(_OTHERS)
)
_BLANK_ROW = rb"(?:,|%b)*+" % _BLANK
BLANK_ROW = re.compile(_BLANK_ROW + rb"[\r\n]*\Z")
_EMPTY_LINES = re.compile(rb"\n{2,}")
_BLANK_ROW_WITHIN = re.compile(rb"\n" + _BLANK_ROW + rb"(?=\n)")

csv.field_size_limit(sys.maxsize)


class QuoteError(ValueError):
    """The quotes of a record do not tell its fields; the message says why."""


class OpenQuoteError(QuoteError):
    """A quote is open at the end of the text; `ended` fields end before it."""

    def __init__(self, ended: int) -> None:
        super().__init__(NEVER_CLOSED)
        self.ended = ended


NEVER_CLOSED = "a quote is never closed"
TEXT_AFTER_QUOTE = "text after a closing quote: a quote within quotes is written twice"
BACKSLASH_QUOTE = "a backslash before a quote: a quote is written twice, within quotes"


def is_text(block: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_blank(fields: list[str]) -> bool:
    """Tell whether a record has no value at all, as the rows that spreadsheets write below the last one."""
    return not any(map(trim, fields))


def without_blank_rows(lines: bytes) -> tuple[bytes, int]:
    """Return lines but for those without any value, and how many of these had separators or blanks."""
    lines = b"\n" + lines
    if b"\n\n" in lines:
        lines = _EMPTY_LINES.sub(b"\n", lines)
    lines, count = _BLANK_ROW_WITHIN.subn(b"", lines)
    return lines[1:], count


class Splitter:
    """Splits records into fields: Excel's and RFC 4180's rules for one delimiter.

    A quote opens at the beginning of a field, blanks before it passed over, and closes before the delimiter. Elsewhere
    it is a character like others, but not behind a backslash: whoever wrote that meant something else.
    """

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        end = re.escape(delimiter)
        blanks = f"[{BLANKS.replace(delimiter, '')}]*+"
        self._opening = re.compile(rf'{blanks}"')
        self._plain = re.compile(rf"[^{end}]*+")
        self._inside = re.compile(r'[^"]*+(?:""[^"]*+)*+')
        self._closing = re.compile(rf'"{blanks}(?:({end})|\Z)')

    def split(self, text: str) -> list[str]:
        """Return the fields of a record, given without its line end.

        Raises:
            QuoteError: its quotes do not tell them.
        """
        if '"' not in text:
            return text.split(self.delimiter)
        fields = self._by_library(text)
        return self._by_rules(text) if fields is None else fields

    def _by_library(self, text: str) -> list[str] | None:
        """Return the fields of a record whose quotes are all around values, which the library finds much faster."""
        if "\n" in text or "\r" in text:
            return None
        try:
            fields = next(csv.reader([text], delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        return None if any('"' in field for field in fields) else fields

    def _by_rules(self, text: str) -> list[str]:
        fields: list[str] = []
        place = 0
        while True:
            if opening := self._opening.match(text, place):
                inside = self._inside.match(text, opening.end())
                if inside is None or inside.end() == len(text):
                    raise OpenQuoteError(len(fields))
                closing = self._closing.match(text, inside.end())
                if closing is None:
                    raise QuoteError(TEXT_AFTER_QUOTE)
                fields.append(inside[0].replace('""', '"'))
                place, is_last = closing.end(), closing[1] is None
            else:
                plain = self._plain.match(text, place)
                value = plain[0] if plain else ""
                if '\\"' in value:
                    raise QuoteError(BACKSLASH_QUOTE)
                fields.append(value)
                place += len(value) + 1
                is_last = place > len(text)
            if is_last:
                return fields

    def ended_before_open(self, text: str) -> int | None:
        """Return how many fields end in a line that begins within quotes; None if no quote is open at its end."""
        try:
            self._by_rules(f'"{text}')
        except OpenQuoteError as error:
            return error.ended
        except QuoteError:
            pass  # the record as a whole is found faulty
        return None


splitter = cache(Splitter)


def readable(text: str) -> str:
    """Return text that PostgreSQL can keep, with escapes for the bytes it cannot."""
    return text.encode("utf-8", SURROGATES).decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def shortened(text: str, size: int | None = None) -> str:
    """Return readable text of a bounded length that says so where it was cut.

    Args:
        text: the text, or its beginning.
        size: bytes of the whole, if `text` is its beginning.
    """
    cut = readable(text[:KEPT_CHARACTERS])[:KEPT_CHARACTERS]
    if size is None and len(text) <= KEPT_CHARACTERS:
        return cut
    whole = f"{size:,} bytes" if size is not None else f"{len(text):,} characters"
    return f"{cut}… (shortened: {whole})"

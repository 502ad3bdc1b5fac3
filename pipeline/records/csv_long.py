"""Records of megabytes, taken apart where they lie: there is no memory for a second copy of them as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from pipeline.records.csv_text import BACKSLASH_QUOTE, TEXT_AFTER_QUOTE, OpenQuoteError, QuoteError
from pipeline.records.spreadsheets import restored
from pipeline.records.text_rules import BLANKS

PIECE_BYTES = 1 << 18
# Of a repeated group an expression remembers each repetition; a longer run is matched again where it stopped.
REPETITIONS = 1000
LINE_ENDS = b"\r\n"
BLANK_VALUE = re.compile(b"(?:%b){0,%d}+" % (b"|".join(each.encode() for each in BLANKS), REPETITIONS))


class Span(NamedTuple):
    """Where a value lies in its record, without its quotes; within quotes a quote is written twice."""

    start: int
    end: int
    is_quoted: bool


@dataclass(frozen=True)
class LongRecord:
    """A record and where its values lie, as many as there are columns at most; `has_more` if there are more."""

    content: bytearray
    spans: list[Span]
    has_more: bool = False

    def as_csv(self, kept: Sequence[int], *, is_ours: bool) -> Iterator[bytes]:
        """Yield the values of some columns as a line of CSV, without its end: quoted, but for those that are empty.

        Args:
            kept: the places of the columns.
            is_ours: whether the record is of a reject file, whose cells are as spreadsheets may have them.
        """
        for number, position in enumerate(kept):
            if number:
                yield b","
            start, end, is_quoted = self.spans[position]
            if is_ours:
                begun = self.value(position, PIECE_BYTES)
                start += len(begun) - len(restored(begun))
            if start == end:
                continue
            yield b'"'
            for at in range(start, end, PIECE_BYTES):
                piece = bytes(self.content[at : min(at + PIECE_BYTES, end)])
                yield piece if is_quoted else piece.replace(b'"', b'""')
            yield b'"'

    def value(self, position: int, size: int) -> str:
        """Return the beginning of a value."""
        start, end, is_quoted = self.spans[position]
        text = self.content[start : min(start + size, end)].decode("utf-8", "ignore")
        return text.replace('""', '"') if is_quoted else text


class LongSplitter:
    """Finds the fields of long records by the rules of `Splitter`, for one delimiter."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()
        blank = b"|".join(each.encode() for each in BLANKS if each != delimiter)
        self._blanks = re.compile(b"(?:%b){0,%d}+" % (blank, REPETITIONS))
        self._nothing = re.compile(b"(?:%b|%b){0,%d}+" % (re.escape(self._delimiter), blank, REPETITIONS))
        self._inside = re.compile(b'[^"]*+(?:""[^"]*+){0,%d}+' % REPETITIONS)

    def split(self, content: bytearray, width: int, *, within_quotes: bool = False) -> LongRecord:
        """Return a record with its fields, as far as `width` of them.

        Raises:
            OpenQuoteError: a quote is open at its end.
            QuoteError: its quotes do not tell the fields.
        """
        end = _end_of_text(content)
        spans: list[Span] = []
        place, is_inside = 0, within_quotes
        while place <= end:
            if len(spans) == width:
                return LongRecord(content, spans, has_more=True)
            span, place = self._field(content, place, end, len(spans), is_inside=is_inside)
            spans.append(span)
            is_inside = False
        return LongRecord(content, spans)

    def _field(self, content: bytearray, place: int, end: int, before: int, *, is_inside: bool) -> tuple[Span, int]:
        """Return the field that begins at a place, and where the next one does: behind the end if it is the last."""
        opening = place if is_inside else _run(self._blanks, content, place, end)
        if not is_inside and (opening == end or content[opening] != ord('"')):
            stop = content.find(self._delimiter, place, end)
            stop = end if stop < 0 else stop
            if content.find(b'\\"', place, stop) >= 0:
                raise QuoteError(BACKSLASH_QUOTE)
            return Span(place, stop, is_quoted=False), stop + 1
        start = opening if is_inside else opening + 1
        stop = _run(self._inside, content, start, end)
        if stop == end:
            raise OpenQuoteError(before)
        after = _run(self._blanks, content, stop + 1, end)
        if after < end and content[after] != ord(self._delimiter):
            raise QuoteError(TEXT_AFTER_QUOTE)
        return Span(start, stop, is_quoted=True), after + 1

    def is_blank(self, content: bytearray) -> bool:
        """Tell whether a record has nothing but separators and blanks."""
        end = _end_of_text(content)
        return _run(self._nothing, content, 0, end) == end

    def are_blank(self, record: LongRecord) -> bool:
        """Tell whether all values of a record are blank."""
        return all(_run(BLANK_VALUE, record.content, start, end) == end for start, end, _ in record.spans)

    def ended_before_open(self, content: bytearray, width: int) -> int | None:
        """Return how many fields end in a line that begins within quotes, `width` if more do; None if no quote is open
        at its end.
        """  # noqa: D205
        try:
            return width if self.split(content, width, within_quotes=True).has_more else None
        except OpenQuoteError as error:
            return error.ended
        except QuoteError:
            return None  # the record as a whole is found faulty


long_splitter = cache(LongSplitter)


def _end_of_text(content: bytearray) -> int:
    end = len(content)
    while end and content[end - 1] in LINE_ENDS:
        end -= 1
    return end


def _run(pattern: re.Pattern[bytes], content: bytearray, place: int, end: int) -> int:
    """Return where a run of what a pattern matches ends."""
    while (found := pattern.match(content, place, end)) and found.end() > place:
        place = found.end()
    return place


def not_text(content: bytearray) -> int | None:
    """Return the place of the first byte that is not UTF-8."""
    place = 0
    while place < len(content):
        end = min(place + PIECE_BYTES, len(content))
        # Not within a character, if that is one.
        back = 0
        while end < len(content) and back < 3 and content[end - back] & 0xC0 == 0x80:  # noqa: PLR2004
            back += 1
        end -= back
        try:
            content[place:end].decode("utf-8")
        except UnicodeDecodeError as error:
            return place + error.start
        place = end
    return None

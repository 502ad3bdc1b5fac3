"""Records of a CSV file from its physical lines: which lines belong together, and which make no record."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pipeline.records.csv_lines import (
    KEPT_BYTES,
    LONG_LINE_BYTES,
    MAX_RECORD_BYTES,
    CutLine,
    Line,
    LineBlocks,
    LongLine,
    cut_line,
    lines_of,
    nul_reason,
)
from pipeline.records.csv_long import LongRecord, long_splitter, not_text
from pipeline.records.csv_text import NEVER_CLOSED, SURROGATES, OpenQuoteError, QuoteError, splitter
from pipeline.records.text_rules import trim, visible

MAX_RECORD_LINES = 1_000_000
OTHER_WIDTH = "too "  # how a fault begins that says of the number of columns that it is another


@dataclass(frozen=True)
class Record:
    """A record: its bytes, its fields if its quotes tell them, and why it is no row, if it is none.

    `long` is the record in place of its fields if it is longer than `LONG_LINE_BYTES`.
    """

    content: bytes
    fields: list[str] | None
    fault: str | None = None
    long: LongRecord | None = None

    def value(self, position: int, size: int) -> str:
        """Return a value of a record that is a row, of a long one its beginning."""
        if self.fields is not None:
            return self.fields[position]
        return self.long.value(position, size) if self.long else ""


class Records:
    """Puts the records of a file together that need a closer look.

    Args:
        blocks: the file, of which records that go on after their block take more.
        delimiter: what separates the columns.
        width: how many there are.
    """

    def __init__(self, blocks: LineBlocks, delimiter: str, width: int) -> None:
        self._blocks = blocks
        self._split = splitter(delimiter)
        self._long = long_splitter(delimiter)
        self._width = width

    def read(self, line: Line, lines: deque[Line]) -> Record:
        """Return the record that begins with `line`.

        The further physical lines of a record are taken from `lines`. They are read again if they make no record of
        it: then a quote was forgotten, and what comes after its line is read as if it were not there.
        """
        if isinstance(line, CutLine):
            return Record(line, None, line.reason)
        try:
            if isinstance(line, LongLine):
                return self._of_long(line)
            fields = self._split.split(decoded(line))
        except OpenQuoteError as error:
            return self._of_several_lines(line, error.ended, lines)
        except QuoteError as error:
            return _rejected(line, str(error))
        return Record(bytes(line), fields, _content_fault(line) or self._width_fault(fields))

    def _of_long(self, content: bytearray) -> Record:
        """Return the record that is the content as a whole.

        Raises:
            QuoteError: its quotes do not tell the fields.
        """
        if self._long.is_blank(content):
            return Record(b"", [""])
        found = self._long.split(content, self._width)
        if not found.has_more and self._long.are_blank(found):
            return Record(b"", [""])
        if found.has_more:
            return _rejected(content, f"too many columns: more than {self._width}")
        if len(found.spans) < self._width:
            return _rejected(content, self._width_fault([""] * len(found.spans)) or "")
        if (place := not_text(content)) is not None:
            return _rejected(content, _encoding_fault(content, place))
        return Record(b"", None, long=found)

    def _of_several_lines(self, line: Line, ended: int, lines: deque[Line]) -> Record:
        size = len(line)
        content, taken, is_closed = self._until_quote_closes(line, ended, lines)
        fault = NEVER_CLOSED
        if is_closed:
            try:
                record = self._whole(content)
            except QuoteError:
                pass  # as it closes before the end of its value, it is rather one that opens
            else:
                fault = record.fault or ""
                if not fault or not fault.startswith(OTHER_WIDTH):
                    return record
                fault = f"{fault}, if its quote closes {taken} lines below"
        first = _rejected(content[: min(size, KEPT_BYTES)] if size > LONG_LINE_BYTES else content[:size], fault, size)
        del content[:size]
        if len(content) > LONG_LINE_BYTES:
            self._blocks.give_back(content, lines)
        else:
            lines.extendleft(reversed(lines_of(bytes(content))))
        return first

    def _whole(self, content: bytearray) -> Record:
        if len(content) > LONG_LINE_BYTES:
            return self._of_long(content)
        fields = self._split.split(decoded(content))
        return Record(bytes(content), fields, self._width_fault(fields) or _content_fault(content))

    def _until_quote_closes(self, line: Line, ended: int, lines: deque[Line]) -> tuple[bytearray, int, bool]:
        """Take the lines after one that leaves a quote open, until that closes.

        Returns:
            The line with those after it, how many these are, and whether the quote closes in them.
        """
        content = line if isinstance(line, LongLine) else bytearray(line)
        taken = 0
        while ended < self._width and taken < MAX_RECORD_LINES:
            if not lines:
                lines.extend(lines_of(self._blocks.next()))
            if not lines or isinstance(lines[0], CutLine) or len(content) + len(lines[0]) > MAX_RECORD_BYTES:
                break
            more = lines.popleft()
            taken += 1
            open_after = self._ended_before_open(more) if b'"' in more else 0
            if len(more) > len(content) and isinstance(more, LongLine):
                more[:0] = content  # a long line is moved rather than copied
                content = more
            else:
                content += more
            if open_after is None:
                return content, taken, True
            ended += open_after
        return content, taken, False

    def _ended_before_open(self, line: Line) -> int | None:
        if isinstance(line, LongLine):
            return self._long.ended_before_open(line, self._width)
        return self._split.ended_before_open(decoded(line))

    def _width_fault(self, fields: list[str]) -> str | None:
        count, expected = len(fields), self._width
        if count == expected:
            return None
        fault = f"{OTHER_WIDTH}{'few' if count < expected else 'many'} columns: {count} instead of {expected}"
        ends_so = count == expected + 1 and not trim(fields[-1])
        return f"{fault}, the line ends with '{visible(self._split.delimiter)}'" if ends_so else fault


def _rejected(content: bytes | bytearray, fault: str, size: int | None = None) -> Record:
    """Return what is no row; of a long one the beginning."""
    size = len(content) if size is None else size
    return Record(cut_line(content, size, fault) if size > LONG_LINE_BYTES else bytes(content), None, fault)


def _content_fault(content: bytes | bytearray) -> str | None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _encoding_fault(content, error.start)
    return nul_reason(content.index(0)) if b"\0" in content else None


def _encoding_fault(content: bytes | bytearray, place: int) -> str:
    return f"not UTF-8: byte {place + 1} of the record is 0x{content[place]:02x}"


def decoded(content: bytes | bytearray) -> str:
    """Return the text of a line or record without its end, bytes that are not UTF-8 as surrogates."""
    return content.decode("utf-8", SURROGATES).rstrip("\r\n")

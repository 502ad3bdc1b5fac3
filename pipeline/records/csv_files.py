"""CSV files as a stream of numbered records, fit for `COPY … (FORMAT csv)`.

Blocks without a quote or any irregularity pass through as they are, which is most of them; the others are
taken apart record by record, so that a bad record is rejected alone.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from pipeline.records.csv_header import REJECT_COLUMN_PREFIX, REJECT_SOURCE, read_header
from pipeline.records.csv_lines import BLOCK_SIZE, CutLine, Line, LineBlocks, LongLine, lines_of
from pipeline.records.csv_long import LongRecord
from pipeline.records.csv_records import Record, Records, decoded
from pipeline.records.csv_text import (
    BLANK_ROW,
    KEPT_CHARACTERS,
    is_blank,
    is_text,
    shortened,
    without_blank_rows,
)
from pipeline.records.spreadsheets import restored

VALUE_BYTES = bytes(byte for byte in range(256) if byte not in b",\n")
COMMA = ","


@dataclass(frozen=True)
class RejectedRecord:
    """A record that is no row: its number in the file (from 1), the reason and what could be read of it."""

    record: int
    reason: str
    row: dict[str, object]


class Block(NamedTuple):
    """Records as lines of CSV: the number of the first, how many there are, and their values."""

    first: int
    rows: int
    content: bytes


class CsvStream:
    """The records of one CSV file.

    Args:
        file: the content, unpacked and in UTF-8.
        name: what to call the file in messages.
        reject: called with each record that is no row.
        declared: the columns that the header may have, by which its delimiter is found; none if not known.
        required: those of them that it must have.

    `columns` holds the names of the header, trimmed and in lower case, without those of a reject file; `delimiter`
    what separates them. `records` counts the records read so far, rejected ones included; `blank_rows` those without
    any value, which count as blank lines. `corrects` is the file whose rejected records these are,
    corrected: the first that the column `_reject_source` names, None without one. Whoever sets `is_given_up` is given
    no further records.

    Raises:
        FileRefusedError: there is no header, or it cannot be one.
    """

    def __init__(
        self,
        file: IO[bytes],
        name: str,
        reject: Callable[[RejectedRecord], None],
        declared: Collection[str] = (),
        required: Collection[str] = (),
    ) -> None:
        self._reject = reject
        self._blocks = LineBlocks(file)
        self.is_given_up = False
        self.records = 0
        self.blank_rows = 0
        header = read_header(name, self._blocks, declared, required)
        self.delimiter = header.delimiter
        is_ours = any(column.startswith(REJECT_COLUMN_PREFIX) for column in header.names)
        self._header = [restored(column) for column in header.names] if is_ours else header.names
        self._closer = Records(self._blocks, self.delimiter, len(self._header))
        self._kept = [
            position for position, column in enumerate(self._header) if not column.startswith(REJECT_COLUMN_PREFIX)
        ]
        self._is_plain = len(self._kept) == len(self._header)
        self.columns = [self._header[position] for position in self._kept]
        self.corrects: str | None = None
        self._corrects_at = self._header.index(REJECT_SOURCE) if REJECT_SOURCE in self._header else None

    @property
    def is_reject_file(self) -> bool:
        """Whether the header has columns that only reject files have."""
        return not self._is_plain

    def lines(self, prefix: bytes = b"") -> Iterator[bytes]:
        """Yield the good records as CSV, many at a time: `prefix`, the record's number, the values of `columns`."""
        for plain, lines in self._parts():
            if plain and plain.rows:
                yield _numbered(plain, prefix)
            yield from self._one_by_one(lines, prefix)

    def blocks(self) -> Iterator[Block]:
        """Yield the good records as `lines` does, without the numbers, in blocks where these follow one another."""
        for plain, lines in self._parts():
            if plain and plain.rows:
                yield plain
            yield from self._together(lines)

    def _parts(self) -> Iterator[tuple[Block | None, deque[Line]]]:
        """Yield blocks with nothing special in them, or the lines of others."""
        closer = 0  # bytes that are being looked at again, in pieces
        while not self.is_given_up and (block := self._blocks.next()):
            plain = None if isinstance(block, CutLine | LongLine) else self._plain(block)
            closer -= len(block)
            if not plain and not isinstance(block, CutLine | LongLine) and closer < 0:
                closer = len(block)
                self._blocks.give_back(bytearray(block), deque())
                continue
            lines = lines_of(b"" if plain else block)
            del block  # there is no memory for two long lines
            yield plain, lines

    def _plain(self, block: bytes) -> Block | None:
        """Return the records of a block with nothing special in it; None if it has anything."""
        found = self._regular(block)
        if found is None or not is_text(found[0]):
            return None
        regular, blank_rows = found
        plain = Block(self.records + 1, regular.count(b"\n"), regular)
        self.records += plain.rows
        self.blank_rows += blank_rows
        return plain

    def _regular(self, block: bytes) -> tuple[bytes, int] | None:
        """Return a block with commas and newlines as they should be; None if a record may be none.

        Blank lines and rows are left out; of the latter the number is returned too.
        """
        if b'"' in block or b"\0" in block or not self._is_plain:
            return None
        if self.delimiter != COMMA:
            if b"," in block:
                return None
            block = block.replace(self.delimiter.encode(), b",")
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not block.endswith(b"\n"):
            block += b"\n"
        block, blank_rows = without_blank_rows(block)
        # What is left without the values shows whether each line has as many as it should.
        separators = b"," * (len(self._header) - 1) + b"\n"
        is_regular = block.translate(None, VALUE_BYTES) == separators * block.count(b"\n")
        return (block, blank_rows) if is_regular else None

    def _one_by_one(self, lines: deque[Line], prefix: bytes) -> Iterator[bytes]:
        out: list[bytes] = []
        size = 0
        for record in self._records(lines):
            if isinstance(record, LongRecord):
                yield b"".join([*out, b"%b%d," % (prefix, self.records)])
                yield from record.as_csv(self._kept, is_ours=not self._is_plain)
                out, size = [b"\n"], 1
            else:
                out.append(b"%b%d,%b\n" % (prefix, self.records, record))
                size += len(record)
            if size > BLOCK_SIZE:
                yield b"".join(out)
                out, size = [], 0
        if out:
            yield b"".join(out)

    def _together(self, lines: deque[Line]) -> Iterator[Block]:
        out: list[bytes] = []
        first = size = 0
        for found in self._records(lines):
            record = found
            if isinstance(record, LongRecord):
                record = b"".join(record.as_csv(self._kept, is_ours=not self._is_plain))
            if out and (self.records != first + len(out) or size > BLOCK_SIZE):
                yield Block(first, len(out), b"\n".join([*out, b""]))
                out, size = [], 0
            if not out:
                first = self.records
            out.append(record)
            size += len(record)
        if out:
            yield Block(first, len(out), b"\n".join([*out, b""]))

    def _records(self, lines: deque[Line]) -> Iterator[bytes | LongRecord]:
        """Yield the next records as CSV, without their ends, or as they are if they are long; see `records`."""
        while lines and not self.is_given_up:
            record = self._next(lines)
            if record is not None:
                yield record

    def _next(self, lines: deque[Line]) -> bytes | LongRecord | None:
        """Return the next record as CSV, without its end, or as it is if it is long; None if it is no row."""
        line = lines.popleft()
        if not isinstance(line, LongLine):
            if not line.strip(b"\r\n"):
                return None
            if self._is_simple(line) and line.count(b",") == len(self._header) - 1 and not BLANK_ROW.match(line):
                self.records += 1
                return line.rstrip(b"\r\n")
        record = self._closer.read(line, lines)
        if record.fields is not None and is_blank(record.fields):
            self.blank_rows += 1
            return None
        self.records += 1
        if record.fault or (record.fields is None and record.long is None):
            self._refuse(record)
            return None
        if self._corrects_at is not None and not self.corrects:
            self.corrects = restored(record.value(self._corrects_at, KEPT_CHARACTERS)) or None
        if record.fields is None:
            return record.long
        values = self._of_kept(record.fields)
        # Quoted whatever they hold, but for nothing at all, which is null.
        return ",".join(['"' + value.replace('"', '""') + '"' if value else "" for value in values]).encode()

    def _is_simple(self, line: bytes) -> bool:
        """Tell whether a line, if it has as many commas as it should, is a record that COPY reads as it is."""
        if isinstance(line, CutLine) or not self._is_plain or self.delimiter != COMMA:
            return False
        return b'"' not in line and b"\0" not in line and is_text(line)

    def _of_kept(self, fields: list[str]) -> list[str]:
        if self._is_plain:
            return fields
        return [restored(fields[position]) for position in self._kept if position < len(fields)]

    def _refuse(self, record: Record) -> None:
        size = record.content.size if isinstance(record.content, CutLine) else None
        line = decoded(record.content)
        fields = record.fields
        if fields is None:
            first = line[:KEPT_CHARACTERS].replace("\r", "\n").partition("\n")[0]
            fields = next(csv.reader([first], delimiter=self.delimiter), [])
        values = zip(self.columns, self._of_kept(fields), strict=False)
        row: dict[str, object] = {column: shortened(value) for column, value in values}
        row["_reject_line"] = shortened(line, size)
        self._reject(RejectedRecord(self.records, record.fault or "", row))


def _numbered(block: Block, prefix: bytes) -> bytes:
    start = prefix.decode()
    records = block.content.decode("utf-8").removesuffix("\n").split("\n")
    return "".join([f"{start}{n},{record}\n" for n, record in enumerate(records, block.first)]).encode()

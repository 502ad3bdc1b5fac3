"""CSV files as a stream of numbered records, fit for `COPY … (FORMAT csv)`.

Blocks without a quote or any irregularity pass through as they are, which is most of them; the others are
taken apart record by record, so that a bad record is rejected alone.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import methodcaller
from typing import IO

from pipeline.sources.files import FileRefusedError

BLOCK_SIZE = 1 << 20
# Beyond this an open quote counts as one that was forgotten; it also bounds the memory a record can take.
MAX_RECORD_BYTES = 64 << 20
MAX_NAME_BYTES = 63  # of a column in PostgreSQL
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
REJECT_COLUMN_PREFIX = "_reject_"
RESERVED_COLUMNS = {"_batch_id", "_row"}
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")

csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True)
class RejectedRecord:
    """A record that is no row: its number in the file (from 1), the reason and what could be read of it."""

    record: int
    reason: str
    row: dict[str, object]


class CsvStream:
    """The records of one CSV file.

    Args:
        file: the content, decompressed.
        name: what to call the file in messages.
        reject: called with each record that is no row.

    `columns` holds the names of the header, trimmed and in lower case, without those of a reject file;
    `records` counts the records read so far, rejected ones included.

    Raises:
        FileRefusedError: there is no header, or it cannot be one.
    """

    def __init__(self, file: IO[bytes], name: str, reject: Callable[[RejectedRecord], None]) -> None:
        self._file = file
        self._name = name
        self._reject = reject
        self._carry = b""
        self._at_start = True
        self.records = 0
        self._header, self._rest = self._read_header()
        self._kept = [
            position for position, column in enumerate(self._header) if not column.startswith(REJECT_COLUMN_PREFIX)
        ]
        self.columns = [self._header[position] for position in self._kept]

    def _next_block(self) -> bytes:
        """Return whole physical lines, at least one; nothing at the end of the file."""
        parts = [self._carry]
        while block := self._file.read(BLOCK_SIZE):
            if self._at_start:
                block, self._at_start = block.removeprefix(BYTE_ORDER_MARK), False
            # A carriage return at the very end may be half of a line end.
            cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if cut:
                self._carry = block[cut:]
                parts.append(block[:cut])
                return b"".join(parts)
            parts.append(block)
        self._carry = b""
        return b"".join(parts)

    def _read_header(self) -> tuple[list[str], bytes]:
        block = self._next_block()
        while block and not block.strip():
            block = self._next_block()
        if not block:
            raise FileRefusedError(f"{self._name}: the file is empty, it has no header")
        lines = deque(LINE.findall(block))
        while not (first := lines.popleft()).strip():
            pass
        try:
            names = next(csv.reader([first.decode("utf-8").rstrip("\r\n")]))
        except UnicodeDecodeError as error:
            raise FileRefusedError(
                f"{self._name}: the header is not UTF-8 (byte {error.start}); save the file as UTF-8"
            ) from error
        header = [name.strip().lower() for name in names]
        self._check(header)
        return header, b"".join(lines)

    def _check(self, header: list[str]) -> None:
        for position, name in enumerate(header, start=1):
            if not name:
                problem = f"column {position} has no name"
            elif "\0" in name:
                problem = f"the name of column {position} holds a NUL character"
            elif len(name.encode()) > MAX_NAME_BYTES:
                problem = f"the column name '{name[:80]}' is longer than {MAX_NAME_BYTES} bytes"
            elif name in RESERVED_COLUMNS:
                problem = f"the column name '{name}' is reserved"
            elif header.count(name) > 1:
                problem = f"the column '{name}' stands there twice"
            else:
                continue
            raise FileRefusedError(f"{self._name}: {problem}; the header is: {', '.join(header)}")

    def lines(self, prefix: bytes = b"") -> Iterator[bytes]:
        """Yield the good records as CSV: `prefix`, the record's number, then the columns of `columns`."""
        block = self._rest or self._next_block()
        while block:
            plain = self._plain(block, prefix)
            if plain is not None:
                yield plain
            else:
                yield from self._one_by_one(block, prefix)
            block = self._next_block()

    def _plain(self, block: bytes, prefix: bytes) -> bytes | None:
        """Return a block with nothing special in it ready for COPY; None if it needs a closer look."""
        if b'"' in block or b"\0" in block or len(self._kept) < len(self._header):
            return None
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        records = block.split(b"\n")
        if b"" in records:
            records = [record for record in records if record]
        if not set(map(methodcaller("count", b","), records)) <= {len(self._header) - 1}:
            return None
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            return None
        first = self.records + 1
        self.records += len(records)
        return b"".join([b"%b%d,%b\n" % (prefix, n, record) for n, record in enumerate(records, first)])

    def _one_by_one(self, block: bytes, prefix: bytes) -> Iterator[bytes]:
        lines = deque(LINE.findall(block))
        start = prefix.decode().rstrip(",").split(",") if prefix else []
        while lines:
            line = lines.popleft()
            if not line.strip(b"\r\n"):
                continue
            self.records += 1
            more = self._until_quote_closes(line, lines)
            fields = self._fields(b"".join([line, *more]), quiet=bool(more)) if more is not None else None
            if fields is None and (more is None or more):
                lines.extendleft(reversed(more or []))
                self._refuse(line, "a quote is never closed")
            elif fields is not None:
                out = io.StringIO()
                csv.writer(out, lineterminator="\n").writerow(
                    [*start, self.records, *(fields[position] for position in self._kept)]
                )
                yield out.getvalue().encode()

    def _until_quote_closes(self, line: bytes, lines: deque[bytes]) -> list[bytes] | None:
        """Take the further physical lines of a record that begins with `line`; None if its quote stays open."""
        taken: list[bytes] = []
        open_quote = line.count(b'"') % 2 == 1
        size = len(line)
        while open_quote:
            if not lines:
                lines.extend(line for line in LINE.findall(self._next_block()) if line)
            if not lines or size > MAX_RECORD_BYTES:
                lines.extendleft(reversed(taken))
                return None
            taken.append(lines.popleft())
            size += len(taken[-1])
            open_quote ^= taken[-1].count(b'"') % 2 == 1
        return taken

    def _fields(self, record: bytes, *, quiet: bool) -> list[str] | None:
        """Return the fields of a record; None if it is none, which is reported unless `quiet`."""
        expected = len(self._header)
        try:
            text = record.decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"not UTF-8: byte {error.start + 1} of the record is 0x{record[error.start]:02x}"
        else:
            if "\0" in text:
                reason = f"a NUL byte at byte {record.index(0) + 1} of the record"
            else:
                fields = self._parse(text)
                if len(fields) == expected:
                    return fields
                few = "few" if len(fields) < expected else "many"
                reason = f"too {few} columns: {len(fields)} instead of {expected}"
        if not quiet:
            self._refuse(record, reason)
        return None

    @staticmethod
    def _parse(text: str) -> list[str]:
        try:
            return next(csv.reader([text.rstrip("\r\n")]), [])
        except csv.Error:  # a line end after a quote within an unquoted field
            return []

    def _refuse(self, record: bytes, reason: str) -> None:
        line = record.decode("utf-8", errors="backslashreplace").rstrip("\r\n").replace("\0", "\\x00")
        row: dict[str, object] = {"_reject_line": line}
        fields = self._parse(line.replace("\r", " ").replace("\n", " "))
        row.update(zip(self._header, fields, strict=False))
        self._reject(RejectedRecord(self.records, reason, row))

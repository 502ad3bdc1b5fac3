"""CSV files as a stream of numbered records, fit for `COPY … (FORMAT csv)`.

Blocks without a quote or any irregularity pass through as they are, which is most of them; the others are
taken apart record by record, so that a bad record is rejected alone.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from pipeline.sources.csv_header import REJECT_COLUMN_PREFIX, check_names
from pipeline.sources.csv_text import SURROGATES, is_text, padded_lines, parse, readable
from pipeline.sources.files import FileRefusedError
from pipeline.sources.text_rules import trim

BLOCK_SIZE = 1 << 20
# Beyond this an open quote counts as one that was forgotten; it also bounds the memory a record can take.
MAX_RECORD_BYTES = 64 << 20
# More than these are not worth telling apart: all values of the file are trimmed then.
MAX_PADDED = 1000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
VALUE_BYTES = bytes(byte for byte in range(256) if byte not in b",\n")
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")


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
    `records` counts the records read so far, rejected ones included. `padded` holds the numbers of those that may
    have blanks around a value; None if there are more than `MAX_PADDED`.

    Raises:
        FileRefusedError: there is no header, or it cannot be one.
    """

    def __init__(self, file: IO[bytes], name: str, reject: Callable[[RejectedRecord], None]) -> None:
        self._file = file
        self._name = name
        self._reject = reject
        self._carry = file.read(len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
        self.records = 0
        self.padded: list[int] | None = []
        self._header, self._rest = self._read_header()
        self._kept = [
            position for position, column in enumerate(self._header) if not column.startswith(REJECT_COLUMN_PREFIX)
        ]
        self._is_plain = len(self._kept) == len(self._header)
        self.columns = [self._header[position] for position in self._kept]

    def _next_block(self) -> bytes:
        """Return whole physical lines, at least one; nothing at the end of the file."""
        parts = [self._carry]
        while block := self._file.read(BLOCK_SIZE):
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
            raise FileRefusedError(f"{self._name}: the file is empty, it has no header; deliver it again")
        lines = deque(LINE.findall(block))
        while not (first := lines.popleft()).strip():
            pass
        try:
            first.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileRefusedError(
                f"{self._name}: the header is not UTF-8 (byte {error.start}); save the file as UTF-8"
            ) from error
        names = parse(first, strict=False)
        if names is None:
            raise FileRefusedError(f"{self._name}: a quote in the header is never closed; it must be on one line")
        header = [trim(name).lower() for name in names]
        check_names(self._name, header)
        return header, b"".join(lines)

    def lines(self, prefix: bytes = b"") -> Iterator[bytes]:
        """Yield the good records as CSV, many at a time: `prefix`, the record's number, the values of `columns`."""
        block = self._rest or self._next_block()
        while block:
            plain = self._plain(block, prefix)
            if plain is None:
                yield from self._one_by_one(block, prefix)
            else:
                yield plain
            block = self._next_block()

    def _plain(self, block: bytes, prefix: bytes) -> bytes | None:
        """Return a block with nothing special in it ready for COPY; None if it needs a closer look."""
        if b'"' in block or b"\0" in block or not self._is_plain:
            return None
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not block.endswith(b"\n"):
            block += b"\n"
        # What is left without the values shows whether each line has as many as it should; a blank line has one.
        separators = b"," * (len(self._header) - 1) + b"\n"
        count = block.count(b"\n")
        if block.translate(None, VALUE_BYTES) != separators * count:
            return None
        if len(self._header) == 1 and b"\n\n" in b"\n" + block:
            return None
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError:
            return None
        first = self.records + 1
        self.records += count
        self._note_padded(padded_lines(block), first)
        start = prefix.decode()
        records = text.removesuffix("\n").split("\n")
        return "".join([f"{start}{n},{record}\n" for n, record in enumerate(records, first)]).encode()

    def _note_padded(self, lines: Iterable[int], first: int) -> None:
        """Note records, counted from the one with the number `first`."""
        if self.padded is not None:
            self.padded.extend(first + line for line in sorted(set(lines)))
            if len(self.padded) > MAX_PADDED:
                self.padded = None

    def _one_by_one(self, block: bytes, prefix: bytes) -> Iterator[bytes]:
        lines = deque(filter(None, LINE.findall(block)))
        out, size = [], 0
        while lines:
            line = lines.popleft()
            if not line.strip(b"\r\n"):
                continue
            self.records += 1
            text = self._text(line, lines)
            if text is not None:
                self._note_padded([0] if b'"' in text else padded_lines(text), self.records)
                out.append(b"%b%d,%b\n" % (prefix, self.records, text))
                size += len(text)
            if size > BLOCK_SIZE:
                yield b"".join(out)
                out, size = [], 0
        if out:
            yield b"".join(out)

    def _text(self, line: bytes, lines: deque[bytes]) -> bytes | None:
        """Return the record that begins with `line` as CSV, without its end; None if it is rejected."""
        special = b'"' in line or b"\0" in line or not is_text(line)
        if self._is_plain and not special and line.count(b",") == len(self._header) - 1:
            return line.rstrip(b"\r\n")
        fields = self._fields(line, lines)
        if fields is None:
            return None
        # Quoted whatever they hold, but for nothing at all, which is null.
        values = ['"' + value.replace('"', '""') + '"' if value else "" for value in self._of_kept(fields)]
        return ",".join(values).encode()

    def _of_kept(self, fields: list[str]) -> list[str]:
        if self._is_plain:
            return fields
        return [fields[position] for position in self._kept if position < len(fields)]

    def _fields(self, line: bytes, lines: deque[bytes]) -> list[str] | None:
        """Return the fields of the record that begins with `line`; None if it is rejected.

        The further physical lines of a record are taken from `lines`. They stay there if they make no record of
        it: then a quote was forgotten, and what comes after its line is read as if it were not there.
        """
        more = self._until_quote_closes(line, lines)
        record = b"".join([line, *more]) if more else line
        fields = None if more is None else parse(record, strict=bool(more))
        reason = self._fault(record, fields, len(more or []))
        if reason is None:
            return fields
        if more and (fields is None or len(fields) != len(self._header)):
            lines.extendleft(reversed(more))
            record, fields = line, None
        self._refuse(record, reason, fields)
        return None

    def _until_quote_closes(self, line: bytes, lines: deque[bytes]) -> list[bytes] | None:
        """Take the further physical lines of a record that begins with `line`; None if its quote stays open."""
        taken: list[bytes] = []
        open_quote = line.count(b'"') % 2 == 1
        size = len(line)
        while open_quote:
            if not lines:
                lines.extend(filter(None, LINE.findall(self._next_block())))
            if not lines or size > MAX_RECORD_BYTES:
                lines.extendleft(reversed(taken))
                return None
            taken.append(lines.popleft())
            size += len(taken[-1])
            open_quote ^= taken[-1].count(b'"') % 2 == 1
        return taken

    def _fault(self, record: bytes, fields: list[str] | None, further_lines: int) -> str | None:
        """Say why a record is no row; None if it is one."""
        if fields is None:
            return "a quote is never closed"
        count, expected = len(fields), len(self._header)
        columns = f"too {'few' if count < expected else 'many'} columns: {count} instead of {expected}"
        if count != expected and further_lines:
            return f"{columns}, if its quote closes {further_lines} lines below"
        try:
            record.decode("utf-8")
        except UnicodeDecodeError as error:
            return f"not UTF-8: byte {error.start + 1} of the record is 0x{record[error.start]:02x}"
        if b"\0" in record:
            return f"a NUL byte at byte {record.index(0) + 1} of the record"
        return columns if count != expected else None

    def _refuse(self, record: bytes, reason: str, fields: list[str] | None) -> None:
        line = record.decode("utf-8", SURROGATES).rstrip("\r\n")
        if fields is None:
            fields = next(csv.reader([line]))
        values = zip(self.columns, self._of_kept(fields), strict=False)
        row: dict[str, object] = {column: readable(value) for column, value in values}
        self._reject(RejectedRecord(self.records, reason, {**row, "_reject_line": readable(line)}))

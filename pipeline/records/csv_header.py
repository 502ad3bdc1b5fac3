"""The header of a CSV file: where it is, what separates its names, and whether they can be columns of a table."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.records.csv_lines import LONG_LINE_BYTES, CutLine, Line, LineBlocks, LongLine, lines_of
from pipeline.records.csv_text import QuoteError, is_blank, splitter
from pipeline.records.files import FileRefusedError
from pipeline.records.text_rules import BLANKS, trim, visible

MAX_NAME_BYTES = 63  # of a column in PostgreSQL
MAX_COLUMNS = 1_598  # of a table in PostgreSQL, without the two of ours
REJECT_COLUMN_PREFIX = "_reject_"
REJECT_SOURCE = f"{REJECT_COLUMN_PREFIX}source"
# Ours, and those that every table of PostgreSQL has.
RESERVED_COLUMNS = {"_batch_id", "_row", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
NAME_BEGINS = re.compile(rb"[^,;\t| \r\n]")
LINES_LOOKED_AT = 10  # for a header below a title
SHOWN_HEADER = 2_000  # characters
VALUE = re.compile(
    r"[+-]?[0-9]+([.,][0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}"
)


@dataclass(frozen=True)
class Header:
    """The names of a header, trimmed and in lower case, and what separates them."""

    names: list[str]
    delimiter: str


def read_header(file: str, blocks: LineBlocks, declared: Collection[str], required: Collection[str]) -> Header:
    """Read a file up to its header, which is the last line that is used of it.

    Semicolons, tabs and vertical bars separate columns where the header, so read, has more of the declared ones; or,
    where none are declared, more columns than one.

    Args:
        file: what to call the file in messages.
        blocks: the file, from its beginning.
        declared: the columns that the header may have; none if that is not known.
        required: those of them that it must have.

    Raises:
        FileRefusedError: there is no header, or it cannot name the columns of a table.
    """
    lines, first = _first_line(file, blocks)
    delimiters = list(DELIMITERS)
    if separator := SEPARATOR_LINE.fullmatch(first.strip(BLANKS.replace("\t", ""))):
        if separator[1] not in DELIMITERS:
            raise FileRefusedError(
                f"{file}: the line sep={visible(separator[1])} names what separates columns; that must be one of"
                f" {' '.join(DELIMITERS).replace(chr(9), 'tab')}"
            )
        delimiters = [separator[1]]
        if not lines:
            lines, first = _first_line(file, blocks)
        else:
            first = _text(file, lines.popleft())
    readings = {delimiter: _names(first, delimiter) for delimiter in delimiters}
    # Of equals the first, which is the comma.
    delimiter = max(delimiters, key=lambda each: _fit(readings[each], declared))
    names = readings[delimiter]
    if names is None:
        raise FileRefusedError(f"{file}: a quote in the header is never closed; it must be on one line")
    if not set(required) <= set(names):
        while len(lines) < LINES_LOOKED_AT and (block := blocks.next()) and not isinstance(block, LongLine):
            lines.extend(lines_of(block))
        _refuse_title(file, first, lines, required)
    _check_names(file, names, delimiter)
    blocks.give_back(bytearray(), lines)
    return Header(names, delimiter)


def _first_line(file: str, blocks: LineBlocks) -> tuple[deque[Line], str]:
    """Return the first line with anything but separators, and the lines of its block that follow."""
    while block := blocks.next():
        lines = lines_of(block if isinstance(block, CutLine | LongLine) else _from_first_name(block))
        while lines:
            line = lines.popleft()
            text = _text(file, line)
            if not any(is_blank(_names(text, delimiter) or [text]) for delimiter in DELIMITERS):
                return lines, text
    raise FileRefusedError(f"{file}: the file is empty, it has no header; deliver it again")


def _from_first_name(block: bytes) -> bytes:
    """Return a block from the first line on that has more than separators; there may be millions above it."""
    name = NAME_BEGINS.search(block)
    begins = name.start() if name else len(block)
    return block[max(block.rfind(b"\n", 0, begins), block.rfind(b"\r", 0, begins)) + 1 :]


def _text(file: str, line: Line) -> str:
    if isinstance(line, CutLine | LongLine):
        reason = line.reason if isinstance(line, CutLine) else f"longer than {LONG_LINE_BYTES >> 20} MiB"
        raise FileRefusedError(f"{file}: the first line is no header: {reason}; deliver it again")
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise FileRefusedError(
            f"{file}: the header is not UTF-8 (byte {error.start}); save the file as UTF-8"
        ) from error


def _names(line: str, delimiter: str) -> list[str] | None:
    try:
        return [trim(name).lower() for name in splitter(delimiter).split(line)]
    except QuoteError:
        return None


def _fit(names: list[str] | None, declared: Collection[str]) -> int:
    if names is None:
        return 0
    return len(set(declared) & set(names)) if declared else int(len(names) > 1)


def _refuse_title(file: str, first: str, lines: deque[Line], required: Collection[str]) -> None:
    """Refuse a file whose header is not its first line but one of the next."""
    for number, line in enumerate(list(lines)[:LINES_LOOKED_AT], start=1):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        for delimiter in DELIMITERS:
            if set(required) <= set(_names(text, delimiter) or ()):
                above = "the line" if number == 1 else f"the {number} lines"
                raise FileRefusedError(f"{file}: {above} above the header must be removed: '{visible(first)}'")


def _check_names(file: str, header: list[str], delimiter: str) -> None:
    """Look for what keeps a header from naming the columns of a table."""
    if len(header) > MAX_COLUMNS:
        raise FileRefusedError(f"{file}: {len(header):,} columns, more than the {MAX_COLUMNS:,} of a table")
    seen = set()
    for position, name in enumerate(header, start=1):
        if not name and position == len(header) > 1:
            problem = f"the header ends with '{visible(delimiter)}': remove that, and from each line if all end so"
        elif not name:
            problem = f"column {position} has no name"
        elif "\0" in name:
            problem = f"the name of column {position} holds a NUL character"
        elif len(name.encode()) > MAX_NAME_BYTES:
            problem = f"the column name '{visible(name)}' is longer than {MAX_NAME_BYTES} bytes"
        elif name in RESERVED_COLUMNS:
            problem = f"the column name '{name}' is reserved"
        elif name in seen:
            problem = f"the column '{visible(name)}' stands there twice"
        else:
            seen.add(name)
            continue
        raise FileRefusedError(f"{file}: {problem}; correct the header, which is: {names_shown(header)}")
    if all(name.startswith(REJECT_COLUMN_PREFIX) for name in header):
        raise FileRefusedError(f"{file}: the header has no columns but those that reject files add")


def names_shown(names: list[str]) -> str:
    """Return the names of a header for a message."""
    return visible(", ".join(names), SHOWN_HEADER)


def value_among(names: list[str]) -> str | None:
    """Return the first name of a header that is rather a value, a number or a date: the header may be missing."""
    return next((visible(name) for name in names if VALUE.fullmatch(name)), None)

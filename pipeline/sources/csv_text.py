"""The text of a CSV record: bytes that may not be UTF-8, and fields between quotes that may not match."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator

from pipeline.sources.text_rules import BLANKS

SURROGATES = "surrogateescape"  # how bytes that are not UTF-8 pass through text


def _padding(blank: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"%b(?:,|\n|\Z|(?<=[,\n]%b)|(?<=\A%b))" % (blank, blank, blank))


# One expression for each blank, which begins with it: so the search leaps from one to the next. Those beyond ASCII
# are grouped by how their bytes begin, and not looked for where that does not occur; line ends are no padding here.
ASCII_PADDING = {
    blank.encode(): _padding(blank.encode()) for blank in BLANKS if blank.isascii() and blank not in "\r\n"
}
_ENCODED = [blank.encode() for blank in BLANKS if not blank.isascii()]
OTHER_PADDING = {
    start: _padding(start + b"[" + b"".join(each[-1:] for each in _ENCODED if each[:-1] == start) + b"]")
    for start in sorted({each[:-1] for each in _ENCODED})
}

csv.field_size_limit(sys.maxsize)


def is_text(block: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def padded_lines(block: bytes) -> Iterator[int]:
    """Yield which lines (from 0) of values without quotes have blanks around one; a line may come several times."""
    for blank, padding in (ASCII_PADDING if block.isascii() else {**ASCII_PADDING, **OTHER_PADDING}).items():
        line = seen = 0
        for match in padding.finditer(block) if blank in block else ():
            line += block.count(b"\n", seen, match.start())
            seen = match.start()
            yield line


def parse(record: bytes, *, strict: bool) -> list[str] | None:
    """Return the fields of a record, bytes that are not UTF-8 as surrogates; None if its quotes do not match.

    A quote that closes before the end of its value is let pass in a single line, but not (`strict`) where it
    decides which lines belong together: two forgotten quotes would swallow the records between them.
    """
    text = record.decode("utf-8", SURROGATES).rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    reader = csv.reader([text, ""], strict=strict)
    try:
        fields = next(reader)
    except csv.Error:
        return None
    return fields if reader.line_num == 1 else None  # an open quote makes it read on


def readable(text: str) -> str:
    """Return text that PostgreSQL can keep, with escapes for the bytes it cannot."""
    return text.encode("utf-8", SURROGATES).decode("utf-8", "backslashreplace").replace("\0", "\\x00")

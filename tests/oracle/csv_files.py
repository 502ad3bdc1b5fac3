"""CSV files to typed rows, the bad records told from the good ones."""

import csv
import io
import sys
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from . import values
from .warehouse import User, ViewingSession

Row = User | ViewingSession

# A field may be as long as the file.
csv.field_size_limit(sys.maxsize)


def _day(text: str) -> date:
    return values.iso_date(text, 1900, 2100)


# In the order of the row classes, the key first.
_PARSERS: dict[str, dict[str, Callable[[str], Any]]] = {
    "users": {
        "user_id": values.key,
        "age": lambda text: values.whole(text, 0, 120),
        "country": str,
        "subscription_type": str,
        "registration_date": _day,
        "total_watch_time_hours": lambda text: values.numeric(text, 10, 2),
    },
    "viewing_sessions": {
        "session_id": values.key,
        "user_id": values.key,
        "content_id": values.key,
        "watch_date": _day,
        "watch_duration_minutes": lambda text: values.whole(text, 0, 2**31 - 1),
        "completion_percentage": lambda text: values.numeric(text, 5, 2, high=100),
        "device_type": str,
        "quality_level": str,
    },
}
_REQUIRED = {
    "users": {"user_id"},
    "viewing_sessions": {"session_id", "user_id", "content_id", "watch_date"},
}
_ROW_CLASS: dict[str, Callable[..., Row]] = {"users": User, "viewing_sessions": ViewingSession}

TABLES = tuple(_PARSERS)


class RefusedError(Exception):
    """Nothing of a file can be used; the message says why."""


class _Lines:
    """Hands lines to ``csv.reader`` and notices when it asks for one too many."""

    def __init__(self, lines: list[str], position: int) -> None:
        self.lines = lines
        self.position = position
        self.exhausted = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.position == len(self.lines):
            self.exhausted = True
            raise StopIteration
        self.position += 1
        return self.lines[self.position - 1]


def split_records(data: bytes) -> Iterator[list[bytes] | None]:
    """Yield the fields of each record, blank lines skipped; None for a line whose quote never closes.

    Latin-1 maps each byte to one character and back, and no byte of a longer UTF-8 character looks
    like a delimiter: so records are told apart before it is known which of them are UTF-8.
    """
    lines = list(io.StringIO(data.decode("latin-1"), newline=""))
    start = 0
    while start < len(lines):
        source = _Lines(lines, start)
        for fields in csv.reader(source):
            if source.exhausted:
                # The file ended inside quotes: only the first line is lost, reading resumes after it.
                start += 1
                yield None
                break
            start = source.position
            if fields:
                yield [field.encode("latin-1") for field in fields]
        else:
            return


def _header(fields: list[bytes] | None, table: str) -> list[str]:
    """Column names, trimmed and in lower case.

    Raises:
        RefusedError: They are no header of this table.
    """
    if fields is None:
        raise RefusedError("the header's quote is never closed")
    try:
        names = [field.decode().strip(values.BLANKS).lower() for field in fields]
    except UnicodeDecodeError as error:
        raise RefusedError("the header is not UTF-8") from error
    if any("\0" in name or len(name.encode()) > 63 for name in names):
        raise RefusedError("a column name no table can have")
    if len(set(names)) < len(names):
        raise RefusedError("a column name twice")
    missing = _PARSERS[table].keys() - set(names)
    if missing:
        raise RefusedError(f"missing columns: {sorted(missing)}")
    return names


def _row(fields: list[bytes] | None, names: list[str], table: str) -> Row:
    if fields is None:
        raise values.RejectedError("a quote is never closed")
    if len(fields) != len(names):
        raise values.RejectedError("another number of fields than the header")
    texts = [field.decode() for field in fields]
    if any("\0" in text for text in texts):
        raise values.RejectedError("a NUL byte")
    record = {name: text.strip(values.BLANKS) for name, text in zip(names, texts, strict=True)}
    parsed = {name: parse(record[name]) if record[name] else None for name, parse in _PARSERS[table].items()}
    if any(parsed[name] is None for name in _REQUIRED[table]):
        raise values.RejectedError("a required value is missing")
    return _ROW_CLASS[table](**parsed)


def read_csv(data: bytes, table: str) -> list[Row | None]:
    """The typed row of each data record in order, None for a rejected one.

    Args:
        data: The file, unpacked.
        table: One of ``TABLES``.

    Raises:
        RefusedError: The file has no header of this table.
    """
    records = split_records(data.removeprefix(b"\xef\xbb\xbf"))
    try:
        names = _header(next(records), table)
    except StopIteration:
        raise RefusedError("no header") from None
    rows: list[Row | None] = []
    for fields in records:
        try:
            rows.append(_row(fields, names, table))
        except ValueError:
            rows.append(None)
    return rows

"""CSV files to typed rows, the bad records told from the good ones."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from . import values
from .warehouse import User, ViewingSession

Row = User | ViewingSession

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")


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


def _fields(text: str, start: int, delimiter: str) -> tuple[list[str] | None, int]:  # noqa: PLR0912 (one a state)
    """The fields of the record that starts there and where the next line starts; None if it is none, or never ends."""
    fields, place = [""], start
    state = "begin"
    while place < len(text):
        character = text[place]
        ends_line = character in "\r\n"
        if state == "quoted":
            if text.startswith('""', place):
                fields[-1] += '"'
                place += 1
            elif character == '"':
                state = "closed"
            else:
                fields[-1] += character
        elif ends_line:
            place += 2 if text.startswith("\r\n", place) else 1
            return fields, place
        elif character == delimiter:
            fields.append("")
            state = "begin"
        elif state == "closed":
            if character not in values.BLANKS:
                return None, place
        elif character == '"' and state == "begin" and not fields[-1].strip(values.BLANKS):
            fields[-1] = ""
            state = "quoted"
        elif character == '"' and fields[-1].endswith("\\"):
            return None, place
        else:
            fields[-1] += character
            if character not in values.BLANKS:
                state = "plain"
        place += 1
    return (None if state == "quoted" else fields), place


def split_records(text: str, delimiter: str = ",", width: int | None = None) -> Iterator[list[str] | None]:
    """Yield the fields of each record, rows without any value skipped; None for a line that makes no record.

    Args:
        text: The file, bytes that are no UTF-8 as surrogates.
        delimiter: What separates columns.
        width: How many there are. A record of several lines must have as many: else a quote was forgotten in its
            first line, which is lost alone.
    """
    start = 0
    while start < len(text):
        line = _LINE.match(text, start)
        assert line
        fields, end = _fields(text, start, delimiter)
        if fields is None or (end > line.end() and len(fields) != width):
            fields, end = None, line.end()
        start = end
        if fields is None or any(field.strip(values.BLANKS) for field in fields):
            yield fields


def _header(data: bytes, table: str) -> tuple[list[str], str, str]:
    """Column names, trimmed and in lower case; what separates them; the text below them.

    Raises:
        RefusedError: They are no header of this table.
    """
    text = data.decode("utf-8", "surrogateescape")
    lines = [line for line in _LINE.findall(text) if line]
    while lines and not lines[0].strip(values.BLANKS + ",;|"):
        lines.pop(0)
    delimiters = ",;\t|"
    if lines and (told := re.fullmatch(r'"?sep=([,;\t|])"?', lines[0].strip(values.BLANKS.replace("\t", "")), re.I)):
        delimiters = told[1]
        lines.pop(0)
    if not lines:
        raise RefusedError("no header")
    for delimiter in delimiters:
        fields, _ = _fields(lines[0].rstrip("\r\n"), 0, delimiter)
        names = [field.strip(values.BLANKS).lower() for field in fields or []]
        if not _PARSERS[table].keys() - set(names):
            break
    else:
        raise RefusedError("it has not all columns")
    if any("\0" in name or len(name.encode("utf-8", "surrogateescape")) > 63 or not name for name in names):
        raise RefusedError("a column name no table can have")
    if len(set(names)) < len(names):
        raise RefusedError("a column name twice")
    if any("\udc80" <= character <= "\udcff" for character in lines[0]):
        raise RefusedError("the header is not UTF-8")
    return names, delimiter, "".join(lines[1:])


def _given_back(text: str) -> str:
    """What a cell of a reject file stands for: an apostrophe keeps spreadsheets from reading a formula."""
    bare = text.lstrip("'")
    is_number = re.fullmatch(r"[+-]?\d+([.,]\d+)?", bare, re.ASCII)
    is_formula = bare.startswith(tuple("=+-@\t\r\n＝＋－＠")) and not is_number
    return text[1:] if is_formula and text != bare else text


def _row(fields: list[str] | None, names: list[str], table: str) -> Row:
    if fields is None:
        raise values.RejectedError("a quote is never closed")
    if len(fields) != len(names):
        raise values.RejectedError("another number of fields than the header")
    texts = [field.encode("utf-8", "surrogateescape").decode() for field in fields]
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
        data: The file, unpacked, in UTF-8.
        table: One of ``TABLES``.

    Raises:
        RefusedError: The file has no header of this table.
    """
    names, delimiter, text = _header(data, table)
    rows: list[Row | None] = []
    is_reject_file = any(name.startswith("_reject_") for name in names)
    for fields in split_records(text, delimiter, len(names)):
        if is_reject_file and fields:
            fields = [_given_back(field) for field in fields]  # noqa: PLW2901
        try:
            rows.append(_row(fields, names, table))
        except ValueError:
            rows.append(None)
    return rows

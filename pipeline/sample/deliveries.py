"""The files of the sample, in the layouts that deliveries come in."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import IO


@contextmanager
def delivered(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when it is whole; until then it is a dot file."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Layout:
    """How a CSV file is laid out.

    Attributes:
        capitals: column names in capitals.
        order: order of the columns by index, None for the usual one.
        terminator: line end.
        bom: UTF-8 byte order mark first.
        packed: gzip.
    """

    capitals: bool = False
    order: tuple[int, ...] | None = None
    terminator: str = "\n"
    bom: bool = False
    packed: bool = False


class CsvDelivery:
    """One CSV file while it is written; use it in a `with` statement.

    Attributes:
        name: name of the file.
        records: records written so far, the header not counted: the number of the last one.
    """

    def __init__(self, folder: Path, name: str, columns: Sequence[str], layout: Layout) -> None:
        self.name = name
        self.records = 0
        self._path = folder / name
        self._columns = columns
        self._layout = layout
        self._order = layout.order or tuple(range(len(columns)))
        self._stack = ExitStack()

    def __enter__(self) -> CsvDelivery:
        file = self._stack.enter_context(delivered(self._path))
        self._file: IO[bytes] | gzip.GzipFile = file
        if self._layout.packed:
            # No name and no time in the header, so that equal content gives equal bytes.
            self._file = self._stack.enter_context(
                gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
            )
        names = [name.upper() if self._layout.capitals else name for name in self._columns]
        mark = "\ufeff" if self._layout.bom else ""
        self._file.write((mark + ",".join(self.arranged(names)) + self._layout.terminator).encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The stack sees the error, so a file cut short never gets its name.
        self._stack.__exit__(kind, error, traceback)

    def arranged(self, fields: Sequence[str]) -> list[str]:
        """Return fields of the usual order in the order of this file."""
        return [fields[index] for index in self._order]

    def write_rows(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Write records of the usual order whose fields need no quotes."""
        if not rows:
            return
        arranged: Iterable[Sequence[str]] = rows
        if self._layout.order is not None:
            arranged = map(itemgetter(*self._layout.order), rows)
        end = self._layout.terminator
        self._file.write((end.join(map(",".join, arranged)) + end).encode())
        self.records += len(rows)

    def write_row(self, fields: Sequence[str]) -> int:
        """Write a record of the usual order, quoted where needed, and return its number."""
        return self.write_fields(self.arranged(fields))

    def write_fields(self, fields: Iterable[str], quote_all: bool = False) -> int:
        """Write fields as they follow each other in this file, and return the number of the record.

        Lone surrogates stand for bytes that are not UTF-8 (see `surrogateescape`).
        """
        line = ",".join(_quoted(field, quote_all) for field in fields) + self._layout.terminator
        self._file.write(line.encode("utf-8", "surrogateescape"))
        self.records += 1
        return self.records


def _quoted(field: str, always: bool) -> str:
    if always or any(sign in field for sign in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field

"""Opening the records of a file for its table, and refusing a file that cannot be meant for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import IO

from pipeline.records.csv_files import CsvStream, RejectedRecord
from pipeline.records.csv_header import names_shown, value_among
from pipeline.records.declaration import TableNames
from pipeline.records.files import FileRefusedError


def open_stream(
    file: IO[bytes], name: str, reject: Callable[[RejectedRecord], None], table: str, names: TableNames | None
) -> CsvStream:
    """Read the header of a file and return its records.

    Args:
        file: the content, unpacked and in UTF-8.
        name: path relative to the raw folder.
        reject: called with each record that is no row.
        table: name of its table.
        names: the columns of that, if it is declared.

    Raises:
        FileRefusedError: there is no header, or it cannot be one; the message says what the table needs.
    """
    if names is None:
        return CsvStream(file, name, reject)
    try:
        return CsvStream(file, name, reject, names["columns"], names["required"])
    except FileRefusedError as error:
        raise FileRefusedError(f"{error}\n  raw.{table} needs: {', '.join(names['required'])}") from error


def missing_columns(file: str, table: str, columns: list[str], tables: Mapping[str, TableNames]) -> list[str]:
    """Return the declared columns that a file lacks, all of which may be null.

    Args:
        file: path relative to the raw folder.
        table: name of its table.
        columns: of its header.
        tables: the columns of all tables of CSV files that are declared.

    Raises:
        FileRefusedError: a column that must not be empty is missing, or the file is meant for another table.
    """
    if table not in tables:
        return []
    declared = tables[table]
    missing = [column for column in declared["columns"] if column not in columns]
    if missing:
        _refuse_misfit(file, table, columns, missing, tables)
    return missing


def _refuse_misfit(
    file: str, table: str, columns: list[str], missing: list[str], tables: Mapping[str, TableNames]
) -> None:
    """Refuse a file that cannot be meant for its table; one that lacks columns that may be null can be.

    Unless it has more columns that are not declared, or no others beside those that it must have.
    """
    declared = tables[table]
    required = [column for column in missing if column in declared["required"]]
    other = _better_fit(table, columns, tables)
    known = len(declared["columns"]) - len(missing)
    undeclared = len(columns) - known
    is_strange = undeclared > known or (undeclared and known == len(declared["required"]))
    if not required and not other and not is_strange:
        return
    reason = f"declared columns are missing: {', '.join(missing)}."
    if value := value_among(columns):
        reason += f" The first line looks like a record ('{value}'): is the header missing?"
    elif other:
        reason += f" It looks like a file of {other}."
    others = [each for each in declared["columns"] if each not in declared["required"]]
    raise FileRefusedError(
        f"{file}: {reason}\n"
        f"  the file has:      {names_shown(columns)}\n"
        f"  raw.{table} needs: {', '.join(declared['required'])}\n"
        f"  and may have:      {', '.join(others)}\n"
        "  Correct the header, or the name of the file if it is meant for another table."
    )


def _better_fit(table: str, columns: Collection[str], tables: Mapping[str, TableNames]) -> str | None:
    """Return the table whose declaration has more of a file's columns than that of its own."""
    present = set(columns)

    def fit(name: str) -> int:
        names = tables[name]
        return len(present & set(names["columns"])) if present >= set(names["required"]) else 0

    best = max(tables, key=fit)
    return best if fit(best) > fit(table) else None

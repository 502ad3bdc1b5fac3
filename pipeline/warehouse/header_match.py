"""Comparing the header of a file with the table that its name gives."""

from __future__ import annotations

from collections.abc import Collection

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.contract.table import Table
from pipeline.records.csv_header import names_shown, value_among
from pipeline.records.files import FileRefusedError
from pipeline.warehouse.raw_columns import add_columns, create_raw, raw_table_of
from pipeline.warehouse.statements import table_columns
from pipeline.warehouse.unused_columns import make_room


def match_columns(cursor: Cursor, file: str, columns: list[str], marker: str) -> tuple[list[str], list[str]]:
    """Compare the header of a file with its table, which is created or gets the columns that are new.

    Args:
        cursor: of a landing that has not changed the table yet.
        file: path relative to the raw folder.
        columns: of its header.
        marker: name of its marker.

    Returns:
        The columns that this file is the first to have, and the declared ones that it lacks.

    Raises:
        FileRefusedError: a column that must not be empty is missing, or the file is meant for another table.
    """
    name = raw_table_of(file)
    declared = csv_tables().get(name)
    missing = [column for column in declared.column_names if column not in columns] if declared else []
    if declared and missing:
        _refuse_misfit(file, declared, columns, missing)
    known = table_columns(cursor, f"raw.{name}")
    new = [column for column in columns if column not in known]
    if not known:
        create_raw(cursor, name, f"Records of the files of {name} as they came; no table of that name is declared.")
    elif new:
        make_room(cursor, name, len(new), marker)
    add_columns(cursor, name, dict.fromkeys(new, f"Undeclared: first seen in {file}."))
    return new if known else [], missing


def _refuse_misfit(file: str, declared: Table, columns: list[str], missing: list[str]) -> None:
    """Refuse a file that cannot be meant for its table; one that lacks columns that may be null can be.

    Unless it has more columns that are not declared, or no others beside those that it must have.
    """
    required = [column for column in missing if column in declared.required]
    other = _better_fit(declared, columns)
    known = len(declared.columns) - len(missing)
    undeclared = len(columns) - known
    is_strange = undeclared > known or (undeclared and known == len(declared.required))
    if not required and not other and not is_strange:
        return
    reason = f"declared columns are missing: {', '.join(missing)}."
    if value := value_among(columns):
        reason += f" The first line looks like a record ('{value}'): is the header missing?"
    elif other:
        reason += f" It looks like a file of {other}."
    raise FileRefusedError(
        f"{file}: {reason}\n"
        f"  the file has:      {names_shown(columns)}\n"
        f"  {declared.raw} needs: {', '.join(declared.required)}\n"
        f"  and may have:      {', '.join(each for each in declared.column_names if each not in declared.required)}\n"
        "  Correct the header, or the name of the file if it is meant for another table."
    )


def _better_fit(declared: Table, columns: Collection[str]) -> str | None:
    """Return the table whose declaration has more of a file's columns than that of its own."""
    present = set(columns)

    def fit(table: Table) -> int:
        return len(present & set(table.column_names)) if present >= set(table.required) else 0

    best = max(csv_tables().values(), key=fit)
    return best.name if fit(best) > fit(declared) else None

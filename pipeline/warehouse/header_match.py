"""Comparing the header of a file with the table that its name gives."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.declared import column_names
from pipeline.contract.register import csv_tables
from pipeline.records.headers import missing_columns
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
    missing = missing_columns(file, name, columns, column_names(csv_tables().values()))
    known = table_columns(cursor, f"raw.{name}")
    new = [column for column in columns if column not in known]
    if not known:
        create_raw(cursor, name, f"Records of the files of {name} as they came; no table of that name is declared.")
    elif new:
        make_room(cursor, name, len(new), marker)
    add_columns(cursor, name, dict.fromkeys(new, f"Undeclared: first seen in {file}."))
    return new if known else [], missing

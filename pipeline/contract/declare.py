"""Declaring a raw table from the header of one of its files."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.settings import get_settings
from pipeline.sources.csv_files import CsvStream
from pipeline.sources.csv_header import value_among
from pipeline.sources.files import FileRefusedError, open_raw, table_of

TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,58}")


def declare_table(name: str) -> Path:
    """Write `sql/raw/<table>.sql` for the table of a CSV file, all columns text.

    Args:
        name: path of the file relative to the raw folder.

    Returns:
        The SQL file.

    Raises:
        FileRefusedError: there is no such file, its table is declared already or has no plain name, or its
            header is none.
    """
    folder = get_settings().data_raw_path
    if not (folder / name).is_file():
        raise FileRefusedError(f"{name}: no such file in {folder} (DATA_RAW_PATH); name it relative to that folder")
    table = table_of(name)
    path = get_settings().sql_path / "raw" / f"{table}.sql"
    if path.exists():
        raise FileRefusedError(f"{name}: the table raw.{table} is declared already, in {path}")
    if not TABLE_NAME.fullmatch(table):
        raise FileRefusedError(
            f"{name}: '{table}' is no good name for a table; use lower-case letters, digits and underscores"
        )
    with open_raw(folder, name) as file:
        columns = CsvStream(file, name, reject=lambda _: None).columns
    if value := value_among(columns):
        raise FileRefusedError(
            f"{name}: the first line looks like a record ('{value}'), not like a header: put the names of the columns"
            f" above it, {len(columns):,} of them"
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(_definition(table, columns), encoding="utf-8")
    return path


def _definition(table: str, columns: list[str]) -> str:
    quoted = [_quote(column) for column in columns]
    lines = ["    _batch_id bigint NOT NULL", "    _row bigint NOT NULL", *(f"    {column} text" for column in quoted)]
    added = "".join(f"ALTER TABLE raw.{table} ADD COLUMN IF NOT EXISTS {column} text;\n" for column in quoted)
    comments = "".join(f"COMMENT ON COLUMN raw.{table}.{column} IS 'As in the file.';\n" for column in quoted)
    return (
        f"CREATE TABLE IF NOT EXISTS raw.{table} (\n" + ",\n".join(lines) + "\n);\n\n"
        f"{added}\n"
        f"CREATE INDEX IF NOT EXISTS {table}_batch_id_idx ON raw.{table} (_batch_id);\n\n"
        f"COMMENT ON TABLE raw.{table} IS 'Records of {table}.csv and {table}-*.csv as they came."
        " Grain: one row for each record of a file.';\n"
        f"COMMENT ON COLUMN raw.{table}._batch_id IS 'Batch (etl.batches) that landed the file.';\n"
        f"COMMENT ON COLUMN raw.{table}._row IS 'Number of the record in its file, from 1, header not counted.';\n"
        f"{comments}"
    )


def _quote(name: str) -> str:
    """Return a column's name in quotes, since it may be any word or hold any character."""
    return '"' + name.replace('"', '""') + '"'

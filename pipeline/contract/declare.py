"""Declaring a table from the content of one of its files: a first draft of its `CREATE TABLE`, for a person to correct.

PostgreSQL does the reading: the file is copied to a temporary table, so that memory stays flat whatever its size.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import declarations, tables
from pipeline.contract.table import VERDICT, Table
from pipeline.records.chunks import Chunks
from pipeline.records.csv_files import CsvStream
from pipeline.records.csv_header import value_among
from pipeline.records.files import FileRefusedError, table_of
from pipeline.records.text_rules import BLANKS
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.sources.files import open_raw

TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,48}")
# A type, a key or a reference is told from this share of the values: the others may be what is to be rejected.
ENOUGH = 0.95
KEY_COLUMNS = 6  # as many of the first columns are tried as parts of a key
MAX_KEY_COLUMNS = 3
INTEGERS = 2**31

FACTS_QUERY = """
    WITH texts AS (SELECT nullif(btrim({column}, {blanks}), '') AS text FROM declared_file),

    looked_at AS (
        SELECT
            text,
            text ~ '^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)$' AND length(text) <= 60 AS is_number,
            text ~ '^[+-]?0[0-9]' AS is_code,
            text ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]00:00(:00(\\.0+)?)?( ?Z)?)?$'
                AND pg_input_is_valid(text, 'date') AS is_date,
            text ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9]{{2}}:[0-9]{{2}}'
                AND pg_input_is_valid(text, 'timestamptz') AS is_time,
            lower(text) IN ('true', 'false', 't', 'f', 'yes', 'no') AS is_boolean
        FROM texts
        WHERE text IS NOT NULL
    ),

    numbers AS (SELECT text::numeric AS number FROM looked_at WHERE is_number AND NOT is_code)

    SELECT
        count(*) AS filled,
        count(DISTINCT text) AS different,
        (SELECT count(*) FROM numbers) AS numbers,
        (SELECT count(*) FROM numbers WHERE number = trunc(number)) AS wholes,
        (SELECT coalesce(max(scale(trim_scale(number))), 0) FROM numbers) AS places,
        (SELECT trim_scale(min(number)) FROM numbers) AS low,
        (SELECT trim_scale(max(number)) FROM numbers) AS high,
        count(*) FILTER (WHERE is_date) AS dates,
        count(*) FILTER (WHERE is_time OR is_date) AS times,
        count(*) FILTER (WHERE is_boolean) AS booleans
    FROM looked_at
"""


@dataclass(frozen=True)
class Facts:
    """What the values of a column are: counts of those that can be read as a type, and the range of the numbers."""

    filled: int
    different: int
    numbers: int
    wholes: int
    places: int
    low: Decimal | None
    high: Decimal | None
    dates: int
    times: int
    booleans: int

    def type(self) -> tuple[str, int]:
        """Return the type that fits, and how many values it does not fit."""
        largest = max(abs(self.low or Decimal(0)), abs(self.high or Decimal(0)))
        digits = len(str(int(largest)))
        whole = "integer" if largest < INTEGERS else "bigint"
        candidates = (
            ("boolean", self.booleans),
            ("date", self.dates),
            ("timestamptz", self.times),
            (whole if digits < 19 else f"numeric({digits + 2},0)", self.wholes),  # noqa: PLR2004 (digits of a bigint)
            (f"numeric({digits + 2 + self.places},{self.places})", self.numbers),
        )
        for name, fitting in candidates:
            if fitting and fitting >= self.filled * ENOUGH:
                return name, self.filled - fitting
        return "text", 0


def declare_table(name: str) -> Path:
    """Write `sql/processed/<table>.sql` for the table of a CSV file, as far as its values tell.

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
    path = get_settings().sql_path / "processed" / f"{table}.sql"
    if table in declarations():
        raise FileRefusedError(f"{name}: the table {table} is declared already, in {declarations()[table]}")
    if not TABLE_NAME.fullmatch(table):
        raise FileRefusedError(
            f"{name}: '{table}' is no good name for a table; use lower-case letters, digits and underscores"
        )
    with _copied(folder, name) as (cursor, columns, rows):
        path.write_text(_declaration(cursor, table, columns, rows), encoding="utf-8")
    return path


@contextmanager
def _copied(folder: Path, name: str) -> Iterator[tuple[Cursor, list[str], int]]:
    """Copy a file to the temporary table `declared_file`, all text, for as long as the block lasts."""
    with open_raw(folder, name) as file, session() as cursor:
        stream = CsvStream(file, name, reject=lambda _: None)
        if value := value_among(stream.columns):
            raise FileRefusedError(
                f"{name}: the first line looks like a record ('{value}'), not like a header: put the names of the"
                f" columns above it, {len(stream.columns):,} of them"
            )
        cursor.execute("BEGIN")
        typed = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(column)) for column in stream.columns)
        cursor.execute(sql.SQL("CREATE TEMP TABLE declared_file (_row bigint, {}) ON COMMIT DROP").format(typed))
        copy = sql.SQL("COPY declared_file FROM STDIN (FORMAT csv)").as_string(cursor)
        cursor.copy_expert(copy, Chunks(stream.lines()))
        rows = cursor.rowcount
        yield cursor, stream.columns, rows
        cursor.execute("ROLLBACK")


def _declaration(cursor: Cursor, table: str, columns: list[str], rows: int) -> str:
    left_out = [column for column in columns if column in VERDICT]
    columns = [column for column in columns if column not in VERDICT]
    facts = {column: _facts(cursor, column) for column in columns}
    key, repeated = _key(cursor, facts, rows)
    parents = {column: _parent(cursor, column) for column in columns}
    quoted = {column: _quoted(cursor, column) for column in columns}
    lines = [f"    -- {column}: the name is taken by the pipeline, the column stays in raw" for column in left_out]
    for column in columns:
        kind, misfits = facts[column].type()
        required = " NOT NULL" if rows and facts[column].filled == rows and column not in key else ""
        parent, note = parents[column] or (None, "")
        reference = f" REFERENCES {parent.processed}" if parent and not note else ""
        if parent:
            kind = parent.column(parent.key[0]).type
        definition = f"    {quoted[column]} {kind}{required}{reference},"
        notes = [note] if note else []
        if misfits and not parent:
            notes.append(f"{misfits:,} of {facts[column].filled:,} values are none and would be rejected")
        if kind.startswith(("integer", "bigint", "numeric")) and facts[column].low is not None:
            notes.append(f"CHECK ({quoted[column]} BETWEEN {facts[column].low} AND {facts[column].high})")
        lines.append(f"{definition}{'  -- ' if notes else ''}{'; '.join(notes)}")
    lines.append(f"    PRIMARY KEY ({', '.join(quoted[column] for column in key)})")
    if repeated:
        lines[-1] += f"  -- {repeated:,} of {rows:,} rows repeat one or lack it"
    grain = sql.Literal(f"Grain: one row for each {', '.join(key)}.").as_string(cursor)
    comments = [f"COMMENT ON COLUMN processed.{table}.{quoted[column]} IS 'To be described.';" for column in columns]
    comments = [f"COMMENT ON TABLE processed.{table} IS {grain};", *comments]
    return "\n".join([f"CREATE TABLE processed.{table} (", *lines, ");", "", *comments, ""])


def _facts(cursor: Cursor, column: str) -> Facts:
    cursor.execute(sql.SQL(FACTS_QUERY).format(column=sql.Identifier(column), blanks=sql.Literal(BLANKS)))
    return Facts(*cursor.fetchall()[0])


def _key(cursor: Cursor, facts: dict[str, Facts], rows: int) -> tuple[list[str], int]:
    """Return the first columns that tell rows apart, and how many rows they do not."""
    columns = [
        column
        for column, each in facts.items()
        if each.filled >= rows * ENOUGH and not each.type()[0].startswith(("boolean", "numeric"))
    ]
    first = columns[:KEY_COLUMNS]
    for size in range(1, MAX_KEY_COLUMNS + 1):
        counts = {}
        for candidate in itertools.combinations(columns if size == 1 else first, size):
            different = facts[candidate[0]].different if size == 1 else _different(cursor, candidate)
            counts[candidate] = rows - different
        for allowed in (0, int(rows * (1 - ENOUGH))):
            for candidate, repeated in counts.items():
                if repeated <= allowed:
                    return list(candidate), repeated
    column = next(iter(facts))
    return [column], rows - facts[column].different


def _different(cursor: Cursor, columns: tuple[str, ...]) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = "SELECT count(*) FROM (SELECT DISTINCT {names} FROM declared_file WHERE ({names}) IS NOT NULL) AS found"
    cursor.execute(sql.SQL(query).format(names=names))
    return int(cursor.fetchall()[0][0])


def _parent(cursor: Cursor, column: str) -> tuple[Table, str] | None:
    """Return the table whose key a column refers to by its name, and why that is not sure."""
    for parent in tables().values():
        if parent.key != (column,) or any(reference.columns == parent.key for reference in parent.references):
            continue
        question = f"REFERENCES {parent.processed}?"
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (parent.processed,))
        if not cursor.fetchall()[0][0]:
            return parent, f"{question} That has no rows yet"
        query = """
            SELECT
                count(*) FILTER (WHERE EXISTS (SELECT FROM {parent} AS parent WHERE parent.{key}::text = file.text)),
                count(*), EXISTS (SELECT FROM {parent})
            FROM (SELECT nullif(btrim({key}, {blanks}), '') AS text FROM declared_file) AS file WHERE text IS NOT NULL
        """
        names = {"parent": parent.processed_sql, "key": sql.Identifier(column), "blanks": sql.Literal(BLANKS)}
        cursor.execute(sql.SQL(query).format(**names))
        fitting, filled, has_rows = cursor.fetchall()[0]
        if not has_rows:
            return parent, f"{question} That has no rows yet"
        if fitting >= filled * ENOUGH:
            return parent, ""
        return parent, f"{question} {filled - fitting:,} of {filled:,} values are not there"
    return None


def _quoted(cursor: Cursor, name: str) -> str:
    """Return a name as it is written in SQL, in quotes only if it needs them."""
    cursor.execute("SELECT quote_ident(%s)", (name,))
    return str(cursor.fetchall()[0][0])

"""Between Parquet files and PostgreSQL, by COPY, in batches of rows: in memory is never more than one of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.records.chunks import Chunks
from pipeline.warehouse.statements import identifiers

ROWS = 1 << 16
BUFFER = 1 << 18
WHOLE = {"smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64()}
FURTHER = {"date": pa.date32(), "boolean": pa.bool_(), "double precision": pa.float64(), "real": pa.float32()}
Change = Callable[[pa.RecordBatch], pa.RecordBatch]


def copy_parquet(
    cursor: Cursor,
    table: str,
    columns: Sequence[str],
    files: Iterable[Path],
    *,
    only: str | None = None,
    change: Change | None = None,
) -> int:
    """Copy Parquet files to a table; return the number of rows.

    Args:
        cursor: where to copy them.
        table: its name, with its schema before the first point, unless it is a temporary one.
        columns: those of the table, which the files have by the same names, once they are changed.
        files: what to copy.
        only: leave out rows where this column is null.
        change: what to do with a batch of rows before.
    """
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(*table.split(".", 1)), identifiers(columns)
    )
    lines = Chunks(_lines(columns, files, only, change))
    cursor.copy_expert(query.as_string(cursor), cast(BinaryIO, lines), BUFFER)
    return int(cursor.rowcount)


def _lines(columns: Sequence[str], files: Iterable[Path], only: str | None, change: Change | None) -> Iterator[bytes]:
    # Every value is quoted, so that a text without characters is told from none.
    options = pacsv.WriteOptions(include_header=False, quoting_style="all_valid")
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(ROWS, columns=None if change else [*columns]):
            kept = batch.filter(pc.is_valid(batch.column(only))) if only else batch
            rows = change(kept) if change else kept
            if rows.num_rows:
                out = io.BytesIO()
                pacsv.write_csv(pa.Table.from_batches([rows.select([*columns])]), out, options)
                yield out.getvalue()


def export(cursor: Cursor, table: str, file: Path) -> int:
    """Write all rows of a table of `processed` to a Parquet file; return their number.

    A type that Parquet has no like for becomes text, as PostgreSQL prints it.
    """
    cursor.execute(
        """
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        (sql.Identifier("processed", table).as_string(cursor),),
    )
    types = {name: arrow_type(kind) for name, kind in cursor.fetchall()}
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(", ").join(_selected(name, kind) for name, kind in types.items()), sql.Identifier("processed", table)
    )
    with file.with_suffix(".csv").open("w+b") as text:
        cursor.copy_expert(query.as_string(cursor), text, BUFFER)
        text.seek(0)
        rows = 0
        with pq.ParquetWriter(file, pa.schema(list(types.items())), compression="zstd") as writer:
            for batch in _batches(text, types):
                writer.write_batch(batch)
                rows += batch.num_rows
    file.with_suffix(".csv").unlink()
    return rows


def arrow_type(kind: str) -> pa.DataType:
    """Return the type of Arrow for one of PostgreSQL, as it prints that."""
    if kind in WHOLE or kind in FURTHER:
        return {**WHOLE, **FURTHER}[kind]
    if kind.startswith("numeric("):
        precision, _, scale = kind[len("numeric(") : -1].partition(",")
        if int(precision) <= 38:  # noqa: PLR2004 (digits of a decimal in Arrow and in Spark)
            return pa.decimal128(int(precision), int(scale))
    return pa.string()


def _selected(name: str, kind: pa.DataType) -> sql.Composable:
    column = sql.Identifier(name)
    if kind == pa.bool_():
        # As Arrow reads it.
        return sql.SQL("CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END").format(column)
    return sql.SQL("{}::text").format(column)


def _batches(text: Any, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    if text.seek(0, io.SEEK_END) == 0:
        return
    text.seek(0)
    yield from pacsv.open_csv(
        text,
        pacsv.ReadOptions(column_names=list(types), use_threads=False),
        pacsv.ParseOptions(newlines_in_values=True),
        pacsv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )

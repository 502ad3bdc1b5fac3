"""Landing a CSV file as typed Parquet, with the records in it that were rejected, and an account of it as JSON.

The Parquet has the declared columns; then `_row`, the number of the record; `rejected`, which is null, or JSON of the
stage, the problems and the row as `etl.rejected_rows` has them; and `others`, the values of columns that are not
declared. A rejected record has no values. Once it has its name, a file is never changed.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, NotRequired, TypedDict

import pyarrow as pa
import pyarrow.parquet

from pipeline.records.arrow import ROW, TypedRecords
from pipeline.records.csv_files import Block, CsvStream, RejectedRecord
from pipeline.records.declaration import Declared, TableNames
from pipeline.records.files import Care, ChangedWhileReadError, FileRefusedError, UnreadableFileError, open_file
from pipeline.records.headers import missing_columns, open_stream
from pipeline.records.limits import is_hopeless

BLOCK_BYTES = 4 << 20  # of the records that are typed at once: by less it takes longer
GROUP_BYTES, GROUP_ROWS = 64 << 20, 1 << 20  # of a row group of Parquet, which is held in memory
REJECTED_AT_ONCE = 10_000


class Spec(TypedDict):
    """A file to be landed.

    `path` is relative to `folder`, `digest` that of its content. `max_file_bytes` is what it may hold, unpacked;
    `max_reject_ratio` the share of rejected records above which the rest of it is not read, unless it `is_correction`
    of such records. `target` is how the path of the Parquet begins. `tables` holds the columns of all tables, by which
    a file is recognized that is meant for another one.
    """

    folder: str
    path: str
    digest: str
    declared: Declared
    max_reject_ratio: float
    max_file_bytes: int
    is_correction: bool
    target: str
    tables: NotRequired[dict[str, TableNames]]


class Fault(TypedDict):
    """Why a file was not landed."""

    kind: Literal["refused", "unreadable", "changed"]
    message: str


class Outcome(TypedDict):
    """What became of a file; counts are numbers of records.

    `parquet` is the file's name and `bytes` its size, `rows` are the records that were not rejected as they were read
    (`land_rejected`), some of which were as they were typed (`load_rejected`). `corrects` is the file whose rejected
    records these are, `examples` the first value of each column, `months` the number of valid rows by month.
    """

    path: str
    digest: str
    parquet: str | None
    bytes: int
    records: int
    rows: int
    land_rejected: int
    load_rejected: int
    blank_rows: int
    delimiter: str | None
    columns: list[str]
    is_reject_file: bool
    corrects: str | None
    is_given_up: bool
    examples: dict[str, str]
    months: dict[str, int]
    error: Fault | None


def land(spec: Spec) -> Outcome:
    """Land a file: write its Parquet, then its outcome beside that, and return the outcome.

    Of a file that cannot be landed nothing is written.
    """
    outcome = _outcome(spec)
    target = Path(f"{spec['target']}-{secrets.token_hex(6)}.parquet")
    try:
        with _hidden(target) as partial:
            _read(spec, partial, outcome)
            outcome |= {"parquet": target.name, "bytes": partial.stat().st_size}
    except ChangedWhileReadError as error:
        return _failed(spec, "changed", error)
    except UnreadableFileError as error:
        return _failed(spec, "unreadable", error)
    except FileRefusedError as error:
        return _failed(spec, "refused", error)
    with _hidden(target.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(outcome), encoding="utf-8")
    return outcome


def _outcome(spec: Spec) -> Outcome:
    return {
        "path": spec["path"],
        "digest": spec["digest"],
        "parquet": None,
        "bytes": 0,
        "records": 0,
        "rows": 0,
        "land_rejected": 0,
        "load_rejected": 0,
        "blank_rows": 0,
        "delimiter": None,
        "columns": [],
        "is_reject_file": False,
        "corrects": None,
        "is_given_up": False,
        "examples": {},
        "months": {},
        "error": None,
    }


def _failed(spec: Spec, kind: Literal["refused", "unreadable", "changed"], error: Exception) -> Outcome:
    return {**_outcome(spec), "error": {"kind": kind, "message": str(error)}}


@contextmanager
def _hidden(path: Path) -> Iterator[Path]:
    """Give the block another name for a file, which is moved to its own when it is whole, or goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _read(spec: Spec, partial: Path, outcome: Outcome) -> None:
    """Write the Parquet of a file, and note what was read.

    Raises:
        FileRefusedError, ChangedWhileReadError: see `open_file`, `open_stream` and `missing_columns`.
    """
    path, declared = spec["path"], spec["declared"]
    table = declared["name"]
    own: TableNames = {
        "columns": [each["name"] for each in declared["columns"]],
        "required": [each["name"] for each in declared["columns"] if each["required"]],
    }
    rejected: list[RejectedRecord] = []

    def reject(found: RejectedRecord) -> None:
        rejected.append(found)
        outcome["land_rejected"] += 1
        stream.is_given_up = not is_correction and is_hopeless(
            stream.records, outcome["land_rejected"], spec["max_reject_ratio"]
        )

    with open_file(Path(spec["folder"]), path, spec["digest"], Care(spec["max_file_bytes"])) as file:
        stream = open_stream(file, path, reject, table, own)
        is_correction = stream.is_reject_file or spec["is_correction"]
        missing_columns(path, table, stream.columns, {**spec.get("tables", {}), table: own})
        typed = TypedRecords(declared, stream.columns)
        with partial.open("wb") as written, _Groups(written, typed.schema) as groups:
            for blocks in _gathered(stream):
                groups.add(typed.of_blocks(blocks))
                if len(rejected) >= REJECTED_AT_ONCE:
                    groups.add(typed.of_rejected(rejected))
                    rejected.clear()
            groups.add(typed.of_rejected(rejected))
    outcome |= {
        "records": stream.records,
        "rows": stream.records - outcome["land_rejected"],
        "load_rejected": typed.rejected,
        "blank_rows": stream.blank_rows,
        "delimiter": stream.delimiter,
        "columns": stream.columns,
        "is_reject_file": stream.is_reject_file,
        "corrects": (stream.corrects or path) if is_correction else None,
        "is_given_up": stream.is_given_up,
        "examples": typed.examples,
        "months": dict(sorted(typed.months.items())),
    }


def _gathered(stream: CsvStream) -> Iterator[list[Block]]:
    """Yield the records of a file, enough of them to be typed at once."""
    found: list[Block] = []
    size = 0
    for block in stream.blocks():
        found.append(block)
        size += len(block.content)
        if size >= BLOCK_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


class _Groups:
    """Writes Parquet, a group of rows at a time."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        # Numbers in a row take next to nothing as differences.
        self._writer = pyarrow.parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            store_decimal_as_integer=True,
            use_dictionary=[name for name in schema.names if name != ROW],
            column_encoding={ROW: "DELTA_BINARY_PACKED"},
        )
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def __enter__(self) -> _Groups:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._write()
        self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._batches, self._writer.schema))
        self._batches, self._rows, self._bytes = [], 0, 0

"""Landing a CSV file in its table of `raw`, and taking it out again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.declared import column_names
from pipeline.contract.register import csv_tables
from pipeline.records.chunks import Chunks
from pipeline.records.csv_files import COMMA, CsvStream, RejectedRecord
from pipeline.records.csv_header import DELIMITERS
from pipeline.records.files import FileEmptiedError, FileRefusedError
from pipeline.records.headers import open_stream
from pipeline.records.limits import is_hopeless
from pipeline.settings import get_settings
from pipeline.sources.files import open_raw
from pipeline.state.marker import Marker
from pipeline.state.spec import Load
from pipeline.warehouse.drift import Drift, in_words, missing_columns, new_columns, vanished_columns
from pipeline.warehouse.edits import comparable, expect, take_over
from pipeline.warehouse.header_match import match_columns
from pipeline.warehouse.raw_columns import delete_batch, drop_if_unused, index_raw, raw_table_of
from pipeline.warehouse.reject_files import is_reject_file, mark_due, write_due
from pipeline.warehouse.reject_limit import TooManyRejectsError, enforce_limit, enforce_limit_on_values
from pipeline.warehouse.rejects import Rejects, digests_of, forget_refused
from pipeline.warehouse.statements import identifiers
from pipeline.warehouse.unused_columns import undeclared

logger = logging.getLogger("pipeline")

COPY_BUFFER = 1 << 18
SHOWN_DRIFT = 20
LIMIT_EXCEEDED = "54"  # the class of PostgreSQL's errors for too many columns, or a row that is too long
# A delivery of less than this share of the rows it had may have been cut short.
SHRUNKEN = 0.5


class CorrectionError(Exception):
    """A file that was edited holds corrections of rejected records by now."""


def land(load: Load, name: str, digest: str, *, allow_empty: bool, type_values: bool = False) -> None:
    """Replace the rows that a file brought last time by its present ones.

    Args:
        load: the load in progress.
        name: path of the file relative to the raw folder.
        digest: the content the file had when the run began.
        allow_empty: take a file without records although it had some before.
        type_values: find out now whether the merge would refuse the file, as where it replaces rows anyway.

    Raises:
        FileRefusedError: the file as a whole cannot be loaded.
        TooManyRejectsError: too many of its records are no rows, or cannot be typed.
        ChangedWhileReadError: its content is not the one with the digest any more.
    """
    if load.batch_id is None:
        raise RuntimeError("the audit is missing; CreatePostgresTables comes first")
    load.after_commit.append(write_due)
    last, options = load.previous, {"allow_empty": allow_empty, "type_values": type_values}
    batch_id = load.batch_id
    if last and last.batch_id and last.is_known and last.inputs == load.spec.inputs:
        # The same rows again, after they were lost: under the same number, so that what was made of them
        # stays right.
        batch_id = last.batch_id
    elif not is_reject_file(name) and (known := comparable(load.cursor, raw_table_of(name), last)):
        load.cursor.execute("SAVEPOINT before_edits")
        try:
            _land(load, name, digest, known, **options, is_edited=True)
        except (FileEmptiedError, TooManyRejectsError, CorrectionError):
            # It is refused under a number of its own, beside the rows that stay; or takes another place among files.
            load.cursor.execute("ROLLBACK TO SAVEPOINT before_edits")
            load.details.clear()
            load.changes.clear()
        else:
            return
    _land(load, name, digest, batch_id, **options)


def _land(
    load: Load, name: str, digest: str, batch_id: int, *, allow_empty: bool, type_values: bool, is_edited: bool = False
) -> None:
    """Land a file under the number of a batch, in place of what it brought before, or of the rows that were edited."""
    cursor, table = load.cursor, raw_table_of(name)
    load.marked_batch_id = batch_id
    is_known = batch_id != load.batch_id
    rejects = Rejects(batch_id, "land")

    def reject(found: RejectedRecord) -> None:
        problem = {"column": None, "value": None, "reason": found.reason}
        rejects.add(table, name, found.record, [problem], json.dumps(found.row))
        stream.is_given_up = not is_correction and is_hopeless(
            stream.records, rejects.count, get_settings().max_reject_ratio
        )

    with open_raw(get_settings().data_raw_path, name, digest) as file:
        stream = open_stream(file, name, reject, table, column_names(csv_tables().values()).get(table))
        is_correction = stream.is_reject_file or is_reject_file(name)
        if is_edited and stream.is_reject_file:
            raise CorrectionError
        # New columns come before anything is deleted: files that land side by side never wait for each other.
        with limits_told(name):
            added, missing = match_columns(cursor, name, stream.columns, load.spec.update_id)
        load.details["columns"] = undeclared(table, stream.columns)
        absent = [*missing_columns(table, missing), *vanished_columns(load, table, [*stream.columns, *missing])]
        if load.previous:
            load.details["rejected_before"] = digests_of(cursor, load.previous.batch_id)
        if is_edited:
            cursor.execute("DELETE FROM etl.rejected_rows WHERE batch_id = %s AND stage = 'land'", (batch_id,))
            with limits_told(name):
                loaded = _copy(cursor, expect(cursor, table), stream, batch_id)
                load.changes = take_over(cursor, table, batch_id, loaded)
        else:
            remove(cursor, table, load.previous, keep_later_rejects=is_known)
            with limits_told(name):
                loaded = _copy(cursor, sql.Identifier("raw", table), stream, batch_id)
            cursor.execute("INSERT INTO etl.row_counts VALUES ('raw', %s, %s, NULL, %s)", (table, batch_id, loaded))
        if table not in csv_tables():
            index_raw(cursor, table)  # no merge does
    require_not_emptied(load, name, stream.records, allow_empty=allow_empty)
    rejects.write(cursor)
    if is_correction:
        # Records that were rejected before: however many still are, the others are welcome.
        load.details["corrects"] = stream.corrects or name
    else:
        enforce_limit(
            cursor, "land", table, name, batch_id, stream.records, rejects.count, is_given_up=stream.is_given_up
        )
        if is_edited or (not is_known and (load.previous or type_values)):
            # Rows that are loaded stay if these are too bad. Of a new file the merge finds that out as it types them.
            enforce_limit_on_values(cursor, table, name, batch_id, loaded, is_edited=is_edited)
    forget_refused(cursor, load.batch_id or batch_id)
    mark_due(cursor, table, [batch_id])
    load.rows_read, load.rows_loaded, load.rows_rejected = stream.records, loaded, rejects.count
    load.holds = {f"raw.{table}": loaded}
    note_reading(load, name, stream.blank_rows, stream.delimiter)
    warn_if_shrunken(load, name)
    note_drift(load, name, [*new_columns(load, table, added, batch_id), *absent])


def require_not_emptied(load: Load, name: str, records: int, *, allow_empty: bool) -> None:
    """Make sure that a file that had rows has records, unless it is taken without.

    Raises:
        FileEmptiedError: it has none.
    """
    had_rows = _rows_before(load)
    if not records and had_rows and not allow_empty:
        raise FileEmptiedError(
            f"{name}: no records, but {had_rows:,} rows of it are loaded; if it is meant to be empty, run"
            " with --allow-empty, otherwise deliver it again"
        )


def warn_if_shrunken(load: Load, name: str) -> None:
    """Warn of a file that brought much less than before."""
    if load.rows_loaded < _rows_before(load) * SHRUNKEN:
        load.warnings.append(f"{name}: {load.rows_loaded:,} rows, where it had {_rows_before(load):,} before")


def _rows_before(load: Load) -> int:
    return sum(load.previous.holds.values()) if load.previous else 0


def note_drift(load: Load, name: str, drift: list[Drift]) -> None:
    """Keep which columns are new or missing, and tell of some."""
    if drift:
        load.details["drift"] = drift
    for each in drift[:SHOWN_DRIFT]:
        logger.warning("%s: %s", name, in_words(each))
    if len(drift) > SHOWN_DRIFT:
        logger.warning("%s: %s more columns that are new or missing", name, f"{len(drift) - SHOWN_DRIFT:,}")


def note_reading(load: Load, name: str, blank_rows: int, delimiter: str) -> None:
    """Keep how a file was read beside its counts, and tell what is unusual."""
    if blank_rows:
        load.details["blank_rows"] = blank_rows
    if delimiter != COMMA:
        load.details["delimiter"] = delimiter
        logger.info("%s: its columns are separated by %s", name, DELIMITERS[delimiter])


@contextmanager
def limits_told(name: str) -> Iterator[None]:
    """Refuse a file that is more than PostgreSQL can take.

    Raises:
        FileRefusedError: names the file and the limit.
    """
    try:
        yield
    except psycopg2.OperationalError as error:
        if not (error.pgcode or "").startswith(LIMIT_EXCEEDED):
            raise
        raise FileRefusedError(
            f"{name}: PostgreSQL cannot take it: {error.diag.message_primary}; deliver it with fewer columns, or"
            " shorter values"
        ) from error


def _copy(cursor: Cursor, table: sql.Composable, stream: CsvStream, batch_id: int) -> int:
    """Copy the records of a file; return the number of rows."""
    target = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT csv)").format(
        table=table, columns=identifiers(["_batch_id", "_row", *stream.columns])
    )
    lines = Chunks(stream.lines(f"{batch_id},".encode()))
    try:
        cursor.copy_expert(target.as_string(cursor), lines, COPY_BUFFER)
    except psycopg2.Error:
        if lines.error:
            raise lines.error from None
        raise
    return int(cursor.rowcount)


def remove(cursor: Cursor, table: str, marker: Marker | None, *, keep_later_rejects: bool = False) -> None:
    """Delete the raw rows that a marker stands for, and its rejected records (but, on request, later ones)."""
    if marker is None or marker.batch_id is None:
        return
    batch_id = marker.batch_id
    delete_batch(cursor, table, batch_id)
    cursor.execute(
        "DELETE FROM etl.rejected_rows WHERE batch_id = %s AND (stage = 'land' OR NOT %s)",
        (batch_id, keep_later_rejects),
    )
    mark_due(cursor, table, [batch_id])


def forget_batch(load: Load, table: str) -> None:
    """Take out everything that a file brought which is not there any more, its marker included."""
    remove(load.cursor, table, load.previous)
    load.after_commit.append(write_due)
    if load.previous:
        load.rows_withdrawn = sum(load.previous.holds.values())
    load.keep_marker = False
    drop_if_unused(load.cursor, table, load.spec.update_id)

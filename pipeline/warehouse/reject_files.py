"""Reject files: `<table>-rejected-<batch>.csv`, with the rejected records of a batch to be corrected by a person.

A load notes in its transaction whose files are due, and they are written once it has committed; what a kill
leaves undone, the next load or run does. A file that is not as it was written belongs to the person who edited
it: it is neither replaced nor deleted.
"""

from __future__ import annotations

import csv
import json
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.records.csv_header import REJECT_COLUMN_PREFIX, RESERVED_COLUMNS
from pipeline.records.spreadsheets import defused
from pipeline.settings import get_settings
from pipeline.state.fingerprints import digest_file
from pipeline.state.locks import Locks, release, take_locks
from pipeline.warehouse.statements import fetch_value, table_columns

logger = logging.getLogger("pipeline")

LOCK = "reject files"
REJECTED = """
    COPY (
        SELECT
            coalesce(batches.details ->> 'corrects', rejected.source), rejected.record, rejected.problems, rejected.row
        FROM etl.rejected_rows AS rejected INNER JOIN etl.batches AS batches USING (batch_id)
        WHERE batch_id = %s ORDER BY rejected.record, rejected.reject_id
    ) TO STDOUT (FORMAT csv)
"""
# Compressed, or with the number of one that was written beside another, it is still one.
NAME = re.compile(r".+-rejected-\d+(-\d+)?\.csv(\.\w+)?", re.IGNORECASE)


def reject_file(table: str, batch_id: int) -> Path:
    """Return where the rejected records of a batch are written."""
    return get_settings().data_rejected_path / f"{table}-rejected-{batch_id}.csv"


def is_reject_file(name: str) -> bool:
    """Tell whether a raw file has the name of a reject file: then a person has put it there, corrected."""
    return NAME.fullmatch(name.rpartition("/")[2]) is not None


def mark_due(cursor: Cursor, table: str, batch_ids: Iterable[int]) -> None:
    """Note that the rejected records of batches have come, changed or gone, so that their files follow the commit."""
    cursor.execute(
        """
        INSERT INTO etl.reject_files (batch_id, table_name, file_name)
        SELECT number, %(table)s, %(table)s || '-rejected-' || number || '.csv'
        FROM unnest(%(numbers)s::bigint[]) AS numbers(number)
        WHERE EXISTS (SELECT FROM etl.rejected_rows WHERE batch_id = number)
            OR EXISTS (SELECT FROM etl.reject_files WHERE batch_id = number)
        ON CONFLICT (batch_id) DO UPDATE SET is_due = true, revision = reject_files.revision + 1
        """,
        {"table": table, "numbers": list(batch_ids)},
    )


def write_due(cursor: Cursor) -> None:
    """Bring the files that are due up to date, one process at a time; commits after each step.

    The digest of a file is committed before the file is put into place: a run that is killed between the two must
    not make it look like one that a person has edited.
    """
    due = "SELECT batch_id, table_name, file_name, digest, attempted, revision FROM etl.reject_files WHERE is_due"
    if not fetch_value(cursor, f"SELECT EXISTS ({due})"):
        return
    take_locks(cursor, Locks(alone=(LOCK,)))
    cursor.execute(f"{due} ORDER BY batch_id")
    for batch_id, table, name, digest, attempted, revision in cursor.fetchall():
        path = get_settings().data_rejected_path / name
        places = _places(path, reject_file(table, batch_id))
        partial = _write_partial(cursor, batch_id, table)
        if partial is None:
            _delete(places, {digest, *attempted})
            cursor.execute("DELETE FROM etl.reject_files WHERE (batch_id, revision) = (%s, %s)", (batch_id, revision))
            cursor.connection.commit()
            continue
        wanted = digest_of(partial)
        if digest != wanted or attempted:
            cursor.execute(
                "UPDATE etl.reject_files SET attempted = array_append(attempted, %s) WHERE batch_id = %s",
                (wanted, batch_id),
            )
            cursor.connection.commit()
            path = _put(partial, places, {digest, wanted, *attempted})
        else:
            partial.unlink()  # nothing new: if the file is not as it was written, or moved, that was meant
        cursor.execute(
            """
            UPDATE etl.reject_files SET file_name = %s, digest = %s, attempted = '{}', is_due = revision <> %s
            WHERE batch_id = %s
            """,
            (path.name, wanted, revision, batch_id),
        )
        cursor.connection.commit()
    release(cursor, LOCK)


def digest_of(path: Path) -> str | None:
    """Return the digest of a reject file; None if it is not there."""
    with suppress(FileNotFoundError):
        return digest_file(path)
    return None


def as_written(cursor: Cursor) -> dict[str, tuple[int, str]]:
    """Return the batch and the digest of each reject file that was written, by its name."""
    if not fetch_value(cursor, "SELECT to_regclass('etl.reject_files') IS NOT NULL"):
        return {}
    cursor.execute("SELECT file_name, batch_id, digest FROM etl.reject_files WHERE digest IS NOT NULL")
    return {name: (batch_id, digest) for name, batch_id, digest in cursor.fetchall()}


def _delete(places: Iterator[Path], ours: set[str | None]) -> None:
    """Delete the file, or the one beside it, that is one of ours."""
    for place in places:
        found = digest_of(place)
        if found is None:
            return
        if found in ours:
            place.unlink(missing_ok=True)
        else:
            logger.warning("%s: kept, since it was edited; the file that it came from has changed or gone", place)


def _put(partial: Path, places: Iterator[Path], ours: set[str | None]) -> Path:
    """Move what was written into place, or beside files that are none of ours; return where it is."""
    for place in places:
        if (found := digest_of(place)) is None or found in ours:
            break
        logger.warning("%s: kept, since it was edited; what is rejected now is in a file beside it", place)
    partial.replace(place)
    return place


def _places(path: Path, first: Path) -> Iterator[Path]:
    """Yield where a file may be: where it was last and, where edited ones are in the way, beside `first`, numbered."""
    yield path
    numbered = (first.with_name(f"{first.stem}-{number}.csv") for number in count(2))
    yield from (place for place in numbered if place != path)


def _write_partial(cursor: Cursor, batch_id: int, table: str) -> Path | None:
    """Write the rejected records of a batch to a file that is to be moved into place; None if there are none.

    The columns are those of the raw table, then the file it came with, the record's number, all reasons and, where
    the record was no row, its text. A corrected file can be dropped into the raw folder under the same name: its rows
    take the place of that file, which is why one that comes of such a file names the first of all. People correct it
    in spreadsheets, so no cell is a formula; that is undone when the file is read.
    """
    columns = [column for column in table_columns(cursor, f"raw.{table}") if column not in RESERVED_COLUMNS]
    path = reject_file(table, batch_id).with_suffix(".partial")
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as found:
        # One by one: a query's result would be in memory as a whole.
        cursor.copy_expert(cursor.mogrify(REJECTED, (batch_id,)).decode(), found)
        if not found.tell():
            path.unlink(missing_ok=True)  # a killed run may have left it
            return None
        found.seek(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        added = [f"{REJECT_COLUMN_PREFIX}{name}" for name in ("source", "record", "reason", "line")]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([defused(name) for name in (*columns, *added)])
            for source, record, problems, row in csv.reader(found):
                reasons = "; ".join(_in_words(problem) for problem in json.loads(problems))
                values = json.loads(row)
                cells = [
                    *(values.get(column) for column in columns),
                    source,
                    record,
                    reasons,
                    values.get("_reject_line"),
                ]
                writer.writerow([defused("" if cell is None else str(cell)) for cell in cells])
    return path


def _in_words(problem: dict[str, str | None]) -> str:
    if problem["column"] is None or problem["value"] is None:
        return str(problem["reason"])
    return f"{problem['column']} '{problem['value']}': {problem['reason']}"

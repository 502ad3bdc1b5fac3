"""Reject files: `<table>-rejected-<batch>.csv`, with the rejected records of a batch to be corrected by a person.

A load notes in its transaction whose files are due, and they are written once it has committed; what a kill
leaves undone, the next load or run does. A file that is not as it was written belongs to the person who edited
it: it is neither replaced nor deleted.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.fingerprints import READ_SIZE, new_digest
from pipeline.settings import get_settings
from pipeline.sources.csv_header import REJECT_COLUMN_PREFIX, RESERVED_COLUMNS
from pipeline.stores.statements import fetch_value, table_columns

logger = logging.getLogger("pipeline")

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
        ON CONFLICT (batch_id) DO UPDATE SET is_due = true
        """,
        {"table": table, "numbers": list(batch_ids)},
    )


def write_due(cursor: Cursor) -> None:
    """Bring the files that are due up to date, but for those that another process works on."""
    cursor.execute(
        """
        SELECT batch_id, table_name, file_name, digest FROM etl.reject_files
        WHERE is_due ORDER BY batch_id FOR UPDATE SKIP LOCKED
        """
    )
    for batch_id, table, name, digest in cursor.fetchall():
        path = get_settings().data_rejected_path / name
        partial = _write_partial(cursor, batch_id, table)
        if partial is None:
            _delete(path, digest)
            cursor.execute("DELETE FROM etl.reject_files WHERE batch_id = %s", (batch_id,))
            continue
        new_digest_of_file = digest_of(partial)
        if digest is None or digest != new_digest_of_file:
            path = _put(partial, path, reject_file(table, batch_id).stem, {digest, new_digest_of_file})
        else:
            partial.unlink()  # nothing new: if the file is not as it was written, or moved, that was meant
        cursor.execute(
            "UPDATE etl.reject_files SET file_name = %s, digest = %s, is_due = false WHERE batch_id = %s",
            (path.name, new_digest_of_file, batch_id),
        )


def digest_of(path: Path) -> str | None:
    """Return the digest of a reject file; None if it is not there."""
    digest = new_digest()
    try:
        with path.open("rb") as file:
            while block := file.read(READ_SIZE):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def as_written(cursor: Cursor) -> dict[str, tuple[int, str]]:
    """Return the batch and the digest of each reject file that was written, by its name."""
    if not fetch_value(cursor, "SELECT to_regclass('etl.reject_files') IS NOT NULL"):
        return {}
    cursor.execute("SELECT file_name, batch_id, digest FROM etl.reject_files WHERE digest IS NOT NULL")
    return {name: (batch_id, digest) for name, batch_id, digest in cursor.fetchall()}


def _delete(path: Path, digest: str | None) -> None:
    """Delete a file if it is as it was written."""
    found = digest_of(path)
    if found is not None and found == digest:
        path.unlink(missing_ok=True)
    elif found is not None:
        logger.warning("%s: kept, since it was edited; the file that it came from has changed or gone", path)


def _put(partial: Path, path: Path, stem: str, ours: set[str | None]) -> Path:
    """Move what was written into place, or beside files that are none of ours, numbered; return where it is."""
    place, number = path, 1
    while (found := digest_of(place)) is not None and found not in ours:
        number += 1
        place = path.with_name(f"{stem}-{number}.csv")
    if place != path:
        logger.warning("%s: kept, since it was edited; what is rejected now is in %s", path, place)
    partial.replace(place)
    return place


def _write_partial(cursor: Cursor, batch_id: int, table: str) -> Path | None:
    """Write the rejected records of a batch to a file that is to be moved into place; None if there are none.

    The columns are those of the raw table, then the file it came with, the record's number, all reasons and, where
    the record was no row, its text. A corrected file can be dropped into the raw folder under the same name: its rows
    take the place of that file, which is why one that comes of such a file names the first of all.
    """
    columns = [column for column in table_columns(cursor, f"raw.{table}") if column not in RESERVED_COLUMNS]
    cursor.execute(
        """
        SELECT
            coalesce(batches.details ->> 'corrects', rejected.source), rejected.record, rejected.problems, rejected.row
        FROM etl.rejected_rows AS rejected INNER JOIN etl.batches AS batches USING (batch_id)
        WHERE batch_id = %s ORDER BY rejected.record, rejected.reject_id
        """,
        (batch_id,),
    )
    if not cursor.rowcount:
        return None
    path = reject_file(table, batch_id).with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    added = [f"{REJECT_COLUMN_PREFIX}{name}" for name in ("source", "record", "reason", "line")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *added])
        for source, record, problems, row in cursor:
            reasons = "; ".join(_in_words(problem) for problem in problems)
            line = row.get("_reject_line", "")
            writer.writerow([*(row.get(column) for column in columns), source, record, reasons, line])
    return path


def _in_words(problem: dict[str, str | None]) -> str:
    if problem["column"] is None or problem["value"] is None:
        return str(problem["reason"])
    return f"{problem['column']} '{problem['value']}': {problem['reason']}"

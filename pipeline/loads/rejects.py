"""Rejected records: kept in `etl.rejected_rows`, written as files to be corrected."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.settings import get_settings
from pipeline.sources.csv_files import RejectedRecord
from pipeline.sources.csv_header import REJECT_COLUMN_PREFIX, RESERVED_COLUMNS
from pipeline.stores.statements import table_columns

COLUMNS = "batch_id, stage, table_name, source, record, column_name, value, reason, problems, row"
REMEMBERED = 1000  # rejected records of the last version of a file


def digests_of(cursor: Cursor, batch_id: int | None) -> list[str]:
    """Return short digests of the records of a batch that were rejected, by which to tell new ones from old.

    Those in the summary of a run are shown first; `REMEMBERED` limits what the ledger keeps for that.
    """
    cursor.execute(
        "SELECT left(md5(row::text), 8) FROM etl.rejected_rows WHERE batch_id = %s LIMIT %s", (batch_id, REMEMBERED)
    )
    return [digest for (digest,) in cursor.fetchall()]


class RejectSpool:
    """Collects rejected records of a file on disk, whatever their number, and copies them to the table."""

    def __init__(self, batch_id: int, table: str, source: str) -> None:
        self.batch_id = batch_id
        self.table = table
        self.source = source
        self.count = 0
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 (closed below)
        self._writer = csv.writer(self._file)

    def add(self, rejected: RejectedRecord) -> None:
        """Keep one record."""
        self.count += 1
        problem = {"column": None, "value": None, "reason": rejected.reason}
        self._writer.writerow(
            [
                self.batch_id,
                "land",
                self.table,
                self.source,
                rejected.record,
                None,
                None,
                rejected.reason,
                json.dumps([problem]),
                json.dumps(rejected.row),
            ]
        )

    def copy(self, cursor: Cursor) -> None:
        """Copy what was collected to `etl.rejected_rows`."""
        self._file.seek(0)
        cursor.copy_expert(f"COPY etl.rejected_rows ({COLUMNS}) FROM STDIN (FORMAT csv)", self._file)
        self._file.close()


def reject_file(table: str, batch_id: int) -> Path:
    """Return where the rejected records of a batch are written."""
    return get_settings().data_rejected_path / f"{table}-rejected-{batch_id}.csv"


def write_files(cursor: Cursor, batch_ids: Iterable[int]) -> list[Path]:
    """Write `<table>-rejected-<batch>.csv` for each batch that has rejected records; return the files.

    The columns are those of the raw table, then the record's number, all reasons and, where the record was
    no row, its text. A corrected file can be dropped into the raw folder under the same name.
    """
    cursor.execute(
        "SELECT DISTINCT batch_id, table_name FROM etl.rejected_rows WHERE batch_id = ANY(%s) ORDER BY 1",
        (list(batch_ids),),
    )
    return [_write_file(cursor, batch_id, table) for batch_id, table in cursor.fetchall()]


def _write_file(cursor: Cursor, batch_id: int, table: str) -> Path:
    columns = [column for column in table_columns(cursor, f"raw.{table}") if column not in RESERVED_COLUMNS]
    folder = get_settings().data_rejected_path
    folder.mkdir(parents=True, exist_ok=True)
    path = reject_file(table, batch_id)
    partial = path.with_suffix(".partial")
    cursor.execute(
        "SELECT record, problems, row FROM etl.rejected_rows WHERE batch_id = %s ORDER BY record", (batch_id,)
    )
    added = [f"{REJECT_COLUMN_PREFIX}{name}" for name in ("record", "reason", "line")]
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *added])
        for record, problems, row in cursor:
            reasons = "; ".join(_in_words(problem) for problem in problems)
            line = row.get("_reject_line", "")
            writer.writerow([*(row.get(column) for column in columns), record, reasons, line])
    partial.replace(path)
    return path


def _in_words(problem: dict[str, str | None]) -> str:
    if problem["column"] is None or problem["value"] is None:
        return str(problem["reason"])
    return f"{problem['column']} '{problem['value']}': {problem['reason']}"


def forget_files(table: str, batch_id: int | None) -> None:
    """Delete the reject file of a batch that is no longer loaded."""
    if batch_id is not None:
        reject_file(table, batch_id).unlink(missing_ok=True)


def forget_refused(cursor: Cursor, batch_id: int) -> None:
    """Forget what earlier attempts to land the file of a batch left that were refused: their rejected records."""
    cursor.execute(
        """
        WITH present AS (SELECT batch_id, task, source FROM etl.batches WHERE batch_id = %s),
        refused AS (
            SELECT batches.batch_id, split_part(batches.target_table, '.', 2) AS table_name
            FROM etl.batches INNER JOIN present USING (source, task)
            WHERE batches.details ? 'refused' AND batches.batch_id <> present.batch_id
        )
        DELETE FROM etl.rejected_rows AS rejected USING refused WHERE rejected.batch_id = refused.batch_id
        RETURNING rejected.batch_id, rejected.table_name
        """,
        (batch_id,),
    )
    for refused, table in set(cursor.fetchall()):
        forget_files(table, refused)

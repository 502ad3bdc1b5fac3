"""Rejected records: kept in `etl.rejected_rows`, written as files to be corrected, limited in share."""

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
from pipeline.stores.claims import Load, RefusedLoadError
from pipeline.stores.statements import table_columns

RATIO_APPLIES_FROM = 100  # records; a few bad rows in a tiny file are no reason to stop
COLUMNS = "batch_id, stage, table_name, source, record, column_name, value, reason, problems, row"
ALL_COLUMNS = f"{COLUMNS}, document_id"


REMEMBERED = 1000  # rejected records of the last version of a file


class TooManyRejectsError(RefusedLoadError):
    """More records of a source were rejected than `MAX_REJECT_RATIO` allows; nothing of it was loaded."""

    def __init__(self, message: str, cursor: Cursor, batch_id: int, stage: str) -> None:
        """Take the rejected rows of a batch from the load that is about to be rolled back."""
        super().__init__(message)
        self._batch_id, self._stage = batch_id, stage
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115 (read after the rollback; closed when collected)
        query = cursor.mogrify(
            f"COPY (SELECT {ALL_COLUMNS} FROM etl.rejected_rows WHERE batch_id = %s AND stage = %s) TO STDOUT",  # noqa: S608
            (batch_id, stage),
        )
        cursor.copy_expert(query.decode(), self._rows)

    def keep(self, cursor: Cursor) -> None:
        """Keep the rejected rows in place of those that an earlier attempt left."""
        cursor.execute(
            "DELETE FROM etl.rejected_rows WHERE batch_id = %s AND stage = %s", (self._batch_id, self._stage)
        )
        self._rows.seek(0)
        cursor.copy_expert(f"COPY etl.rejected_rows ({ALL_COLUMNS}) FROM STDIN", self._rows)


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


def too_many(read: int, rejected: int) -> bool:
    """Tell whether more of a source was rejected than `MAX_REJECT_RATIO` allows; a share equal to it is allowed."""
    # Divided, not multiplied: 0.29 * 100 is a little less than 29.
    return read >= RATIO_APPLIES_FROM and rejected / read > get_settings().max_reject_ratio


def commonest_reasons(cursor: Cursor, batch_id: int, stage: str) -> str:
    """Return the three commonest reasons of a batch's rejected records, with their counts."""
    cursor.execute(
        """
        SELECT CASE WHEN value IS NULL THEN reason ELSE concat_ws(' ', column_name, reason) END, count(*)
        FROM etl.rejected_rows
        WHERE batch_id = %s AND stage = %s
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3
        """,
        (batch_id, stage),
    )
    return "; ".join(f"{reason} ({count:,})" for reason, count in cursor.fetchall())


def enforce_limit(  # noqa: PLR0917 (a source of the ledger, and its counts)
    load: Load, stage: str, source: str, batch_id: int, read: int, rejected: int
) -> None:
    """Stop the load of a source too much of which was rejected.

    Raises:
        TooManyRejectsError: the share is above `MAX_REJECT_RATIO`; the message names the commonest reasons.
    """
    if not too_many(read, rejected):
        return
    reasons = commonest_reasons(load.cursor, batch_id, stage)
    files = write_files(load.cursor, [batch_id])
    limit = get_settings().max_reject_ratio
    raise TooManyRejectsError(
        f"{source}: {rejected:,} of {read:,} records were rejected, more than the {limit:.0%} that"
        f" MAX_REJECT_RATIO allows: {reasons}. Correct the file, or raise the limit; the records are in"
        f" {', '.join(str(file) for file in files)}",
        load.cursor,
        batch_id,
        stage,
    )


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
    path = folder / f"{table}-rejected-{batch_id}.csv"
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
        (get_settings().data_rejected_path / f"{table}-rejected-{batch_id}.csv").unlink(missing_ok=True)

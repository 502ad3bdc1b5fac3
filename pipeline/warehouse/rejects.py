"""Rejected records, kept in `etl.rejected_rows`."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence

from psycopg2.extensions import cursor as Cursor

from pipeline.warehouse.reject_files import mark_due

COLUMNS = "batch_id, stage, table_name, source, record, column_name, value, reason, problems, row, document_id"
Problem = Mapping[str, str | None]
"""What is wrong with a value: `column` (or path), `value`, `reason`; without a column, the record is at fault."""

REMEMBERED = 1000  # rejected records of the last version of a file


def digests_of(cursor: Cursor, batch_id: int | None) -> list[str]:
    """Return short digests of the records of a batch that were rejected, by which to tell new ones from old.

    Those in the summary of a run are shown first; `REMEMBERED` limits what the audit keeps for that.
    """
    cursor.execute(
        "SELECT left(md5(row::text), 8) FROM etl.rejected_rows WHERE batch_id = %s LIMIT %s", (batch_id, REMEMBERED)
    )
    return [digest for (digest,) in cursor.fetchall()]


class Rejects:
    """Collects rejected records of a batch on disk, whatever their number, to be written in the load's transaction."""

    def __init__(self, batch_id: int, stage: str) -> None:
        """Collect what a batch rejects as it lands (stage `land`) or is typed (`load`)."""
        self.count = 0
        self._batch = (batch_id, stage)
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 (closed when collected)
        self._writer = csv.writer(self._file)

    def add(  # noqa: PLR0917 (the columns of the audit)
        self,
        table: str,
        source: str,
        record: int | None,
        problems: Sequence[Problem],
        row: str,
        document_id: str | None = None,
    ) -> None:
        """Keep one record: JSON of it as it came, with everything that is wrong with it, at least one problem."""
        self.count += 1
        first = problems[0]
        told = (first["column"], first["value"], first["reason"], json.dumps(problems))
        self._writer.writerow([*self._batch, table, source, record, *told, row, document_id])

    def write(self, cursor: Cursor) -> None:
        """Copy what was collected to `etl.rejected_rows`."""
        self._file.seek(0)
        cursor.copy_expert(f"COPY etl.rejected_rows ({COLUMNS}) FROM STDIN (FORMAT csv)", self._file)
        self._file.close()


def forget_refused(cursor: Cursor, batch_id: int) -> None:
    """Forget what earlier attempts to land the file of a batch left that were refused: their rejected records."""
    cursor.execute(
        """
        WITH present AS (SELECT batch_id, task, source FROM etl.batches WHERE batch_id = %s),
        refused AS (
            SELECT batches.batch_id
            FROM etl.batches INNER JOIN present USING (source, task)
            WHERE batches.details ? 'refused' AND batches.batch_id <> present.batch_id
        )
        DELETE FROM etl.rejected_rows AS rejected USING refused WHERE rejected.batch_id = refused.batch_id
        RETURNING rejected.batch_id, rejected.table_name
        """,
        (batch_id,),
    )
    for refused, table in set(cursor.fetchall()):
        mark_due(cursor, table, [refused])


def forget_refused_files(cursor: Cursor, is_gone: Callable[[str, str], bool]) -> None:
    """Forget the rejected records of refused files that were removed, or put back as they are loaded.

    Nothing else brings them up to date.

    Args:
        cursor: in autocommit mode.
        is_gone: tells whether a file with a content, given as path and digest, is in the raw folder no more.
    """
    cursor.execute(
        """
        SELECT batch_id, source, details ->> 'refused', substr(target_table, strpos(target_table, '.') + 1)
        FROM etl.batches
        WHERE details ? 'refused' AND EXISTS (
            SELECT FROM etl.rejected_rows AS rejected WHERE rejected.batch_id = batches.batch_id
        )
        """
    )
    for batch_id, source, content, table in cursor.fetchall():
        if is_gone(source, content):
            cursor.execute("DELETE FROM etl.rejected_rows WHERE batch_id = %s", (batch_id,))
            mark_due(cursor, table, [batch_id])

"""The share of rejected records above which a file is refused: as it lands, or when its values are typed."""

from __future__ import annotations

import tempfile

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.contract.typing import define_staging
from pipeline.errors import RefusedInputError
from pipeline.records.limits import RATIO_APPLIES_FROM, too_many
from pipeline.settings import get_settings
from pipeline.state.spec import RefusedLoadError
from pipeline.warehouse.raw_columns import delete_batch
from pipeline.warehouse.reject_files import mark_due, reject_file
from pipeline.warehouse.rejects import COLUMNS, forget_refused
from pipeline.warehouse.statements import execute_file, fetch_value

REJECTED_AND_NOT_EDITED = """
    SELECT count(*) FROM etl.rejected_rows AS rejected
    LEFT JOIN etl.edited_rows AS edited ON edited.batch_id = rejected.batch_id AND edited._row = rejected.record
    WHERE rejected.batch_id = %s AND rejected.stage = 'load' AND edited._row IS NULL
"""
ALL_COLUMNS = f"{COLUMNS}, rejected_at"


class TooManyRejectsError(RefusedLoadError, RefusedInputError):
    """More records of a source were rejected than `MAX_REJECT_RATIO` allows; nothing of it is loaded."""

    def __init__(self, message: str, cursor: Cursor, batch_id: int, source: str, table: str | None = None) -> None:
        """Take the rejected rows of a batch from the load that is about to be rolled back.

        Args:
            message: what is wrong, and what to do.
            cursor: the load's.
            batch_id: the batch.
            source: where its records came from.
            table: the table whose reject file they are written to, if any.
        """
        super().__init__(message)
        self.batch_id, self.source, self._table = batch_id, source, table
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115 (read after the rollback; closed when collected)
        query = cursor.mogrify(
            f"COPY (SELECT {ALL_COLUMNS} FROM etl.rejected_rows WHERE batch_id = %s) TO STDOUT",  # noqa: S608
            (batch_id,),
        )
        cursor.copy_expert(query.decode(), self._rows)

    def keep(self, cursor: Cursor) -> None:
        """Keep the rejected rows in place of those that an earlier attempt left."""
        forget_refused(cursor, self.batch_id)
        cursor.execute("DELETE FROM etl.rejected_rows WHERE batch_id = %s", (self.batch_id,))
        self._rows.seek(0)
        cursor.copy_expert(f"COPY etl.rejected_rows ({ALL_COLUMNS}) FROM STDIN", self._rows)
        if self._table:
            mark_due(cursor, self._table, [self.batch_id])


def _commonest_reasons(cursor: Cursor, batch_id: int, stage: str) -> str:
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


def enforce_limit(  # noqa: PLR0917 (a source of the audit, and its counts)
    cursor: Cursor,
    stage: str,
    table: str | None,
    source: str,
    batch_id: int,
    read: int,
    rejected: int,
    *,
    is_given_up: bool = False,
) -> None:
    """Refuse a source of which too many records were rejected.

    Args:
        cursor: the load's.
        stage: where they were rejected: land or load.
        table: name of the table whose reject file has the records; None for documents, which have no such file.
        source: the file, or the server.
        batch_id: the batch that landed or loads it.
        read: its records.
        rejected: those that were rejected.
        is_given_up: whether it was not read to its end.

    Raises:
        TooManyRejectsError: they are too many; the message names the commonest reasons.
    """
    limit = get_settings().max_reject_ratio
    if not too_many(read, rejected, limit):
        return
    reasons = _commonest_reasons(cursor, batch_id, stage)
    records = f"the first {read:,} records" if is_given_up else f"{read:,} records"
    place = reject_file(table, batch_id) if table else "what python -m pipeline rejects shows"
    raise TooManyRejectsError(
        f"{source}: {rejected:,} of {records} were rejected, more than the {limit:.0%} that MAX_REJECT_RATIO"
        f" allows: {reasons}. Correct them, or raise the limit; they are in {place}",
        cursor,
        batch_id,
        source,
        table,
    )


def enforce_limit_on_values(
    cursor: Cursor, table: str, source: str, batch_id: int, rows: int, *, is_edited: bool = False
) -> None:
    """Refuse a file that is landing if the merge would: type its rows, which otherwise the merge alone does.

    Args:
        cursor: the load's.
        table: name of the file's table; one that nothing is made of is not typed.
        source: the file.
        batch_id: the batch that lands it.
        rows: the rows it has brought to the raw table.
        is_edited: of the others it is known already which cannot be typed.

    Raises:
        TooManyRejectsError: too many of its rows cannot be typed.
    """
    declared = csv_tables().get(table)
    if rows < RATIO_APPLIES_FROM or declared is None:
        return
    landed = "CREATE TEMP VIEW landed AS SELECT * FROM {raw} WHERE _batch_id = {batch}"
    if is_edited:
        landed += " AND _row IN (SELECT _row FROM etl.edited_rows WHERE batch_id = {batch})"
    cursor.execute(sql.SQL(landed).format(raw=sql.Identifier("raw", table), batch=sql.Literal(batch_id)))
    define_staging(cursor, declared, "stg_landed", "landed")
    rejected = fetch_value(cursor, "SELECT count(*) FROM stg_landed WHERE NOT valid")
    if is_edited:
        rejected += fetch_value(cursor, REJECTED_AND_NOT_EDITED, (batch_id,))
    if not too_many(rows, rejected, get_settings().max_reject_ratio):
        return
    cursor.execute(
        """
        CREATE TEMP TABLE invalid_rows ON COMMIT DROP AS
        SELECT landed.* FROM landed INNER JOIN stg_landed AS staged USING (_batch_id, _row) WHERE NOT staged.valid
        """
    )
    define_staging(cursor, declared, "stg_invalid", "invalid_rows")
    execute_file(cursor, "merge/reject.sql", parts={"name": sql.Literal(table)})
    enforce_limit(cursor, "load", table, source, batch_id, rows, rejected)


def refuse_landed(cursor: Cursor, table: str, error: TooManyRejectsError) -> None:
    """Undo the landing of a file whose values turned out too bad, as if it had been refused when it landed.

    Its raw rows and its marker go; its rejected records stay, and its audit row says that it failed.
    """
    batch_id = error.batch_id
    error.keep(cursor)
    delete_batch(cursor, table, batch_id)
    cursor.execute(
        """
        WITH marker AS (
            DELETE FROM etl.table_updates WHERE target_table = %s AND batch_id = %s RETURNING batch_id, inputs
        )
        UPDATE etl.batches SET
            status = 'failed', error = %s, rows_loaded = 0,
            rows_rejected = (SELECT count(*) FROM etl.rejected_rows WHERE batch_id = marker.batch_id),
            details = details || jsonb_build_object('refused', marker.inputs ->> 'content')
        FROM marker WHERE batches.batch_id = marker.batch_id
        """,
        (f"raw.{table}", batch_id, f"{type(error).__name__}: {error}"),
    )

"""A load, its ledger row and its marker in one transaction."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipeline.errors import PipelineError
from pipeline.stores import markers
from pipeline.stores.postgres import connect, fetch_value, permissions_named

logger = logging.getLogger("pipeline")

LOCK_SPACE = 0x5650  # first key of our advisory locks, apart from those of other programs
REJECT_COLUMNS = "batch_id, stage, table_name, source, record, document_id, column_name, value, reason, problems, row"


class SupersededError(PipelineError):
    """A newer run has loaded the target already; what this run wanted is out of date."""


class TooManyRejectsError(PipelineError):
    """More records of a source were rejected than `MAX_REJECT_RATIO` allows; nothing of it was loaded.

    `rejects` is a file with the rejected rows in COPY's text format, to be kept although the load is not.
    """

    def __init__(self, message: str, rejects: IO[bytes]) -> None:
        super().__init__(message)
        self.rejects = rejects


@dataclass(frozen=True)
class Claim:
    """What a task is about to load: the identity of the target and the state it will be in.

    `locks` are held alone during the load, `shared_locks` together with other loads that share them.
    """

    update_id: str
    task: str
    target_table: str
    source: str
    fingerprint: str
    inputs: dict[str, str]
    run_started: datetime
    run_date: date | None = None
    locks: tuple[str, ...] = ()
    shared_locks: tuple[str, ...] = ()


@dataclass
class Load:
    """A load in progress. The task's work fills in what the ledger and the marker are to say.

    `rows_read` must equal loaded + rejected + superseded + waiting when the work ends; the ledger refuses
    anything else. `previous` is the marker as it was; `marked_batch_id` is the batch that the new one names,
    if not that of the ledger row.
    """

    claim: Claim
    cursor: Cursor
    batch_id: int | None
    previous: markers.Marker | None = None
    marked_batch_id: int | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_superseded: int = 0
    rows_waiting: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    details: dict[str, object] = field(default_factory=dict)
    keep_marker: bool = True

    def summary(self) -> str:
        """Return the row counts in words, those that are zero left out."""
        counts = {
            "read": self.rows_read,
            "loaded": self.rows_loaded,
            "rejected": self.rows_rejected,
            "superseded": self.rows_superseded,
            "waiting": self.rows_waiting,
        }
        return ", ".join(f"{rows:,} {word}" for word, rows in counts.items() if rows) or "nothing new"


def execute(claim: Claim, work: Callable[[Load], None], is_done: Callable[[], bool] | None = None) -> None:
    """Do `work` under the claim's locks, and commit it together with its ledger row and marker.

    If another run has loaded the same state meanwhile, nothing is done; a target whose marker is not in
    PostgreSQL tells by `is_done`, and its marker here only keeps the order of runs. If the work fails,
    nothing of it stays but a `failed` row in the ledger and, when there were too many of them, its rejected
    rows.

    Raises:
        SupersededError: a newer run has loaded another state.
    """
    started = time.monotonic()
    connection = connect()
    try:
        connection.autocommit = True
        with permissions_named(), connection.cursor() as cursor:
            _lock(cursor, claim)
            marker = markers.read_markers(cursor, [claim.update_id]).get(claim.update_id)
            if _is_settled(marker, claim, is_done):
                logger.info("%s: loaded by another run meanwhile", claim.update_id)
                return
            load = Load(claim, cursor, _begin(cursor, claim), previous=marker)
            _run(connection, load, work)
    finally:
        connection.close()
        markers.forget()
    subject = "" if claim.source == claim.task else f" {claim.source}"
    logger.info("%s%s: %s (%.1f s)", claim.task, subject, load.summary(), time.monotonic() - started)


def _lock(cursor: Cursor, claim: Claim) -> None:
    """Take the locks in the order of their names, so that two loads never wait for each other."""
    exclusive = {claim.update_id, *claim.locks}
    for name in sorted({*exclusive, *claim.shared_locks}):
        function = "pg_advisory_lock" if name in exclusive else "pg_advisory_lock_shared"
        cursor.execute(f"SELECT {function}(%s, hashtext(%s))", (LOCK_SPACE, name))


def _is_settled(marker: markers.Marker | None, claim: Claim, is_done: Callable[[], bool] | None) -> bool:
    """Tell whether the target is in the wanted state already.

    Raises:
        SupersededError: a newer run has brought it into another state.
    """
    if is_done is not None and is_done():
        return True
    if marker is None or not marker.intact:
        return False
    if marker.fingerprint == claim.fingerprint:
        return is_done is None
    if claim.run_date and marker.run_date and marker.run_date > claim.run_date:
        return True
    if marker.run_started > claim.run_started:
        raise SupersededError(
            f"{claim.task} {claim.source}: a run that began at {marker.run_started:%H:%M:%S} has loaded newer"
            " input; run again if this was meant to win"
        )
    return False


def _begin(cursor: Cursor, claim: Claim) -> int | None:
    """Open the ledger row; None while there is no ledger yet. Rows of killed attempts are closed."""
    if not fetch_value(cursor, "SELECT to_regclass('etl.batches') IS NOT NULL"):
        return None
    cursor.execute(
        """
        UPDATE etl.batches SET status = 'failed', finished = clock_timestamp(), error = 'interrupted'
        WHERE status = 'running' AND task = %s AND target_table = %s AND source = %s
        """,
        (claim.task, claim.target_table, claim.source),
    )
    batch_id: int = fetch_value(
        cursor,
        """
        INSERT INTO etl.batches (task, target_table, source, fingerprint) VALUES (%s, %s, %s, %s)
        RETURNING batch_id
        """,
        (claim.task, claim.target_table, claim.source, claim.fingerprint),
    )
    return batch_id


def _run(connection: Connection, load: Load, work: Callable[[Load], None]) -> None:
    connection.autocommit = False
    try:
        work(load)
        if load.batch_id is None:
            load.batch_id = _begin(load.cursor, load.claim)
        _finish(load)
        connection.commit()
    except BaseException as error:
        if not connection.closed:
            connection.rollback()
            _fail(load, error)
            connection.commit()
        raise


def _finish(load: Load) -> None:
    claim = load.claim
    load.cursor.execute(
        """
        UPDATE etl.batches SET
            status = 'loaded', finished = clock_timestamp(), rows_read = %s, rows_loaded = %s,
            rows_rejected = %s, rows_superseded = %s, rows_waiting = %s, details = %s
        WHERE batch_id = %s
        """,
        (
            load.rows_read,
            load.rows_loaded,
            load.rows_rejected,
            load.rows_superseded,
            load.rows_waiting,
            json.dumps(load.details),
            load.batch_id,
        ),
    )
    load.cursor.execute("DELETE FROM etl.table_updates WHERE update_id = %s", (claim.update_id,))
    if load.keep_marker:
        load.cursor.execute(
            """
            INSERT INTO etl.table_updates
                (update_id, target_table, fingerprint, inputs, batch_id, holds, objects, run_date, run_started)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                claim.update_id,
                claim.target_table,
                claim.fingerprint,
                json.dumps(claim.inputs),
                load.marked_batch_id or load.batch_id,
                json.dumps(load.holds),
                list(load.objects),
                claim.run_date,
                claim.run_started,
            ),
        )


def _fail(load: Load, error: BaseException) -> None:
    if load.batch_id is None:
        return
    reason = f"{type(error).__name__}: {error}"[:2000].replace("\0", "\\0")
    load.cursor.execute(
        """
        UPDATE etl.batches SET status = 'failed', finished = clock_timestamp(), error = %s, details = %s
        WHERE batch_id = %s
        """,
        (reason, json.dumps(load.details), load.batch_id),
    )
    if isinstance(error, TooManyRejectsError):
        error.rejects.seek(0)
        load.cursor.execute("CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM etl.rejected_rows WITH NO DATA")
        load.cursor.copy_expert(f"COPY kept ({REJECT_COLUMNS}) FROM STDIN", error.rejects)
        load.cursor.execute(
            """
            DELETE FROM etl.rejected_rows AS old USING (SELECT DISTINCT batch_id, stage FROM kept) AS new
            WHERE old.batch_id = new.batch_id AND old.stage = new.stage
            """
        )
        load.cursor.execute(
            f"INSERT INTO etl.rejected_rows ({REJECT_COLUMNS}) SELECT {REJECT_COLUMNS} FROM kept"  # noqa: S608
        )


def spool_rejects(cursor: Cursor, batch_ids: Iterable[int], stage: str, file: IO[bytes]) -> None:
    """Write the rejected rows of batches to `file`, to outlive the rollback of the load that found them."""
    query = cursor.mogrify(
        f"COPY (SELECT {REJECT_COLUMNS} FROM etl.rejected_rows WHERE batch_id = ANY(%s) AND stage = %s) TO STDOUT",  # noqa: S608
        (list(batch_ids), stage),
    )
    cursor.copy_expert(query.decode(), file)

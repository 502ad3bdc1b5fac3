"""A load, its audit row and its marker in one transaction."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipeline import progress
from pipeline.days import today
from pipeline.errors import RefusedInputError
from pipeline.interrupts import cancelling
from pipeline.servers.lock_holders import LockHeldError, held_too_long, table_holders
from pipeline.servers.postgres import PostgresError, connect, permissions_named, session
from pipeline.servers.retries import ConnectionLostError, retrying
from pipeline.state import markers
from pipeline.state.disk import DiskFullError, full_place
from pipeline.state.locks import Locks, take_locks
from pipeline.state.marker import Marker, Store
from pipeline.state.spec import Load, LoadSpec, RefusedLoadError, SupersededError
from pipeline.warehouse.statements import fetch_value

logger = logging.getLogger("pipeline")

# Until it ends, the row of a load names the session that does it: pid and birth are used once only.
BEGIN = """
    INSERT INTO etl.batches (task, target_table, source, fingerprint, details)
    SELECT %s, %s, %s, %s, jsonb_build_object('pid', pid, 'born', extract(epoch FROM backend_start))
    FROM pg_stat_activity WHERE pid = pg_backend_pid()
    RETURNING batch_id
"""
CLOSE_INTERRUPTED = """
    UPDATE etl.batches SET status = 'failed', finished = clock_timestamp(), error = 'interrupted', details = '{}'
    WHERE status = 'running' AND NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE pid = (details ->> 'pid')::int AND extract(epoch FROM backend_start) = (details ->> 'born')::numeric
    )
"""
FINISH = """
    UPDATE etl.batches SET
        status = 'loaded', finished = clock_timestamp(), rows_read = %(read)s, rows_loaded = %(loaded)s,
        rows_rejected = %(rejected)s, rows_superseded = %(superseded)s, rows_waiting = %(waiting)s,
        details = %(details)s
    WHERE batch_id = %(batch_id)s
"""
MARK = """
    INSERT INTO etl.table_updates
        (update_id, target_table, fingerprint, inputs, batch_id, audit_id, holds, objects, run_date, run_number)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def execute(spec: LoadSpec, work: Callable[[Load], None], is_done: Callable[[], bool | None] = lambda: None) -> None:
    """Do `work` under the spec's locks, and commit it together with its audit row and marker.

    If another run has loaded the same state meanwhile, nothing is done; a target whose marker is not in PostgreSQL
    tells by `is_done` (None: the marker says it), and its marker here only keeps the order of runs. If the work
    fails, nothing of it stays but a `failed` row in the audit and what a `RefusedLoadError` keeps. After a fault of a
    server that passes, `work` starts afresh.

    Raises:
        SupersededError: a newer run has loaded another state.
        PostgresError: another session held a lock for too long.
        DiskFullError: a file could not be written for want of space.
    """
    subject = spec.task if spec.source == spec.task else f"{spec.task} {spec.source}"
    try:
        for attempt in retrying(subject):
            with attempt:
                _execute(spec, subject, work, is_done)
    except LockHeldError as error:
        raise PostgresError(held_too_long(subject, str(error))) from error
    except psycopg2.errors.LockNotAvailable as error:
        with session() as cursor:
            holders = table_holders(cursor)
        raise PostgresError(held_too_long(subject, holders)) from error
    except OSError as error:
        if (where := full_place(error)) is None:
            raise
        raise DiskFullError(f"{subject}: no space left on {where}; make room and run again") from error


_kept: list[Connection] = []
_is_kept = False


@contextmanager
def one_connection() -> Iterator[None]:
    """Have the loads of the block use one connection, one after the other."""
    global _is_kept  # noqa: PLW0603 (of this process, as are the loads)
    _is_kept = True
    try:
        yield
    finally:
        _is_kept = False
        while _kept:
            _kept.pop().close()


def _lay_down(connection: Connection) -> None:
    """Close the connection of a load, or make it fit for the next one."""
    if _is_kept and not connection.closed:
        with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
            connection.rollback()
            connection.autocommit = True
            cursor.execute("SELECT pg_advisory_unlock_all(); DISCARD TEMP")
            _kept.append(connection)
            return
    connection.close()


def _execute(spec: LoadSpec, subject: str, work: Callable[[Load], None], is_done: Callable[[], bool | None]) -> None:
    started = time.monotonic()
    connection = _kept.pop() if _kept else connect()
    try:
        connection.autocommit = True
        with permissions_named(), cancelling(connection), connection.cursor() as cursor:
            take_locks(cursor, Locks((spec.update_id, *spec.locks.alone), spec.locks.shared))
            marker = markers.read_markers(cursor, [spec.update_id]).get(spec.update_id)
            if _is_settled(marker, spec, is_done):
                logger.info("%s: loaded by another run meanwhile", spec.update_id)
                return
            load = Load(spec, cursor, _begin(cursor, spec), previous=marker)
            _run(connection, load, work)
    except psycopg2.Error as error:
        # The driver has many words for a connection that broke, some of them in COPY only.
        if connection.closed:
            raise ConnectionLostError(" ".join(str(error).split()) or "the connection was lost") from error
        raise
    finally:
        _lay_down(connection)
        Store.forget()
    seconds = time.monotonic() - started
    cause = marker.why(spec.inputs) if marker else "not loaded before"
    facts = {"event": "load", "batch": load.batch_id, "rows": load.counts(), "seconds": round(seconds, 3)}
    logger.info("%s: %s (%.1f s)", subject, load.summary(), seconds, extra={**facts, "cause": cause or None})
    for warning in load.warnings:
        logger.warning("%s", warning, extra={"event": "warning"})
    progress.conclude(load.summary())


def _is_settled(marker: Marker | None, spec: LoadSpec, is_done: Callable[[], bool | None]) -> bool:
    """Tell whether the target is in the wanted state already.

    Raises:
        SupersededError: a newer run has brought it into another state.
    """
    if done := is_done():
        return True
    if marker is None or not marker.intact:
        return False
    if marker.fingerprint == spec.fingerprint:
        return done is None
    if spec.run_date and marker.run_date and marker.run_date > spec.run_date:
        return True
    if marker.run_number > spec.run_number and not marker.voided:
        raise SupersededError(
            f"{spec.task} {spec.source}: a run that began later has loaded newer input at"
            f" {marker.inserted.astimezone():%H:%M:%S}; run again if this was meant to win"
        )
    return False


def _begin(cursor: Cursor, spec: LoadSpec) -> int | None:
    """Open the audit row; None while there is no audit yet. Rows of killed attempts are closed."""
    if not fetch_value(cursor, "SELECT to_regclass('etl.batches') IS NOT NULL"):
        return None
    cursor.execute(CLOSE_INTERRUPTED)
    batch_id: int = fetch_value(cursor, BEGIN, (spec.task, spec.target_table, spec.source, spec.fingerprint))
    return batch_id


def _run(connection: Connection, load: Load, work: Callable[[Load], None]) -> None:
    connection.autocommit = False
    try:
        # For checks: what a run finds depends on its day, not on when it is made.
        day = load.spec.run_date or today()
        load.cursor.execute("SET LOCAL pipeline.run_day = %s", (day.isoformat(),))
        work(load)
        if load.batch_id is None:
            load.batch_id = _begin(load.cursor, load.spec)
        _finish(load)
        connection.commit()
    except BaseException as error:
        # Of a connection that is lost, the next attempt closes the audit row.
        with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
            connection.rollback()
            _fail(load, error)
            connection.commit()
            _follow_up(load)
        raise
    _follow_up(load)


def _follow_up(load: Load) -> None:
    for work in load.after_commit:
        work(load.cursor)
        load.cursor.connection.commit()


def _finish(load: Load) -> None:
    spec, details = load.spec, json.dumps(load.details | ({"changes": load.changes} if load.changes else {}))
    load.cursor.execute(FINISH, {**load.counts(), "details": details, "batch_id": load.batch_id})
    load.cursor.execute("DELETE FROM etl.table_updates WHERE update_id = %s", (spec.update_id,))
    if load.keep_marker:
        inputs, holds = json.dumps(spec.inputs.to_json()), json.dumps(load.holds)
        batches = (load.marked_batch_id or load.batch_id, load.batch_id)
        state = (spec.fingerprint, inputs, *batches, holds, list(load.objects))
        load.cursor.execute(MARK, (spec.update_id, spec.target_table, *state, spec.run_date, spec.run_number))


def _fail(load: Load, error: BaseException) -> None:
    if load.batch_id is None:
        return
    reason = f"{type(error).__name__}: {error}"[:2000].replace("\0", "\\0")
    if isinstance(error, RefusedInputError) and error.is_for_content and load.spec.inputs.content:
        load.details |= {"refused": load.spec.inputs.content, **error.noted}
    load.cursor.execute(
        """
        UPDATE etl.batches SET status = 'failed', finished = clock_timestamp(), error = %s, details = %s
        WHERE batch_id = %s
        """,
        (reason, json.dumps(load.details), load.batch_id),
    )
    if isinstance(error, RefusedLoadError):
        error.keep(load.cursor)

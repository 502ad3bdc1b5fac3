"""Merging the present batches of a raw table into its table of `processed`."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import replace

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline import progress
from pipeline.contract.table import Table
from pipeline.contract.typing import define_staging
from pipeline.state import lake_files, markers
from pipeline.state.inputs import Inputs
from pipeline.state.spec import Load
from pipeline.warehouse import bulk, check_reads, checks, definitions, row_checks
from pipeline.warehouse.merge_rows import Parts, merge_rows, parts_of
from pipeline.warehouse.raw_columns import index_raw
from pipeline.warehouse.rebuild import brought_along
from pipeline.warehouse.reject_files import mark_due, write_due
from pipeline.warehouse.reject_limit import TooManyRejectsError, enforce_limit, refuse_landed
from pipeline.warehouse.statements import execute_file, fetch_value
from pipeline.warehouse.tables import complete

ANALYZE_IS_DUE = """
    SELECT
        pg_stat_get_mod_since_analyze(oid) + pg_stat_get_xact_tuples_inserted(oid)
        + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)
        > current_setting('autovacuum_analyze_threshold')::float
        + current_setting('autovacuum_analyze_scale_factor')::float * greatest(reltuples, 0)
    FROM pg_class WHERE oid = %s::regclass
"""
CHECKING = {module.__name__ for module in (checks, check_reads, row_checks)}
# Up to this share of a table, rows that change are looked up one by one.
BY_KEY_TO_SHARE = 0.1
EDITED_ROWS = """
    CREATE TEMP TABLE raw_edited ON COMMIT DROP AS
    SELECT source_row.*
    FROM edited
    INNER JOIN {raw} AS source_row ON source_row._batch_id = edited.batch_id AND source_row._row = edited._row
"""
IS_SMALL = """
    SELECT %(incoming)s + coalesce(sum(rows) FILTER (WHERE batch_id IN (SELECT batch_id FROM withdrawn_batches)), 0)
        <= %(share)s * coalesce(sum(rows), 0)
    FROM etl.row_counts WHERE place = 'processed' AND table_name = %(table)s
"""
AT_CHECKS = 0.92  # of a load, by the clock
INCOMING_ROWS = """
    SELECT coalesce(sum((holds ->> %(raw)s)::bigint), 0)::bigint
    FROM etl.table_updates INNER JOIN incoming_batches USING (batch_id)
    WHERE target_table = %(raw)s
"""


class BatchesRefusedError(Exception):
    """Batches came of which too many rows cannot be typed: `errors` says why, one for each."""

    def __init__(self, errors: list[TooManyRejectsError]) -> None:
        super().__init__()
        self.errors = errors


def merge(load: Load, table: Table) -> list[TooManyRejectsError]:
    """Bring a table of `processed` to the present batches of `raw`.

    Only batches that came or left are read, unless the way of loading has changed or the table was emptied:
    then all are, and rows that come out the same are not rewritten. The counts in `load` are of the batches
    read.

    A file that came and of which too many rows cannot be typed is refused: its landing is undone, and the merge
    starts afresh without it. (To know before the merge, all rows would have to be typed twice.)

    Args:
        load: the load in progress.
        table: what to merge.

    Returns:
        Why files were refused, one for each.

    Raises:
        TooManyRejectsError: of a batch that was merged before, too many rows cannot be typed any more. Then the
            declaration is at fault rather than the file, and nothing is loaded.
        CheckFailedError: an `error` check has findings; nothing is loaded.
        LakeError: Spark kept the table, and has rows of it that were not landed here.
    """
    load.after_commit.append(write_due)
    load.cursor.execute("SAVEPOINT before_merge")
    try:
        _merge(load, table)
    except BatchesRefusedError as refused:
        load.cursor.execute("ROLLBACK TO SAVEPOINT before_merge")
        for error in refused.errors:
            refuse_landed(load.cursor, table.name, error)
        _merge(load, table)
        return refused.errors
    return []


def _merge(load: Load, table: Table) -> None:
    """Merge into the live table, which is brought along with its declaration first."""
    last = load.previous
    is_changed = last is not None and last.inputs.facts.get("declaration") != load.spec.inputs.facts["declaration"]
    with progress.stage(table.raw, "rows"):
        with brought_along(load.cursor, table, is_changed=is_changed):
            is_full = _merge_batches(load, table)
        progress.reach(AT_CHECKS)
        checks.run_checks(load, table.name, anew=is_full)
        progress.reach(1)


def _merge_batches(load: Load, table: Table) -> bool:
    """Merge what came and left; tell whether all batches were read."""
    cursor, last = load.cursor, load.previous
    is_empty = fetch_value(cursor, sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(table.processed_sql))
    is_lost = last is None or last.missing is not None
    full = bool(is_empty or is_lost or (last and (last.voided or ways(last.inputs) != ways(load.spec.inputs))))
    lake_files.leave(cursor, table.name)
    cursor.execute("SELECT batch_id FROM etl.merged_batches WHERE target_table = %s", (table.processed,))
    merged_before = {batch_id for (batch_id,) in cursor.fetchall()}
    execute_file(cursor, "merge/current_batches.sql", {"raw": table.raw})
    execute_file(cursor, "merge/batches.sql", {"raw": table.raw, "processed": table.processed, "full": full})
    parts = parts_of(table)
    if full:
        cursor.execute("SELECT etl.count_later('processed', %s)", (table.name,))
    # Of rows that nothing accounts for any more, the batch says nothing: its number may be another's by now.
    if not is_empty and (is_lost or not merged_before or (last and last.voided)):
        execute_file(cursor, "merge/stray_rows.sql", parts=parts)
    edited_rows = _define_incoming(cursor, table)
    incoming_rows = fetch_value(cursor, INCOMING_ROWS, {"raw": table.raw}) + edited_rows
    progress.expect(incoming_rows)
    # Else the planner takes a table for something on a disk that turns, and would rather read all of it.
    cursor.execute("SET LOCAL random_page_cost = 1.1")
    is_small = fetch_value(cursor, IS_SMALL, {"table": table.name, "incoming": incoming_rows, "share": BY_KEY_TO_SHARE})
    parts = parts_of(table, by_key=is_small)
    if is_empty:
        with _without_indexes_and_keys(cursor, table):
            rest = _fill(cursor, table, parts, incoming_rows)
            if rest:
                merge_rows(cursor, table, rest, parts, lambda: _enforce_limits(load, table, merged_before))
    else:
        merge_rows(cursor, table, "incoming_rows", parts, lambda: _enforce_limits(load, table, merged_before))
    index_raw(cursor, table.name)
    cursor.execute("SELECT batch_id FROM incoming_batches UNION SELECT batch_id FROM edited")
    mark_due(cursor, table.name, [batch_id for (batch_id,) in cursor.fetchall()])
    _analyze_if_due(cursor, table)
    load.rows_read = incoming_rows
    cursor.execute("SELECT etl.count_anew(%s)", (table.name,))
    execute_file(cursor, "merge/outcome.sql", parts=parts)
    [(load.rows_loaded, load.rows_rejected, load.rows_superseded, load.rows_waiting, present)] = cursor.fetchall()
    load.holds = {table.processed: present}
    load.objects = tuple(markers.objects_of(cursor, table.processed))
    return full


def _analyze_if_due(cursor: Cursor, table: Table) -> None:
    """Have PostgreSQL look at the rows again where as many changed as autovacuum would do it for."""
    if fetch_value(cursor, ANALYZE_IS_DUE, (table.processed_sql.as_string(cursor),)):
        cursor.execute(sql.SQL("ANALYZE {}").format(table.processed_sql))


def _define_incoming(cursor: Cursor, table: Table) -> int:
    """Define the views of the raw rows that came, `incoming_rows`, and of them typed; return how many were edited.

    The batches are spelled out: so the planner knows whether to read a few of them or the whole table, and reads that
    in parallel, which it cannot where a temporary table is in the query.
    """
    batch_ids = fetch_value(cursor, "SELECT coalesce(array_agg(batch_id), '{}') FROM incoming_batches")
    batches = sql.SQL("{}::bigint[]").format(sql.Literal(batch_ids))
    view = "CREATE TEMP VIEW incoming_rows AS SELECT * FROM {raw} WHERE _batch_id = ANY ({batches})"
    edited_rows = 0
    if fetch_value(cursor, "SELECT EXISTS (SELECT FROM edited)"):
        cursor.execute(sql.SQL(EDITED_ROWS).format(raw=table.raw_sql))
        edited_rows = cursor.rowcount
        view += " UNION ALL SELECT * FROM raw_edited"
    cursor.execute(sql.SQL(view).format(raw=table.raw_sql, batches=batches))
    define_staging(cursor, table, "stg_incoming", "incoming_rows")
    return edited_rows


@contextmanager
def _without_indexes_and_keys(cursor: Cursor, table: Table) -> Iterator[None]:
    """Let an empty table be filled without foreign keys and indexes, which check and order all rows at once then."""
    wanted = definitions.indexes_and_keys(cursor, table)
    yield
    complete(cursor, table)
    definitions.restore(cursor, table, wanted)


def _fill(cursor: Cursor, table: Table, parts: Parts, incoming_rows: int) -> str | None:
    """Fill an empty table as far as that goes in bulk; return where the raw rows are that are to be merged."""
    # Nothing of what was withdrawn is there but what was held back.
    cursor.execute("DELETE FROM etl.held_rows WHERE table_name = %s", (table.name,))
    cursor.execute("DELETE FROM withdrawn_batches")
    if bulk.is_replaceable(cursor, table):
        return bulk.fill(cursor, table, parts, incoming_rows)
    definitions.drop_indexes_and_keys(cursor, table)
    return "incoming_rows"


def ways(inputs: Inputs) -> Inputs:
    """Return the inputs that say how rows are made, as opposed to which rows, or how they are checked."""
    sql_files = {name: digest for name, digest in inputs.sql.items() if not name.startswith("checks/")}
    modules = {name: digest for name, digest in inputs.code.items() if name not in CHECKING}
    return replace(inputs, tasks={}, sql=sql_files, code=modules)


def _enforce_limits(load: Load, table: Table, merged_before: Set[int]) -> None:
    load.cursor.execute(
        """
        -- Of a reject file that was corrected, however many are still rejected, the others are welcome.
        SELECT rejected.batch_id, batches.source, (updates.holds ->> %(raw)s)::bigint, count(*)
        FROM etl.rejected_rows AS rejected
        INNER JOIN incoming_batches ON incoming_batches.batch_id = rejected.batch_id
        INNER JOIN etl.batches AS batches ON batches.batch_id = rejected.batch_id
        INNER JOIN etl.table_updates AS updates ON updates.batch_id = rejected.batch_id
        WHERE rejected.stage = 'load' AND updates.target_table = %(raw)s AND NOT batches.details ? 'corrects'
        GROUP BY 1, 2, 3
        ORDER BY batches.source
        """,
        {"raw": table.raw},
    )
    errors = []
    for batch_id, source, read, rejected in load.cursor.fetchall():
        try:
            enforce_limit(load.cursor, "load", table.name, source, batch_id, read, rejected)
        except TooManyRejectsError as error:
            if batch_id in merged_before:
                raise
            errors.append(error)
    if errors:
        raise BatchesRefusedError(errors)

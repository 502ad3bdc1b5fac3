"""Merging the present batches of a raw table into its table of `processed`."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from psycopg2 import sql

from pipeline.contract.register import tables
from pipeline.errors import PipelineError
from pipeline.state import markers
from pipeline.state.inputs import Inputs
from pipeline.state.spec import Load
from pipeline.warehouse import bulk, definitions
from pipeline.warehouse.arrived import added_batches, added_rows, define_arrived, define_typed
from pipeline.warehouse.checks import run_checks
from pipeline.warehouse.reject_files import mark_due, write_due
from pipeline.warehouse.reject_limit import TooManyRejectsError, refuse_landed, too_many_rejects
from pipeline.warehouse.statements import execute_file, fetch_value, identifiers, read_sql, table_columns
from pipeline.warehouse.tables import complete

ANALYZE_FROM_ROWS = 1000


class MissingColumnsError(PipelineError):
    """The live table lacks columns that the load writes."""


class BatchesRefusedError(Exception):
    """Batches came of which too many rows cannot be typed: `errors` says why, one for each."""

    def __init__(self, errors: list[TooManyRejectsError]) -> None:
        super().__init__()
        self.errors = errors


@dataclass(frozen=True)
class MergedTable:
    """A table of `processed` that follows the table of the same name in `raw`.

    `parents` maps each referencing column to the table it refers to (with a key of the same name); a row
    whose parent is not there waits. `before_delete` is a SQL file that looks after the rows that refer to
    those in the temporary table `gone`.
    """

    name: str
    key: str
    parents: Mapping[str, str]
    before_delete: str | None = None

    @property
    def processed(self) -> str:
        """Qualified name in `processed`."""
        return f"processed.{self.name}"

    @property
    def raw(self) -> str:
        """Qualified name in `raw`."""
        return f"raw.{self.name}"

    def _parent_joins(self, child: str) -> sql.Composable:
        joins = [
            sql.SQL("LEFT JOIN processed.{table} ON {parent} = {child}").format(
                table=sql.Identifier(table),
                parent=sql.Identifier(table, column),
                child=sql.Identifier(child, column),
            )
            for column, table in self.parents.items()
        ]
        return sql.SQL("\n").join(joins)

    def parts(self, columns: list[str]) -> dict[str, sql.Composable]:
        """Return what the SQL files of a merge leave open."""
        waits = [sql.SQL("{} IS NULL").format(sql.Identifier(table, column)) for column, table in self.parents.items()]
        references = [
            sql.Identifier("winners", name) if name in columns and name in self.parents else sql.NULL
            for name in ("user_id", "content_id")
        ]
        return {
            "table": sql.SQL(self.name),
            "name": sql.Literal(self.name),
            "qualified": sql.Literal(self.processed),
            "key": sql.Identifier(self.key),
            "columns": identifiers(columns),
            "typed_columns": identifiers(columns, "typed"),
            "excluded": identifiers(columns, "excluded"),
            "target": identifiers(columns, "target"),
            "waits": sql.SQL(" OR ").join(waits) if waits else sql.SQL("false"),
            "held_parents": self._parent_joins("held"),
            "typed_parents": self._parent_joins("typed"),
            "references": sql.SQL(", ").join(references),
        }


def merge(load: Load, table: MergedTable) -> list[TooManyRejectsError]:
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
        MissingColumnsError, CheckFailedError: see there; nothing is loaded.
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


def _merge(load: Load, table: MergedTable) -> None:
    cursor = load.cursor
    last = load.previous
    full = last is None or last.missing is not None or last.voided or _ways(last.inputs) != _ways(load.spec.inputs)
    cursor.execute("SELECT batch_id FROM etl.merged_batches WHERE target_table = %s", (table.processed,))
    merged_before = {batch_id for (batch_id,) in cursor.fetchall()}
    execute_file(cursor, "load/changed_batches.sql", {"raw": table.raw, "processed": table.processed, "full": full})
    name = {"table": sql.SQL(table.name)}
    is_empty = fetch_value(cursor, sql.SQL("SELECT NOT EXISTS (SELECT FROM processed.{table})").format(**name))
    # Of rows that nothing accounts for any more, the batch says nothing: its number may be another's by now.
    is_lost = not is_empty and (last is None or last.missing is not None or not merged_before)
    if is_lost or (last and last.voided):
        execute_file(cursor, "load/stray_rows.sql", parts=name)
    batches = added_batches(cursor)
    define_arrived(cursor, table.name, batches)
    parts = table.parts(_columns(load, table))
    indexes_and_keys = definitions.indexes_and_keys(cursor, parts) if is_empty else {}
    arrived_rows = added_rows(cursor)
    arrived, some_left = "all_arrived", True
    if bulk.is_possible(cursor, parts):
        arrived, some_left = "rest", bulk.fill(cursor, parts, arrived_rows)
    elif is_empty:
        definitions.drop_constraints(cursor, parts, keep_primary=True)
    if some_left:
        _merge_one_by_one(load, table, arrived, parts, merged_before)
    if is_empty:
        complete(cursor, tables()[table.name])
        definitions.restore(cursor, parts, indexes_and_keys)
    execute_file(cursor, "load/raw_index.sql", parts=parts)
    cursor.execute("SELECT batch_id FROM added_batches")
    mark_due(cursor, table.name, [batch_id for (batch_id,) in cursor.fetchall()])
    if arrived_rows >= ANALYZE_FROM_ROWS:
        cursor.execute(sql.SQL("ANALYZE processed.{table}").format(**parts))
    # Without a condition where all rows are new: for that the planner would rather go through the index.
    is_added = sql.SQL("true") if is_empty else sql.SQL("_batch_id = ANY ({})").format(batches)
    _count(load, table, {**parts, "is_added": is_added})
    run_checks(cursor, table.name)


def _merge_one_by_one(
    load: Load, table: MergedTable, arrived: str, parts: Mapping[str, sql.Composable], merged_before: Set[int]
) -> None:
    """Merge the raw rows of the view or table `arrived`, and rows held back whose turn has come."""
    cursor = load.cursor
    cursor.execute(sql.SQL("CREATE TEMP VIEW arrived AS SELECT * FROM {}").format(sql.Identifier(arrived)))
    define_typed(cursor, table.name, "typed", "arrived")
    execute_file(cursor, "load/candidates.sql", parts=parts)
    define_typed(cursor, table.name, "typed_unfit", "unfit")
    define_typed(cursor, table.name, "typed_again", "again")
    execute_file(cursor, "load/reject.sql", parts=parts)
    _enforce_limits(load, table, merged_before)
    before_delete = sql.SQL(read_sql(table.before_delete) if table.before_delete else "")
    execute_file(cursor, "load/merge.sql", parts={**parts, "before_delete": before_delete})


def _ways(inputs: Inputs) -> Inputs:
    """Return the inputs that say how rows are made, as opposed to which rows, or how they are checked."""
    sql_files = {name: digest for name, digest in inputs.sql.items() if not name.startswith("checks/")}
    modules = {name: digest for name, digest in inputs.code.items() if name != run_checks.__module__}
    return replace(inputs, tasks={}, sql=sql_files, code=modules)


def _columns(load: Load, table: MergedTable) -> list[str]:
    """Return the columns to load: those of the typed view, without lineage."""
    typed = table_columns(load.cursor, "typed_all")
    columns = [column for column in typed if column not in ("valid", "problems") and not column.startswith("_")]
    live = table_columns(load.cursor, table.processed)
    missing = [column for column in columns if column not in live]
    if missing:
        raise MissingColumnsError(
            f"{table.processed} lacks {', '.join(missing)}.\n"
            f"  the load writes: {', '.join(columns)}\n"
            f"  the table has:   {', '.join(live)}\n"
            f"  Add ALTER TABLE … ADD COLUMN IF NOT EXISTS to sql/{table.processed.replace('.', '/')}.sql and run"
            " again."
        )
    return columns


def _enforce_limits(load: Load, table: MergedTable, merged_before: Set[int]) -> None:
    load.cursor.execute(
        """
        -- Of a reject file that was corrected, however many are still rejected, the others are welcome.
        SELECT rejected.batch_id, batches.source, batches.rows_loaded, count(*)
        FROM etl.rejected_rows AS rejected
        INNER JOIN added_batches ON added_batches.batch_id = rejected.batch_id
        INNER JOIN etl.batches AS batches ON batches.batch_id = rejected.batch_id
        WHERE rejected.stage = 'load' AND rejected.table_name = %s AND NOT batches.details ? 'corrects'
        GROUP BY rejected.batch_id, batches.source, batches.rows_loaded
        ORDER BY batches.source
        """,
        (table.name,),
    )
    found = load.cursor.fetchall()
    errors = [
        error
        for batch_id, source, read, rejected in found
        if (error := too_many_rejects(load.cursor, "load", table.name, source, batch_id, read, rejected))
    ]
    for error in errors:
        if error.batch_id in merged_before:
            raise error
    if errors:
        raise BatchesRefusedError(errors)


def _count(load: Load, table: MergedTable, parts: Mapping[str, sql.Composable]) -> None:
    execute_file(load.cursor, "load/outcome.sql", parts=parts)
    for _, _, read, loaded, rejected, superseded, waiting in load.cursor.fetchall():
        load.rows_read += read
        load.rows_loaded += loaded
        load.rows_rejected += rejected
        load.rows_superseded += superseded
        load.rows_waiting += waiting
    rows = fetch_value(load.cursor, sql.SQL("SELECT count(*) FROM processed.{table}").format(**parts))
    load.holds = {table.processed: rows}
    load.objects = tuple(markers.objects_of(load.cursor, table.processed))

"""Merging the present batches of a raw table into its table of `processed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.errors import PipelineError
from pipeline.loads import bulk, definitions
from pipeline.loads.checks import run_checks
from pipeline.loads.rejects import enforce_limit, write_files
from pipeline.stores import markers
from pipeline.stores.claims import Load
from pipeline.stores.statements import execute_file, fetch_value, identifiers, read_sql, table_columns

ANALYZE_FROM_ROWS = 1000


class MissingColumnsError(PipelineError):
    """The live table lacks columns that the load writes."""


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


def merge(load: Load, table: MergedTable) -> None:
    """Bring a table of `processed` to the present batches of `raw`.

    Only batches that came or left are read, unless the way of loading has changed or the table was emptied:
    then all are, and rows that come out the same are not rewritten. The counts in `load` are of the batches
    read.

    Args:
        load: the load in progress.
        table: what to merge.

    Raises:
        MissingColumnsError, TooManyRejectsError, CheckFailedError: see there; nothing is loaded.
    """
    cursor = load.cursor
    last = load.previous
    full = last is None or last.missing is not None or last.voided or _ways(last.inputs) != _ways(load.claim.inputs)
    execute_file(cursor, "load/changed_batches.sql", {"raw": table.raw, "processed": table.processed, "full": full})
    batches = _added_batches(cursor)
    _define_arrived(cursor, table, batches)
    parts = {**table.parts(_columns(load, table)), "added_batches": batches}
    is_empty = fetch_value(cursor, sql.SQL("SELECT NOT EXISTS (SELECT FROM processed.{table})").format(**parts))
    indexes_and_keys = definitions.indexes_and_keys(cursor, parts) if is_empty else {}
    arrived, some_left = "all_arrived", True
    if bulk.is_possible(cursor, parts):
        arrived, some_left = "rest", bulk.fill(cursor, parts)
    elif is_empty:
        definitions.drop_constraints(cursor, parts, keep_primary=True)
    if some_left:
        _merge_one_by_one(load, table, arrived, parts)
    if is_empty:
        execute_file(cursor, f"processed/{table.name}.sql")
        definitions.restore(cursor, parts, indexes_and_keys)
    execute_file(cursor, "load/raw_index.sql", parts={**parts, "index": sql.Identifier(f"{table.name}_batch_id_idx")})
    _count(load, table, parts)
    if load.rows_read >= ANALYZE_FROM_ROWS:
        cursor.execute(sql.SQL("ANALYZE processed.{table}").format(**parts))
    run_checks(cursor, table.name)


def _added_batches(cursor: Cursor) -> sql.Composable:
    """Spell out the batches that came.

    So the planner knows whether to read a few of them or the whole table, and reads that in parallel, which it
    cannot where a temporary table is in the query.
    """
    batch_ids = fetch_value(cursor, "SELECT coalesce(array_agg(batch_id), '{}') FROM added_batches")
    return sql.SQL("{}::bigint[]").format(sql.Literal(batch_ids))


def _define_arrived(cursor: Cursor, table: MergedTable, batches: sql.Composable) -> None:
    """Define views of the raw rows that came, and of what they are when typed."""
    cursor.execute(
        sql.SQL("CREATE TEMP VIEW all_arrived AS SELECT * FROM {raw} WHERE _batch_id = ANY ({batches})").format(
            raw=sql.Identifier("raw", table.name), batches=batches
        )
    )
    _type_rows(cursor, table, "typed_all", sql.Identifier("all_arrived"))


def _merge_one_by_one(load: Load, table: MergedTable, arrived: str, parts: Mapping[str, sql.Composable]) -> None:
    """Merge the raw rows of the view or table `arrived`, and rows held back whose turn has come."""
    cursor = load.cursor
    cursor.execute(sql.SQL("CREATE TEMP VIEW arrived AS SELECT * FROM {}").format(sql.Identifier(arrived)))
    _type_rows(cursor, table, "typed", sql.Identifier("arrived"))
    execute_file(cursor, "load/candidates.sql", parts=parts)
    _type_rows(cursor, table, "typed_unfit", sql.Identifier("unfit"))
    _type_rows(cursor, table, "typed_again", sql.Identifier("again"))
    execute_file(cursor, "load/reject.sql", parts=parts)
    _enforce_limits(load, table)
    before_delete = sql.SQL(read_sql(table.before_delete) if table.before_delete else "")
    execute_file(cursor, "load/merge.sql", parts={**parts, "before_delete": before_delete})


def _type_rows(cursor: Cursor, table: MergedTable, view: str, source: sql.Identifier) -> None:
    """Define a view of the typed rows of `source`, which has the columns of the raw table."""
    execute_file(cursor, f"load/typed_{table.name}.sql", parts={"view": sql.Identifier(view), "source": source})


def _ways(inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs that say how rows are made, as opposed to which rows, or how they are checked."""
    return {name: digest for name, digest in inputs.items() if not name.startswith(("task ", "sql checks/"))}


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


def _enforce_limits(load: Load, table: MergedTable) -> None:
    load.cursor.execute(
        """
        SELECT rejected.batch_id, batches.source, batches.rows_loaded, count(*)
        FROM etl.rejected_rows AS rejected
        INNER JOIN added_batches ON added_batches.batch_id = rejected.batch_id
        INNER JOIN etl.batches AS batches ON batches.batch_id = rejected.batch_id
        WHERE rejected.stage = 'load' AND rejected.table_name = %s
        GROUP BY rejected.batch_id, batches.source, batches.rows_loaded
        ORDER BY batches.source
        """,
        (table.name,),
    )
    for batch_id, source, read, rejected in load.cursor.fetchall():
        enforce_limit(load, "load", source, batch_id, read, rejected)
        write_files(load.cursor, [batch_id])


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

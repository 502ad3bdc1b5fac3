"""Taking up a snapshot: what PostgreSQL keeps of a table whose rows Spark keeps, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipeline.contract.table import LINEAGE, Table
from pipeline.lake.copying import copy_parquet
from pipeline.settings import get_settings
from pipeline.state import lake_files, markers
from pipeline.state.spec import Load
from pipeline.warehouse.checks import Check, conclude
from pipeline.warehouse.merge import ways
from pipeline.warehouse.rebuild import brought_along
from pipeline.warehouse.row_checks import forget_checks
from pipeline.warehouse.statements import lock_out_readers

MANIFEST = "manifest.json"
# What the merge keeps of a table whose rows are in PostgreSQL.
FORGET = """
    DELETE FROM etl.held_rows WHERE table_name = %(name)s;
    DELETE FROM etl.edited_rows WHERE batch_id IN (
        SELECT batch_id FROM etl.merged_batches WHERE target_table = %(processed)s
    );
    DELETE FROM etl.merged_batches WHERE target_table = %(processed)s;
    UPDATE etl.rollup_state SET is_current = false
"""
MERGED = "INSERT INTO etl.merged_batches (target_table, batch_id) VALUES %s"
COUNTED = "INSERT INTO etl.row_counts (place, table_name, batch_id, kind, rows) VALUES %s"
DEVICES = """
    INSERT INTO etl.snapshot_devices
    SELECT device_type, sum(sessions), sum(completions) FROM new_devices GROUP BY device_type;
    DROP TABLE new_devices
"""


@dataclass(frozen=True)
class Snapshot:
    """A folder below `LAKE_PATH/snapshots`, and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def path(self) -> str:
        """The folder relative to `LAKE_PATH`."""
        return self.folder.relative_to(get_settings().lake_path).as_posix()

    def sums(self, name: str) -> list[Path]:
        """Return the files of a small table."""
        return [self.folder / path for path in self.manifest["sums"][name]]

    def files(self, kind: str) -> list[Path]:
        """Return the files of a kind."""
        return [self.folder / path for path in self.manifest[kind]]


@dataclass(frozen=True)
class Landed:
    """A landed file: its batch, its place among the files of its table, and what its landing noted of it."""

    batch_id: int
    rank: int
    parquet: str
    months: Mapping[str, int]
    rows: int
    load_rejected: int

    def to_json(self) -> dict[str, Any]:
        """Return what the application is told of it."""
        return {name: value for name, value in asdict(self).items() if name != "batch_id"}


def adopt(load: Load, table: Table, snapshot: Snapshot, landed: Sequence[Landed], checks: Iterable[Check]) -> None:
    """Take up a snapshot in place of what was loaded before.

    Raises:
        CheckFailedError: an `error` check has findings.
    """
    cursor, last, manifest = load.cursor, load.previous, snapshot.manifest
    was_merged = _merged(cursor, table)
    is_new = not lake_files.is_in_lake(cursor, table.name)
    is_full = is_new or last is None or last.missing is not None or last.voided
    if last is not None and not is_full:
        is_full = ways(last.inputs) != ways(load.spec.inputs)
    is_changed = last is not None and last.inputs.facts.get("declaration") != load.spec.inputs.facts["declaration"]
    batches = {each.parquet: each.batch_id for each in landed}
    with brought_along(cursor, table, is_changed=is_changed):
        window_rows = _fill_window(cursor, table, snapshot.files("window"), batches, anew=is_new)
    cursor.execute(FORGET, {"name": table.name, "processed": table.processed})
    lake_files.forget_snapshot(cursor, table.name)
    execute_values(cursor, MERGED, [(table.processed, each.batch_id) for each in landed])
    outcomes = {each.batch_id: manifest["outcomes"][each.parquet] for each in landed}
    execute_values(cursor, COUNTED, list(_counts(table, outcomes)))
    lake_files.note(cursor, table.name, "snapshot", load.batch_id or 0, _files(snapshot))
    _keep_numbers(cursor, snapshot)
    forget_checks(cursor, table)
    found = manifest["checks"]
    conclude(cursor, [each.found(found[each.name]["findings"], found[each.name]["examples"], ()) for each in checks])
    for each in landed:
        if is_full or each.batch_id not in was_merged:
            outcome = outcomes[each.batch_id]
            load.rows_read += each.rows
            load.rows_rejected += each.load_rejected
            load.rows_loaded += outcome["loaded"]
            load.rows_superseded += outcome["superseded"]
            load.rows_waiting += sum(outcome["waiting"].values())
    load.holds = {table.processed: window_rows}
    load.objects = tuple(markers.objects_of(cursor, table.processed))


def _merged(cursor: Cursor, table: Table) -> set[int]:
    cursor.execute("SELECT batch_id FROM etl.merged_batches WHERE target_table = %s", (table.processed,))
    return {batch_id for (batch_id,) in cursor.fetchall()}


def _counts(table: Table, outcomes: Mapping[int, Mapping[str, Any]]) -> Iterable[tuple[object, ...]]:
    """Return rows of `etl.row_counts`: what became of the records of each batch."""
    for batch_id, outcome in outcomes.items():
        kinds = {f"waiting for {parent}": rows for parent, rows in outcome["waiting"].items()}
        yield "processed", table.name, batch_id, None, outcome["loaded"]
        for kind, rows in {"superseded": outcome["superseded"], **kinds}.items():
            if rows:
                yield "held_rows", table.name, batch_id, kind, rows


def _fill_window(cursor: Cursor, table: Table, files: Sequence[Path], batches: Mapping[str, int], *, anew: bool) -> int:
    """Have the last days of the table in PostgreSQL, and nothing else; return the number of rows.

    Args:
        cursor: the load's.
        table: the table.
        files: the rows, each with the landed file and the record that it was made of.
        batches: the batches of landed files.
        anew: all rows of the table are there still, too many to be deleted.
    """
    if anew:
        truncate = sql.SQL("TRUNCATE {}").format(table.processed_sql)
        lock_out_readers(cursor, lambda: cursor.execute(truncate))
    else:
        cursor.execute(sql.SQL("DELETE FROM {}").format(table.processed_sql))
    names, numbers = pa.array(batches.keys(), pa.string()), pa.array(batches.values(), pa.int64())

    def with_batch(rows: pa.RecordBatch) -> pa.RecordBatch:
        return rows.append_column("_batch_id", numbers.take(pc.index_in(rows.column("_file"), value_set=names)))

    columns = [*table.column_names, *LINEAGE]
    return copy_parquet(cursor, table.processed, columns, files, change=with_batch)


def _files(snapshot: Snapshot) -> dict[str, int]:
    """Return the files that count from now on with their sizes, those among them of earlier snapshots too."""
    lake = get_settings().lake_path
    paths = {snapshot.folder / MANIFEST, *snapshot.files("written")}
    for month in snapshot.manifest["months"].values():
        paths |= {lake / month["folder"] / path for path in month["files"]}
    return {path.relative_to(lake).as_posix(): path.stat().st_size for path in sorted(paths)}


def _keep_numbers(cursor: Cursor, snapshot: Snapshot) -> None:
    """Keep the sessions by day and by device, which checks ask for before anything is published."""
    days = snapshot.sums("rollup_day")
    copy_parquet(cursor, "etl.snapshot_days", ["watch_date", "sessions"], days)
    cursor.execute("CREATE TEMP TABLE new_devices (LIKE etl.snapshot_devices) ON COMMIT DROP")
    devices = snapshot.sums("rollup_device")
    copy_parquet(cursor, "new_devices", ["device_type", "sessions", "completions"], devices)
    cursor.execute(DEVICES)

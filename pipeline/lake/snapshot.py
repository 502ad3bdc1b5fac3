"""Loading a table that Spark keeps: a snapshot of all that is landed, made by one application, and taken up here.

A snapshot is a folder of its own, whose manifest is written last. It counts as soon as its load commits: with it go the
audit, the marker, the numbers of rows and what checks found.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import luigi
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.declared import declared, require_no_children
from pipeline.contract.differences import digest
from pipeline.contract.table import Table
from pipeline.errors import PipelineError
from pipeline.lake.adoption import MANIFEST, Landed, Snapshot, adopt
from pipeline.lake.copying import export
from pipeline.lake.runner import submit
from pipeline.settings import get_settings
from pipeline.state import lake_files
from pipeline.state.spec import Load
from pipeline.warehouse.checks import Check, read_checks
from pipeline.warehouse.row_checks import EXAMPLES
from pipeline.warehouse.statements import execute_file, fetch_value, table_columns

PROCESSED = re.compile(r"\bprocessed\.(\w+)")
RUN_DAY = re.compile(r"current_setting\('pipeline\.run_day'\)::date")
SUMS = (
    "rollup_user",
    "rollup_audience",
    "rollup_minutes",
    "rollup_cohort",
    "rollup_device",
    "rollup_title",
    "rollup_title_bucket",
    "rollup_title_country",
    "rollup_day",
    "rollup_month",
)
"""Tables that views read. By the others PostgreSQL keeps them up where it has the rows."""
BATCHES = """
    SELECT
        current_batches.batch_id, current_batches.source, source_rank, landings.details -> 'lake',
        updates.inputs #>> '{facts, declaration}'
    FROM current_batches
    INNER JOIN etl.table_updates AS updates USING (batch_id)
    INNER JOIN etl.batches AS landings ON landings.batch_id = coalesce(updates.audit_id, updates.batch_id)
    ORDER BY source_rank
"""


class NotOnSparkError(PipelineError):
    """A file was not landed as Spark needs it; the message says why and what to do."""


def load_snapshot(load: Load, table: Table, shown_at: luigi.Task) -> None:
    """Bring a table to the landed files: on Spark, and what PostgreSQL keeps of it in the load's transaction.

    Args:
        load: the load in progress.
        table: its declaration.
        shown_at: the task at hand, which shows how far it is.

    Raises:
        UnsupportedDeclarationError: another table refers to it, or it has a type or check that only PostgreSQL knows.
        NotOnSparkError: see there.
        SparkError: the application failed.
        CheckFailedError: an `error` check has findings; nothing is loaded.
    """
    cursor = load.cursor
    require_no_children(table)
    lake_files.require_lake(cursor)
    landed = _landed(cursor, table)
    checks = read_checks(table.name)
    day = fetch_value(cursor, "SELECT current_setting('pipeline.run_day')::date")
    is_redone = load.previous is not None and load.previous.voided
    snapshot = None if is_redone else _left_over(load.spec.fingerprint, landed)
    if snapshot is None:
        name = f"{load.spec.fingerprint}-{uuid.uuid4().hex[:12]}"
        folder = lake_files.make_folder(lake_files.SNAPSHOTS, name)
        spec = _prepare(cursor, table, folder, checks, day)
        spec |= {"files": [each.to_json() for each in landed], "previous": _previous(load, table)}
        (folder / "spec.json").write_text(json.dumps(spec))
        # No transaction is open while the cluster is at work; the locks are the connection's.
        cursor.connection.commit()
        submit("snapshot", [str(folder / "spec.json")], name=f"snapshot of {table.name}", task=shown_at)
        cursor.execute("SET LOCAL pipeline.run_day = %s", (day.isoformat(),))
        snapshot = Snapshot(folder, json.loads((folder / MANIFEST).read_text()))
    adopt(load, table, snapshot, landed, checks)
    load.details["snapshot"] = snapshot.path


def snapshot_of(cursor: Cursor, table: str) -> Snapshot | None:
    """Return the snapshot that is loaded, if Spark keeps the table and its manifest can be read."""
    path = fetch_value(
        cursor,
        """
        SELECT (
            SELECT batches.details ->> 'snapshot' FROM etl.table_updates INNER JOIN etl.batches USING (batch_id)
            WHERE table_updates.target_table = %s
        )
        """,
        (f"processed.{table}",),
    )
    return _read(get_settings().lake_path / path) if path else None


def first_day(day: date) -> date | None:
    """Return from which day on sessions are in PostgreSQL too; None if none are."""
    days = get_settings().sessions_in_postgres_days
    return day - timedelta(days=days - 1) if days else None


def _landed(cursor: Cursor, table: Table) -> list[Landed]:
    execute_file(cursor, "merge/current_batches.sql", {"raw": table.raw})
    cursor.execute(BATCHES)
    found = cursor.fetchall()
    if absent := [source for _, source, _, lake, _ in found if lake is None]:
        raise NotOnSparkError(
            f"{absent[0]}: its rows are in PostgreSQL, and the file was not landed again, so Spark does not have them"
            " (why: see above); let it be read or correct it, or unset SPARK_MASTER"
        )
    if stale := [source for _, source, _, _, declaration in found if declaration != digest(table)]:
        raise NotOnSparkError(
            f"{stale[0]}: its values are typed as {table.processed} was declared before, and the file was not landed"
            " again (why: see above); correct it, or the declaration"
        )
    return [Landed(batch_id, rank, **lake) for batch_id, _, rank, lake, _ in found]


def _left_over(fingerprint: str, landed: Iterable[Landed]) -> Snapshot | None:
    """Return a whole snapshot of the same state, which a run made that was killed before it could commit."""
    wanted = sorted(each.parquet for each in landed)
    for folder in sorted((get_settings().lake_path / lake_files.SNAPSHOTS).glob(f"{fingerprint}-*")):
        snapshot = _read(folder)
        if snapshot and sorted(snapshot.manifest["files"]) == wanted:
            return snapshot
    return None


def _read(folder: Path) -> Snapshot | None:
    """Return the snapshot in a folder; None if it is not whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if all((folder / path).stat().st_size == size for path, size in manifest["written"].items()):
            return Snapshot(folder, manifest)
    except (OSError, ValueError):
        pass
    return None


def _prepare(cursor: Cursor, table: Table, folder: Path, checks: Iterable[Check], day: date) -> dict[str, object]:
    """Write the parents beside what is to come; return what the application is to do."""
    about, lake = declared(table), get_settings().lake_path
    texts = {check.name: check.query for check in checks}
    parents = {reference.parent for reference in table.references}
    parents |= {name for text in texts.values() for name in PROCESSED.findall(text)} - {table.name}
    (folder / "parents").mkdir()
    for name in sorted(parents):
        export(cursor, name, folder / "parents" / f"{name}.parquet")
    window = first_day(day)
    return {
        "folder": str(folder),
        "lake": str(lake),
        "landed": str(lake / lake_files.LANDED),
        "declared": about,
        "parents": sorted(parents),
        "checks": [
            {"name": name, "query": RUN_DAY.sub(f"DATE '{day}'", PROCESSED.sub(r"\1", text))}
            for name, text in texts.items()
        ],
        "day": day.isoformat(),
        "sums": {name: table_columns(cursor, f"etl.{name}") for name in SUMS},
        "window_from": window.isoformat() if window else None,
        "examples": EXAMPLES,
    }


def _previous(load: Load, table: Table) -> str | None:
    """Return the folder of the snapshot that is loaded, if all is there; how it was made the program knows itself."""
    last = load.previous
    # That files landed or left since is what it is brought along for.
    if last is None or last.missing or last.voided:
        return None
    snapshot = snapshot_of(load.cursor, table.name)
    return str(snapshot.folder) if snapshot else None

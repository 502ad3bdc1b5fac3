"""Landing the CSV files of a table on Spark, in one application, and taking up what came of each."""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import luigi
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.declared import column_names, declared, require_no_children
from pipeline.contract.register import csv_tables, tables
from pipeline.lake.copying import copy_parquet
from pipeline.lake.runner import submit
from pipeline.records.files import ChangedWhileReadError, FileRefusedError, UnreadableFileError
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.sources.files import most_bytes
from pipeline.sources.inventory import raw_files
from pipeline.state import lake_files
from pipeline.state.spec import Load
from pipeline.warehouse.drift import missing_columns, new_columns_of, vanished_columns
from pipeline.warehouse.header_match import match_columns
from pipeline.warehouse.raw_columns import raw_table_of
from pipeline.warehouse.raw_table import (
    limits_told,
    note_drift,
    note_reading,
    remove,
    require_not_emptied,
    warn_if_shrunken,
)
from pipeline.warehouse.reject_files import is_reject_file, mark_due, write_due
from pipeline.warehouse.reject_limit import enforce_limit
from pipeline.warehouse.rejects import digests_of, forget_refused
from pipeline.warehouse.unused_columns import undeclared

logger = logging.getLogger("pipeline")

Outcome = dict[str, Any]
"""What `pipeline.records.landing.land` returns of a file."""
ERRORS = {"refused": FileRefusedError, "unreadable": UnreadableFileError, "changed": ChangedWhileReadError}
NEW_REJECTS = """
    CREATE TEMP TABLE new_rejects (_row bigint, rejected jsonb) ON COMMIT DROP
"""
KEEP_REJECTS = """
    INSERT INTO etl.rejected_rows (
        batch_id, stage, table_name, source, record, column_name, value, reason, problems, row
    )
    SELECT
        %(batch)s, rejected ->> 'stage', %(table)s, %(source)s, _row, rejected #>> '{problems, 0, column}',
        rejected #>> '{problems, 0, value}', rejected #>> '{problems, 0, reason}', rejected -> 'problems',
        rejected -> 'row'
    FROM new_rejects
    ORDER BY _row
"""


def land_all(files: Mapping[str, str], afresh: Set[str], table: str, shown_at: luigi.Task) -> dict[str, Outcome]:
    """Have Spark land files, each by one of its tasks, but those that a killed run has landed and not taken up.

    Args:
        files: fingerprints of their landings, by path.
        afresh: those that are to be landed whatever there is of them.
        table: the table they belong to.
        shown_at: the task at hand, which shows how far it is.

    Raises:
        UnsupportedDeclarationError: another table refers to it, or it has a type or check that only PostgreSQL knows.
        SparkError: the application failed as a whole.
    """
    require_no_children(tables()[table])
    with session() as cursor:
        lake_files.require_lake(cursor)
    about, folder = declared(tables()[table]), lake_files.make_folder(lake_files.LANDED)
    found = dict(_left_over(folder, {path: files[path] for path in files if path not in afresh}))
    wanted = {path: fingerprint for path, fingerprint in files.items() if path not in found}
    if not wanted:
        return found
    # What all files have in common is told once: there may be a hundred thousand of them.
    same = {
        "folder": str(get_settings().data_raw_path),
        "declared": about,
        "tables": column_names(csv_tables().values()),
        "max_reject_ratio": get_settings().max_reject_ratio,
        "max_file_bytes": most_bytes(),
    }
    specs = [
        {
            "path": path,
            "digest": raw_files()[path],
            "is_correction": is_reject_file(path),
            "target": str(folder / fingerprint),
        }
        for path, fingerprint in wanted.items()
    ]
    work = lake_files.make_folder(lake_files.LANDINGS, uuid.uuid4().hex[:12])
    try:
        spec, result = work / "spec.json", work / "result.json"
        spec.write_text(json.dumps({"same": same, "files": specs}))
        submit("land", [str(spec), str(result)], name=f"landing {table}", task=shown_at)
        outcomes: list[Outcome] = json.loads(result.read_text())
        for path in (folder / outcome["parquet"] for outcome in outcomes if outcome["parquet"]):
            os.utime(path)  # however long that took, nobody takes it for left behind
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {**found, **{outcome["path"]: outcome for outcome in outcomes}}


def _left_over(folder: Path, files: Mapping[str, str]) -> Iterator[tuple[str, Outcome]]:
    """Yield what killed runs have landed of the same files in the same way."""
    with session() as cursor:
        cursor.execute("SELECT path FROM etl.lake_files WHERE kind = 'landed'")
        known = {Path(path).name for (path,) in cursor.fetchall()}
    sidecars: dict[str, list[Path]] = {}
    for sidecar in sorted(folder.glob("[!.]*.json")):
        sidecars.setdefault(sidecar.name.partition("-")[0], []).append(sidecar)
    for path, fingerprint in files.items():
        for sidecar in sidecars.get(fingerprint, []):
            outcome = json.loads(sidecar.read_text())
            parquet = folder / outcome["parquet"]
            is_whole = parquet.is_file() and parquet.stat().st_size == outcome["bytes"]
            if parquet.name not in known and outcome["path"] == path and is_whole:
                yield path, outcome
                break


def take_up(load: Load, name: str, outcome: Outcome, *, allow_empty: bool) -> None:
    """Have what Spark landed of a file stand in place of what the file brought before.

    Args:
        load: the load in progress.
        name: path of the file relative to the raw folder.
        outcome: what came of it.
        allow_empty: take a file without records although it had some before.

    Raises:
        FileRefusedError: the file as a whole cannot be loaded.
        TooManyRejectsError: too many of its records are no rows, or cannot be typed.
        ChangedWhileReadError: its content is not the one that was fingerprinted.
    """
    if load.batch_id is None:
        raise RuntimeError("the audit is missing; CreatePostgresTables comes first")
    if error := outcome["error"]:
        raise ERRORS[error["kind"]](error["message"])
    cursor, table, last = load.cursor, raw_table_of(name), load.previous
    # What is landed again, after it was lost, has the same number: so what was made of it stays right.
    is_again = last and last.batch_id and last.is_known and last.inputs == load.spec.inputs
    batch_id = last.batch_id if last and last.batch_id and is_again else load.batch_id
    load.marked_batch_id = batch_id
    load.after_commit.append(write_due)
    columns = outcome["columns"]
    with limits_told(name):
        added, missing = match_columns(cursor, name, columns, load.spec.update_id)
    load.details["columns"] = undeclared(table, columns)
    load.details["examples"] = outcome["examples"]
    absent = [*missing_columns(table, missing), *vanished_columns(load, table, [*columns, *missing])]
    if load.previous:
        load.details["rejected_before"] = digests_of(cursor, load.previous.batch_id)
    remove(cursor, table, load.previous)
    require_not_emptied(load, name, outcome["records"], allow_empty=allow_empty)
    parquet = f"{lake_files.LANDED}/{outcome['parquet']}"
    if outcome["land_rejected"] or outcome["load_rejected"]:
        _keep_rejects(cursor, get_settings().lake_path / parquet, table, name, batch_id)
    if outcome["is_reject_file"] or is_reject_file(name):
        load.details["corrects"] = outcome["corrects"]
    else:
        _enforce_limits(cursor, table, name, batch_id, outcome)
    forget_refused(cursor, load.batch_id)
    mark_due(cursor, table, [batch_id])
    lake_files.note(cursor, table, "landed", batch_id, {parquet: outcome["bytes"]})
    cursor.execute("INSERT INTO etl.row_counts VALUES ('raw', %s, %s, NULL, %s)", (table, batch_id, outcome["rows"]))
    load.rows_read, load.rows_loaded = outcome["records"], outcome["rows"]
    load.rows_rejected = outcome["land_rejected"]
    load.holds = {f"raw.{table}": outcome["rows"]}
    load.details["lake"] = {key: outcome[key] for key in ("parquet", "months", "rows", "load_rejected")}
    note_reading(load, name, outcome["blank_rows"], outcome["delimiter"])
    warn_if_shrunken(load, name)
    new = new_columns_of(table, {column: outcome["examples"].get(column) for column in added})
    note_drift(load, name, [*new, *absent])


def _keep_rejects(cursor: Cursor, parquet: Path, table: str, source: str, batch_id: int) -> None:
    cursor.execute(NEW_REJECTS)
    copy_parquet(cursor, "new_rejects", ["_row", "rejected"], [parquet], only="rejected")
    cursor.execute(KEEP_REJECTS, {"batch": batch_id, "table": table, "source": source})
    cursor.execute("DROP TABLE new_rejects")


def _enforce_limits(cursor: Cursor, table: str, name: str, batch_id: int, outcome: Outcome) -> None:
    """Refuse a file of which too many records are no rows, or, of those that are, too many cannot be typed."""
    read, rejected = outcome["records"], outcome["land_rejected"]
    enforce_limit(cursor, "land", table, name, batch_id, read, rejected, is_given_up=outcome["is_given_up"])
    enforce_limit(cursor, "load", table, name, batch_id, outcome["rows"], outcome["load_rejected"])

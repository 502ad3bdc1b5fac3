"""What ran last, and what is to be looked after."""

from __future__ import annotations

import json
from typing import Any

import typer

from pipeline.cli.options import AsJson
from pipeline.cli.show import show
from pipeline.contract.register import csv_tables
from pipeline.records.files import UnreadableFileError
from pipeline.servers.postgres import session
from pipeline.sources.inventory import inventory, raw_files
from pipeline.state.marker import REDO
from pipeline.tasks.undeclared import meant_table
from pipeline.warehouse.drift import in_words
from pipeline.warehouse.statements import fetch_value

LAST_LOADS = """
    SELECT DISTINCT ON (task, target_table, source)
        batch_id, task, source, status, started, round(extract(epoch FROM finished - started), 2)::float AS seconds,
        rows_read, rows_loaded, rows_rejected, rows_superseded, rows_waiting, error, details
    FROM etl.batches
    ORDER BY task, target_table, source, batch_id DESC
"""
FILES = "SELECT source, table_name, read, loaded, rejected, superseded, waiting FROM etl.file_outcomes ORDER BY source"
WAITING = """
    SELECT table_name, substr(kind, length('waiting for ') + 1) AS waits_for, sum(rows)::bigint AS rows
    FROM etl.row_counts WHERE kind LIKE 'waiting for %' GROUP BY 1, 2 HAVING sum(rows) <> 0 ORDER BY 1, 2
"""
FINDINGS = """
    SELECT check_name, severity, findings, description FROM etl.check_results WHERE findings > 0
    ORDER BY severity, check_name
"""
SUPERSEDED_CORRECTIONS = """
    SELECT
        batches.source, sum(kept.rows)::bigint AS records,
        -- Of rows that Spark keeps, their number alone is here.
        array(
            SELECT trim(BOTH '{}' FROM held.key::text) FROM etl.held_rows AS held
            WHERE held.batch_id = batches.batch_id AND held.status = 'superseded' ORDER BY held.key LIMIT 3
        ) AS keys
    FROM etl.table_updates AS updates
    INNER JOIN etl.batches AS batches ON batches.batch_id = updates.batch_id AND batches.details ? 'corrects'
    INNER JOIN etl.row_counts AS kept ON kept.batch_id = batches.batch_id AND kept.kind = 'superseded'
    WHERE updates.target_table LIKE 'raw.%'
    GROUP BY batches.batch_id HAVING sum(kept.rows) > 0 ORDER BY batches.source
"""
LOADED = """
    SELECT batches.source, updates.inputs ->> 'content' FROM etl.table_updates AS updates
    INNER JOIN etl.batches AS batches USING (batch_id)
    WHERE batches.task = ANY (%s) AND updates.fingerprint <> %s
"""
FILE_TASKS = ["LoadCsvToPostgres", "LoadJsonToMongo"]
SHOWN_ENTRIES = 20


def status(as_json: AsJson = False) -> None:
    """Show what ran last: when, rows, seconds, rejected records, what waits, findings of checks.

    Example: python -m pipeline status --json
    """
    state = _state()
    if as_json:
        typer.echo(json.dumps(state, indent=2, default=str))
    else:
        show(*(_in_words(state) if state else ["nothing was loaded yet; run: luigi --module pipeline RunAll"]))


def _state() -> dict[str, list[dict[str, Any]]]:
    with session() as cursor:
        if not fetch_value(cursor, "SELECT to_regclass('etl.file_outcomes') IS NOT NULL"):
            return {}
        # A warehouse of an earlier version is not counted yet.
        is_counted = fetch_value(cursor, "SELECT to_regclass('etl.row_counts') IS NOT NULL")
        state = {
            name: _records(cursor, query) if is_counted or "row_counts" not in query else []
            for name, query in QUERIES.items()
        }
        cursor.execute(LOADED, (FILE_TASKS, REDO))
        loaded = set(cursor.fetchall())
    current = [load for load in state["loads"] if _is_current(load, loaded)]
    state["undeclared"] = _undeclared(state["files"])
    state["loads"] = sorted(current, key=lambda load: load["started"])
    return state


QUERIES = {
    "loads": LAST_LOADS,
    "files": FILES,
    "waiting": WAITING,
    "findings": FINDINGS,
    "superseded_corrections": SUPERSEDED_CORRECTIONS,
}


def _records(cursor: Any, query: str) -> list[dict[str, Any]]:
    cursor.execute(query)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _undeclared(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tables that are in `raw` alone, as text, with the declared one whose name is nearly theirs."""
    declared = csv_tables()
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        name = file["table_name"]
        if name not in declared:
            new: dict[str, Any] = {"table": f"raw.{name}", "files": 0, "rows": 0, "meant": meant_table(name, declared)}
            entry = found.setdefault(name, new)
            entry["files"] += 1
            entry["rows"] += file["loaded"]
    return list(found.values())


def _is_current(load: dict[str, Any], loaded: set[tuple[str, str]]) -> bool:
    """Tell whether a load is of interest: of a file that failed something is to be mended, or it is not any more.

    Nothing is if the file is gone, or is again the one that is loaded, after another one was refused or it could not
    be read.
    """
    source = load["source"]
    if load["task"] == "WithdrawCsv" and load["status"] == "failed":
        return source not in raw_files()
    if load["task"] not in FILE_TASKS or load["status"] != "failed" or inventory().why_unreadable(source):
        return True
    digest, refused = raw_files().get(source), load["details"].get("refused")
    if digest is None:
        return False
    was_file = refused is not None or load["error"].startswith(f"{UnreadableFileError.__name__}:")
    return not was_file or refused == digest or (source, digest) not in loaded


def _in_words(state: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = [f"{'last load':<32}{'when':<18}{'seconds':>8}{'read':>12}{'loaded':>12}{'rejected':>10}{'waiting':>9}"]
    by_task: dict[str, list[dict[str, Any]]] = {}
    for load in state["loads"]:
        by_task.setdefault(load["task"], []).append(load)
    for task, loads in by_task.items():
        lines.append(_task_line(task, loads))
        lines += [f"  FAILED {load['source']}: {load['error']}" for load in loads if load["status"] == "failed"]
        lines += [
            f"  running since {load['started'].astimezone():%H:%M:%S}" for load in loads if load["status"] == "running"
        ]
    for title, entries in _sections(state).items():
        lines += ["", title, *entries[:SHOWN_ENTRIES]] if entries else []
        more = len(entries) - SHOWN_ENTRIES
        lines += [f"… and {more:,} more"] if more > 0 else []
    return lines


def _sections(state: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Return what is to be looked after, each kind under its title."""
    return {
        f"{'files with rejected or waiting records':<50}{'read':>12}{'rejected':>10}{'waiting':>9}": [
            f"{file['source']:<50}{file['read']:>12,}{file['rejected']:>10,}{file['waiting']:>9,}"
            for file in state["files"]
            if file["rejected"] or file["waiting"]
        ],
        "in raw as text only, for no such table is declared (python -m pipeline declare FILE)": [
            f"  {each['table']}: {each['files']:,} files, {each['rows']:,} rows"
            + (f"; is {each['meant']} meant?" if each["meant"] else "")
            for each in state["undeclared"]
        ],
        "corrected records that a later delivery superseded": [
            f"  {file['source']}: {file['records']:,}, such as {', '.join(file['keys'])}"
            for file in state["superseded_corrections"]
        ],
        "rows that wait for another one": [
            f"  {each['table_name']}: {each['rows']:,} for {each['waits_for']}" for each in state["waiting"]
        ],
        "checks with findings": [
            f"  {found['severity']:<6}{found['check_name']}: {found['findings']:,} ({found['description']})"
            for found in state["findings"]
        ],
        "drift": [
            f"  {load['source']}: {in_words(each)}"
            for load in state["loads"]
            for each in load["details"].get("drift", [])
        ],
    }


def _task_line(task: str, loads: list[dict[str, Any]]) -> str:
    def total(column: str) -> int:
        return sum(load[column] for load in loads)

    name = f"{task} ({len(loads)})" if len(loads) > 1 else task
    last = max(load["started"] for load in loads).astimezone()
    seconds = sum(load["seconds"] or 0 for load in loads)
    return (
        f"{name:<32}{last:%Y-%m-%d %H:%M}  {seconds:>8.1f}{total('rows_read'):>12,}{total('rows_loaded'):>12,}"
        f"{total('rows_rejected'):>10,}{total('rows_waiting'):>9,}"
    )

"""The records that were rejected, and where they stand."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipeline.records.spreadsheets import defused
from pipeline.records.text_rules import visible
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.warehouse.statements import fetch_value

SHOWN = 100
SHOWN_LENGTH = 40
SHOWN_REASONS = 20
COLUMNS = ("table", "source", "record", "column", "value", "reason", "record as it came")
QUERY = """
    SELECT table_name, source, coalesce(document_id, record::text, ''), coalesce(column_name, ''), value, reason, row
    FROM etl.rejected_rows
    WHERE (%(table)s IS NULL OR table_name = %(table)s)
        AND (%(reason)s IS NULL OR position(lower(%(reason)s) IN lower(reason)) > 0)
    ORDER BY table_name, source, record, document_id, reject_id
"""


def rejects(
    table: Annotated[str | None, typer.Option(help="only of this table or collection")] = None,
    reason: Annotated[str | None, typer.Option(help="only those whose reason holds this text")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="print all of them as CSV, with the whole record")] = False,
) -> None:
    """Show the records that were rejected, with their reasons and where they stand.

    Example: python -m pipeline rejects --table users --reason "out of range"
    """
    with session() as cursor:
        if not fetch_value(cursor, "SELECT to_regclass('etl.rejected_rows') IS NOT NULL"):
            found = []
        else:
            cursor.execute(QUERY, {"table": table, "reason": reason})
            found = cursor.fetchall()
    if as_csv:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale: a file of ours is read so
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        for *cells, record in found:
            writer.writerow(defused(cell or "") for cell in (*cells, json.dumps(record, ensure_ascii=False)))
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    if not found:
        console.print("no rejected records")
        return
    shown = Table(*COLUMNS[:-1], box=None, pad_edge=False)
    for row in found[:SHOWN]:
        shown.add_row(*(_shorten(cell) for cell in row[:-1]))
    console.print(shown, markup=False)
    if len(found) > 1:
        console.print()
        console.print(_by_reason(found), markup=False)
    if len(found) > SHOWN:
        console.print(f"… and {len(found) - SHOWN:,} more; all of them: python -m pipeline rejects --csv")
    console.print(f"{len(found):,} rejected; files to correct: {get_settings().data_rejected_path}", markup=False)


def _by_reason(found: list[tuple[Any, ...]]) -> Table:
    """Count the records of each reason, the commonest first."""
    counts = Counter((table, column, reason) for table, _, _, column, _, reason, _ in found)
    summary = Table("records", "table", "column", "reason", box=None, pad_edge=False)
    for (table, column, reason), count in counts.most_common(SHOWN_REASONS):
        summary.add_row(f"{count:,}", *map(_shorten, (table, column, reason)))
    return summary


def _shorten(value: str | None) -> str:
    """Show a value in one short line, whatever is in it."""
    return "(none)" if value is None else visible(value, SHOWN_LENGTH - 1)

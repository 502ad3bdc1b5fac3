"""Clearing away what no marker needs any more."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.show import show
from pipeline.days import today
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.state.lake_files import left_behind
from pipeline.state.markers import markers
from pipeline.warehouse.leftovers import delete, leftovers
from pipeline.warehouse.reject_files import as_written, digest_of

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
SECONDS_A_DAY = 86_400


def gc(
    keep_days: Annotated[int, typer.Option(min=0, help="how many days to keep")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before deleting")] = False,
) -> None:
    """Delete old extractions, reports, logs and reject files that nothing needs any more.

    Example: python -m pipeline gc --keep-days 30
    """
    found, edited = candidates(keep_days, today())
    for path in edited:
        show(f"kept, since it was edited: {path}")
    for path in found:
        show(f"{size(path):>14,} bytes  {path}")
    if not found:
        show("nothing to delete")
    elif yes or typer.confirm(f"Delete these {len(found)}?"):
        delete_all(found)
        show(f"deleted {len(found)}")


def candidates(keep_days: int, day: date) -> tuple[list[Path], list[Path]]:
    """Return what can be deleted, and the reject files that a person has edited, which never are.

    Old extractions, reports, logs and rejects can be, `keep_days` before `day`, leftovers of killed runs, and what
    Spark made of files that are landed or loaded in another way by now. Kept,
    whatever their age: the extraction and the report of the day that is loaded now, and the reject files of batches
    that are.
    """
    settings = get_settings()
    loaded = markers().values()
    # The folders' own markers do not count, or every day would be in use.
    days_in_use = {
        marker.run_date.isoformat()
        for marker in loaded
        if marker.run_date and not marker.target_table.startswith("data/")
    }
    batches_in_use = {marker.batch_id for marker in loaded}
    oldest = day - timedelta(days=keep_days)
    found = leftovers()
    for folder in (settings.data_processed_path, settings.reports_path):
        for path in sorted(folder.glob("*")):
            # Days to come were taken by earlier versions.
            is_past_use = path.name < oldest.isoformat() or path.name > day.isoformat()
            if DAY.fullmatch(path.name) and is_past_use and path.name not in days_in_use:
                found.append(path)
    with session() as cursor:
        written = as_written(cursor)
        found += left_behind(cursor)
    edited = []
    for path in sorted(settings.data_rejected_path.glob("*.csv")):
        batch_id, digest = written.get(path.name, (None, None))
        if digest_of(path) != digest:
            edited.append(path)
        elif batch_id not in batches_in_use and _age(path) > keep_days * SECONDS_A_DAY:
            found.append(path)
    logs = [*sorted(settings.logs_path.glob("*.log*")), *sorted(settings.logs_path.glob("*.jsonl*"))]
    found += [path for path in logs if _age(path) > keep_days * SECONDS_A_DAY]
    return list(dict.fromkeys(found)), edited


def size(path: Path) -> int:
    """Return the bytes that a file, or a folder with all below it, takes."""
    files = [path] if path.is_file() else [below for below in path.rglob("*") if below.is_file()]
    return sum(file.stat().st_size for file in files)


def delete_all(paths: Collection[Path]) -> None:
    """Delete files and folders; the list of reports names those that are left, first of all."""
    from pipeline.report.index import write_index

    if get_settings().reports_path.is_dir():
        write_index(get_settings().reports_path, leaving=paths)
    for path in paths:
        delete(path)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime

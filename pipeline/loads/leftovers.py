"""Clearing away what runs left behind that were killed."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.settings import get_settings
from pipeline.stores.locks import is_free
from pipeline.stores.postgres import session
from pipeline.stores.statements import fetch_value

logger = logging.getLogger("pipeline")

LEFTOVER = re.compile(r"\.(.+)\.(?:partial|old)")
REJECT_FILE = re.compile(r".+-rejected-(\d+)\.(?:csv|partial)")


def leftovers() -> list[Path]:
    """Return folders that were never moved into place, and reject files of loads that never committed.

    What a run that is still going on writes is not among them: its locks and its ledger row tell.
    """
    with session() as cursor:
        return [*_folders(cursor), *_reject_files(cursor)]


def clear_leftovers() -> None:
    """Delete what killed runs left behind."""
    for path in leftovers():
        delete(path)
        logger.info("%s: deleted, a run that was killed had left it behind", path)


def delete(path: Path) -> None:
    """Delete a file, or a folder with all that is in it; another run may have been faster."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _folders(cursor: Cursor) -> Iterator[Path]:
    settings = get_settings()
    for task, parent in (("ExtractMongoToCsv", settings.data_processed_path), ("BuildReport", settings.reports_path)):
        for path in sorted(parent.glob(".*")):
            name = LEFTOVER.fullmatch(path.name)
            # Who writes a folder holds the lock of its name.
            if name and is_free(cursor, f"{task} {name.group(1)}"):
                yield path


def _reject_files(cursor: Cursor) -> list[Path]:
    numbers = {
        path: int(name.group(1))
        for path in sorted(get_settings().data_rejected_path.glob("*"))
        if (name := REJECT_FILE.fullmatch(path.name))
    }
    if not numbers or not fetch_value(cursor, "SELECT to_regclass('etl.rejected_rows') IS NOT NULL"):
        return []
    cursor.execute(
        """
        SELECT number FROM unnest(%s) AS numbers(number)
        WHERE NOT EXISTS (SELECT FROM etl.rejected_rows WHERE batch_id = number)
            AND NOT EXISTS (SELECT FROM etl.batches WHERE status = 'running')
        """,
        (list(numbers.values()),),
    )
    unknown = {number for (number,) in cursor.fetchall()}
    return [path for path, number in numbers.items() if number in unknown]

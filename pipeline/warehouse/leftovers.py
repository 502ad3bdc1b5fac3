"""Clearing away what runs left behind that were killed."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.state.locks import is_free
from pipeline.warehouse.reject_files import write_due
from pipeline.warehouse.rejects import forget_refused_files
from pipeline.warehouse.unused_columns import drop_unused

logger = logging.getLogger("pipeline")

LEFTOVER = re.compile(r"\.(.+)\.(?:partial|old)")


def leftovers() -> list[Path]:
    """Return folders that were never moved into place.

    What a run that is still going on writes is not among them: its locks tell.
    """
    with session() as cursor:
        return list(_folders(cursor))


def clear_leftovers(is_gone: Callable[[str, str], bool]) -> None:
    """Delete what killed runs left behind, and what no file needs any more; bring reject files up to date.

    Args:
        is_gone: tells whether a raw file with a content (path and digest) is not there any more; if that had been
            refused, no load is told of it.
    """
    with session() as cursor:
        forget_refused_files(cursor, is_gone)
        write_due(cursor)
        for table in csv_tables():
            drop_unused(cursor, table)
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

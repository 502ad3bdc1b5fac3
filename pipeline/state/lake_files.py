"""The catalogue of the lake: which files below `LAKE_PATH` count, and of which batch.

It is kept in the transactions that commit markers: a file that no row names was left behind, whatever its name.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.state.disk import FULL
from pipeline.warehouse.statements import fetch_value

LANDED, SNAPSHOTS, LANDINGS = "landed", "snapshots", "landings"
"""Folders below `LAKE_PATH`; the last one holds what landings in progress are told and tell."""
SECONDS_OF_WORK = 86_400  # a file that young may be one that a run is about to commit
OLDEST_WORK = "SELECT extract(epoch FROM min(started))::float FROM etl.batches WHERE status = 'running'"
EXISTS = "SELECT to_regclass('etl.lake_files') IS NOT NULL"
STAYING = """
    SELECT min(source) FROM etl.lake_files INNER JOIN etl.batches USING (batch_id)
    WHERE table_name = %s AND kind = 'landed'
"""
FORGET_SNAPSHOT = """
    DELETE FROM etl.lake_files WHERE table_name = %(table)s AND kind = 'snapshot';
    DELETE FROM etl.row_counts WHERE place IN ('processed', 'held_rows') AND table_name = %(table)s;
    DELETE FROM etl.snapshot_days;
    DELETE FROM etl.snapshot_devices
"""


class LakeError(PipelineError):
    """The lake cannot be written to, or its files cannot be done without; the message says what to do."""


def require_lake(cursor: Cursor) -> None:
    """Have the lake be there, if files of it count: on an empty mount point all of them would be made again.

    Raises:
        LakeError: it is not.
    """
    lake = get_settings().lake_path
    is_there = any((lake / name).is_dir() for name in (LANDED, SNAPSHOTS))
    if not is_there and (count := fetch_value(cursor, "SELECT count(*) FROM etl.lake_files")):
        raise LakeError(
            f"{lake}: none of the {count:,} files that Spark keeps is there: mount the file system, or correct"
            f" LAKE_PATH. To have all of them made again: mkdir -p {lake / LANDED}"
        )


def make_folder(*parts: str) -> Path:
    """Return a folder below `LAKE_PATH`, which is made unless it is there.

    Raises:
        LakeError: it cannot be made; for want of space it is an OSError.
    """
    folder = get_settings().lake_path.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise LakeError(
            f"{folder}: {error.strerror}; LAKE_PATH must be a folder that this machine and all of the cluster may"
            " write to"
        ) from None
    return folder


def lost_files(cursor: Cursor, batch_ids: Iterable[int | None]) -> dict[int, str | None]:
    """Return which batches have their rows in the lake, each with a file that is not there as it was written, if any.

    Args:
        cursor: any.
        batch_ids: the batches to look at: there may be many files, and each is looked for on a disk of the network.
    """
    if not fetch_value(cursor, EXISTS):
        return {}
    cursor.execute("SELECT batch_id, path, bytes FROM etl.lake_files WHERE batch_id = ANY (%s)", ([*batch_ids],))
    lost: dict[int, str | None] = {}
    lake = get_settings().lake_path
    for batch_id, path, size in cursor.fetchall():
        if lost.get(batch_id) is None:
            lost[batch_id] = None if _size(lake / path) == size else path
    return lost


def is_in_lake(cursor: Cursor, table: str) -> bool:
    """Tell whether the rows of a table of `processed` are kept by Spark."""
    return bool(fetch_value(cursor, EXISTS) and fetch_value(cursor, "SELECT etl.is_in_lake(%s)", (table,)))


def note(cursor: Cursor, table: str, kind: str, batch_id: int, files: Mapping[str, int]) -> None:
    """Count files in: their paths relative to `LAKE_PATH`, with their sizes in bytes."""
    rows = [(path, table, kind, batch_id, size) for path, size in files.items()]
    execute_values(cursor, "INSERT INTO etl.lake_files (path, table_name, kind, batch_id, bytes) VALUES %s", rows)


def forget(cursor: Cursor, batch_id: int) -> None:
    """Have the files of a batch count no more."""
    cursor.execute("DELETE FROM etl.lake_files WHERE batch_id = %s", (batch_id,))


def forget_snapshot(cursor: Cursor, table: str) -> None:
    """Have the snapshot of a table count no more, with the numbers of rows that it told."""
    cursor.execute(FORGET_SNAPSHOT, {"table": table})


def leave(cursor: Cursor, table: str) -> None:
    """Have a table no more in the lake, if it is there: its rows are about to be loaded into PostgreSQL.

    Raises:
        LakeError: a file was not landed again in PostgreSQL, so its rows would be nowhere.
    """
    if source := fetch_value(cursor, STAYING, (table,)):
        raise LakeError(
            f"{source}: its rows are in the lake, and the file was not landed again, so PostgreSQL does not have them"
            " (why: see above); let it be read or correct it, or set SPARK_MASTER"
        )
    if is_in_lake(cursor, table):
        forget_snapshot(cursor, table)
        cursor.execute("SELECT etl.count_later('processed', %s)", (table,))


def left_behind(cursor: Cursor) -> Iterator[Path]:
    """Yield files and folders of the lake that do not count and are a day older than any load at work."""
    lake = get_settings().lake_path
    if not lake.is_dir() or not fetch_value(cursor, EXISTS):
        return
    last = min(time.time(), fetch_value(cursor, OLDEST_WORK) or math.inf) - SECONDS_OF_WORK
    cursor.execute("SELECT path FROM etl.lake_files")
    counted = {lake / path for (path,) in cursor.fetchall()}
    kept = counted.union(*(path.parents for path in counted))
    for folder in (LANDED, SNAPSHOTS, LANDINGS):
        for path in sorted((lake / folder).glob("*")):
            below = [each for each in sorted(path.rglob("*")) if each.is_file()] if path in kept else [path]
            yield from (each for each in below if _counted(each) not in kept and each.stat().st_mtime < last)


def _counted(path: Path) -> Path:
    """Return the file that a checksum of Hadoop's is for, or the file itself."""
    return path.with_name(path.name[1:].removesuffix(".crc")) if path.suffix == ".crc" else path


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None

"""What other programs read of the lake: the files of the sessions that are loaded."""

from __future__ import annotations

import re
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.lake.adoption import Snapshot
from pipeline.lake.snapshot import snapshot_of
from pipeline.settings import get_settings
from pipeline.state import lake_files
from pipeline.warehouse.rollups import SESSIONS

VIEW = "session_details"
RELATION = re.compile(r"\bprocessed\.(\w+)")
SELECT = re.compile(r"\bSELECT\b.*?;", re.DOTALL)


def months_of(cursor: Cursor) -> dict[str, tuple[int, str]] | None:
    """Return the months with sessions: how many, and the folder of their files; None where PostgreSQL has all.

    Raises:
        LakeError: the files are not there.
    """
    snapshot = _snapshot(cursor)
    if snapshot is None:
        return None
    months = snapshot.manifest["months"]
    return {name: (month["sessions"], month["folder"]) for name, month in months.items() if month["sessions"]}


def view_of_sessions(cursor: Cursor) -> str | None:
    """Return the statement that makes the view of all sessions in DuckDB; None where PostgreSQL has all.

    It is the view of `trusted`, over files in place of tables.

    Raises:
        LakeError: the files are not there.
    """
    snapshot = _snapshot(cursor)
    if snapshot is None:
        return None
    text = (get_settings().sql_path / "trusted" / f"{VIEW}.sql").read_text(encoding="utf-8")
    query = SELECT.search(text)
    if query is None:
        raise RuntimeError(f"sql/trusted/{VIEW}.sql holds no SELECT")
    return f"CREATE OR REPLACE VIEW {VIEW} AS\n{RELATION.sub(lambda name: _files(snapshot, name[1]), query[0])}"


def _snapshot(cursor: Cursor) -> Snapshot | None:
    if not lake_files.is_in_lake(cursor, SESSIONS):
        return None
    snapshot = snapshot_of(cursor, SESSIONS)
    if snapshot is None:
        raise lake_files.LakeError(
            f"the sessions that Spark keeps are not all in {get_settings().lake_path}: correct LAKE_PATH, or run the"
            " pipeline, which makes them again"
        )
    return snapshot


def _files(snapshot: Snapshot, table: str) -> str:
    """Return a table as DuckDB reads it."""
    if table != SESSIONS:
        paths = [snapshot.folder / "parents" / f"{table}.parquet"]
    else:
        lake = get_settings().lake_path
        paths = [
            lake / month["folder"] / path for month in snapshot.manifest["months"].values() for path in month["files"]
        ]
    names = ", ".join(_quoted(path) for path in paths)
    return f"read_parquet([{names}])"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""Creating the tables, and bringing existing ones up to date."""

from __future__ import annotations

import re
from pathlib import Path

from psycopg2 import sql

from pipeline.settings import get_settings
from pipeline.state import markers
from pipeline.state.spec import Load
from pipeline.warehouse.statements import fetch_value, lock_out_readers

SCHEMAS = ("etl", "raw", "processed")
UNMARKED = ("rejected_rows", "held_rows", "merged_batches")
PARENT = re.compile(r"'processed\.(\w+)'\);")


def create_tables(load: Load) -> None:
    """Execute the files of `sql/etl`, `sql/raw` and `sql/processed`, parents before children."""
    folder = get_settings().sql_path
    files = [*(path for schema in SCHEMAS for path in in_order(folder / schema)), folder / "trusted/00_schema.sql"]

    def create() -> None:
        for path in files:
            load.cursor.execute(path.read_text(encoding="utf-8"))

    lock_out_readers(load.cursor, create)
    if load.previous is None:
        _empty_unmarked(load)
    load.objects = tuple(name for name in markers.existing_objects(load.cursor) if name.partition(".")[0] in SCHEMAS)


def _empty_unmarked(load: Load) -> None:
    """Empty what only markers account for if all of them are lost: the files land again."""
    if fetch_value(load.cursor, "SELECT EXISTS (SELECT FROM etl.table_updates)"):
        return
    load.cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'raw'")
    tables = [*(("etl", name) for name in UNMARKED), *load.cursor.fetchall()]
    every = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
    load.cursor.execute(sql.SQL("TRUNCATE {}").format(every))


def in_order(folder: Path) -> list[Path]:
    """Return the SQL files of a folder, each after those whose tables its foreign keys refer to."""
    files = {path.stem: path for path in sorted(folder.glob("*.sql"))}
    ordered: dict[str, Path] = {}

    def place(name: str) -> None:
        for parent in PARENT.findall(files[name].read_text(encoding="utf-8")):
            if parent != name and parent in files and parent not in ordered:
                place(parent)
        ordered.setdefault(name, files[name])

    for name in files:
        place(name)
    return list(ordered.values())

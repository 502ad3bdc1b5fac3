"""Creating the tables, and bringing existing ones up to date."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.settings import get_settings
from pipeline.stores import markers
from pipeline.stores.claims import Load
from pipeline.stores.statements import lock_out_readers

SCHEMAS = ("etl", "raw", "processed")
PARENT = re.compile(r"'processed\.(\w+)'\);")


def create_tables(load: Load) -> None:
    """Execute the files of `sql/etl`, `sql/raw` and `sql/processed`, parents before children."""
    folder = get_settings().sql_path
    files = [*(path for schema in SCHEMAS for path in in_order(folder / schema)), folder / "trusted/00_schema.sql"]

    def create() -> None:
        for path in files:
            load.cursor.execute(path.read_text(encoding="utf-8"))

    lock_out_readers(load.cursor, create)
    load.objects = tuple(name for name in markers.existing_objects(load.cursor) if name.partition(".")[0] in SCHEMAS)


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

"""CSV files of no declared table: what their names may have been meant to be, and what to type."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from pipeline.contract.declare import TABLE_NAME
from pipeline.records.files import table_of

ALIKE = 0.8  # how alike two names are of which one may be a slip for the other


def undeclared_line(table: str, paths: list[str], tables: Iterable[str], folder: Path) -> str:
    """Say of the files of one table that they land as text only, and what to do, as it is typed.

    Args:
        table: the table.
        paths: the files, relative to the raw folder.
        tables: the tables that are declared.
        folder: the raw folder.
    """
    path = paths[0]
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    meant = meant_table(table, tables)
    todo = []
    if meant and "/" not in path:
        ending = path[path.index(".") :]
        rest = re.sub(r"[^a-z0-9]+", "-", table.removeprefix(meant) if table.startswith(meant) else "1").strip("-")
        todo.append(
            f"files of raw.{meant} are named {meant}-….csv: {_move(folder, path, f'{meant}-{rest or 1}{ending}')}"
        )
    elif meant:
        todo.append(f"files of raw.{meant} are in a folder {meant}/, or named {meant}-….csv")
    if TABLE_NAME.fullmatch(table):
        todo.append(f"if it is no typing error: python -m pipeline declare {shlex.quote(path)}")
    elif not meant:
        todo.append("its name must begin with that of a table: lower-case letters, digits and underscores")
        stem, ending = path[: path.index(".")].lower(), path[path.index(".") :]
        plain = re.sub(r"[^a-z0-9_]+", "_", stem).strip("_") + ending
        if "/" not in path and TABLE_NAME.fullmatch(table_of(plain)):
            todo.append(f"such as {_move(folder, path, plain)}")
    return f"{path}{more}: in raw.{table} as text only, for no table {table} is declared; {'; '.join(todo)}"


def meant_table(table: str, tables: Iterable[str]) -> str | None:
    """Return the declared table whose name a name begins with, or nearly is."""
    known = sorted(tables, key=len, reverse=True)
    for each in known:
        if re.match(rf"{re.escape(each)}(?![a-z])", table):
            return each
    return next(iter(difflib.get_close_matches(table, known, n=1, cutoff=ALIKE)), None)


def _move(folder: Path, old: str, new: str) -> str:
    """Return the command that renames a file, whatever its name holds; a whole path never begins with a dash."""
    return f"mv {shlex.quote(str(folder / old))} {shlex.quote(str(folder / new))}"

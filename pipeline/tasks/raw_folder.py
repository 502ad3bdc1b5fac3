"""What lies in the raw folder, as of the beginning of the run."""

from __future__ import annotations

import logging
from functools import cache

from pipeline.contract.register import csv_tables
from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.sources.files import table_of
from pipeline.sources.inventory import inventory, raw_files
from pipeline.sources.names import is_csv, is_source
from pipeline.tasks.undeclared import undeclared_line

logger = logging.getLogger("pipeline")


class NoInputError(PipelineError):
    """The raw folder is absent or holds no input; nothing is loaded and nothing withdrawn."""


def digest_of(path: str) -> str:
    """Return the digest of a raw file as of the beginning of the run.

    Of a file that cannot be read, that counts as its content.

    Raises:
        NoInputError: there is no such file.
    """
    if path in raw_files():
        return raw_files()[path]
    if inventory().why_unreadable(path):
        return "unreadable"
    folder = get_settings().data_raw_path
    raise NoInputError(f"{path}: no such file in {folder} (DATA_RAW_PATH)")


def require_input() -> None:
    """Make sure that the raw folder is the one that is meant.

    Raises:
        NoInputError: it is absent, cannot be read, or holds no input. An unmounted folder must not withdraw
            everything.
    """
    folder = get_settings().data_raw_path
    if "" in inventory().unreadable:
        raise NoInputError(f"{folder} (DATA_RAW_PATH) {inventory().unreadable['']}")
    if not raw_files() and not inventory().unreadable:
        state = "holds no CSV or JSON file" if folder.is_dir() else "does not exist"
        raise NoInputError(
            f"{folder} {state}: put files there, point DATA_RAW_PATH elsewhere, or make some with"
            " 'python -m pipeline sample --sessions 20000'"
        )


def declared_tables() -> list[str]:
    """Return the declared tables of CSV files, and those that have a file in `sql/raw`."""
    names = [path.stem for path in sorted((get_settings().sql_path / "raw").glob("*.sql"))]
    return sorted({*csv_tables(), *names})


@cache
def csv_paths() -> dict[str, list[str]]:
    """Return the CSV files of each declared table; the others are skipped with a warning."""
    paths: dict[str, list[str]] = {table: [] for table in declared_tables()}
    others: dict[str, list[str]] = {}
    for path in filter(is_csv, raw_files()):
        if table_of(path) in paths:
            paths[table_of(path)].append(path)
        else:
            others.setdefault(table_of(path), []).append(path)
    for group in others.values():
        line = undeclared_line(group, paths, get_settings().data_raw_path)
        logger.warning("%s", line, extra={"event": "warning"})
    return paths


def unreadable_tables() -> dict[str, str]:
    """Return what cannot be read but JSON files, each with its table: a folder may hold CSV files as well."""
    paths = [path for path in inventory().unreadable if is_csv(path) or not is_source(path)]
    return {path: table_of(path if is_source(path) else f"{path}/") for path in paths}


def is_unreadable(path: str) -> bool:
    """Tell whether a file, or a folder it is in, could not be read when the run was planned."""
    return inventory().why_unreadable(path) is not None


def is_gone(path: str, content: str) -> bool:
    """Tell whether a file with that digest was not there when the run was planned; one that cannot be seen may be."""
    return raw_files().get(path) != content and not is_unreadable(path)

"""What lies in the raw folder, as of the beginning of the run."""

from __future__ import annotations

import logging
from functools import cache

from pipeline.contract.register import csv_tables
from pipeline.errors import PipelineError
from pipeline.records.files import table_of
from pipeline.settings import get_settings
from pipeline.sources.inventory import inventory, raw_files
from pipeline.sources.names import is_csv, is_source
from pipeline.tasks.undeclared import undeclared_line

logger = logging.getLogger("pipeline")

SHOWN_TABLES = 10
SHOWN_FILES = 3


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


@cache
def csv_paths() -> dict[str, list[str]]:
    """Return the CSV files of each table, declared or not; a declared table may have none."""
    paths: dict[str, list[str]] = {table: [] for table in csv_tables()}
    for path in filter(is_csv, raw_files()):
        paths.setdefault(table_of(path), []).append(path)
    return paths


@cache
def name_undeclared() -> None:
    """Warn of the files that land as text alone, since their tables are not declared.

    One line for each table or, if they are too many, one for all.
    """
    declared = csv_tables()
    # Without a name they are refused.
    others = [(table, paths) for table, paths in csv_paths().items() if table and table not in declared]
    if len(others) > SHOWN_TABLES:
        files = sum(len(paths) for _, paths in others)
        logger.warning(
            "%s files are in raw as text only, in %s tables that are not declared, such as %s; files of a table are in"
            " a folder of its name, or named TABLE-….csv; to declare one: python -m pipeline declare FILE",
            f"{files:,}",
            f"{len(others):,}",
            ", ".join(paths[0] for _, paths in others[:SHOWN_FILES]),
            extra={"event": "warning"},
        )
        return
    for table, paths in others:
        line = undeclared_line(table, paths, declared, get_settings().data_raw_path)
        logger.warning("%s", line, extra={"event": "warning"})


def unreadable_tables() -> dict[str, str]:
    """Return what cannot be read but JSON files, each with its table: a folder may hold CSV files as well."""
    paths = [path for path in inventory().unreadable if is_csv(path) or not is_source(path)]
    return {path: table_of(path if is_source(path) else f"{path}/") for path in paths}


def is_gone(path: str, content: str) -> bool:
    """Tell whether a file with that digest was not there when the run was planned; one that cannot be seen may be."""
    return raw_files().get(path) != content and not inventory().why_unreadable(path)

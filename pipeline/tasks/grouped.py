"""Small files that land together: one process and one connection for many of them.

To Luigi they are one task meanwhile; each keeps its own load, audit row, marker and line in the summary. By itself
Luigi forks a process for each file, and looks at all that wait before it does: 3,000 files took five minutes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

import luigi

from pipeline.servers.postgres import PostgresError
from pipeline.servers.retries import ConnectionLostError
from pipeline.settings import get_settings
from pipeline.sources.inventory import raw_files
from pipeline.state.disk import DiskFullError
from pipeline.state.executor import one_connection

if TYPE_CHECKING:
    from pipeline.tasks.file_task import RefusableTask

MOST_FILES = 200
FEW_FILES = 20  # in all, for which a process each does: they are spread over the workers, and counted one by one
SMALL_BYTES = 1 << 18
# What one file meets, the next would meet too.
OF_THE_SERVER = (PostgresError, ConnectionLostError, DiskFullError)
_paths: dict[str, list[str]] = {}


def joined(paths: Iterable[str]) -> str:
    """Return the name that files have together, by which this process and its children know them."""
    found = list(paths)
    name = f"{found[0]} and {len(found) - 1:,} more files"
    _paths[name] = found
    return name


def members(path: str) -> list[str] | None:
    """Return the files that a name stands for; None if it is that of one file."""
    return _paths.get(path)


def lands_with_others(path: str) -> bool:
    """Tell whether a file is one of many, and lands faster than a process for it begins."""
    if len(raw_files()) <= FEW_FILES:
        return False
    try:
        return (get_settings().data_raw_path / path).stat().st_size <= SMALL_BYTES
    except OSError:
        return False


def run_group(group: RefusableTask, tasks: Iterable[RefusableTask]) -> None:
    """Run tasks one after the other, telling of each what Luigi tells of a task.

    Args:
        group: the one task that they are to Luigi.
        tasks: what it stands for.

    Raises:
        Exception: what a task failed with, the first of them, when all others are done; at once if it is the server's.
    """
    errors: list[Exception] = []
    with one_connection():
        for task in tasks:
            _let_report(task, group)
            task.trigger_event(luigi.Event.START, task)
            try:
                task.run()
            except Exception as error:
                task.trigger_event(luigi.Event.FAILURE, task, error)
                if isinstance(error, OF_THE_SERVER):
                    raise
                errors.append(error)
            else:
                task.trigger_event(luigi.Event.SUCCESS, task)
    if errors:
        raise errors[0]


def _let_report(task: RefusableTask, group: RefusableTask) -> None:
    """Have a task show on the scheduler's page how far it is, which Luigi lets the group do."""
    if tell := getattr(group, "set_status_message", None):
        reporter = copy.copy(tell.__self__)
        reporter._task_id = task.task_id
        task.set_status_message = reporter.update_status_message
        task.set_progress_percentage = reporter.update_progress_percentage

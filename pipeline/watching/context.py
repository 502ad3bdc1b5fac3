"""Which run and which task a line of a log belongs to."""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime
from functools import cache
from typing import Any

import luigi


@cache
def run_id() -> str:
    """Return the name of this run; workers inherit it. It is taken when logging begins."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"


class TaskInProgress:
    """The task that this process works on; each process of a run works on one at a time."""

    def __init__(self) -> None:
        self.task: luigi.Task | None = None
        self.started = 0.0
        self.told_at = 0.0  # seconds after it began
        self.has_told = False  # whether a line on the terminal says what came of it

    def begin(self, task: luigi.Task) -> None:
        """Take up a task."""
        self.task, self.started, self.told_at, self.has_told = task, time.monotonic(), 0.0, False

    def end(self) -> None:
        """Lay it down."""
        self.task = None

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


current = TaskInProgress()


def file_of(task: luigi.Task) -> str | None:
    """Return the file a task is for, if it is for one."""
    return getattr(task, "path", None)


def is_own(task: luigi.Task) -> bool:
    """Tell whether a task does work of its own: it groups no others, be it by name or for the time they run."""
    return not isinstance(task, luigi.WrapperTask) and not getattr(task, "is_group", False)


def name_of(task: luigi.Task) -> str:
    """Return a task as people type it: its family, and the file it is for."""
    return f"{task.task_family} {path}" if (path := file_of(task)) else str(task.task_family)


class ContextFilter(logging.Filter):
    """Adds the run, and the task in progress, to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass all records."""
        fields: dict[str, Any] = {"run": run_id()}
        if current.task is not None:
            fields |= {"task": current.task.task_family, "file": file_of(current.task)}
        for name, value in fields.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True

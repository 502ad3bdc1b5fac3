"""What a run prints on the terminal, and what it keeps in the log."""

from __future__ import annotations

import logging
import re
import sys
from logging.handlers import WatchedFileHandler

from pipeline.errors import PipelineError
from pipeline.settings import get_settings

LOG_NAME = "luigi.log"
# How Luigi begins its lines about a task: "[pid 7] Worker Worker(salt=…) failed    LoadUsers()".
WORKER_PREFIX = re.compile(r"\[pid \d+\] Worker Worker\(.*?\) (\w+)\s+")
SUMMARY = "===== Luigi Execution Summary ====="


class LogFileHandler(WatchedFileHandler):
    """Appends to `LOGS_PATH/luigi.log`; all processes of a run do, a line at a time."""

    def __init__(self) -> None:
        folder = get_settings().logs_path
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / LOG_NAME, encoding="utf-8", delay=True)


class TerminalHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Prints what the pipeline says, and of Luigi only warnings, errors and the summary."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is for the terminal."""
        if record.name == "pipeline" or record.levelno >= logging.WARNING:
            return True
        return SUMMARY in str(record.msg)


class TerminalFormatter(logging.Formatter):
    """Time and message; of an error its cause in a line, since the traceback is in the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        message = WORKER_PREFIX.sub(r"\1 ", record.getMessage()).strip()
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            name = "" if isinstance(error, PipelineError) else f"{type(error).__name__}: "
            where = get_settings().logs_path / LOG_NAME
            message = f"{message}: {name}{str(error).strip()}\n         (traceback in {where})"
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        return f"{self.formatTime(record, '%H:%M:%S')} {level}{message}"

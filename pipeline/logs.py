"""What a run prints on the terminal, and what it keeps in the log."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from logging.handlers import WatchedFileHandler

from pipeline.settings import get_settings

LOG_NAME = "luigi.log"
# How Luigi begins its lines about a task: "[pid 7] Worker Worker(salt=…) failed    LoadUsers()".
WORKER_PREFIX = re.compile(r"\[pid \d+\] Worker Worker\(.*?\) (\w+)\s+")
TRACEBACK = "Traceback (most recent call last):"
# Everything up to the last indented line of a traceback; what follows is what the exception says.
LAST_FRAME = re.compile(r"\A.*^ +\S[^\n]*\n(?=\S)", re.DOTALL | re.MULTILINE)
# Errors of our own explain themselves; their class says nothing more.
OWN_ERROR = re.compile(r"\Apipeline\.[\w.]+: ")
SUMMARY = "===== Luigi Execution Summary ====="


class LogFileHandler(WatchedFileHandler):
    """Appends to `LOGS_PATH/luigi.log`; all processes of a run do, a line at a time."""

    def __init__(self) -> None:
        folder = get_settings().logs_path
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / LOG_NAME, encoding="utf-8", delay=True)
        self._is_lost = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name in `logging`)
        """Say once that the log cannot be written, say because the disk is full; the run goes on."""
        if not self._is_lost:
            self._is_lost = True
            print(f"{self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)


class TerminalHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Prints what the pipeline says, and of Luigi only warnings, errors and the summary.

    A cause that stops several tasks is printed once.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._causes: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is for the terminal."""
        if record.name == "pipeline":
            return True
        if record.levelno < logging.WARNING:
            return SUMMARY in str(record.msg)
        cause = cause_of(record)
        known = cause in self._causes
        self._causes.add(cause)
        return not known


class TerminalFormatter(logging.Formatter):
    """Time and message; of an error its cause, since the traceback is in the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        message = WORKER_PREFIX.sub(r"\1 ", record.getMessage()).strip()
        cause = cause_of(record)
        if cause:
            message = f"{message.partition(TRACEBACK)[0].strip().rstrip(':')}: {cause}"
            message += f"\n         (traceback in {get_settings().logs_path / LOG_NAME})"
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        return f"{self.formatTime(record, '%H:%M:%S')} {level}{message}"


def cause_of(record: logging.LogRecord) -> str:
    """Return what an exception says that a record carries, or quotes in its message; nothing without one."""
    if record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        said = "".join(traceback.format_exception_only(error)).strip()
    else:
        _, found, quoted = record.getMessage().rpartition(TRACEBACK)
        if not found:
            return ""
        said = LAST_FRAME.sub("", quoted).strip()
    return OWN_ERROR.sub("", said)

"""What a run prints on the terminal, and what it keeps in its two logs: one for people, one for programs."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import sys
import traceback
from functools import cache
from typing import Any, TextIO
from urllib.parse import quote

from concurrent_log_handler import ConcurrentRotatingFileHandler
from luigi.rpc import RPCError
from pydantic import SecretStr
from pythonjsonlogger.json import JsonFormatter

from pipeline.outgoing import for_terminal, in_json
from pipeline.settings import get_settings
from pipeline.watching import live
from pipeline.watching.context import ContextFilter, current
from pipeline.watching.record import RunRecord, SharedLines

LOG_NAME = "luigi.log"
JSON_LOG_NAME = "pipeline.jsonl"
LOG_BYTES = 10 * 1024 * 1024
OLD_LOGS = 5
# What Luigi says itself, better.
TOLD_BY_LUIGI = ("complete", "failure", "broken")
JSON_FIELDS = ("levelname", "name", "run", "event", "task", "file", "batch", "rows", "seconds", "process", "message")
# How Luigi begins its lines about a task: "[pid 7] Worker Worker(salt=…) failed    LoadUsers()".
WORKER_PREFIX = re.compile(r"\[pid \d+\] Worker Worker\(.*?\) (\w+)\s+")
TRACEBACK = "Traceback (most recent call last):"
# Everything up to the last indented line of a traceback; what follows is what the exception says.
LAST_FRAME = re.compile(r"\A.*^ +\S[^\n]*\n(?=\S)", re.DOTALL | re.MULTILINE)
# Errors of our own explain themselves; their class says nothing more.
OWN_ERROR = re.compile(r"\Apipeline\.[\w.]+: ")
# Luigi says so of a task of which it cannot find out what it needs, or whether it is complete.
UNPLANNED = re.compile(r"Will not run (\w+)\((?:.*\bpath=([^,)]+))?")
SUMMARY = "===== Luigi Execution Summary ====="


class LogFileHandler(ConcurrentRotatingFileHandler):
    """Appends to a file below `LOGS_PATH`, which is renamed at 10 MB; the last five are kept.

    All processes of all runs may write: each line is written, and the file renamed, under a lock of its own.
    """

    def __init__(self, name: str = LOG_NAME) -> None:
        folder = get_settings().logs_path
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            str(folder / name),
            maxBytes=LOG_BYTES,
            backupCount=OLD_LOGS,
            encoding="utf-8",
            keep_file_open=True,
        )
        self.addFilter(ContextFilter())
        self._is_lost = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name in `logging`)
        """Say once that the log cannot be written, say because the disk is full; the run goes on."""
        if not self._is_lost:
            self._is_lost = True
            print(f"{self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)


class JsonLogHandler(LogFileHandler):
    """The log for programs: what the pipeline says, and of Luigi warnings and errors."""

    def __init__(self) -> None:
        super().__init__(JSON_LOG_NAME)
        self.addFilter(lambda record: record.name == "pipeline" or record.levelno >= logging.WARNING)


class TerminalHandler(logging.StreamHandler[TextIO]):
    """Prints what the pipeline says, and of Luigi only warnings and errors.

    A cause that stops several tasks, or one task several times, is printed once.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._causes = SharedLines()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is for the terminal."""
        if record.name == "pipeline":
            return self._is_news(record)
        if record.levelno < logging.WARNING:
            return False
        cause = cause_of(record)
        return not cause or self._causes.add(hashlib.sha256(cause.encode()).hexdigest())

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, above the lines of what runs if there are any: that is what standard error is then."""
        self.stream = sys.stderr
        super().emit(record)

    @staticmethod
    def _is_news(record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        if event == "load" or record.levelno >= logging.ERROR:  # an error that did not stop it: a refused file
            current.has_told = True
        is_repeated = event == "end" and current.has_told
        return not (is_repeated or event in TOLD_BY_LUIGI)


class RunHandler(logging.Handler):
    """Gathers what came of each task; when Luigi sums the run up, shows it as a table and tells the webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(ContextFilter())
        self._record = RunRecord()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, or end the run."""
        try:
            if record.name == "pipeline":
                self._record.note(record)
            elif unplanned := UNPLANNED.match(record.getMessage()):
                self._record.note_unplanned(unplanned[1], unplanned[2], cause_of(record))
            elif SUMMARY in str(record.msg):
                self._conclude()
        except Exception:
            self.handleError(record)

    def _conclude(self) -> None:
        from pipeline.watching.alerts import notify
        from pipeline.watching.summary import print_summary

        live.end()
        outcomes = self._record.outcomes()
        print_summary(outcomes, self._record.warnings(), sys.stderr)
        notify(outcomes, get_settings().logs_path / LOG_NAME)


class TerminalFormatter(logging.Formatter):
    """Time and message; of an error its cause, since the traceback is in the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        message = for_terminal(WORKER_PREFIX.sub(r"\1 ", record.getMessage()).strip())
        cause = cause_of(record)
        if cause:
            message = f"{message.partition(TRACEBACK)[0].strip().rstrip(':')}: {for_terminal(cause)}"
            message += f"\n         (traceback in {get_settings().logs_path / LOG_NAME})"
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        line = without_secrets(f"{self.formatTime(record, '%H:%M:%S')} {level}{message}")
        if record.levelno >= logging.ERROR or not sys.stderr.isatty():
            return line
        # All of it is in the log.
        width = shutil.get_terminal_size().columns
        return line if len(line) <= width else f"{line[: width - 1]}…"


class LogFormatter(logging.Formatter):
    """A line for people, and indented lines below it; passwords are left out, whoever wrote them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, with its traceback."""
        return for_terminal(without_secrets(super().format(record)))


class JsonLineFormatter(JsonFormatter):
    """One JSON object a line: time (UTC), level, run, task, batch, rows, seconds, message."""

    def __init__(self, *_: object) -> None:
        super().__init__(
            list(JSON_FIELDS),
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            json_ensure_ascii=False,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Leave out what is not known of a record, and passwords."""
        return {
            name: without_secrets(value) if isinstance(value, str) else value
            for name, value in log_data.items()
            if value is not None
        }

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, which may be shown on a terminal too."""
        return in_json(super().format(record))


@cache
def _secrets() -> tuple[str, ...]:
    settings = get_settings()
    values = [getattr(settings, name) for name in type(settings).model_fields]
    texts = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return tuple(sorted({form for text in texts if text for form in (text, quote(text, safe=""))}, key=len)[::-1])


def without_secrets(text: str) -> str:
    """Return a text with `***` for each password of the settings."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    return text


def cause_of(record: logging.LogRecord) -> str:
    """Return what an exception says that a record carries, or quotes in its message; nothing without one."""
    if record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        if isinstance(error, RPCError):
            return f"the connection to Luigi's scheduler is lost ({error}); run again: what is complete stays"
        said = "".join(traceback.format_exception_only(error)).strip()
    else:
        _, found, quoted = record.getMessage().rpartition(TRACEBACK)
        if not found:
            return ""
        said = LAST_FRAME.sub("", quoted).strip()
    return OWN_ERROR.sub("", said)

"""What came of each task of this run, gathered over all its processes."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import dataclass, field

import luigi
from luigi.cmdline_parser import CmdlineParser

from pipeline.watching.context import file_of

COMPLETE, RAN, REFUSED, FAILED, NOT_RUN = "complete", "ran", "refused", "FAILED", "not run"
WARNING = "warning"
"""The event of a log record that stands in the summary of the run."""


@dataclass
class Outcome:
    """What came of a task: `state`, rows by what happened to them, seconds, and the cause if it went wrong."""

    task: str
    file: str | None
    state: str = NOT_RUN
    batch: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cause: str | None = None

    @property
    def name(self) -> str:
        """The task and its file, as people type them."""
        return f"{self.task} {self.file}" if self.file else self.task

    @property
    def is_wrong(self) -> bool:
        """Whether something is to be mended."""
        return self.state in (FAILED, REFUSED)


class SharedLines:
    """Lines that all processes of a run add to, in a file without a name that workers inherit.

    A line is written in one piece at the end of the file, so those of two workers never mix.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115 (open until the process ends)

    def append(self, line: str) -> None:
        """Add a line."""
        os.write(self._file.fileno(), f"{line}\n".encode())

    def add(self, line: str) -> bool:
        """Add a line unless it is there; tell whether it is new."""
        if line in self.lines():
            return False
        self.append(line)
        return True

    def lines(self) -> list[str]:
        """Return all lines there are by now."""
        return os.pread(self._file.fileno(), os.fstat(self._file.fileno()).st_size, 0).decode().splitlines()


class RunRecord:
    """Notes of what came of each task."""

    def __init__(self) -> None:
        self._notes = SharedLines()

    def note(self, record: logging.LogRecord) -> None:
        """Keep what a log record says of a task: the records of `events`, of loads, and errors; and warnings."""
        event = getattr(record, "event", None)
        if event == WARNING:
            self._notes.append(json.dumps({"event": WARNING, "text": record.getMessage()}))
            return
        is_error = record.name == "pipeline" and record.levelno >= logging.ERROR
        if not hasattr(record, "task") or not (event or is_error):
            return
        note = {name: getattr(record, name, None) for name in ("event", "task", "file", "batch", "rows", "seconds")}
        note["cause"] = getattr(record, "cause", None) or (record.getMessage() if is_error else None)
        self._notes.append(json.dumps(note))

    def note_unplanned(self, task: str, file: str | None, cause: str) -> None:
        """Keep that a task could not be planned."""
        note = {"event": "broken", "task": task, "file": file, "cause": cause, "seconds": None}
        self._notes.append(json.dumps(note))

    def outcomes(self) -> list[Outcome]:
        """Return what came of each task of the run, in the order of the flow."""
        planned = _planned()
        found = {_key(task): Outcome(*_key(task)) for task, _ in planned}
        for note in map(json.loads, self._notes.lines()):
            if note["event"] == WARNING:
                continue
            key = (note["task"], note["file"])
            _add(found.setdefault(key, Outcome(*key)), note)
        # Luigi does not look below a complete task, which comes after those in the plan.
        for task, below in reversed(planned):
            if found[_key(task)].state == COMPLETE:
                for each in below:
                    if found[_key(each)].state == NOT_RUN:
                        found[_key(each)].state = COMPLETE
        # Tasks that only group others count when something is wrong with them.
        groups = {task.task_family for task, _ in planned if isinstance(task, luigi.WrapperTask)}
        return [outcome for outcome in found.values() if outcome.is_wrong or outcome.task not in groups]

    def warnings(self) -> list[str]:
        """Return what is to be looked at although nothing went wrong, each once."""
        notes = map(json.loads, self._notes.lines())
        return list(dict.fromkeys(note["text"] for note in notes if note["event"] == WARNING))


def _key(task: luigi.Task) -> tuple[str, str | None]:
    return task.task_family, file_of(task)


def _below(task: luigi.Task) -> list[luigi.Task]:
    try:
        return list(task.deps())  # type: ignore[no-untyped-call]
    except Exception:  # it cannot be planned: that is noted already
        return []


def _add(outcome: Outcome, note: dict[str, object]) -> None:
    match note["event"]:
        case "complete":
            outcome.state = COMPLETE
        case "start":
            outcome.state, outcome.cause = FAILED, "its process ended before it did"
        case "load":
            outcome.batch, outcome.rows = note["batch"], note["rows"]  # type: ignore[assignment]
        case "end":
            outcome.state = REFUSED if outcome.state == REFUSED else RAN
            outcome.cause = outcome.cause if outcome.state == REFUSED else None
        case "failure" | "broken":
            outcome.state, outcome.cause = FAILED, str(note["cause"])
        case _:  # an error that did not stop the task: the file it is for was refused, perhaps after it had landed
            outcome.state, outcome.cause, outcome.rows = REFUSED, str(note["cause"]), {}
    if note["seconds"] and note["event"] in ("end", "failure"):
        outcome.seconds = float(note["seconds"])  # type: ignore[arg-type]


def _planned() -> list[tuple[luigi.Task, list[luigi.Task]]]:
    """Return every task below the one that the command names with those it requires, each after these."""
    parser = CmdlineParser.get_instance()  # type: ignore[no-untyped-call]
    if parser is None:
        return []
    found: dict[str, tuple[luigi.Task, list[luigi.Task]]] = {}

    def visit(task: luigi.Task) -> None:
        if task.task_id in found:
            return
        found[task.task_id] = task, _below(task)  # before those below, so that a circle ends
        for each in found[task.task_id][1]:
            visit(each)
        found[task.task_id] = found.pop(task.task_id)

    visit(parser.get_task_obj())
    return list(found.values())

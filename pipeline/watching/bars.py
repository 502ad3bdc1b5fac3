"""A bar on the terminal for the stage that runs; only where one process does all the work."""

from __future__ import annotations

import atexit
import multiprocessing
import sys
import threading
from typing import TYPE_CHECKING

from pipeline.progress import Progress

if TYPE_CHECKING:
    import rich.progress

# A stage that is shorter needs no bar.
SECONDS_BEFORE = 0.5


class _Bar:
    """The bar of one task: a spinner with the time until the stage says how far it is."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._stages: dict[str, rich.progress.TaskID] = {}
        self._shown: rich.progress.Progress | None = None
        self._timer: threading.Timer | None = threading.Timer(SECONDS_BEFORE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        with self._lock:
            if self._timer is None:
                return
            self._shown = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[counted]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._stages[""] = self._shown.add_task(self._what, total=None, counted="")
            self._shown.start()

    def update(self, stage: Progress) -> None:
        with self._lock:
            if self._shown is None:
                return
            if "" in self._stages:
                self._shown.remove_task(self._stages.pop(""))
            if stage.what not in self._stages:
                self._stages[stage.what] = self._shown.add_task(stage.what, total=stage.total, counted="")
            key = self._stages[stage.what]
            speed = self._shown.tasks[self._shown.task_ids.index(key)].speed or 0
            counted = f"{_amount(stage.done, stage.unit)} {_amount(int(speed), stage.unit)}/s"
            self._shown.update(key, completed=stage.done, counted=counted)

    def end(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._shown is not None:
                self._shown.stop()


_bars: list[_Bar] = []


def begin(what: str) -> bool:
    """Show a bar for a task, if this is the process that was started and it writes to a terminal.

    Returns:
        Whether there will be a bar; if not, lines tell what happens.
    """
    if multiprocessing.parent_process() is not None or not sys.stderr.isatty():
        return False
    _bars.append(_Bar(what))
    return True


# A run that is interrupted leaves the terminal as it was.
@atexit.register
def end() -> None:
    """Take the bar away."""
    while _bars:
        _bars.pop().end()


def update(stage: Progress) -> None:
    """Move the bar on."""
    for bar in _bars:
        bar.update(stage)


def _amount(count: int, unit: str) -> str:
    from rich.filesize import decimal

    return decimal(count) if unit == "bytes" else f"{count:,} {unit}"

"""A bar on the terminal for the task that runs; only where one process does all the work."""

from __future__ import annotations

import atexit
import multiprocessing
import sys
from typing import TYPE_CHECKING

from pipeline.progress import Progress

if TYPE_CHECKING:
    import rich.progress

_shown: list[rich.progress.Progress] = []


def begin(what: str) -> None:
    """Show a bar for a task, if this is the process that was started and it writes to a terminal."""
    if multiprocessing.parent_process() is not None or not sys.stderr.isatty():
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task(what, total=None)
    bar.start()
    _shown.append(bar)


# A run that is interrupted leaves the terminal as it was.
@atexit.register
def end() -> None:
    """Take the bar away."""
    while _shown:
        _shown.pop().stop()


def update(stage: Progress) -> None:
    """Move the bar on."""
    for bar in _shown:
        [task] = bar.task_ids
        bar.update(task, description=str(stage), total=stage.total, completed=stage.done)

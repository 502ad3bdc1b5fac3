"""How far the work at hand is, told to whoever watches it; without one it costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS_BETWEEN_REPORTS = 0.2
PERCENT = "%"
"""The unit of a stage of 100, which is done at no even pace."""


@dataclass
class Progress:
    """A stage in progress: `done` of `total` units; the total is None where nobody knows it.

    `is_last` says that the work is done, and `what` came of it.
    """

    what: str
    unit: str
    total: int | None
    done: int = 0
    is_last: bool = False

    def __str__(self) -> str:
        if self.is_last:
            return self.what
        of_total = f" of {self.total:,}" if self.total and self.unit != PERCENT else ""
        return f"{self.what}: {self.done:,}{of_total} {self.unit}"


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []
_at_hand: list[Progress] = []


def listen(listener: Listener) -> None:
    """Have `listener` called a few times a second, by the process and thread that works."""
    _listeners.append(listener)


@contextmanager
def stage(what: str, unit: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Give the block a function that takes the units done since its last call.

    Args:
        what: the thing that is worked on, such as a file.
        unit: what is counted: 'bytes', 'documents', 'rows'.
        total: how many there are, if that is known.
    """
    progress, reported = Progress(what, unit, total), 0.0

    def advance(units: int) -> None:
        nonlocal reported
        progress.done += units
        now = time.monotonic()
        if now - reported >= SECONDS_BETWEEN_REPORTS:
            reported = now
            _tell(progress)

    _at_hand.append(progress)
    _tell(progress)
    try:
        yield advance
    finally:
        _at_hand.pop()
    _tell(progress)


def expect(total: int) -> None:
    """Say how many units the stage at hand has, once that is known."""
    if _at_hand:
        _at_hand[-1].total = total
        _tell(_at_hand[-1])


def reach(share: float, what: str | None = None) -> None:
    """Say that a share of the stage at hand is done: of statements that take all rows through one step after another.

    What is done is counted as if each row were done by that share of its steps. `what` is worked on from now on.
    """
    if _at_hand and (total := _at_hand[-1].total):
        _at_hand[-1].what = what or _at_hand[-1].what
        _at_hand[-1].done = max(_at_hand[-1].done, int(share * total))
        _tell(_at_hand[-1])


def conclude(summary: str) -> None:
    """Tell what came of the work at hand."""
    _tell(Progress(summary, "", total=1, done=1, is_last=True))


def _tell(progress: Progress) -> None:
    for listener in _listeners:
        listener(progress)

"""Lines on a terminal that show how far each task is that runs: below what is printed, and gone in the end.

A thread of the process that was started has the terminal for itself. All processes of the run send it what they print
on standard error, and how far they are, so that neither mixes with the other. Where standard error is no terminal there
is none of it.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import shutil
import socket
import sys
import threading
import time
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size

from pipeline.progress import Progress
from pipeline.watching.running import Running

SECONDS_BETWEEN_DRAWINGS = 0.2
LONGEST_LINE = 50_000  # characters; all of it is in the log
CLEAR = "\r\x1b[J"


class Screen:
    """The thread that writes to the terminal, and the way to it."""

    def __init__(self, terminal: int) -> None:
        """Take the terminal, given as a file descriptor, until `close`."""
        self._terminal = terminal
        self._inbox, self._outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._running: dict[str, Running] = {}
        self._is_drawn = False
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._forked)
        self._thread = threading.Thread(target=self._serve, name="live lines", daemon=True)
        self._thread.start()

    def _forked(self) -> None:
        # Else a message would wait for ever in a place that nobody reads any more.
        self._inbox.close()

    def send(self, *, wait: bool, **message: Any) -> bool:
        """Send a message to the thread; tell whether it got there. One that need not arrive does not `wait`."""
        try:
            self._outbox.send(json.dumps(message).encode(), 0 if wait else socket.MSG_DONTWAIT)
        except OSError:  # it has ended, or is busy
            return False
        return True

    def close(self) -> None:
        """Take the lines away, once everything is printed that was sent."""
        if os.getpid() == self._owner and self._thread.is_alive():
            self.send(wait=True, end=True)
            self._thread.join()
        self._inbox.close()
        self._outbox.close()

    def _serve(self) -> None:
        # Whoever waits to send something learns that there is nobody left.
        with self._inbox:
            self._inbox.settimeout(SECONDS_BETWEEN_DRAWINGS)
            self._serve_until_end()

    def _serve_until_end(self) -> None:
        drawn = 0.0
        while True:
            try:
                message = json.loads(self._inbox.recv(1 << 20))
            except TimeoutError:
                message = {}
            except OSError:
                return
            line = message.get("line")
            if line is not None or message.get("end"):
                self._write(CLEAR + (f"{line}\n" if line is not None else ""))
                if message.get("end"):
                    return
            self._note(message)
            now = time.monotonic()
            if line is not None or now - drawn >= SECONDS_BETWEEN_DRAWINGS:
                drawn = now
                self._draw(now)

    def _note(self, message: dict[str, Any]) -> None:
        if name := message.get("begun"):
            self._running[name] = Running(name)
        self._running.pop(message.get("ended", ""), None)
        if (running := self._running.get(message.get("task", ""))) and "stage" in message:
            running.take(message["stage"])

    def _draw(self, now: float) -> None:
        columns, rows = self._size()
        lines = [each.line(now, columns - 1) for each in list(self._running.values())[: max(rows - 1, 1)]]
        lines = [line if cell_len(line) < columns else f"{set_cell_size(line, columns - 2)}…" for line in lines]
        # The cursor waits at the top of them, where whatever else prints begins.
        if lines or self._is_drawn:
            up = f"\r\x1b[{len(lines) - 1}A" if len(lines) > 1 else "\r"
            self._write(CLEAR + "\n".join(lines) + up)
        self._is_drawn = bool(lines)

    def _size(self) -> tuple[int, int]:
        columns, rows = 0, 0
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(self._terminal)
        return (columns, rows) if columns and rows else shutil.get_terminal_size()

    def _write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")
        with contextlib.suppress(OSError):  # the terminal is gone
            while data:
                data = data[os.write(self._terminal, data) :]


class Above(io.TextIOBase):
    """Standard error while lines are shown: what is written is printed above them."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self.screen, self.stream = screen, stream
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the terminal."""
        return self.stream.encoding

    def isatty(self) -> bool:
        """It is the terminal."""
        return True

    def fileno(self) -> int:
        """Return the terminal itself, for programs that are started."""
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Print whole lines; keep what is begun."""
        whole, end, self._begun = (self._begun + text).rpartition("\n")
        if end and not self.screen.send(wait=True, line=whole[:LONGEST_LINE]):
            self.stream.write(f"{whole}\n")
            self.stream.flush()
        return len(text)

    def release(self) -> TextIO:
        """Take the lines away, print what is begun, and return standard error itself."""
        self.screen.close()
        self.stream.write(self._begun)
        return self.stream


_shown: list[Above] = []


def begin() -> None:
    """Show what runs from now on, if standard error is a terminal that can."""
    if not _shown and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        _shown.append(Above(Screen(sys.stderr.fileno()), sys.stderr))
        sys.stderr = _shown[0]


# A run that is interrupted leaves the terminal as it was.
@atexit.register
def end() -> None:
    """Take the lines away."""
    while _shown:
        sys.stderr = _shown.pop().release()


def begun(task: str) -> None:
    """Show a task."""
    for above in _shown:
        above.screen.send(wait=True, begun=task)


def ended(task: str) -> None:
    """Show a task no more."""
    for above in _shown:
        above.screen.send(wait=True, ended=task)


def update(task: str, stage: Progress) -> None:
    """Show how far a task is."""
    told = {"what": stage.what, "unit": stage.unit, "done": stage.done, "total": stage.total}
    for above in _shown if not stage.is_last else ():
        above.screen.send(wait=False, task=task, stage=told)

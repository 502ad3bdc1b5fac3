"""Ending a run by SIGTERM or Ctrl-C: at once, rolled back, with one line and a non-zero exit code.

Left alone, SIGTERM ends a process without a word, and Ctrl-C waits until the statement of the moment has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from psycopg2.extensions import connection as Connection

SECONDS_UNTIL_AGAIN = 0.05


class Interrupted(KeyboardInterrupt, SystemExit):
    """A signal asks the process to end.

    Luigi lets a KeyboardInterrupt through, which ends the whole run, while it takes any other exception for a
    failure of the task; a SystemExit ends a process, the workers too, without a traceback.
    """

    def __init__(self, code: int) -> None:
        SystemExit.__init__(self, code)
        self.code: int = code


def install() -> None:
    """Let SIGTERM and SIGINT raise `Interrupted`, unless the program has handlers of its own for them."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    swallow = sys.unraisablehook

    def swallowed(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, Interrupted):
            _interrupt_again(unraisable.exc_value.code)
        else:
            swallow(unraisable)

    sys.unraisablehook = swallowed


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second signal must not stop the clearing up.
    signal.signal(number, signal.SIG_IGN)
    if multiprocessing.parent_process() is None:
        word = signal.Signals(number).name
        print(f"{word}: what is not committed is rolled back; run again to go on", file=sys.stderr)
    raise Interrupted(128 + number)


def _interrupt_again(code: int) -> None:
    """Raise `Interrupted` once more a moment later: it came where Python lets nothing through.

    These are hooks around a fork, of which a run with several workers is full, and finalizers.
    """

    def raise_it(*_: object) -> None:
        raise Interrupted(code)

    signal.signal(signal.SIGALRM, raise_it)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_UNTIL_AGAIN)


@contextmanager
def cancelling(connection: Connection) -> Iterator[None]:
    """Cancel what a connection executes when a signal arrives.

    Python's handlers run between two steps of Python only, and the driver waits for the server in one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    known = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    ending = {signal.SIGTERM, signal.SIGINT}

    def watch() -> None:
        while received := os.read(reader, 1):
            if received[0] in ending and not connection.closed:
                connection.cancel()

    thread = threading.Thread(target=watch, name="cancelling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(known)
        os.close(writer)
        thread.join()
        os.close(reader)

"""Reading ahead: a thread fetches the next item while those at hand are worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

ITEMS_AHEAD = 1  # and one that finds no room yet
SECONDS_BETWEEN_LOOKS = 0.1
# An interrupted run must not wait for a server that does not answer; the thread ends with the process.
SECONDS_TO_END = 1


@contextmanager
def read_ahead(items: Iterable[Item]) -> Iterator[Iterator[Item]]:
    """Give the block the items in their order, read by a thread of its own.

    What the reading raises is raised where the block takes the next item. A block that ends early ends the
    thread, unless it waits for an item for more than `SECONDS_TO_END`.
    """
    queue: Queue[tuple[Item] | BaseException | None] = Queue(ITEMS_AHEAD)
    given_up = Event()

    def put(entry: tuple[Item] | BaseException | None) -> bool:
        while not given_up.is_set():
            try:
                queue.put(entry, timeout=SECONDS_BETWEEN_LOOKS)
            except Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
            put(None)
        except BaseException as error:
            put(error)

    def taken() -> Iterator[Item]:
        while entry := queue.get():
            if isinstance(entry, BaseException):
                raise entry
            yield entry[0]

    thread = Thread(target=read, name="reading ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        given_up.set()
        thread.join(SECONDS_TO_END)

"""Reading ahead: a thread fetches the next items while those at hand are worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

# Together one batch of MongoDB's driver: so it can ask for the next one while this is worked on, and no more than
# two are in memory.
CHUNK = 100
CHUNKS_AHEAD = 10
SECONDS_BETWEEN_LOOKS = 0.1
# An interrupted run must not wait for a server that does not answer; the thread ends with the process.
SECONDS_TO_END = 1


@contextmanager
def read_ahead(items: Iterable[Item]) -> Iterator[Iterator[list[Item]]]:
    """Give the block the items in their order, in lists of up to `CHUNK`, read by a thread of its own.

    What the reading raises is raised where the block takes the next list. A block that ends early ends the
    thread, unless it waits for an item for more than `SECONDS_TO_END`.
    """
    queue: Queue[list[Item] | BaseException] = Queue(CHUNKS_AHEAD)
    given_up = Event()

    def put(chunk: list[Item] | BaseException) -> bool:
        while not given_up.is_set():
            try:
                queue.put(chunk, timeout=SECONDS_BETWEEN_LOOKS)
            except Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            source = iter(items)
            while put(chunk := list(islice(source, CHUNK))) and chunk:
                pass
        except BaseException as error:
            put(error)

    def chunks() -> Iterator[list[Item]]:
        while chunk := queue.get():
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    thread = Thread(target=read, name="reading ahead", daemon=True)
    thread.start()
    try:
        yield chunks()
    finally:
        given_up.set()
        thread.join(SECONDS_TO_END)

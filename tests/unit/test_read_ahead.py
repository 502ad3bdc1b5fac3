"""Reading ahead of the work by a thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.sources.read_ahead import ITEMS_AHEAD, read_ahead


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "reading ahead"]


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_all_items_come_in_their_order(count: int) -> None:
    with read_ahead(range(count)) as numbers:
        assert list(numbers) == list(range(count))
    assert readers() == []


def test_what_the_reading_raises_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ConnectionError("lost")

    seen: list[int] = []
    with pytest.raises(ConnectionError, match="lost"), read_ahead(items()) as numbers:
        for number in numbers:
            seen += [number]
    assert seen == [0, 1, 2]
    assert readers() == []


def test_a_block_that_fails_ends_the_reading() -> None:
    with pytest.raises(ZeroDivisionError), read_ahead(itertools.count()) as numbers:
        next(numbers)
        raise ZeroDivisionError
    assert readers() == []


def test_no_more_is_read_ahead_than_said() -> None:
    numbers = itertools.count()
    read = 0

    def one_more() -> int:
        nonlocal read
        read += 1
        return next(numbers)

    with read_ahead(iter(one_more, None)) as items:
        for taken in range(1, 4):
            next(items)
            allowed = taken + ITEMS_AHEAD + 1  # those that wait, and one that finds no room
            deadline = time.monotonic() + 30
            while read < allowed and time.monotonic() < deadline:
                time.sleep(0.01)
            assert read == allowed

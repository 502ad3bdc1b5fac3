"""Lines on a terminal that show what runs."""

from __future__ import annotations

import io
import multiprocessing
import os
import pty
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.watching.live import Above, Screen
from pipeline.watching.running import Running, amount, duration


def running(began: float, **stage: Any) -> Running:
    task = Running("LoadCsvToPostgres users.csv", began=began)
    if stage:
        task.stage, task.stage_began = stage, began
    return task


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ({}, "1:05"),
        (
            {"what": "users.csv", "unit": "bytes", "done": 26_000_000, "total": 104_000_000},
            "26.0 MB of 104.0 MB  25 %  400.0 kB/s  3:15 left",
        ),
        ({"what": "users.csv", "unit": "bytes", "done": 9, "total": 9}, "9 B of 9 B  100 %  1:05"),
        ({"what": "users.csv", "unit": "rows", "done": 0, "total": 5_000_000}, "0 of 5,000,000 rows  0 %  1:05"),
        (
            {"what": "movies", "unit": "documents", "done": 6_500, "total": None},
            "movies  6,500 documents  100 documents/s  1:05",
        ),
    ],
)
def test_how_much_how_fast_how_long(stage: dict[str, Any], line: str) -> None:
    joint = " " if stage.get("what") == "movies" else "  "
    assert running(1000, **stage).line(1065, 200) == f"LoadCsvToPostgres users.csv{joint}{line}"


def test_a_job_is_shown_by_what_it_is_at() -> None:
    stage = {"what": "landing users, 3 of 12 files", "unit": "%", "done": 25, "total": 100}
    assert running(1000, **stage).line(1065, 79) == "landing users, 3 of 12 files  25 %  1:05"


def test_names_are_cut_rather_than_numbers() -> None:
    stage = {"what": "x\n日本.csv", "unit": "bytes", "done": 26_000_000, "total": 104_000_000}
    numbers = "26.0 MB of 104.0 MB  25 %  400.0 kB/s  3:15 left"
    assert running(1000, **stage).line(1065, 79) == f"LoadCsvToPostgres users.csv …  {numbers}"
    assert running(1000, **stage).line(1065, 10) == f"LoadCsvToPo…  {numbers}"
    assert running(1000).line(1065, 25) == "LoadCsvToPostgres …  1:05"


def test_units() -> None:
    assert [amount(each, "bytes") for each in (999, 1000, 2.5e9)] == ["999 B", "1.0 kB", "2.5 GB"]
    assert [duration(each) for each in (0.4, 59.6, 3599.6)] == ["0:00", "1:00", "1:00:00"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, Screen]]:
    """The end of a terminal where one sees what it shows, and what shows it."""
    ends = pty.openpty()
    screen = Screen(ends[1])
    yield ends[0], screen
    screen.close()
    for end in ends:
        os.close(end)


def shown(reader: int, end: bytes) -> bytes:
    """Return what a terminal showed up to some text."""
    found = b""
    while end not in found:
        found += os.read(reader, 65536)
    return found


def test_lines_stand_below_what_is_printed(terminal: tuple[int, Screen]) -> None:
    reader, screen = terminal
    above = Above(screen, io.StringIO())
    screen.send(wait=True, begun="LoadUsers")
    print("a line", file=above)
    assert shown(reader, b"\x1b[Ja line\r\n\r\x1b[JLoadUsers  0:00\r")
    screen.send(wait=True, ended="LoadUsers")
    print("and\nmore", file=above)
    screen.close()
    left = shown(reader, b"more\r\n").partition(b"and\r\nmore\r\n")[2]
    assert b"LoadUsers" not in left
    print("afterwards", file=above)
    assert isinstance(above.stream, io.StringIO)
    assert above.stream.getvalue() == "afterwards\n"


def _say(above: Above, turn: Any) -> None:
    print("from a worker", file=above)
    turn.wait()
    for _ in range(1000):  # more than a socket holds
        print("nobody listens", file=above)
    os._exit(0 if isinstance(above.stream, io.StringIO) and above.stream.getvalue().count("nobody") == 1000 else 1)


def test_workers_print_through_it_and_outlive_it(terminal: tuple[int, Screen]) -> None:
    reader, screen = terminal
    context = multiprocessing.get_context("fork")
    turn = context.Event()
    worker = context.Process(target=_say, args=(Above(screen, io.StringIO()), turn))
    worker.start()
    assert b"from a worker\r\n" in shown(reader, b"from a worker\r\n")
    screen.close()
    turn.set()
    worker.join(30)
    assert worker.exitcode == 0

"""What a day costs follows what changed: with ten times the history no more rows are read and written.

PostgreSQL counts them for each table, so there is no clock in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.in_process import settle
from tests.project import Project
from tests.small_input import movie, series, write_sessions, write_users

FILES = 8
USERS = 100
DAY = 200
"""Sessions of the file that comes, of the one that leaves, and rows of the change that each bound is a multiple of."""
FEW = 20
"""Sessions of the user and the title that are edited."""
HISTORIES = {"short": 400, "long": 4000}
"""Sessions of each file of the history."""
SUMS = 300
"""Rows by which small tables of sums may differ, which are read as a whole."""
READ = "coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
WRITTEN = "n_tup_ins + n_tup_upd + n_tup_del"
STATISTICS = f"""
    SELECT schemaname || '.' || relname, {READ}, {WRITTEN} FROM pg_stat_user_tables
    WHERE schemaname IN ('raw', 'processed', 'etl')
"""
GROWING = ("raw.viewing_sessions", "processed.viewing_sessions", "etl.held_rows")


def sessions(prefix: str, count: int, user: str = "U{}", title: str = "M{}") -> list[str]:
    """Return lines of sessions whose ids are spread as those of a hash are, in days of 2024."""
    return [
        f"{number * 7919 % 100_003}-{prefix},{user.format(number % USERS)},{title.format(number % 5)},"
        f"2024-0{1 + number % 9}-1{number % 10},{number % 90},{number % 100},TV,HD"
        for number in range(count)
    ]


def users(registered: str = "2023-01-01", country: str = "Peru") -> list[str]:
    return [f"U{number},30,Chile,Basic,2023-01-01,1" for number in range(USERS)] + [
        f"FEW,30,{country},Basic,{registered},1"
    ]


def write_catalogue(project: Project, minutes: int) -> None:
    movies = [movie(f"M{number}", f"Movie {number}") for number in range(5)]
    project.write_titles(movies=[*movies, movie("FEW", "Rare", duration_minutes=minutes)], series=[series("T1")])


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> list[Project]:
    """Two projects with as many files and users, and as many rows of what will change; one has ten times the rest."""
    projects = []
    for name, rows in HISTORIES.items():
        project = Project(tmp_path_factory.mktemp(name), embedded, f"test_cost_{name}")
        write_users(project, *users())
        write_catalogue(project, 100)
        for number in range(FILES):
            write_sessions(project, *sessions(f"{number}", rows), name=f"viewing_sessions-{number}.csv")
        write_sessions(project, *sessions("W", rows, "LATE{}"), name="viewing_sessions-waiting.csv")
        write_sessions(project, *sessions("L", DAY), name="viewing_sessions-leaving.csv")
        write_sessions(project, *sessions("F", FEW, "FEW", "FEW"), name="viewing_sessions-few.csv")
        write_sessions(project, *sessions("N", FEW, "NEW"), name="viewing_sessions-new.csv")
        settle(project, report=True)
        # The first edit of a title has the sessions indexed by it, the first change of sessions for publication.
        write_catalogue(project, 90)
        write_sessions(project, *sessions("X", 1), name="viewing_sessions-x.csv")
        settle(project, report=True)
        projects.append(project)
    return projects


def cost(project: Project) -> dict[str, tuple[int, int]]:
    """Return the rows that a run reads and writes, by table."""
    before = {name: counts for name, *counts in project.rows(STATISTICS)}
    settle(project, report=True)
    return {
        name: (read - before[name][0], written - before[name][1])
        for name, read, written in project.rows(STATISTICS)
        if name in before
    }


def a_file_comes(project: Project) -> None:
    write_sessions(project, *sessions("D", DAY), name="viewing_sessions-today.csv")


def a_user_moves(project: Project) -> None:
    write_users(project, *users(country="Japan"))


def a_user_registers_later(project: Project) -> None:
    write_users(project, *users(registered="2024-06-01", country="Japan"))


def a_title_gets_shorter(project: Project) -> None:
    write_catalogue(project, 10)


def a_file_leaves(project: Project) -> None:
    (project.raw / "viewing_sessions-leaving.csv").unlink()


def a_user_comes(project: Project) -> None:
    write_users(project, *users(), "NEW,30,Peru,Basic,2023-01-01,1")


CHANGES: list[tuple[Callable[[Project], Any], int]] = [
    (a_file_comes, DAY),
    (a_user_moves, 1),
    (a_user_registers_later, FEW),
    (a_title_gets_shorter, FEW),
    (a_file_leaves, DAY),
    (a_user_comes, FEW),
]


@pytest.mark.parametrize(("change", "rows"), CHANGES)
def test_a_run_costs_what_the_change_weighs(
    histories: list[Project], change: Callable[[Project], Any], rows: int
) -> None:
    costs = []
    for project in histories:
        change(project)
        costs.append(cost(project))
    short, long = costs
    for table in short.keys() | long.keys():
        for few, many in zip(short[table], long[table], strict=True):
            slack = 10 if table in GROWING else SUMS
            assert many <= few + max(slack, 0.1 * few), f"{table}: {short[table]}, {long[table]} with more history"
    for table in GROWING:
        read, written = long[table]
        assert read <= 100 + 15 * rows, table
        assert written <= 2 * rows, table

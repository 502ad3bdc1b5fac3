"""Many files that arrive at once, and many that leave."""

from __future__ import annotations

import json

import pytest

from tests.in_process import ask, explain, settle
from tests.project import Project
from tests.small_input import session, write_all, write_sessions

pytestmark = pytest.mark.survival

ARRIVING, STAYING = 100, 70  # more than the locks that PostgreSQL sets apart for a transaction (64)
DOWNSTREAM = {"LoadViewingSessions", "CheckQuality", "PublishTrusted", "BuildReport"}


def sessions(project: Project) -> list[tuple[str, int]]:
    query = "SELECT session_id, watch_duration_minutes FROM trusted.session_details ORDER BY session_id"
    return [(name, minutes) for name, minutes in project.rows(query)]


def test_many_files_arrive_and_leave(project: Project) -> None:
    write_all(project)
    small = [("S1", 50), ("S2", 50), ("S3", 50)]
    files = [project.raw / f"viewing_sessions/{number:04}.csv" for number in range(ARRIVING)]
    for number, file in enumerate(files):
        line = f"L{number:04},U1,M1,2024-05-01,{number},50.5,TV,HD"
        write_sessions(project, line, name=f"viewing_sessions/{file.name}")
    # With more workers, Luigi forks for each, which costs as much as the loads.
    project.must_run("--workers", "1")
    assert sessions(project) == [(f"L{number:04}", number) for number in range(ARRIVING)] + small

    write_sessions(project, session(9), name="viewing_sessions/0050.csv")
    assert set(explain(project)) == {"LoadCsvToPostgres viewing_sessions/0050.csv", *DOWNSTREAM}
    files[0].unlink()
    for file in files[STAYING + 1 :]:
        file.unlink()
    run = project.must_run("--workers", "1")
    assert len(run.ran) == 1 + ARRIVING - STAYING + len(DOWNSTREAM)
    kept = [(f"L{number:04}", number) for number in range(1, STAYING + 1) if number != 50]
    assert sessions(project) == [*kept, *small, ("S9", 50)]
    assert len(json.loads(ask(project, "status", "--json").answer)["files"]) == STAYING + 3
    assert settle(project, report=True) == []

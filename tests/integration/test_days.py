"""The day of a run is never after today; what an earlier version loaded for such a day is no obstacle."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline import __all__ as task_names
from tests.in_process import ask, attempt, explain, settle
from tests.project import Project
from tests.small_input import write_all

TOMORROW = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
# East and west of the date line it is never the same day.
EAST, WEST = "Pacific/Kiritimati", "Etc/GMT+12"
DATED = (
    "RunAll",
    "ExtractMongoToCsv",
    "LoadNormalizedJsonsToPostgres",
    "LoadUsers",
    "LoadViewingSessions",
    "CheckQuality",
    "PublishTrusted",
    "BuildReport",
)


def east() -> str:
    return datetime.now(ZoneInfo(EAST)).date().isoformat()


def west() -> str:
    return datetime.now(ZoneInfo(WEST)).date().isoformat()


@pytest.mark.parametrize("task", DATED)
def test_no_task_takes_a_day_after_today(project: Project, task: str) -> None:
    write_all(project)
    run = project.task(task, "--date", "9999-12-31")
    assert run.code == 40
    [line] = run.output.splitlines()
    assert line.startswith("error: date 9999-12-31 is after today, which is ")
    assert line.endswith(" in UTC (PIPELINE_TIMEZONE): give a day up to that one")
    assert not (project.folder / "processed").exists()


def test_every_task_with_a_date_is_tried() -> None:
    import pipeline

    assert {name for name in task_names if "date" in dict(getattr(pipeline, name).get_params())} == set(DATED)


def test_what_is_no_day_is_refused_in_one_line(project: Project) -> None:
    run = project.task("RunAll", "--date", "2026-02-30")
    assert (run.code, run.output) == (40, "error: date '2026-02-30' is no day: give it as YYYY-MM-DD\n")


@pytest.mark.parametrize("command", [("explain",), ("redo", "LoadUsers"), ("accept", "LoadUsers")])
def test_no_command_takes_a_day_after_today(project: Project, command: tuple[str, ...]) -> None:
    told = ask(project, *command, "--date", TOMORROW, PIPELINE_TIMEZONE="UTC")
    assert told.code == 1
    assert told.output.startswith(f"error: date {TOMORROW} is after today")
    assert len(told.output.splitlines()) == 1


def test_today_is_that_of_the_schedules_zone(project: Project) -> None:
    write_all(project)
    refused = project.run_all(date=east(), PIPELINE_TIMEZONE=WEST)
    assert (refused.code, refused.ran) == (40, [])
    earlier = west()
    assert project.task("RunAll", PIPELINE_TIMEZONE=WEST).code == 0
    assert [day.name for day in (project.folder / "processed").iterdir()] in ([earlier], [west()])
    project.must_run(date=east(), PIPELINE_TIMEZONE=EAST)


def test_an_unknown_zone_is_named(project: Project) -> None:
    run = project.run_all(PIPELINE_TIMEZONE="Mars/Olympus")
    assert run.code == 40
    assert "PIPELINE_TIMEZONE: there is no such time zone" in run.output
    assert "Mars/Olympus" in run.output


def test_the_first_day_of_all_loads_and_is_no_obstacle(project: Project) -> None:
    write_all(project)
    settle(project, "0001-01-01", report=True)
    assert settle(project, "0001-01-01", report=True) == []
    assert "ExtractMongoToCsv" in settle(project)
    assert settle(project) == []


def test_a_day_to_come_that_an_earlier_version_loaded_is_left_behind(project: Project) -> None:
    write_all(project)
    settle(project, report=True)
    with project.mongo() as db:
        db.movies.update_one({"content_id": "M1"}, {"$set": {"title": "Of the day that has not come"}})
    # What a run of that day left, when such a day was taken: a later extraction, loaded and published.
    processed, reports = project.folder / "processed", project.folder / "reports"
    project.rows(
        "UPDATE etl.table_updates SET run_date = '2962-11-26', fingerprint = 'of then', inserted = clock_timestamp()"
        " WHERE run_date IS NOT NULL AND target_table NOT LIKE 'data/%'"
    )
    (processed / "2962-11-26").mkdir()
    (reports / "2962-11-26").mkdir()
    (reports / "2962-11-26/index.html").touch()
    [cause] = explain(project)["ExtractMongoToCsv"]
    assert re.fullmatch(r"takes the place of batch \d+", cause)
    run = attempt(project, report=True)
    assert "2962-11-26 is loaded, a day that has not come" in run.output
    title = "SELECT title FROM trusted.content_summary WHERE content_id = 'M1'"
    assert project.value(title) == "Of the day that has not come"
    assert "2962" not in (reports / "index.html").read_text()
    assert settle(project, report=True) == []
    with project.mongo() as db:
        db.movies.update_one({"content_id": "M1"}, {"$set": {"title": "Of the day after"}})
    settle(project, "2026-03-03")
    assert project.value(title) == "Of the day after"
    told = ask(project, "gc", "--keep-days", "100000", "--yes")
    assert f"{processed / '2962-11-26'}" in told.output
    assert not (processed / "2962-11-26").exists()
    assert not (reports / "2962-11-26").exists()

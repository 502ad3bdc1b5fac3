"""Running the pipeline inside the test's own process: a run costs a fraction of a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from unittest.mock import patch

import luigi
from luigi.task_register import Register

from pipeline import fingerprints
from pipeline.settings import get_settings
from pipeline.stores import markers, mongo
from pipeline.tasks import land, run_all
from pipeline.tasks.publish import BuildReport
from tests.project import DAY, Project

FROZEN = (
    get_settings,
    markers.run_started,
    land.csv_paths,
    land.withdrawn,
    land.deliveries,
    run_all.day_to_reach,
)


def thaw() -> None:
    """Forget what a process decides once: settings, digests, markers, tasks."""
    fingerprints.thaw()
    markers.forget()
    mongo.forget()
    for function in FROZEN:
        function.cache_clear()
    Register.clear_instance_cache()


@contextmanager
def settings_of(project: Project) -> Iterator[None]:
    """Have the pipeline work in this process with the settings of a project."""
    with patch.dict(os.environ, project.env, clear=True):
        thaw()
        try:
            yield
        finally:
            thaw()
    thaw()


def settle(project: Project, day: str = DAY, *, only: type[luigi.Task] | None = None) -> list[str]:
    """Bring everything but the report up to date, and return the tasks that did.

    Args:
        project: whose input and databases.
        day: date of the run.
        only: run this task alone, with what it requires.
    """
    ran: list[str] = []
    with settings_of(project):
        everything = run_all.RunAll(date=date.fromisoformat(day)).requires()
        tasks = [task for task in everything if (isinstance(task, only) if only else not isinstance(task, BuildReport))]

        @luigi.Task.event_handler(luigi.Event.START)
        def started(task: luigi.Task) -> None:
            ran.append(task.task_family)

        try:
            done = luigi.build(tasks, local_scheduler=True, workers=1, detailed_summary=True, log_level="WARNING")
        finally:
            luigi.Task.remove_event_handler(luigi.Event.START, started)
    assert done.status == luigi.LuigiStatusCode.SUCCESS, done.summary_text
    return ran

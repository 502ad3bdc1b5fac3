"""Running the pipeline inside the test's own process: a run costs a fraction of a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from unittest.mock import patch

import luigi
import luigi.configuration
from luigi.task_register import Register

from pipeline.contract import mapping, register
from pipeline.settings import get_settings
from pipeline.sources import inventory
from pipeline.start import begin_run
from pipeline.state import code, fingerprints, markers
from pipeline.state.marker import Store
from pipeline.tasks import land_csv, land_json, raw_folder, refused, run_all, table_files
from pipeline.tasks.publish import BuildReport
from tests.project import DAY, REPOSITORY, Project

# What a process decides once. The digests of code stay: nobody edits it meanwhile.
FROZEN = (
    get_settings,
    mapping.mappings,
    register.tables,
    inventory.inventory,
    markers.run_number,
    raw_folder.csv_paths,
    table_files.files_of,
    raw_folder.name_undeclared,
    table_files.landed_files,
    land_csv.landed,
    land_csv.withdrawn,
    land_csv.unreadable,
    land_json.deliveries,
    land_json.landing_priorities,
    land_json.warn_of_passed_over,
    refused.refused_contents,
    run_all.day_to_reach,
)


begin_run()
# Luigi would open its log in the folder of the first project, and keep it open.
luigi.configuration.get_config().set("core", "no_configure_logging", "true")


def thaw(*, edited: bool = False) -> None:
    """Forget what a process decides once: settings, digests of files, markers, tasks; of code where it is edited."""
    if edited:
        fingerprints.sql_digests.cache_clear()
        code.source_of.cache_clear()
        code.modules_behind.cache_clear()
        code.sql_named_in.cache_clear()
    Store.forget()
    for function in FROZEN:
        function.cache_clear()
    Register.clear_instance_cache()


@contextmanager
def settings_of(project: Project) -> Iterator[None]:
    """Have the pipeline work in this process with the settings of a project."""
    with patch.dict(os.environ, project.env, clear=True):
        thaw(edited=project.env["PROJECT_ROOT"] != str(REPOSITORY))
        try:
            yield
        finally:
            thaw(edited=project.env["PROJECT_ROOT"] != str(REPOSITORY))
    thaw()


def settle(
    project: Project,
    day: str = DAY,
    *,
    only: type[luigi.Task] | None = None,
    report: bool = False,
    allow_empty: bool = False,
) -> list[str]:
    """Bring everything up to date, and return the tasks that did.

    Args:
        project: whose input and databases.
        day: date of the run.
        only: run this task alone, with what it requires.
        report: build the report too, which takes longer than the rest.
        allow_empty: let the last rows of a table leave.
    """
    ran: list[str] = []
    failures: list[Exception] = []

    def started(task: luigi.Task) -> None:
        ran.append(task.task_family)

    def failed(_: luigi.Task, error: Exception) -> None:
        failures.append(error)

    with settings_of(project):
        everything = run_all.RunAll(date=date.fromisoformat(day), allow_empty=allow_empty).requires()
        wanted = only or luigi.Task
        tasks = [
            task for task in everything if isinstance(task, wanted) and (report or not isinstance(task, BuildReport))
        ]
        luigi.Task.event_handler(luigi.Event.START)(started)
        luigi.Task.event_handler(luigi.Event.FAILURE)(failed)
        try:
            done = luigi.build(tasks, local_scheduler=True, workers=1, detailed_summary=True)
        finally:
            luigi.Task.remove_event_handler(luigi.Event.START, started)
            luigi.Task.remove_event_handler(luigi.Event.FAILURE, failed)
    if failures:
        raise failures[0]
    assert done.status == luigi.LuigiStatusCode.SUCCESS, done.summary_text
    return ran

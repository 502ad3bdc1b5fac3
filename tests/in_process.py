"""Running the pipeline inside the test's own process: a run costs a fraction of a second."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import luigi
import luigi.configuration
from luigi.task_register import Register
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.contract import collections, mapping, register
from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.sources import inventory
from pipeline.start import begin_run
from pipeline.state import code, fingerprints, markers
from pipeline.state.marker import Store
from pipeline.tasks import land_csv, land_json, raw_folder, refused, run_all, table_files
from pipeline.tasks.publish import BuildReport
from pipeline.watching.context import is_own, name_of
from tests.project import DAY, REPOSITORY, Project, Run, causes_by_task
from tests.small_input import write_all

REFUSED = 30  # exit code of a run in which a task failed

# What a process decides once. The digests of code stay: nobody edits it meanwhile.
FROZEN = (
    get_settings,
    mapping.mappings,
    collections.collections,
    collections.identity_fields,
    collections.document_fields,
    register.tables,
    inventory.inventory,
    markers.run_number,
    raw_folder.csv_paths,
    table_files.files_of,
    raw_folder.name_undeclared,
    table_files.landed_files,
    table_files.number_gone,
    land_csv.landed,
    land_csv.withdrawn,
    land_csv.unreadable,
    land_json.deliveries,
    land_json.landing_priorities,
    land_json.warn_of_passed_over,
    refused.refused_contents,
    run_all.day_to_reach,
)
OF_CODE = (
    fingerprints.sql_digests,
    code.source_of,
    code.modules_behind,
    code.sql_named_in,
    code._module,
    code._file,
)

_umask = os.umask(0)
begin_run()
os.umask(_umask)  # it is the test's own process
# Luigi would open its log in the folder of the first project, and keep it open.
luigi.configuration.get_config().set("core", "no_configure_logging", "true")
logging.getLogger("pipeline").setLevel(logging.INFO)


def thaw(*, edited: bool = False) -> None:
    """Forget what a process decides once: settings, digests of files, markers, tasks; of code where it is edited."""
    for function in (*FROZEN, *(OF_CODE if edited else ())):
        function.cache_clear()
    Store.forget()
    Register.clear_instance_cache()


@contextmanager
def settings_of(project: Project, **env: str) -> Iterator[None]:
    """Have the pipeline work in this process with the settings of a project, and `env` over them.

    Of a copy of the code (`Project.copy_code`) the digests count and the SQL; the Python that runs is the repository's.
    """
    root = Path(project.env["PROJECT_ROOT"])
    with patch.dict(os.environ, {**project.env, **env}, clear=True), patch.object(code, "PACKAGE_ROOT", root):
        thaw(edited=root != REPOSITORY)
        try:
            yield
        finally:
            thaw(edited=root != REPOSITORY)
    thaw()


def settle(
    project: Project,
    day: str = DAY,
    *,
    only: type[luigi.Task] | None = None,
    report: bool = False,
    allow_empty: bool = False,
    **env: str,
) -> list[str]:
    """Bring everything up to date, and return the tasks that did, each named with its file, if any.

    Args:
        project: whose input and databases.
        day: date of the run.
        only: run this task alone, with what it requires.
        report: build the report too, which takes longer than the rest.
        allow_empty: let the last rows of a table leave.
        env: settings of this run alone.
    """
    run = attempt(project, day, only=only, report=report, allow_empty=allow_empty, **env)
    if run.failures:
        raise run.failures[0]
    assert run.code == 0, run.output
    return run.ran


def attempt(
    project: Project,
    day: str = DAY,
    *,
    only: type[luigi.Task] | None = None,
    report: bool = False,
    allow_empty: bool = False,
    **env: str,
) -> Run:
    """Do what `settle` does, which may fail: then the code is 30. The output is what is logged and why tasks fail."""
    ran: list[str] = []
    failures: list[Exception] = []
    said = Said()

    def started(task: luigi.Task) -> None:
        if is_own(task):
            ran.append(name_of(task))

    def failed(task: luigi.Task, error: Exception) -> None:
        if error not in failures:  # of files that land together, it is told twice
            failures.append(error)
        said.lines.append(f"{name_of(task)} failed: {error}")
        if not isinstance(error, PipelineError):
            said.lines += traceback.format_exception(error)

    handlers = {luigi.Event.START: started, luigi.Event.FAILURE: failed, luigi.Event.BROKEN_TASK: failed}
    with settings_of(project, **env), said:
        main = run_all.RunAll(date=date.fromisoformat(day), allow_empty=allow_empty)
        wanted = {only.__name__} if only else {task.task_family for task in main.requires()}
        left_out = set() if report else {BuildReport.__name__}
        tasks = [task for task in main.requires() if task.task_family in wanted - left_out]
        assert tasks, "nothing was asked for"
        for event, handler in handlers.items():
            luigi.Task.event_handler(event)(handler)
        try:
            done = luigi.build(tasks, local_scheduler=True, workers=1, detailed_summary=True)
            is_done = done.status == luigi.LuigiStatusCode.SUCCESS
            if is_done and only is None:
                main.run()
        except PipelineError as error:
            failed(main, error)
            is_done = False
        finally:
            for event, handler in handlers.items():
                luigi.Task.remove_event_handler(event, handler)
    return Run(0 if is_done else REFUSED, sorted(ran), "\n".join(said.lines), failures=failures)


class Said(logging.Handler):
    """Keeps what the pipeline logs while this is entered."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> None:
        logging.getLogger("pipeline").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("pipeline").removeHandler(self)


def ask(project: Project, *arguments: str, **env: str) -> Run:
    """Run an operator command: `python -m pipeline <arguments>`."""
    with settings_of(project, **env):
        result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, PipelineError):
        return Run(1, [], f"{result.output}error: {result.exception}\n")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Run(result.exit_code, [], result.output, answer=result.stdout)


def explain(project: Project, task: str = "RunAll", day: str = DAY, **env: str) -> dict[str, list[str]]:
    """Return the tasks that a run would run, as `settle` names them, each with its causes."""
    told = ask(project, "explain", task, "--date", day, "--json", **env)
    assert told.code == 0, told.output
    return causes_by_task(told.answer)


def load_all(project: Project) -> None:
    """Do `write_all` and `settle`, by copying a project where that was done: a sixth of the work.

    All that begin so use one database of MongoDB: of two such projects only the newer one can be run.
    """
    first, kept = _loaded(Path(project.env["EMBEDDED_PATH"]))
    shutil.copytree(first.folder, project.folder, dirs_exist_ok=True)
    first.branch(project.env["POSTGRES_DB"])
    project.env["MONGO_DB"] = first.env["MONGO_DB"]
    with project.mongo() as db:
        db.client.drop_database(db.name)
        for name, (options, indexes, documents) in kept.items():
            db.create_collection(name, **options)
            for index, facts in indexes.items():
                if index != "_id_":
                    more = {fact: value for fact, value in facts.items() if fact not in ("key", "v", "ns")}
                    db[name].create_index(facts["key"], name=index, **more)
            if documents:
                db[name].insert_many(documents)


@cache
def _loaded(embedded: Path) -> tuple[Project, dict[str, tuple[Any, Any, list[dict[str, Any]]]]]:
    """Return the project that is copied; and of its collections the options, the indexes and the documents."""
    first = Project(Path(tempfile.mkdtemp()) / "project", embedded, f"loaded_{os.getpid()}")
    write_all(first)
    settle(first)
    with first.mongo() as db:
        found = [db[name] for name in db.list_collection_names()]
        return first, {each.name: (each.options(), each.index_information(), [*each.find()]) for each in found}

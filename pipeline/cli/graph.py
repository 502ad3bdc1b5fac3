"""Tasks by name, as operators type them, and what is built on them."""

from __future__ import annotations

import difflib
from datetime import date

import luigi

import pipeline
from pipeline.contract.register import csv_tables
from pipeline.errors import PipelineError
from pipeline.sources.inventory import raw_files
from pipeline.tasks.base import PipelineTask
from pipeline.tasks.load import LoadTable, load_name
from pipeline.tasks.run_all import RunAll
from pipeline.watching.context import name_of


class UnknownTaskError(PipelineError):
    """There is no task of that name; the message offers the nearest one."""


def build(name: str, day: date) -> luigi.Task:
    """Return the task that an operator means by `name`: a family, and for a task of one file a blank and the file.

    Raises:
        UnknownTaskError: there is no such task, or it needs a file and none of that name is there.
    """
    family, _, path = name.partition(" ")
    families = {task: getattr(pipeline, task) for task in pipeline.__all__}
    loads = {load_name(table): table for table in csv_tables()}
    if family in loads and not path:
        return LoadTable(table=loads[family], date=day)
    families |= dict.fromkeys(loads, LoadTable)
    if family not in families:
        near = difflib.get_close_matches(family, families, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise UnknownTaskError(f"there is no task '{family}'{hint} Tasks are: {', '.join(families)}")
    parameters = dict(families[family].get_params())
    if "path" in parameters and not path:
        raise UnknownTaskError(f'{family} needs a file: "{family} users.csv"')
    if path and "path" not in parameters:
        raise UnknownTaskError(f"{family} takes no file")
    given = {"date": day, "path": path}
    return families[family](**{key: value for key, value in given.items() if key in parameters})


def select(name: str, day: date) -> list[PipelineTask]:
    """Return the tasks that an operator means: one, or all of a family of files (`LoadCsvToPostgres`).

    Raises:
        UnknownTaskError: as `build`.
    """
    tasks = [task for task in stages(day) if name in (task.task_family, name_of(task))]
    if tasks:
        return tasks
    family, _, path = name.partition(" ")
    if path and path not in raw_files() and family in {task.task_family for task in stages(day)}:
        known = [*raw_files()]
        near = difflib.get_close_matches(path, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownTaskError(f"there is no file '{path}' in the raw folder{hint}")
    task = build(name, day)
    raise UnknownTaskError(f"{task.task_family} only groups other tasks; name one of them")


def stages(day: date) -> list[PipelineTask]:
    """Return every task of the main job that has a target of its own, each after those it requires."""
    found: dict[str, PipelineTask] = {}

    def visit(task: luigi.Task) -> None:
        if task.task_id in found:
            return
        for required in task.requires():
            visit(required)
        if isinstance(task, PipelineTask):
            found.setdefault(task.task_id, task)

    for stage in RunAll(date=day).requires():
        visit(stage)
    return list(found.values())


def built_on(tasks: list[PipelineTask], day: date) -> list[PipelineTask]:
    """Return tasks together with everything that builds on them, in the order they would run."""
    chosen = {task.task_id for task in tasks}
    for task in stages(day):
        if any(each.task_id in chosen for each in task.builds_on()):
            chosen.add(task.task_id)
    return [task for task in stages(day) if task.task_id in chosen]

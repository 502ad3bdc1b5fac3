"""Changing markers by hand: to have a load done again, or to keep it although code has changed."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated

import typer

from pipeline.cli.causes import judge
from pipeline.cli.graph import built_on, select, stages
from pipeline.cli.options import Day, TaskName, day_of
from pipeline.cli.show import show
from pipeline.errors import PipelineError
from pipeline.servers import mongo, postgres
from pipeline.state.inputs import Difference, Inputs
from pipeline.state.marker import REDO, Store
from pipeline.state.mongo_markers import write_marker
from pipeline.state.targets import MarkerTarget, MongoMarkerTarget
from pipeline.tasks.base import PipelineTask
from pipeline.watching.context import name_of


class NotAcceptedError(PipelineError):
    """A task cannot be marked current: more than its code has changed, or it never ran."""


def redo(
    task: TaskName,
    downstream: Annotated[bool, typer.Option("--downstream", help="and everything built on it")] = False,
    day: Day = None,
) -> None:
    """Have a task done again by the next run, although nothing changed.

    Example: python -m pipeline redo PublishTrusted
    """
    voided = void(task, day_of(day), with_downstream=downstream)
    for each in voided:
        warning = f"; {each.redo_warning}" if each.redo_warning else ""
        show(f"{name_of(each)}: the next run does it again{warning}")
    if not voided:
        show(f"{task} never ran; the next run does it anyway")


def accept(task: TaskName, day: Day = None) -> None:
    """Mark a task as current although its code changed, when the change is known to change no result.

    Example: python -m pipeline accept ExtractMongoToCsv
    """
    kept = keep(task, day_of(day))
    for each in kept:
        show(f"{name_of(each)}: accepted as it is")
    if not kept:
        show(f"{task} is current already")


def void(name: str, day: date, *, with_downstream: bool = False) -> list[PipelineTask]:
    """Void the markers of a task, and of what builds on it if that is asked for; return the tasks that had one.

    Raises:
        UnknownTaskError: there is no such task.
    """
    tasks = select(name, day)
    if with_downstream:
        tasks = built_on(tasks, day)
    return [task for task in tasks if _mark(task, REDO, None)]


def keep(name: str, day: date) -> list[PipelineTask]:
    """Mark a task current although its code changed, and with it those that would run only because of it.

    Returns the tasks that are current now and were not.

    Raises:
        UnknownTaskError: there is no such task.
        NotAcceptedError: something else than code changed; what loaded is out of date.
    """
    accepted: list[PipelineTask] = []
    changes: set[Difference] = set()
    for task in select(name, day):
        verdict = judge(task)
        other = [each for each in verdict.changed if each.group not in {"sql", "code"} and each.name != "template"]
        if verdict.will_run and (other or not verdict.changed or len(verdict.causes) > len(verdict.changed)):
            raise NotAcceptedError(
                f"{name_of(task)} cannot be accepted, since not only code changed: {verdict.causes[0]}"
            )
        if verdict.will_run:
            accepted.append(task)
            changes.update(verdict.changed)
    labels = {task.label for task in accepted}
    for task in stages(day):
        verdict = judge(task)
        upstream = {each for each in verdict.changed if each.group == "tasks" and each.name in labels}
        only_so = len(verdict.causes) == len(verdict.changed) and changes | upstream >= {*verdict.changed}
        if task not in accepted and upstream and only_so:
            accepted.append(task)
            labels.add(task.label)
    for task in accepted:
        _mark(task, task.fingerprint, task.inputs)
    return accepted


def _mark(task: PipelineTask, fingerprint: str, inputs: Inputs | None) -> bool:
    """Write another fingerprint, and other inputs if any are given, into a marker; tell whether there was one."""
    target = task.output()
    current = target.current()
    if current is None:
        return False
    if isinstance(target, MarkerTarget):
        with postgres.session() as cursor:
            cursor.execute(
                "UPDATE etl.table_updates SET fingerprint = %s, inputs = coalesce(%s, inputs) WHERE update_id = %s",
                (fingerprint, json.dumps(inputs.to_json()) if inputs else None, task.update_id),
            )
        Store.forget()
    elif isinstance(target, MongoMarkerTarget):
        with mongo.database() as db:
            write_marker(db, task.update_id, fingerprint, inputs or current.inputs, current.holds, current.facts)
    else:
        return False
    return True

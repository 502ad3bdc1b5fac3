"""Why a task will run: the present inputs against those of its marker, in words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import luigi

from pipeline.state.inputs import Difference, in_words
from pipeline.state.marker import Marker
from pipeline.tasks.base import PipelineTask
from pipeline.tasks.file_task import FileTask
from pipeline.tasks.land_csv import LoadCsvsToPostgres, WithdrawCsv
from pipeline.tasks.land_json import LoadJsonsToMongo
from pipeline.tasks.run_all import RunAll
from pipeline.watching.context import file_of

GROUPS = (LoadCsvsToPostgres, LoadJsonsToMongo)


@dataclass(frozen=True)
class Verdict:
    """Whether a task will run, and why; `task` is the family, `subject` the file it is for, if any.

    `depth` is the task's place in the tree (0 for the main job), `changed` its inputs that differ, and
    `is_stage` is False for tasks that only group others.
    """

    task: str
    subject: str | None
    depth: int
    will_run: bool
    causes: list[str]
    changed: list[Difference] = field(default_factory=list)
    is_stage: bool = True

    @property
    def name(self) -> str:
        """The task and its file."""
        return f"{self.task} {self.subject}" if self.subject else self.task

    def to_json(self) -> dict[str, Any]:
        """Return the verdict for programs."""
        state = "will run" if self.will_run else "complete"
        return {"task": self.task, "file": self.subject, "state": state, "causes": self.causes}


def verdicts(root: luigi.Task) -> list[Verdict]:
    """Return a verdict on a task and on everything below it, parents first; each task once."""
    found: list[Verdict] = []
    will_run: dict[str, bool] = {}

    def visit(task: luigi.Task, depth: int) -> bool:
        if task.task_id in will_run:
            return will_run[task.task_id]
        place = len(found)
        if isinstance(task, PipelineTask):
            verdict = judge(task, depth)
        else:
            verdict = Verdict(task.task_family, None, depth, False, [], is_stage=False)
        found.append(verdict)
        will_run[task.task_id] = verdict.will_run
        below = task.requires()
        if isinstance(root, RunAll) and depth == 1 and not isinstance(task, GROUPS):
            below = []  # the main job names every stage itself
        running = [required for required in below if visit(required, depth + 1)]
        if running and not verdict.is_stage:
            # What only groups others runs if one of them does.
            will_run[task.task_id] = True
            found[place] = replace(verdict, will_run=True)
        return will_run[task.task_id]

    visit(root, 0)
    return found


def judge(task: PipelineTask, depth: int = 0) -> Verdict:
    """Tell whether a task will run, and why."""
    is_complete = task.complete()
    causes, changed = ([], []) if is_complete else _causes(task)
    return Verdict(task.task_family, file_of(task), depth, not is_complete, causes, changed)


def _causes(task: PipelineTask) -> tuple[list[str], list[Difference]]:
    """Say why a task is not complete, and which inputs differ."""
    if isinstance(task, WithdrawCsv):
        return ["the file is not in the raw folder any more"], []
    if isinstance(task, FileTask) and (reason := task.why_unreadable()):
        return [reason], []
    current: Marker | None = task.output().current()
    if current is None:
        return [task.first_time_cause() or "never ran"], []
    causes = [current.missing] if current.missing else []
    if current.voided:
        causes.append("to be done again, as asked by redo")
    changed = [each for each in current.inputs.differences(task.inputs) if each.name != "again"]
    for each in changed:
        causes += (task.forecast() if each.name == "declaration" else []) or [in_words(each)]
    if not causes and current.outdated:
        causes = [current.outdated]
    return causes or [task.first_time_cause() or "its task was renamed"], changed

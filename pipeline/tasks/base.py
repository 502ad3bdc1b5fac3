"""The base of all tasks: what a task depends on, and the fingerprint that follows."""

from __future__ import annotations

from datetime import date
from functools import cache, cached_property
from typing import ClassVar

import luigi

from pipeline.state import code, fingerprints, markers
from pipeline.state.executor import execute
from pipeline.state.inputs import Inputs
from pipeline.state.locks import Locks
from pipeline.state.marker import Store
from pipeline.state.spec import Load, LoadSpec
from pipeline.state.targets import MarkerTarget

# Tables that others refer to are loaded while the many files of those land.
PARENTS_FIRST = 1


class TaskOfRun(luigi.Task):
    """A task with what a whole run asks of its tasks; it hands that on to all that it requires."""

    allow_empty = luigi.BoolParameter(
        significant=False, description="accept files and collections that have become empty"
    )
    go_on = luigi.BoolParameter(
        significant=False, description="leave the failure to the task of all files if a file is refused"
    )

    @classmethod
    @cache
    def get_params(cls) -> list[tuple[str, luigi.Parameter]]:
        """Return the parameters by name; Luigi asks hundreds of times, a seventh of the calls of an idle run."""
        params: list[tuple[str, luigi.Parameter]] = super().get_params()
        return params

    @property
    def options(self) -> dict[str, bool]:
        """What the run asks for, as arguments of other tasks."""
        return {"allow_empty": bool(self.allow_empty), "go_on": bool(self.go_on)}


class PipelineTask(TaskOfRun):
    """A task that is complete only when its target was made from the present inputs.

    Subclasses declare what their result depends on: `work` (the modules that do the work; what these import and
    the SQL files that they name follow), `sql` (patterns below `sql/` of files that no module names in full),
    `builds_on()` (tasks whose result they use) and `facts()` (anything else, by name). What must merely be done
    first is in `runs_after()`: it rebuilds nothing. `redo_warning` says what an operator should know who has the
    task done again.
    """

    sql: ClassVar[tuple[str, ...]] = ()
    work: ClassVar[tuple[str, ...]] = ()
    redo_warning: ClassVar[str] = ""

    def builds_on(self) -> list[PipelineTask]:
        """Return the tasks whose result this one uses: if they change, it runs again."""
        return []

    def runs_after(self) -> list[luigi.Task]:
        """Return the tasks that must be done first, but whose change does not concern this one."""
        return []

    def facts(self) -> dict[str, str]:
        """Return further inputs by name, such as the server that is read; `content` is the digest of a file."""
        return {}

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that do the work where this task is for: those of `work`, unless Spark does it."""
        return self.work

    @property
    def label(self) -> str:
        """The task in a few words, for people."""
        return self.task_family

    @property
    def update_id(self) -> str:
        """The target's name in the marker table: the same for all dates of a dated task."""
        return self.task_family

    def forecast(self) -> list[str]:
        """Say what will happen to a live table whose declaration changed, one sentence for each difference."""
        return []

    def first_time_cause(self) -> str | None:
        """Say why there is no marker yet, if there is more to say than that the task never ran."""
        return None

    def requires(self) -> list[luigi.Task]:
        """Return everything that must be complete first."""
        return [*self.runs_after(), *self.builds_on()]

    @cached_property
    def inputs(self) -> Inputs:
        """Everything the result depends on. Frozen at the first look."""
        # The run's place in the order of runs is taken before the first input is read.
        markers.run_number()
        facts = self.facts()
        return Inputs(
            content=facts.pop("content", None),
            sql=fingerprints.sql_digests((*self.sql, *code.sql_named_in(*self.modules))),
            code=code.code_digests(*self.modules),
            tasks={task.label: task.fingerprint for task in self.builds_on()},
            facts=facts,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash over the task family and all inputs."""
        return self.inputs.fingerprint(self.task_family)


class PostgresTask(PipelineTask):
    """A task whose target is a load of PostgreSQL; `load` does the work inside the load's transaction.

    `marker_is_target` is False where its marker in PostgreSQL alone does not make it complete.
    """

    marker_is_target: ClassVar[bool] = True

    @property
    def run_date(self) -> date | None:
        """The date for targets that depend on it."""
        return getattr(self, "date", None)

    @property
    def source(self) -> str:
        """What is read, for the audit."""
        return self.task_family

    @property
    def target_table(self) -> str:
        """Table the task fills."""
        raise NotImplementedError

    def locks(self) -> Locks:
        """Return what is held during the load, beside the target's own lock."""
        return Locks()

    def output(self) -> luigi.Target:
        """Return the marker of the load."""
        return MarkerTarget(self.update_id, self.target_table, self.fingerprint, self.run_date)

    def load_spec(self) -> LoadSpec:
        """Return what this task is about to load."""
        return LoadSpec(
            update_id=self.update_id,
            task=self.task_family,
            target_table=self.target_table,
            source=self.source,
            fingerprint=self.fingerprint,
            inputs=self.inputs,
            run_number=markers.run_number(),
            run_date=self.run_date,
            locks=self.locks(),
        )

    def is_done(self) -> bool | None:
        """Tell whether another run has done the work meanwhile; None if the marker in PostgreSQL says that."""
        if self.marker_is_target:
            return None
        Store.forget()
        return bool(self.complete())

    def run(self) -> None:
        """Load under the locks of the target, in one transaction with audit row and marker."""
        execute(self.load_spec(), self.load, self.is_done)

    def load(self, load: Load) -> None:
        """Do the work and say in `load` what came of it."""
        raise NotImplementedError

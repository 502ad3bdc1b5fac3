"""Which tables Spark keeps, and the files that it lands together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

import luigi

from pipeline.contract.differences import digest
from pipeline.contract.register import csv_tables
from pipeline.errors import PipelineError
from pipeline.records.files import table_of
from pipeline.servers.retries import is_passing
from pipeline.settings import PACKAGE_ROOT, get_settings
from pipeline.state import markers
from pipeline.state.fingerprints import combine, digest_file
from pipeline.state.marker import Store
from pipeline.state.spec import Load
from pipeline.warehouse.rollups import SESSIONS

if TYPE_CHECKING:
    from pipeline.tasks.file_task import RefusableTask

STATEMENTS = PACKAGE_ROOT / "pipeline/spark/sql"
LANDING_WORK = ("pipeline.lake.landing", "pipeline.spark.land")
LOADING_WORK = ("pipeline.lake.snapshot", "pipeline.spark.snapshot")
PUBLISHING_WORK = ("pipeline.lake.sums",)


class NotInstalledError(PipelineError):
    """A library is missing that is needed where Spark keeps a table; the message says what to install."""


_landings: dict[str, SparkLanding] = {}


def on_spark(table: str) -> bool:
    """Tell whether Spark lands and keeps a table: the one that grows without end, and that no other refers to."""
    return get_settings().spark_master is not None and table == SESSIONS


@contextmanager
def needing_arrow() -> Iterator[None]:
    """Have a block import what reads and writes Parquet, which is installed only where it is of use.

    Raises:
        NotInstalledError: it is not.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise NotInstalledError("pyarrow is not installed: pip install 'video-streaming-pipeline[spark]'") from None


def landing_facts(table: str) -> dict[str, str]:
    """Return what else counts where Spark lands a table: as values are typed then, its declaration."""
    return {"engine": markers.IN_LAKE, "declaration": digest(csv_tables()[table])} if on_spark(table) else {}


def loading_facts(table: str) -> dict[str, str]:
    """Return what else counts where Spark loads a table: the statements of its program, and the days in PostgreSQL."""
    if not on_spark(table):
        return {}
    statements = {path.name: digest_file(path) for path in sorted(STATEMENTS.glob("*.sql"))}
    days = get_settings().sessions_in_postgres_days
    return {"engine": markers.IN_LAKE, "program": combine(statements), **({"window": str(days)} if days else {})}


def land_together(tasks: Iterable[RefusableTask], shown_at: luigi.Task) -> None:
    """Have the files that Spark lands land in one application for each table, as the first of them is run.

    Args:
        tasks: tasks that are about to be run.
        shown_at: the task that shows how far the application is.
    """
    landings: dict[str, SparkLanding] = {}
    for task in tasks:
        if task.lands_on_spark:
            _landings[task.task_id] = landings.setdefault(table_of(task.path), SparkLanding(shown_at))
            _landings[task.task_id].tasks.append(task)


def landing_of(task: RefusableTask) -> SparkLanding | None:
    """Return the landing that the file of a task is part of."""
    return _landings.get(task.task_id)


def forget_landing(task: RefusableTask) -> None:
    """Have the next run of a task land its file afresh."""
    _landings.pop(task.task_id, None)


class SparkLanding:
    """The landing of files of one table by Spark; what fails it as a whole fails each of them, and is tried once."""

    def __init__(self, shown_at: luigi.Task) -> None:
        """Prepare the landing of `tasks`, which are added one by one."""
        self.tasks: list[RefusableTask] = []
        self._shown_at = shown_at
        self._error: Exception | None = None
        self._raised_at: TracebackType | None = None

    def take_up(self, load: Load, task: RefusableTask) -> None:
        """Load what came of the file of a task; see `pipeline.lake.landing.take_up`."""
        with needing_arrow():
            from pipeline.lake.landing import take_up

        take_up(load, task.path, self.outcome_of(task), allow_empty=bool(task.allow_empty))

    def outcome_of(self, task: RefusableTask) -> dict[str, Any]:
        """Return what came of the file of a task.

        Raises:
            PipelineError: the landing failed as a whole.
        """
        if self._error is None:
            try:
                outcome: dict[str, Any] = self._outcomes[task.path]
            except Exception as error:
                if isinstance(error, KeyError) or is_passing(error):
                    raise
                self._error, self._raised_at = error, error.__traceback__
            else:
                return outcome
        # Raised as it is, it would show all the files that it was raised for before.
        raise self._error.with_traceback(self._raised_at)

    @cached_property
    def _outcomes(self) -> dict[str, dict[str, Any]]:
        with needing_arrow():
            from pipeline.lake.landing import land_all

        # Others may have been landed by another run meanwhile, or stay as they are.
        Store.forget()
        pending = [task for task in self.tasks if not task.complete() and not task.is_kept()]
        files = {task.path: task.fingerprint for task in pending}
        known = markers.markers()
        afresh = {task.path for task in pending if (last := known.get(task.update_id)) and last.voided}
        return land_all(files, afresh, table_of(pending[0].path), self._shown_at)

"""Landing CSV files in `raw`, as they came."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import luigi

from pipeline.contract.register import children, csv_tables
from pipeline.records.files import table_of
from pipeline.state import markers
from pipeline.state.locks import Locks
from pipeline.state.marker import Marker
from pipeline.state.spec import Load
from pipeline.state.targets import WithdrawnTarget
from pipeline.tasks.base import PARENTS_FIRST, TaskOfRun
from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.engine import LANDING_WORK, landing_facts, landing_of, on_spark
from pipeline.tasks.file_task import FileTask, RefusableTask
from pipeline.tasks.grouped import FEW_FILES, lands_with_others
from pipeline.tasks.raw_folder import csv_paths, digest_of, name_undeclared, unreadable_tables
from pipeline.tasks.refused import content_facts, fail_if_refused, refused_before
from pipeline.tasks.table_files import (
    WITHDRAWAL_REFUSED,
    WithdrawalRefusedError,
    files_of,
    landed_files,
    number_gone,
    require_rows_left,
)
from pipeline.warehouse.raw_table import forget_batch, land


class CsvTask(RefusableTask):
    """A task of one CSV file. Its target is the same whether the file lands or leaves."""

    def runs_after(self) -> list[luigi.Task]:
        """The tables come first."""
        return [CreatePostgresTables()]

    @property
    def update_id(self) -> str:
        """One target for each file."""
        return f"LoadCsvToPostgres:{self.path}"

    @property
    def target_table(self) -> str:
        """The table of the file."""
        return f"raw.{table_of(self.path)}"

    def locks(self) -> Locks:
        """Files land and leave side by side, but not while their table is being merged.

        A table that is not declared comes with its first file and goes with its last: one file after the other.
        """
        table = (self.target_table,)
        return Locks(shared=table) if table_of(self.path) in csv_tables() else Locks(alone=table)


class LoadCsvToPostgres(FileTask, CsvTask):
    """Lands one CSV file in its table of `raw`, in place of what it brought before."""

    work: ClassVar = ("pipeline.warehouse.raw_table",)

    @property
    def lands_on_spark(self) -> bool:
        """Whether Spark lands the file."""
        return on_spark(table_of(self.path))

    @property
    def modules(self) -> tuple[str, ...]:
        """Where the file lands."""
        return LANDING_WORK if self.lands_on_spark else self.work

    def facts(self) -> dict[str, str]:
        """The content of the file."""
        loaded = self.loaded()
        is_loaded = loaded is not None and loaded.inputs.content == digest_of(self.path)
        declared = csv_tables().get(table_of(self.path))
        declaration = (f"processed/{declared.name}.sql",) if declared else ()
        content = content_facts(self.path, declaration, is_taken_empty=is_loaded or bool(self.allow_empty))
        return {**content, **landing_facts(table_of(self.path))}

    def loaded(self) -> Marker | None:
        """Return the marker of what the file brought before."""
        return markers.markers().get(self.update_id)

    def is_kept(self) -> bool:
        """Tell whether the file cannot be read, or left and must not take the last rows of its table along."""
        files = files_of(table_of(self.path))
        is_gone = self.path in files.gone and files.are_kept(allow_empty=self.allow_empty)
        return super().is_kept() or is_gone

    @property
    def batchable(self) -> bool:
        """Many small files land together, and all that Spark lands."""
        return self.lands_on_spark or lands_with_others(self.path)

    @property
    def priority(self) -> int:  # type: ignore[override]
        """Files of tables that others refer to come first."""
        return PARENTS_FIRST if children(table_of(self.path)) else 0

    def load(self, load: Load) -> None:
        """Copy the file, or take up what Spark landed of it."""
        self.require_readable()
        if landing := landing_of(self):
            landing.take_up(load, self)
            return
        land(
            load,
            self.path,
            digest_of(self.path),
            allow_empty=self.allow_empty,
            # Where the last rows of a table leave, those that come in their place must be good ones.
            type_values=refused_before(self.path) or files_of(table_of(self.path)).would_empty,
        )


class WithdrawCsv(CsvTask):
    """Takes the rows of a file out of `raw` that is not in the raw folder any more."""

    marker_is_target = False

    def runs_after(self) -> list[luigi.Task]:
        """The tables; and if all rows are leaving, the files that may bring others in their place."""
        files = files_of(table_of(self.path))
        if not files.would_empty or self.allow_empty or self.path not in files.gone:
            return super().runs_after()
        # One waits for those files, and the others for that one: the plan stays small.
        first = withdrawn(table_of(self.path), **self.options)[0]
        return [*super().runs_after(), *(_landing(files.incoming, self.options) if first == self else [first])]

    @property
    def batchable(self) -> bool:
        """Many files leave together."""
        return number_gone() > FEW_FILES

    def output(self) -> luigi.Target:
        """Return the absence of the file's marker."""
        return WithdrawnTarget(self.update_id)

    def load(self, load: Load) -> None:
        """Delete the rows and the marker."""
        if not self.allow_empty:
            try:
                require_rows_left(load.cursor, table_of(self.path))
            except WithdrawalRefusedError:
                if files_of(table_of(self.path)).incoming:  # else the plan reckoned with it
                    load.details[WITHDRAWAL_REFUSED] = True
                raise
        forget_batch(load, table_of(self.path))


class LoadCsvsToPostgres(TaskOfRun, luigi.WrapperTask):
    """All CSV files: lands those that are there, takes out those that left.

    Files that are refused fail this task at its end; the rows of the others go all the way.
    """

    def requires(self) -> list[CsvTask]:
        """Return a task for each file."""
        options = {**self.options, "go_on": True}
        name_undeclared()
        tables = dict.fromkeys([*csv_paths(), *unreadable_tables().values(), *landed_files()])
        return [
            task
            for table in tables
            for task in (*landed(table, **options), *unreadable(table, **options), *withdrawn(table, **options))
        ]

    def run(self) -> None:
        """Fail if a file was refused."""
        fail_if_refused(self.requires())


@cache
def landed(table: str, *, allow_empty: bool = False, go_on: bool = False) -> list[LoadCsvToPostgres]:
    """Return the landing tasks of a table's files: those there are, and those loaded that stay as they are."""
    files = files_of(table)
    kept = files.gone if files.are_kept(allow_empty=allow_empty) else []
    return _landing([*files.present, *files.unseen, *kept], {"allow_empty": allow_empty, "go_on": go_on})


@cache
def unreadable(table: str, *, allow_empty: bool = False, go_on: bool = False) -> list[LoadCsvToPostgres]:
    """Return a task for each file or folder of a table that cannot be read and never was; it is refused."""
    seen = files_of(table).unseen
    paths = [path for path, its_table in unreadable_tables().items() if its_table == table and path not in seen]
    return _landing(paths, {"allow_empty": allow_empty, "go_on": go_on})


def _landing(paths: list[str], options: dict[str, bool]) -> list[LoadCsvToPostgres]:
    return [LoadCsvToPostgres(path=path, **options) for path in paths]


@cache
def withdrawn(table: str, *, allow_empty: bool = False, go_on: bool = False) -> list[WithdrawCsv]:
    """Return a task for each file of a table that is loaded but not there any more; one, if it is to be refused."""
    files = files_of(table)
    paths = files.gone[:1] if files.are_kept(allow_empty=allow_empty) else files.gone
    return [WithdrawCsv(path=path, allow_empty=allow_empty, go_on=go_on) for path in paths]

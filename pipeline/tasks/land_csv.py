"""Landing CSV files in `raw`, as they came."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import luigi

from pipeline.loads.raw_table import forget_batch, land
from pipeline.sources.files import table_of
from pipeline.stores import ledger, markers
from pipeline.stores.claims import Load
from pipeline.targets import WithdrawnTarget
from pipeline.task import BEFORE_SESSIONS, PostgresTask
from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.file_task import FileTask
from pipeline.tasks.raw_folder import (
    csv_paths,
    declared_tables,
    digest_of,
    is_unreadable,
    require_input,
    unreadable_tables,
)
from pipeline.tasks.refused import (
    content_facts,
    fail_if_refused,
    go_on_after_refusals,
    landing,
    refusal_kept,
    refusals_noted,
    refused_before,
)


class CsvTask(PostgresTask):
    """A task of one CSV file. Its target is the same whether the file lands or leaves."""

    path = luigi.Parameter(description="file relative to DATA_RAW_PATH")

    def runs_after(self) -> list[luigi.Task]:
        """The tables come first."""
        return [CreatePostgresTables()]

    @property
    def update_id(self) -> str:
        """One target for each file."""
        return f"LoadCsvToPostgres:{self.path}"

    @property
    def source(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def label(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def table(self) -> str:
        """The table of the file."""
        return f"raw.{table_of(self.path)}"

    def shared_locks(self) -> tuple[str, ...]:
        """Files land and leave side by side, but not while their table is being merged."""
        return (self.table,)


class LoadCsvToPostgres(FileTask, CsvTask):
    """Lands one CSV file in its table of `raw`, in place of what it brought before."""

    allow_empty = luigi.BoolParameter(significant=False, description="take a file that has no records any more")
    modules: ClassVar = (
        "pipeline.loads.raw_table",
        "pipeline.sources.csv_files",
        "pipeline.sources.csv_header",
        "pipeline.sources.csv_lines",
        "pipeline.sources.csv_records",
        "pipeline.sources.csv_text",
        "pipeline.sources.file_kinds",
        "pipeline.sources.files",
        "pipeline.sources.text_rules",
        "pipeline.sources.unpacking",
    )

    def facts(self) -> dict[str, str]:
        """The content of the file."""
        return content_facts(self.path, (f"raw/{table_of(self.path)}.sql",))

    def loaded(self) -> markers.Marker | None:
        """Return the marker of what the file brought before."""
        return markers.markers().get(self.update_id)

    def run(self) -> None:
        """Land the file."""
        # What keeps its old fingerprint would count as loaded, and its refusal stand nowhere.
        is_done = (lambda: False) if is_unreadable(self.path) else None
        with refusals_noted(self, go_on=self.go_on):
            ledger.execute(self.claim(), self.load, is_done)

    @property
    def priority(self) -> int:  # type: ignore[override]
        """Files of users come first."""
        return BEFORE_SESSIONS if table_of(self.path) == "users" else 0

    def load(self, load: Load) -> None:
        """Copy the file."""
        self.require_readable()
        with refusal_kept(load):
            land(
                load,
                self.path,
                digest_of(self.path),
                allow_empty=self.allow_empty,
                was_refused=refused_before(self.path),
            )


class WithdrawCsv(CsvTask):
    """Takes the rows of a file out of `raw` that is not in the raw folder any more."""

    def output(self) -> luigi.Target:
        """Return the absence of the file's marker."""
        return WithdrawnTarget(self.update_id)

    def run(self) -> None:
        """Withdraw the file, unless another run has meanwhile."""
        ledger.execute(self.claim(), self.load, is_done=self.is_done)

    def is_done(self) -> bool:
        """Tell whether another run has withdrawn the file meanwhile."""
        markers.forget()
        return bool(self.complete())

    def load(self, load: Load) -> None:
        """Delete the rows and the marker."""
        forget_batch(load, table_of(self.path))


class LoadCsvsToPostgres(luigi.WrapperTask):
    """All CSV files: lands those that are there, takes out those that left.

    Files that are refused fail this task at its end; the rows of the others go all the way.
    """

    allow_empty = luigi.BoolParameter(significant=False, description="take files that have no records any more")

    def requires(self) -> list[CsvTask]:
        """Return a task for each file."""
        go_on_after_refusals(allow_empty=self.allow_empty)
        tables = dict.fromkeys([*declared_tables(), *unreadable_tables().values()])
        return [task for table in tables for task in (*landed(table), *unreadable(table), *withdrawn(table))]

    def run(self) -> None:
        """Fail if a file was refused."""
        fail_if_refused(self.requires())


@cache
def landed(table: str) -> list[LoadCsvToPostgres]:
    """Return the landing tasks of a table's files: those there are, and those loaded that cannot be read now."""
    kept = [path for path in loaded_files(table) if is_unreadable(path)]
    return _landing([*csv_paths().get(table, []), *kept])


@cache
def unreadable(table: str) -> list[LoadCsvToPostgres]:
    """Return a task for each file or folder of a table that cannot be read and never was; it is refused."""
    return _landing(
        [path for path, of in unreadable_tables().items() if of == table and path not in loaded_files(table)]
    )


def _landing(paths: list[str]) -> list[LoadCsvToPostgres]:
    wanted = landing()
    return [LoadCsvToPostgres(path=path, allow_empty=wanted.allow_empty, go_on=wanted.go_on) for path in paths]


@cache
def withdrawn(table: str) -> list[WithdrawCsv]:
    """Return a task for each file of a table that is loaded but not there any more."""
    require_input()
    known = csv_paths().get(table, [])
    return [WithdrawCsv(path=path) for path in loaded_files(table) if path not in known and not is_unreadable(path)]


def loaded_files(table: str) -> list[str]:
    """Return the files of a table that are loaded, sorted."""
    loaded = [marker for marker in markers.markers().values() if marker.target_table == f"raw.{table}"]
    return sorted(marker.update_id.partition(":")[2] for marker in loaded)

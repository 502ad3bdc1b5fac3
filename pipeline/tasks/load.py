"""Loading `processed`: typed, keyed and audited."""

from __future__ import annotations

from datetime import date as Date
from typing import ClassVar

import luigi

from pipeline.contract.collections import declaration_files
from pipeline.contract.differences import differences, digest
from pipeline.contract.mapping import document_tables
from pipeline.contract.register import children, csv_tables, live, tables
from pipeline.contract.table import Table
from pipeline.days import DayParameter
from pipeline.servers.postgres import session
from pipeline.state.fingerprints import combine
from pipeline.state.locks import Locks
from pipeline.state.spec import Load
from pipeline.tasks.base import PARENTS_FIRST, PipelineTask, PostgresTask
from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.engine import LOADING_WORK, loading_facts, needing_arrow, on_spark
from pipeline.tasks.extract import ExtractMongoToCsv
from pipeline.tasks.land_csv import LoadCsvToPostgres, landed, unreadable, withdrawn
from pipeline.tasks.refused import fail_if_refused, note_refused
from pipeline.tasks.table_files import withdrawal_facts
from pipeline.warehouse.merge import merge


class LoadNormalizedJsonsToPostgres(PostgresTask):
    """Brings the catalogue in `processed` to the state of the day's extraction."""

    date = DayParameter()
    work: ClassVar = ("pipeline.warehouse.catalogue",)
    target_table = "processed.content"
    priority = PARENTS_FIRST

    @property
    def sql(self) -> tuple[str, ...]:  # type: ignore[override]
        """The tables that documents fill, how, and the checks of these tables."""
        return (*declaration_files(), *(f"checks/{name}/*.sql" for name in sorted(document_tables())))

    def facts(self) -> dict[str, str]:
        """The declarations of the tables."""
        return {"declaration": combine({name: digest(tables()[name]) for name in document_tables()})}

    def forecast(self) -> list[str]:
        """Say how the live tables will be brought along with their declarations."""
        names = [name for name in tables() if name in document_tables()]
        with session() as cursor:
            present = live(cursor, names)
        return [
            each for name in names for each in differences(tables()[name], present.get(name)).in_words(tables()[name])
        ]

    def runs_after(self) -> list[luigi.Task]:
        """The tables come first."""
        return [CreatePostgresTables()]

    def builds_on(self) -> list[PipelineTask]:
        """The extraction."""
        return [self._extraction]

    def locks(self) -> Locks:
        """Sessions are not merged while titles come and go, and the folder stays as it is while it is read."""
        return Locks(alone=(self.target_table,), shared=(self._extraction.update_id,))

    def load(self, load: Load) -> None:
        """Load the files of the extraction."""
        from pipeline.warehouse.catalogue import load_catalogue

        manifest = self._extraction.output().committed(load.cursor)
        load_catalogue(load, self._extraction.folder, manifest, allow_empty=self.allow_empty)

    @property
    def _extraction(self) -> ExtractMongoToCsv:
        return ExtractMongoToCsv(date=self.date, **self.options)


class LoadTable(PostgresTask):
    """Brings a table of `processed` to the present CSV files; a row whose parent is not there waits.

    For people and in the audit it is the load of its table: `LoadUsers`, `LoadViewingSessions`.
    """

    table = luigi.Parameter(description="table that is declared in sql/processed and filled by CSV files")
    date = DayParameter()
    work: ClassVar = ("pipeline.warehouse.merge",)

    @property
    def modules(self) -> tuple[str, ...]:
        """How the table is loaded."""
        return LOADING_WORK if on_spark(self.table) else self.work

    def __repr__(self) -> str:
        """Return the name of the load, as it is typed and logged."""
        return f"{self.update_id}(date={self.date})" if self.run_date else f"{self.update_id}()"

    @property
    def task_family(self) -> str:
        """The name of the load, which says of which table."""
        return load_name(self.table)

    @property
    def sql(self) -> tuple[str, ...]:  # type: ignore[override]
        """How values are typed, and the checks of the table."""
        return ("etl/typing.sql", f"checks/{self.table}/*.sql")

    @property
    def declared(self) -> Table:
        """The declaration of the table."""
        return csv_tables()[self.table]

    @property
    def target_table(self) -> str:
        """The table."""
        return self.declared.processed

    @property
    def source(self) -> str:
        """The raw table."""
        return self.declared.raw

    @property
    def run_date(self) -> Date | None:
        """The date, where the rows refer to documents, which are extracted day by day."""
        return self.date if self._document_parents() else None

    @property
    def priority(self) -> int:  # type: ignore[override]
        """Tables that others refer to are loaded while the files of those land."""
        return PARENTS_FIRST if children(self.table) else 0

    def runs_after(self) -> list[luigi.Task]:
        """The tables come first, and files that left have left; what cannot be read is named."""
        return [CreatePostgresTables(), *withdrawn(self.table, **self.options), *unreadable(self.table, **self.options)]

    def builds_on(self) -> list[PipelineTask]:
        """The files of the table, and the tables that its rows refer to."""
        parents = [
            LoadTable(table=name, date=self.date, **self.options) for name in csv_tables() if name in self._parents()
        ]
        documents = [LoadNormalizedJsonsToPostgres(date=self.date, **self.options)] if self._document_parents() else []
        return [*landed(self.table, **self.options), *parents, *documents]

    def facts(self) -> dict[str, str]:
        """The declaration; and whether files that left may take their rows along, where that is open."""
        return {
            "declaration": digest(self.declared),
            **withdrawal_facts(self.table, allow_empty=self.allow_empty),
            **loading_facts(self.table),
        }

    def forecast(self) -> list[str]:
        """Say how the live table will be brought along with its declaration."""
        with session() as cursor:
            return differences(self.declared, live(cursor, [self.table]).get(self.table)).in_words(self.declared)

    def locks(self) -> Locks:
        """The table, its raw table, those that refer to it at any depth, and its parents.

        None of them comes or goes meanwhile. Alone, since two loads that each replace a table, with its foreign keys,
        would lock their common parents against each other.
        """
        documents = [LoadNormalizedJsonsToPostgres.target_table] if self._document_parents() else []
        near = [*self._parents(), *(child.name for child in descendants(self.table))]
        others = (tables()[name].processed for name in near)
        return Locks(alone=(self.target_table, self.source, *others, *documents))

    def load(self, load: Load) -> None:
        """Merge what came and what left, or have Spark do so."""
        if on_spark(self.table):
            with needing_arrow():
                from pipeline.lake.snapshot import load_snapshot
            load_snapshot(load, self.declared, self)
            return
        note_refused(LoadCsvToPostgres.__name__, merge(load, self.declared))

    def run(self) -> None:
        """Merge; files that were refused thereby fail the task of all files, or, where that is not wanted, this one."""
        super().run()
        if not self.go_on:
            fail_if_refused(landed(self.table, **self.options), after_landing=True)

    def _parents(self) -> set[str]:
        return {reference.parent for reference in self.declared.references}

    def _document_parents(self) -> bool:
        return not (ancestors(self.table) <= csv_tables().keys())


class LoadUsers(LoadTable):
    """Loads users, by a command that names no table."""

    table = "users"


class LoadViewingSessions(LoadTable):
    """Loads viewing sessions, by a command that names no table."""

    table = "viewing_sessions"


def load_name(table: str) -> str:
    """Return the name of the load of a table: `LoadViewingSessions` for `viewing_sessions`."""
    return f"Load{''.join(part[:1].upper() + part[1:] for part in table.split('_'))}"


def loads(date: Date, **options: bool) -> list[LoadTable]:
    """Return the loads of all tables that CSV files fill, parents before children."""
    return [LoadTable(table=name, date=date, **options) for name in csv_tables()]


def ancestors(table: str) -> set[str]:
    """Return the tables that a table refers to, at any depth."""
    parents = {reference.parent for reference in tables()[table].references}
    return parents.union(*(ancestors(parent) for parent in parents))


def descendants(table: str) -> list[Table]:
    """Return the tables that refer to a table, at any depth."""
    return [each for each in tables().values() if table in ancestors(each.name)]

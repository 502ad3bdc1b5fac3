"""Loading `processed`: typed, keyed and audited."""

from __future__ import annotations

from typing import ClassVar

import luigi

from pipeline.contract.collections import declaration_files
from pipeline.contract.mapping import document_tables
from pipeline.days import DayParameter
from pipeline.state.spec import Load
from pipeline.tasks.base import BEFORE_SESSIONS, PipelineTask, PostgresTask
from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.extract import ExtractMongoToCsv
from pipeline.tasks.land_csv import LoadCsvToPostgres, landed, unreadable, withdrawn
from pipeline.tasks.refused import fail_if_values_refused, landing, note_refused
from pipeline.tasks.table_files import withdrawal_facts
from pipeline.warehouse.merge import MergedTable, merge

USERS = MergedTable("users", key="user_id", parents={}, before_delete="load/withdraw_users.sql")
VIEWING_SESSIONS = MergedTable(
    "viewing_sessions", key="session_id", parents={"user_id": "users", "content_id": "content"}
)


class LoadNormalizedJsonsToPostgres(PostgresTask):
    """Brings the catalogue in `processed` to the state of the day's extraction."""

    date = DayParameter()
    allow_empty = luigi.BoolParameter(significant=False, description="accept a collection that has become empty")
    work: ClassVar = ("pipeline.warehouse.catalogue",)
    target_table = "processed.content"
    priority = BEFORE_SESSIONS

    @property
    def sql(self) -> tuple[str, ...]:  # type: ignore[override]
        """The tables that documents fill, how, and the checks of these tables."""
        return (*declaration_files(), *(f"checks/{name}/*.sql" for name in sorted(document_tables())))

    def runs_after(self) -> list[luigi.Task]:
        """The tables come first."""
        return [CreatePostgresTables()]

    def builds_on(self) -> list[PipelineTask]:
        """The extraction."""
        return [ExtractMongoToCsv(date=self.date)]

    def locks(self) -> tuple[str, ...]:
        """Sessions are not merged while titles come and go."""
        return (self.target_table,)

    def shared_locks(self) -> tuple[str, ...]:
        """The folder stays as it is while it is read."""
        return (ExtractMongoToCsv(date=self.date).update_id,)

    def load(self, load: Load) -> None:
        """Load the files of the extraction."""
        from pipeline.warehouse.catalogue import load_catalogue

        manifest = ExtractMongoToCsv(date=self.date).output().committed(load.cursor)
        folder = ExtractMongoToCsv(date=self.date).folder
        load_catalogue(load, folder, manifest, allow_empty=self.allow_empty or landing().allow_empty)


class MergeTask(PostgresTask):
    """Brings a table of `processed` to the present batches of its raw table."""

    merged: ClassVar[MergedTable]
    work: ClassVar = ("pipeline.warehouse.merge",)

    def runs_after(self) -> list[luigi.Task]:
        """The tables come first, and files that left have left; what cannot be read is named."""
        return [CreatePostgresTables(), *withdrawn(self.merged.name), *unreadable(self.merged.name)]

    def builds_on(self) -> list[PipelineTask]:
        """The files of the table."""
        return [*landed(self.merged.name)]

    def facts(self) -> dict[str, str]:
        """Whether files that left may take their rows along, where that is not known before files land."""
        return withdrawal_facts(self.merged.name, allow_empty=landing().allow_empty)

    @property
    def source(self) -> str:
        """The raw table."""
        return self.merged.raw

    def locks(self) -> tuple[str, ...]:
        """The table, and its raw table: no file lands while batches are merged."""
        return (self.merged.processed, self.merged.raw)

    def load(self, load: Load) -> None:
        """Merge what came and what left."""
        note_refused(LoadCsvToPostgres.__name__, merge(load, self.merged))

    def run(self) -> None:
        """Merge; files that were refused thereby fail the task of all files, or, where that is not wanted, this one."""
        super().run()
        if not landing().go_on:
            fail_if_values_refused(landed(self.merged.name))


class LoadUsers(MergeTask):
    """Loads users; sessions of users who left go back to waiting."""

    sql: ClassVar = (
        "etl/typing.sql",
        "load/withdraw_users.sql",
        "processed/users.sql",
        "checks/users/*.sql",
    )
    merged = USERS
    target_table = USERS.processed
    priority = BEFORE_SESSIONS

    def locks(self) -> tuple[str, ...]:
        """Sessions too: those of users who left are taken out."""
        return (*super().locks(), VIEWING_SESSIONS.processed)


class LoadViewingSessions(MergeTask):
    """Loads sessions; one whose user or title is not there waits."""

    date = DayParameter()
    sql: ClassVar = (
        "etl/typing.sql",
        "processed/viewing_sessions.sql",
        "checks/viewing_sessions/*.sql",
    )
    merged = VIEWING_SESSIONS
    target_table = VIEWING_SESSIONS.processed

    def builds_on(self) -> list[PipelineTask]:
        """The files, and the users and titles that sessions refer to."""
        return [*super().builds_on(), LoadUsers(), LoadNormalizedJsonsToPostgres(date=self.date)]

    def locks(self) -> tuple[str, ...]:
        """Neither users nor titles come or go meanwhile."""
        return (*super().locks(), USERS.processed, LoadNormalizedJsonsToPostgres.target_table)

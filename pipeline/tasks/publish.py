"""Publishing: checks across tables, the views of `trusted`, the report."""

from __future__ import annotations

from datetime import date as Date
from pathlib import Path
from typing import ClassVar

import luigi
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.days import DayParameter
from pipeline.servers import postgres
from pipeline.settings import get_settings
from pipeline.state.locks import Locks
from pipeline.state.spec import Load
from pipeline.tasks.base import PipelineTask, PostgresTask
from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.day_folder import DayFolderTask
from pipeline.tasks.engine import PUBLISHING_WORK, needing_arrow, on_spark
from pipeline.tasks.land_csv import landed
from pipeline.tasks.load import LoadNormalizedJsonsToPostgres, loads
from pipeline.tasks.raw_folder import csv_paths
from pipeline.warehouse.publish import publish
from pipeline.warehouse.quality import check_quality
from pipeline.warehouse.rollups import SESSIONS


class PublishingTask(PostgresTask):
    """A task over all tables of `processed`."""

    date = DayParameter()

    def builds_on(self) -> list[PipelineTask]:
        """The loads."""
        return [LoadNormalizedJsonsToPostgres(date=self.date, **self.options), *loads(self.date, **self.options)]

    @property
    def source(self) -> str:
        """The tables of `processed`."""
        return "processed"

    def locks(self) -> Locks:
        """What is published is one load, not half of the next."""
        tables = (load.target_table for load in loads(self.date, **self.options))
        return Locks(shared=(LoadNormalizedJsonsToPostgres.target_table, *tables))


class CheckQuality(PublishingTask):
    """Runs the checks across tables, the reconciliation of every batch among them."""

    sql: ClassVar = ("checks/quality/*.sql",)
    work: ClassVar = ("pipeline.warehouse.quality",)
    target_table = "etl.check_results"

    def load(self, load: Load) -> None:
        """Run the checks; an `error` with findings stops here, and nothing is published."""
        load.details["findings"] = check_quality(load)


class PublishTrusted(PublishingTask):
    """Brings all views of `trusted` to the present load in one transaction."""

    sql: ClassVar = ("trusted/*.sql", "rollups/*.sql", "etl/rollups.sql")
    work: ClassVar = ("pipeline.warehouse.publish",)
    target_table = "trusted"

    @property
    def modules(self) -> tuple[str, ...]:
        """How the views, and the sums that they read, are made."""
        return (*self.work, *(PUBLISHING_WORK if on_spark(SESSIONS) else ()))

    def builds_on(self) -> list[PipelineTask]:
        """The loads, and the files of undeclared tables, which the reconciliation names."""
        others = [table for table in csv_paths() if table not in csv_tables()]
        return [*super().builds_on(), *(file for table in others for file in landed(table, **self.options))]

    def runs_after(self) -> list[luigi.Task]:
        """Only what was checked is published."""
        return [CreatePostgresTables(), CheckQuality(date=self.date, **self.options)]

    def load(self, load: Load) -> None:
        """Refresh or replace every view."""
        if not on_spark(SESSIONS):
            publish(load)
            return
        with needing_arrow():
            from pipeline.lake.sums import about_window, take_sums

        def fill(cursor: Cursor, day: Date) -> str:
            take_sums(cursor, SESSIONS, day)
            return about_window(day)

        publish(load, fill)


class BuildReport(DayFolderTask):
    """Writes the analysts' page of the day."""

    shows = PublishTrusted.__name__
    source = "trusted"
    sql: ClassVar = ("examples/*.sql",)
    work: ClassVar = ("pipeline.report.page", "pipeline.report.index")

    def builds_on(self) -> list[PipelineTask]:
        """The published views, and the results of the checks."""
        return [CheckQuality(date=self.date, **self.options), PublishTrusted(date=self.date, **self.options)]

    def facts(self) -> dict[str, str]:
        """The day, and the database that is shown."""
        from pipeline.report import template_digest

        return {"date": f"{self.date}", "PostgreSQL": postgres.server_name(), "template": template_digest()}

    @property
    def parent(self) -> Path:
        """The folder of all reports."""
        return get_settings().reports_path

    @property
    def target_table(self) -> str:
        """The folder, for people."""
        return f"data/reports/{self.date}"

    def load(self, load: Load) -> None:
        """Write the page to a folder of its own and move it into place."""
        from pipeline.report.index import write_index
        from pipeline.report.page import write_page

        target = self.output()
        with target.writing() as folder:
            load.rows_read = load.rows_loaded = write_page(folder / "index.html", self.date)
            target.publish(load.batch_id, date=self.date.isoformat())
        write_index(target.folder.parent)

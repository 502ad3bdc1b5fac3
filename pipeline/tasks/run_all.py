"""The main job."""

from __future__ import annotations

import logging
from datetime import date as Date
from functools import cache

import luigi

from pipeline.contract.register import csv_tables
from pipeline.days import DayParameter
from pipeline.state import markers
from pipeline.tasks.base import TaskOfRun
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.extract import CATALOGUE, ExtractMongoToCsv
from pipeline.tasks.land_csv import LoadCsvsToPostgres, landed
from pipeline.tasks.land_json import LoadJsonsToMongo
from pipeline.tasks.load import LoadNormalizedJsonsToPostgres, loads
from pipeline.tasks.publish import BuildReport, CheckQuality, PublishTrusted
from pipeline.tasks.raw_folder import is_gone, require_input
from pipeline.tasks.refused import fail_if_refused
from pipeline.warehouse.leftovers import clear_leftovers

logger = logging.getLogger("pipeline")


@cache
def day_to_reach(day: Date) -> Date:
    """Return the day that a run brings everything to: its own, or the newest that was ever loaded.

    A run of an older date must not put an older catalogue in place of a newer one, but files that changed
    since are taken up in full.
    """
    catalogue = markers.markers().get(CATALOGUE)
    if catalogue is not None and catalogue.future_day:
        logger.warning(
            "%s is loaded, a day that has not come: it counts as none, and the run of %s loads everything of its day",
            catalogue.future_day,
            day,
        )
    if catalogue is None or catalogue.run_date is None or catalogue.run_date <= day:
        return day
    logger.warning("%s is loaded already; the run of %s brings that day up to date", catalogue.run_date, day)
    return catalogue.run_date


class RunAll(TaskOfRun, luigi.WrapperTask):
    """Brings everything up to date: from the raw files and MongoDB to the analysts' page.

    A date older than the newest loaded one counts as that one. Every stage is named, since Luigi does not
    look below a complete task: damage at a leaf is seen too.
    """

    date = DayParameter()

    def requires(self) -> list[luigi.Task]:
        """Return every stage, in the order data flows.

        Raises:
            NoInputError: there is no input; nothing is done then.
        """
        require_input()
        date, options = day_to_reach(self.date), self._options()
        return [
            CreatePostgresTables(),
            CreateMongodbCollections(),
            LoadCsvsToPostgres(**options),
            LoadJsonsToMongo(**options),
            ExtractMongoToCsv(date=date, **options),
            LoadNormalizedJsonsToPostgres(date=date, **options),
            *loads(date, **options),
            CheckQuality(date=date, **options),
            PublishTrusted(date=date, **options),
            BuildReport(date=date, **options),
        ]

    def run(self) -> None:
        """Clear away what killed runs left behind, now that everything is made anew.

        Raises:
            FilesRefusedError: files were refused as their values were typed, after all files had landed.
        """
        clear_leftovers(is_gone)
        files = [task for table in csv_tables() for task in landed(table, **self._options())]
        fail_if_refused(files, after_landing=True)

    def _options(self) -> dict[str, bool]:
        """Files that are refused fail the tasks of all files, and this one, when the others have gone all the way."""
        return {**self.options, "go_on": True}

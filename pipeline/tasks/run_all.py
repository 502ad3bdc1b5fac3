"""The main job."""

from __future__ import annotations

from datetime import date as Date

import luigi

from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.extract import ExtractMongoToCsv
from pipeline.tasks.land import LoadCsvsToPostgres, LoadJsonsToMongo, require_input
from pipeline.tasks.load import LoadNormalizedJsonsToPostgres, LoadUsers, LoadViewingSessions
from pipeline.tasks.publish import BuildReport, CheckQuality, PublishTrusted


class RunAll(luigi.WrapperTask):
    """Brings everything up to date: from the raw files and MongoDB to the analysts' page.

    Every stage is named, since Luigi does not look below a complete task: damage at a leaf is seen too.
    """

    date = luigi.DateParameter(default=Date.today(), description="day of the run")
    allow_empty = luigi.BoolParameter(
        significant=False, description="accept files and collections that have become empty"
    )

    def requires(self) -> list[luigi.Task]:
        """Return every stage, in the order data flows.

        Raises:
            NoInputError: there is no input; nothing is done then.
        """
        require_input()
        return [
            CreatePostgresTables(),
            CreateMongodbCollections(),
            LoadCsvsToPostgres(allow_empty=self.allow_empty),
            LoadJsonsToMongo(),
            ExtractMongoToCsv(date=self.date),
            LoadNormalizedJsonsToPostgres(date=self.date, allow_empty=self.allow_empty),
            LoadUsers(),
            LoadViewingSessions(date=self.date),
            CheckQuality(date=self.date),
            PublishTrusted(date=self.date),
            BuildReport(date=self.date),
        ]

"""Extracting MongoDB to normalized CSV files."""

from __future__ import annotations

import logging
from datetime import date as Date
from typing import Any, ClassVar

import luigi

from pipeline.loads.drift import in_words, vanished_fields
from pipeline.settings import get_settings
from pipeline.stores import ledger, markers, mongo
from pipeline.stores.claims import Claim, Load
from pipeline.targets import FolderTarget
from pipeline.task import BEFORE_SESSIONS, DOCUMENT_MODULES, PipelineTask
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.land_json import deliveries

logger = logging.getLogger("pipeline")

CATALOGUE = "LoadNormalizedJsonsToPostgres"


def newer_day(update_id: str, day: Date) -> bool:
    """Tell whether a target holds the state of a day after `day`."""
    marker = markers.markers().get(update_id)
    return bool(marker and marker.intact and marker.run_date and marker.run_date > day)


def day_cause(update_id: str, day: Date, target: FolderTarget) -> str | None:
    """Say why the folder of a day is not there, from what was loaded last."""
    marker = markers.markers().get(update_id)
    if marker is None or marker.run_date is None:
        return None
    if marker.run_date == day:
        return f"{target.folder.parent.name}/{target.folder.name} is missing"
    return f"new day: {marker.run_date} → {day}"


class ExtractMongoToCsv(PipelineTask):
    """Writes the catalogue of MongoDB as one CSV file for each normalized table.

    A live database cannot be hashed, so an extraction is known by its date and by the server it read.
    """

    date = luigi.DateParameter(default=Date.today(), description="day of the run")
    modules: ClassVar = (
        "pipeline.sources.extraction",
        "pipeline.sources.read_ahead",
        "pipeline.sources.bson_batches",
        *DOCUMENT_MODULES,
    )
    priority = BEFORE_SESSIONS

    def runs_after(self) -> list[luigi.Task]:
        """The collections and the ledger come first."""
        return [CreateMongodbCollections(), CreatePostgresTables()]

    def builds_on(self) -> list[PipelineTask]:
        """The deliveries: what they changed must be extracted again, on the same day too."""
        return [*deliveries()]

    def facts(self) -> dict[str, str]:
        """The day, and the database that is read."""
        return {"date": self.date.isoformat(), "MongoDB": mongo.server_name()}

    def first_time_cause(self) -> str | None:
        """Tell a new day from a folder that was deleted."""
        return day_cause(CATALOGUE, self.date, self.output())

    def output(self) -> FolderTarget:
        """Return the folder of the day."""
        return FolderTarget(get_settings().data_processed_path / self.date.isoformat(), self.fingerprint)

    def complete(self) -> bool:
        """Tell whether the folder is there, or a newer day is loaded, which an older one must not replace."""
        return newer_day(CATALOGUE, self.date) or self.output().exists()

    def run(self) -> None:
        """Extract under the lock of the folder, with a row in the ledger."""
        claim = Claim(
            update_id=f"{self.task_family} {self.output().folder}",
            task=self.task_family,
            target_table=f"data/processed/{self.date}",
            source=f"MongoDB {mongo.server_name()}",
            fingerprint=self.fingerprint,
            inputs=self.inputs,
            run_started=markers.run_started(),
            report=self.report,
            run_date=self.date,
        )
        ledger.execute(claim, self.extract, is_done=self.output().exists)

    def extract(self, load: Load) -> None:
        """Write the files to a folder of their own and move it into place."""
        target = self.output()
        with target.writing():
            facts = mongo.read_snapshot(lambda batches: self._write(batches, target))
            for counts in facts["collections"].values():
                load.rows_read += counts["read"]
                load.rows_loaded += counts["normalized"]
                load.rows_rejected += counts["rejected"]
            facts["drift"] += vanished_fields(load, facts["fields"], facts["collections"])
            load.details["fields"] = facts["fields"]
            for drift in facts["drift"]:
                logger.warning("MongoDB: %s", in_words(drift))
            target.publish(self.inputs, source=mongo.server_name(), date=self.date.isoformat(), **facts)

    @staticmethod
    def _write(batches: mongo.Batches, target: FolderTarget) -> dict[str, Any]:
        from pipeline.sources.documents import COLLECTIONS
        from pipeline.sources.extraction import Extraction

        extraction = Extraction(target.partial)
        extraction.write({name: batches(name) for name in COLLECTIONS})
        return extraction.facts()

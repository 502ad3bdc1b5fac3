"""Extracting MongoDB to normalized CSV files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

import luigi

from pipeline.contract.collections import declaration_files
from pipeline.servers import mongo
from pipeline.settings import get_settings
from pipeline.state import markers
from pipeline.state.spec import Load
from pipeline.state.targets import FolderTarget, marked_folder
from pipeline.tasks.base import PARENTS_FIRST, PipelineTask
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.day_folder import DayFolderTask
from pipeline.tasks.land_json import deliveries
from pipeline.warehouse.drift import in_words, vanished_fields

logger = logging.getLogger("pipeline")

CATALOGUE = "LoadNormalizedJsonsToPostgres"
NOTHING = "nothing"


class ExtractMongoToCsv(DayFolderTask):
    """Writes the documents of MongoDB as one CSV file of text for each table that they fill.

    A live database cannot be hashed, so an extraction is known by its date, by the server it read, and by the
    extraction of the same day that it repeats.
    """

    shows = CATALOGUE
    work: ClassVar = ("pipeline.documents.extraction",)
    priority = PARENTS_FIRST

    @property
    def sql(self) -> tuple[str, ...]:  # type: ignore[override]
        """The tables that documents fill, and how."""
        return declaration_files()

    def runs_after(self) -> list[luigi.Task]:
        """The collections and the audit come first."""
        return [CreateMongodbCollections(), CreatePostgresTables()]

    def builds_on(self) -> list[PipelineTask]:
        """The deliveries: what they changed must be extracted again, on the same day too."""
        return [*deliveries(**self.options)]

    def facts(self) -> dict[str, str]:
        """The day, the database that is read, and the batch that this extraction takes the place of."""
        return {"date": self.date.isoformat(), "MongoDB": mongo.server_name(), "repeats": self._repeated()}

    def _repeated(self) -> str:
        """Return the batch that is extracted again, since its folder is not there as it was or `redo` asks for it.

        MongoDB may hold something else by now, so what was made of that batch is made anew. As long as the folder
        stands, this stays what it was when the folder was written. So is one that is older than what was loaded for a
        day that has not come.
        """
        marker = marked_folder(markers.markers().get(self.update_id), self.folder)
        loaded = markers.markers().get(CATALOGUE)
        if marker is None:
            return NOTHING
        is_behind = loaded and loaded.future_day and loaded.inserted > marker.inserted
        stands = marker.intact and not marker.voided and not is_behind
        return marker.inputs.facts.get("repeats", NOTHING) if stands else str(marker.batch_id)

    @property
    def parent(self) -> Path:
        """The folder of all extractions."""
        return get_settings().data_processed_path

    @property
    def target_table(self) -> str:
        """The folder, for people."""
        return f"data/processed/{self.date}"

    @property
    def source(self) -> str:
        """The database."""
        return f"MongoDB {mongo.server_name()}"

    def load(self, load: Load) -> None:
        """Write the files to a folder of their own and move it into place."""
        target = self.output()
        with target.writing():
            facts = mongo.read_snapshot(lambda batches: self._write(batches, target))
            load.rows_read = load.rows_loaded = sum(facts["collections"].values())
            facts["drift"] += vanished_fields(load, facts["fields"], facts["collections"])
            load.details["fields"] = facts["fields"]
            for drift in facts["drift"]:
                logger.warning("MongoDB: %s", in_words(drift))
            target.publish(load.batch_id, source=mongo.server_name(), date=self.date.isoformat(), **facts)

    @staticmethod
    def _write(batches: mongo.Batches, target: FolderTarget) -> dict[str, Any]:
        from pipeline.contract.collections import collections
        from pipeline.documents.extraction import Extraction

        extraction = Extraction(target.partial)
        extraction.write({name: batches(name) for name in collections()})
        return extraction.facts()

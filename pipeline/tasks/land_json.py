"""Landing JSON files in MongoDB, as they came."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import luigi

from pipeline.sources.inventory import inventory, raw_files
from pipeline.sources.names import is_csv, is_source
from pipeline.stores import ledger, markers, mongo
from pipeline.stores.claims import Claim, Load
from pipeline.targets import MongoMarkerTarget
from pipeline.task import DOCUMENT_MODULES
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.file_task import FileTask
from pipeline.tasks.refused import (
    fail_if_refused,
    go_on_after_refusals,
    landing,
    refusal_kept,
    refusals_noted,
)


class LoadJsonToMongo(FileTask):
    """Lands one JSON file in MongoDB: its documents replace those with the same content_id."""

    modules: ClassVar = (
        "pipeline.loads.documents",
        "pipeline.loads.document_batches",
        "pipeline.loads.storable",
        "pipeline.sources.json_files",
        "pipeline.sources.json_text",
        "pipeline.sources.file_kinds",
        "pipeline.sources.files",
        "pipeline.sources.unpacking",
        *DOCUMENT_MODULES,
    )

    # One after the other: of two files with the same title, the last by name wins.
    resources = {"mongodb_landing": 1}  # noqa: RUF012 (declared so by Luigi)

    @property
    def priority(self) -> int:  # type: ignore[override]
        """Files land in the order of their names. To the scheduler a priority below zero is none."""
        return len(deliveries()) - deliveries().index(self) if self in deliveries() else 0

    def runs_after(self) -> list[luigi.Task]:
        """The collections and the ledger come first."""
        return [CreateMongodbCollections(), CreatePostgresTables()]

    @property
    def update_id(self) -> str:
        """One target for each file."""
        return f"LoadJsonToMongo:{self.path}"

    def loaded(self) -> mongo.MongoMarker | None:
        """Return the marker of what the file brought before."""
        return mongo.markers().get(self.update_id)

    def output(self) -> luigi.Target:
        """Return the marker in MongoDB."""
        return MongoMarkerTarget(self.update_id, self.fingerprint)

    def run(self) -> None:
        """Land the file under its lock, with a row in the ledger."""
        claim = Claim(
            update_id=f"{self.update_id} in {mongo.server_name()}",
            task=self.task_family,
            target_table="MongoDB",
            source=self.path,
            fingerprint=self.fingerprint,
            inputs=self.inputs,
            run_number=markers.run_number(),
            report=self.report,
        )
        with refusals_noted(self, go_on=self.go_on):
            ledger.execute(claim, self.load, is_done=self.is_done)

    def load(self, load: Load) -> None:
        """Write the documents of the file."""
        from pipeline.loads.documents import land_documents

        self.require_readable()
        with refusal_kept(load):
            land_documents(load, self)

    def is_done(self) -> bool:
        """Tell whether another run has landed the file meanwhile."""
        mongo.forget()
        return bool(self.complete())


class LoadJsonsToMongo(luigi.WrapperTask):
    """All JSON files. A file that left takes nothing along: JSON files are deliveries.

    Files that are refused fail this task at its end; the others are extracted all the same.
    """

    def requires(self) -> list[luigi.Task]:
        """Return a task for each file."""
        go_on_after_refusals()
        return list(deliveries())

    def run(self) -> None:
        """Fail if a file was refused."""
        fail_if_refused(deliveries())


@cache
def deliveries() -> list[LoadJsonToMongo]:
    """Return the landing tasks of all JSON files."""
    paths = [path for path in (*raw_files(), *inventory().unreadable) if is_source(path) and not is_csv(path)]
    return [LoadJsonToMongo(path=path, go_on=landing().go_on) for path in paths]

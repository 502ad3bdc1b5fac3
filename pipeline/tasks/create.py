"""Making the tables of PostgreSQL and the collections of MongoDB."""

from __future__ import annotations

from typing import ClassVar

import luigi

from pipeline.contract.collections import declaration_files
from pipeline.servers import mongo
from pipeline.servers.retries import retrying
from pipeline.state.mongo_markers import write_marker
from pipeline.state.spec import Load
from pipeline.state.targets import MongoMarkerTarget
from pipeline.tasks.base import PipelineTask, PostgresTask
from pipeline.warehouse.tables import create_tables


class CreatePostgresTables(PostgresTask):
    """Creates the schemas and tables of `etl`, `raw` and `processed`, or brings them up to date."""

    sql: ClassVar = (
        "etl/*.sql",
        "processed/*.sql",
        "rollups/triggers.sql",
        "rollups/indexes.sql",
        "trusted/00_schema.sql",
    )
    work: ClassVar = ("pipeline.warehouse.tables",)
    target_table = "etl.table_updates"

    def load(self, load: Load) -> None:
        """Execute the SQL files."""
        create_tables(load)


class CreateMongodbCollections(PipelineTask):
    """Creates the collections of MongoDB with validator and index, or brings them up to date."""

    work: ClassVar = ("pipeline.documents.collections",)

    @property
    def sql(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the validators follow from."""
        return declaration_files()

    def output(self) -> luigi.Target:
        """Return the marker in MongoDB."""
        return MongoMarkerTarget(self.update_id, self.fingerprint)

    def run(self) -> None:
        """Create or update the collections, then mark them."""
        from pipeline.documents.collections import create_collections

        for attempt in retrying(self.task_family):
            with attempt, mongo.database() as db:
                holds = create_collections(db)
                write_marker(db, self.update_id, self.fingerprint, self.inputs, holds)

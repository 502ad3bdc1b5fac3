"""Making the tables of PostgreSQL and the collections of MongoDB."""

from __future__ import annotations

from typing import ClassVar

import luigi

from pipeline.loads.tables import create_tables
from pipeline.stores import mongo
from pipeline.stores.claims import Load
from pipeline.stores.retries import retrying
from pipeline.targets import MongoMarkerTarget
from pipeline.task import PipelineTask, PostgresTask


class CreatePostgresTables(PostgresTask):
    """Creates the schemas and tables of `etl`, `raw` and `processed`, or brings them up to date."""

    sql: ClassVar = ("etl/*.sql", "raw/*.sql", "processed/*.sql", "trusted/00_schema.sql")
    modules: ClassVar = ("pipeline.loads.tables",)
    target_table = "etl.table_updates"

    def load(self, load: Load) -> None:
        """Execute the SQL files."""
        create_tables(load)


class CreateMongodbCollections(PipelineTask):
    """Creates the collections of MongoDB with validator and index, or brings them up to date."""

    modules: ClassVar = (
        "pipeline.loads.collections",
        "pipeline.sources.documents",
        "pipeline.sources.document_fields",
        "pipeline.sources.document_values",
        "pipeline.sources.text_rules",
    )

    def output(self) -> luigi.Target:
        """Return the marker in MongoDB."""
        return MongoMarkerTarget(self.update_id, self.fingerprint)

    def run(self) -> None:
        """Create or update the collections, then mark them."""
        from pipeline.loads.collections import create_collections

        for attempt in retrying(self.task_family):
            with attempt, mongo.database() as db:
                holds = create_collections(db)
                mongo.write_marker(db, self.update_id, self.fingerprint, self.inputs, holds)

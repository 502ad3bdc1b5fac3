"""What there is to do: a specification, the folder to fill, and the parents as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.spark.folder import Folder
from pipeline.spark.shape import Shape


class Parent(NamedTuple):
    """A table that is referred to, or that checks read."""

    path: Path
    frame: DataFrame
    rows: int


@dataclass(frozen=True)
class Work:
    """A snapshot to be made."""

    spark: SparkSession
    spec: dict[str, Any]

    @cached_property
    def lake(self) -> Path:
        """The folder that holds the landed files and all snapshots."""
        return Path(self.spec["lake"])

    @cached_property
    def folder(self) -> Folder:
        """The folder to fill."""
        return Folder(self.spec["folder"])

    @cached_property
    def shape(self) -> Shape:
        """The table."""
        return Shape(self.spec["declared"])

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The landed files and their ranks, the lowest first."""
        files = sorted(self.spec["files"], key=lambda file: int(file["rank"]))
        return {file["parquet"]: int(file["rank"]) for file in files}

    @cached_property
    def parents(self) -> dict[str, Parent]:
        """The parents by their names, which are also the names of views that checks read."""
        found = {}
        for name in self.spec["parents"]:
            path = self.folder.path / "parents" / f"{name}.parquet"
            frame = read(self.spark, path)
            frame.createOrReplaceTempView(name)
            found[name] = Parent(path, frame, pq.read_metadata(path).num_rows)
            self.folder.written.append(f"parents/{name}.parquet")
        return found

    def landed(self, files: list[str]) -> DataFrame:
        """Return the valid rows of landed files."""
        return self.shape.landed(self.spark, self.spec["landed"], files)


def read(spark: SparkSession, *paths: Path) -> DataFrame:
    """Return the rows of Parquet files of one schema, which Spark would have a task look up."""
    schema = from_arrow_schema(pq.read_schema(paths[0]))
    return spark.read.schema(schema).parquet(*map(str, paths))

"""What Spark must know of a declared table, and the reading of its landed files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

FILE, ROW, WAITS_FOR = "_file", "_row", "_waits_for"
"""Columns beside the declared ones: the landed file, the record in it, the parent that is missing."""

NO_MONTH = 100
BROADCAST_ROWS = 500_000
"""As many keys are sent to every executor; more are shuffled, if Spark finds nothing better."""

_TYPES = {"smallint": "smallint", "integer": "int", "bigint": "bigint"}


@dataclass(frozen=True)
class Reference:
    """Columns that refer to those of a parent."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """A declared table, as the specification tells it."""

    declared: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.declared["name"])

    @cached_property
    def columns(self) -> dict[str, str]:
        """The Spark types of its columns, by name."""
        return {column["name"]: _type(column) for column in self.declared["columns"]}

    @cached_property
    def types(self) -> dict[str, str]:
        """The Spark types of the columns of rows that are kept, by name."""
        return {**self.columns, FILE: "string", ROW: "bigint", WAITS_FOR: "string"}

    @cached_property
    def kept(self) -> list[str]:
        """The columns of rows that are kept."""
        return list(self.types)

    @property
    def key(self) -> list[str]:
        """The columns of the key."""
        return list(self.declared["key"])

    @cached_property
    def references(self) -> list[Reference]:
        """What it refers to, in the order that decides which parent is waited for."""
        return [
            Reference(tuple(each["columns"]), each["parent"], tuple(each["parent_columns"]))
            for each in self.declared["references"]
        ]

    @property
    def day(self) -> str | None:
        """The column whose months the rows are kept by: the first required date."""
        dates = [each["name"] for each in self.declared["columns"] if each["kind"] == "date" and each["required"]]
        return dates[0] if dates else None

    @property
    def month(self) -> Column:
        """The month of a row as a number, such as 202401: much lighter to sort and send than a text."""
        return F.year(self.day) * 100 + F.month(self.day) if self.day else F.lit(NO_MONTH)

    @property
    def schema(self) -> str:
        """The columns of kept rows, for files whose types need not be looked up."""
        return ", ".join(f"{quoted(name)} {kind}" for name, kind in self.types.items())

    def read(self, spark: SparkSession, paths: Sequence[str]) -> DataFrame:
        """Return kept rows."""
        if not paths:  # told so that Spark leaves out all that would be done with them
            nulls = [F.lit(None).cast(kind).alias(name) for name, kind in self.types.items()]
            return spark.range(1).where(F.lit(False)).select(*nulls)
        return spark.read.schema(self.schema).parquet(*paths)

    def landed(self, spark: SparkSession, folder: str, files: Sequence[str]) -> DataFrame:
        """Return the valid rows of landed files."""
        if not files:
            return self.read(spark, [])
        own = ", ".join(f"{quoted(name)} {kind}" for name, kind in self.columns.items())
        rows = spark.read.schema(f"{own}, {ROW} bigint, rejected string")
        return (
            rows.parquet(*(f"{folder}/{file}" for file in files))
            .where("rejected IS NULL")
            .select(
                *map(quoted, self.columns),
                F.col("_metadata.file_name").alias(FILE),
                ROW,
                F.lit(None).cast("string").alias(WAITS_FOR),
            )
        )


def month_name(month: int) -> str:
    """Return the name of a month, such as 2024-01; of a table without months it is `all`."""
    return "all" if month == NO_MONTH else f"{month // 100}-{month % 100:02d}"


def month_number(name: str) -> int:
    """Return the number of a month by its name."""
    return NO_MONTH if name == "all" else int(name.replace("-", ""))


def quoted(name: str) -> str:
    """Return a column's name as Spark reads it, whatever it holds."""
    return "`" + name.replace("`", "``") + "`"


def small_table(spark: SparkSession, columns: dict[str, pa.Array]) -> DataFrame:
    """Return a table that the driver holds."""
    return spark.createDataFrame(pa.table(columns))


def sent(frame: DataFrame, rows: int) -> DataFrame:
    """Have a side of a join sent to every executor, where it has few rows."""
    return F.broadcast(frame) if rows <= BROADCAST_ROWS else frame


def _type(column: dict[str, Any]) -> str:
    kind = column["kind"]
    if kind == "whole":
        return _TYPES[column["type"]]
    if kind == "number":
        return f"decimal({column['precision']},{column['scale'] or 0})"
    return {"date": "date", "boolean": "boolean", "float": "double"}.get(kind, "string")

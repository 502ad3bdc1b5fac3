"""The checks that judge rows of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from pipeline.spark.shape import Shape, quoted


def found(spark: SparkSession, shape: Shape, checks: Sequence[dict[str, str]], examples: int) -> dict[str, Any]:
    """Return for each check the number of keys that it finds, and the first rows in the order of the key.

    The queries read views that are named like the tables.
    """
    results: dict[str, Any] = {check["name"]: {"findings": 0, "examples": []} for check in checks}
    if not checks:
        return results
    # All in one pass, for which Spark need not wait for the last task of each.
    findings = reduce(DataFrame.union, [_findings(spark, shape, check) for check in checks])
    findings.persist(StorageLevel.MEMORY_AND_DISK)
    for name, count in findings.groupBy("name").agg(F.count_distinct("key")).collect():
        results[name]["findings"] = count
    if any(result["findings"] for result in results.values()):
        place = F.row_number().over(Window.partitionBy("name").orderBy("key"))
        first = findings.withColumn("place", place).where(F.col("place") <= examples)
        for name, row in first.orderBy("name", "place").select("name", "row").collect():
            results[name]["examples"].append(json.loads(row))
    findings.unpersist()
    return results


def _findings(spark: SparkSession, shape: Shape, check: dict[str, str]) -> DataFrame:
    rows = spark.sql(check["query"])
    whole = F.to_json(F.struct("*"), {"ignoreNullFields": "false"})
    key = F.struct(*map(quoted, shape.key))
    return rows.select(F.lit(check["name"]).alias("name"), key.alias("key"), whole.alias("row"))

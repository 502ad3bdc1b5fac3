"""The beginning of every program."""

from __future__ import annotations

from pyspark.sql import SparkSession


def begin() -> SparkSession:
    """Return the session of the application, having said where its page is, which Spark's log does not always."""
    spark = SparkSession.builder.getOrCreate()
    if page := spark.sparkContext.uiWebUrl:
        print(f"PAGE {page}", flush=True)
    return spark

"""Makes a snapshot of a table from its landed files, its parents and the snapshot before: `snapshot.py SPEC.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.spark import checks, previous
from pipeline.spark.application import begin
from pipeline.spark.judging import CAME, GONE, PLACE, SUPERSEDED, WAITING
from pipeline.spark.previous import paths_of
from pipeline.spark.rows import keep_up, make_anew
from pipeline.spark.sums import Sums
from pipeline.spark.work import Work

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # Without it, rows would not be brought together as they are written; sums do without.
    "spark.sql.adaptive.enabled": "true",
    # Months would be taken for something else.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    # What is grouped by user is joined by user and sign where it is.
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
    # A job of its own to look at files that are known by name.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
PARTITIONS = "spark.sql.shuffle.partitions"
ROWS_IN_A_PARTITION = 1_000_000  # Spark by itself makes 200 of a thousand rows as well as of a billion


def make(spark: SparkSession, spec: dict[str, Any]) -> dict[str, Any]:
    """Make the snapshot that a specification tells, in its folder; return the manifest, which is written last.

    Raises:
        RuntimeError: what became of the rows does not add up.
    """
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)
    if not spark.sparkContext.getConf().contains(PARTITIONS):
        landed = sum(int(file["rows"]) for file in spec["files"])
        spark.conf.set(PARTITIONS, max(spark.sparkContext.defaultParallelism, landed // ROWS_IN_A_PARTITION))
    work = Work(spark, spec)
    folder, shape = work.folder, work.shape
    before = previous.find(work)
    rows = keep_up(work, before) if before else make_anew(work)
    spark.catalog.clearCache()
    sessions = shape.read(spark, paths_of(rows.months.values(), work.lake))
    sessions.createOrReplaceTempView(shape.name)
    sums = Sums(work, rows, sessions, before).make()
    spark.catalog.clearCache()
    with folder.step("checks", 0.85):
        found = checks.found(spark, shape, spec["checks"], spec["examples"])
    with folder.step("window", 0.95):
        window = _window(work, sessions) if rows.months else []
    for place in (CAME, GONE):
        folder.forget(f"rows/{PLACE}={place}")
    return folder.finish(
        {
            "day": spec["day"],
            "files": [file["parquet"] for file in sorted(spec["files"], key=lambda file: int(file["rank"]))],
            "outcomes": rows.outcomes(spec["files"], [reference.parent for reference in shape.references]),
            "checks": found,
            "sums": {name: sums[name] for name in spec["sums"]},
            "kept": {name: files for name, files in sums.items() if name not in spec["sums"]},
            "months": dict(sorted(rows.months.items())),
            "superseded": rows.held.get(SUPERSEDED, []),
            "waiting": rows.held.get(WAITING, []),
            "window": window,
            "declared": spec["declared"],
            "program": previous.program(),
        }
    )


def _window(work: Work, sessions: DataFrame) -> list[str]:
    """Write the sessions from a day on."""
    first, day = work.spec["window_from"], work.shape.day
    if first is None or day is None:
        return []
    work.folder.write("window", sessions.where(F.col(day) >= F.lit(first).cast("date")))
    return work.folder.files("window")


def main() -> None:
    """Do what SPEC.json says."""
    spec = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    spark = begin()
    try:
        make(spark, spec)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()

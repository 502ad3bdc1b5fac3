"""Lands CSV files as typed Parquet, one task a file: `land.py SPEC.json RESULT.json`."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.spark.application import begin
from pipeline.spark.folder import write_json

SECONDS_BETWEEN_LOOKS = 1


def make(spark: SparkSession, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Land `files`, each told with what is the `same` of all as `pipeline.records.landing.land` wants it.

    Return what came of each, in their order.
    """
    same, files = spec["same"], spec["files"]
    if not files:
        return []

    def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pipeline.records.landing import land

        for batch in batches:
            for number in batch.column(0).to_pylist():
                told: Any = {**same, **files[number]}
                outcome = json.dumps(land(told))
                yield pa.RecordBatch.from_pydict({"number": [number], "outcome": [outcome]})

    # A task a file, and no shuffle whose loss would have to be made good.
    numbers = spark.range(0, len(files), 1, len(files))
    with telling(spark, len(files)):
        found = numbers.mapInArrow(landed, "number long, outcome string").collect()
    return [json.loads(outcome) for _, outcome in sorted(found)]


@contextmanager
def telling(spark: SparkSession, tasks: int) -> Iterator[None]:
    """Say how many of the tasks of the only job are done, while the block waits for them."""
    tracker, ended = spark.sparkContext.statusTracker(), threading.Event()

    def tell() -> None:
        told = -1
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
            done = max((stage.numCompletedTasks for stage in stages if stage), default=told)
            if done > told:
                told = done
                print(f"PROGRESS {done / tasks:.2f} {done} of {tasks} files", flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def main() -> None:
    """Do what SPEC.json says, and write RESULT.json last."""
    spec, result = Path(sys.argv[1]), Path(sys.argv[2])
    spark = begin()
    try:
        write_json(result, make(spark, json.loads(spec.read_text(encoding="utf-8"))))
    finally:
        spark.stop()


if __name__ == "__main__":
    main()

"""Spark inside the test's own process: one session for a whole module, since an application takes seconds to start."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tests.project import Project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MASTER = "local[2]"
ALL_DAYS = 36_500
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.driver.memory": "1g",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


@contextmanager
def spark_session(folder: Path) -> Iterator[SparkSession]:
    """Yield a session that ends with the block."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(MASTER).config("spark.sql.warehouse.dir", str(folder))
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def programs_in(spark: SparkSession) -> Iterator[list[str]]:
    """Have the pipeline's applications run in a session; yields the names of those that ran."""
    from pipeline.spark import land, snapshot

    ran: list[str] = []

    def submit(program: str, arguments: Sequence[str], **_: Any) -> None:
        ran.append(program)
        spec = json.loads(Path(arguments[0]).read_text())
        if program == "land":
            Path(arguments[1]).write_text(json.dumps(land.make(spark, spec)))
        else:
            snapshot.make(spark, spec)

    with patch("pipeline.lake.landing.submit", submit), patch("pipeline.lake.snapshot.submit", submit):
        yield ran


def off_spark(project: Project) -> None:
    """Have PostgreSQL keep a project's sessions again."""
    for name in ("SPARK_MASTER", "LAKE_PATH", "SESSIONS_IN_POSTGRES_DAYS"):
        project.env.pop(name, None)


def on_spark(project: Project, days: int = 0) -> Project:
    """Have a project's sessions kept by Spark, the last days of them in PostgreSQL too."""
    project.env |= {
        "SPARK_MASTER": MASTER,
        "LAKE_PATH": str(project.folder / "lake"),
        "SESSIONS_IN_POSTGRES_DAYS": str(days),
    }
    return project

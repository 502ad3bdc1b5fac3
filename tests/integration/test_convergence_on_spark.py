"""After any sequence of changes, the engine among them, a run leaves what a load from scratch would have left.

`CONVERGENCE_ON_SPARK_EXAMPLES` and `CONVERGENCE_ON_SPARK_STEPS` set how many sequences of how many changes are tried.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis.stateful import initialize, rule

from tests.in_process import settle
from tests.integration.test_convergence import Convergence, try_sequences
from tests.spark_cluster import needs_spark
from tests.spark_in_process import ALL_DAYS, off_spark, on_spark, programs_in, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXAMPLES = int(os.environ.get("CONVERGENCE_ON_SPARK_EXAMPLES", "1"))
STEPS = int(os.environ.get("CONVERGENCE_ON_SPARK_STEPS", "5"))


class ConvergenceOnSpark(Convergence):
    """Changes as ever; now and then the engine is another one."""

    spark: ClassVar[SparkSession]

    @initialize()
    def begin_on_spark(self) -> None:
        on_spark(self.project, ALL_DAYS)

    @rule()
    def change_engine(self) -> None:
        if "SPARK_MASTER" in self.project.env:
            off_spark(self.project)
        else:
            on_spark(self.project, ALL_DAYS)

    def settle(self, **options: Any) -> list[str]:
        with programs_in(self.spark):
            return settle(self.project, self.day.isoformat(), **options)


@pytest.mark.timeout(120 + 60 * EXAMPLES * STEPS)
def test_any_sequence_of_changes_converges_on_spark(embedded: Path, tmp_path: Path) -> None:
    needs_spark()
    with spark_session(tmp_path) as spark:
        machine = type("ConvergenceHere", (ConvergenceOnSpark,), {"embedded": embedded, "spark": spark})
        try_sequences(machine, EXAMPLES, STEPS)

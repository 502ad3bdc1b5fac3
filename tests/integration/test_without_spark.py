"""Who does not set SPARK_MASTER neither needs Spark nor pays for it."""

from __future__ import annotations

import subprocess
import sys

from tests.project import DAY, REPOSITORY, Project
from tests.small_input import write_all

# With one worker, all tasks run in this process.
RUN = f"""
import atexit, sys

def tell():
    names = ("pyspark", "py4j", "pipeline.lake", "pipeline.spark", "luigi.contrib.spark")
    print([name for name in sys.modules if name.startswith(names)])

atexit.register(tell)
from luigi.cmdline import luigi_run
luigi_run(["--module", "pipeline", "RunAll", "--date", "{DAY}", "--local-scheduler", "--workers", "1"])
"""


def test_a_run_imports_nothing_of_spark(project: Project) -> None:
    write_all(project)
    run = subprocess.run(
        [sys.executable, "-c", RUN], env=project.env, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"

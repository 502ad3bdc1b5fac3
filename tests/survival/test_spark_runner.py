"""Jobs on a cluster: they tell how far they are and why they fail, see no password, and end with their run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.project import REPOSITORY
from tests.spark_cluster import Cluster, cluster, needs_spark, wait_until

PASSWORD = "hunter2-of-the-warehouse"
SECONDS = 120  # a machine that has other things to do
PROGRAM = """
import os, sys, time
from pathlib import Path
from pyspark.sql import SparkSession

folder, way = Path(sys.argv[1]), sys.argv[2]

def work(rows):
    from pipeline.errors import PipelineError
    if way == "fail":
        raise PipelineError("users.csv, record 7: it is odd")
    (folder / f"works-{os.getpid()}").touch()
    while way == "go on":
        time.sleep(0.1)
    yield sum(rows), "luigi" in sys.modules

spark = SparkSession.builder.getOrCreate()
print("PROGRESS 0.25 sums", flush=True)
(folder / "sums").write_text(str(spark.sparkContext.parallelize(range(10), 2).mapPartitions(work).collect()))
print("PROGRESS 1 end", flush=True)
"""
RUN = """
import logging, multiprocessing, sys
from pathlib import Path
from pipeline import interrupts, progress
from pipeline.errors import PipelineError
from pipeline.lake.runner import submit

how, program, *arguments = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
progress.listen(lambda stage: print(stage, flush=True))
interrupts.install()

def work():
    try:
        submit(Path(program), arguments, name="trial")
    except PipelineError as error:
        sys.exit(f"error: {error}")

if how == "itself":
    work()
else:
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    print(f"worker {worker.pid}", flush=True)
    worker.join()
    sys.exit(worker.exitcode)
"""

pytestmark = pytest.mark.survival


class Runs:
    """Runs of a test, with a job each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begun: list[subprocess.Popen[str]] = []
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)

    def start(self, master: str, way: str, how: str = "itself", **env: str) -> subprocess.Popen[str]:
        """Start a run whose job does 'sum', 'fail' or 'go on'; the run itself waits for it, or a worker."""
        here = {"SPARK_MASTER": master, "SPARK_LOCAL_IP": "127.0.0.1", "TMPDIR": str(self.folder)}
        run = subprocess.Popen(
            [sys.executable, "-c", RUN, how, str(self.program), str(self.folder), way],
            env={**os.environ, **here, "POSTGRES_PASSWORD": PASSWORD, **env},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.begun.append(run)
        return run

    def wait_for_work(self) -> None:
        """Wait until both executors work."""

        def both_work() -> bool:
            assert all(run.poll() is None for run in self.begun)
            return len(list(self.folder.glob("works-*"))) == 2

        wait_until(both_work, SECONDS)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """Return what starts runs, which end with the test."""
    runs = Runs(tmp_path)
    yield runs
    for run in runs.begun:
        run.terminate()
        run.communicate()


def told_to(process: psutil.Process) -> str:
    """Return the arguments and the environment of a process; nothing of one that has ended."""
    try:
        return f"{process.cmdline()} {process.environ()}"
    except psutil.NoSuchProcess:
        return ""


def test_a_job_tells_how_far_it_is(spark_cluster: Cluster, runs: Runs) -> None:
    run = runs.start(spark_cluster.master, "sum")
    told, logged = run.communicate(timeout=SECONDS)
    assert run.returncode == 0, logged
    assert (runs.folder / "sums").read_text() == "[(10, False), (35, False)]"
    stages = list(dict.fromkeys(told.splitlines()))
    assert stages == ["trial: 0 %", "trial, sums: 25 %", "trial, end: 100 %"]
    assert "WARNING" not in logged


def test_a_failure_is_one_line_without_passwords(spark_cluster: Cluster, runs: Runs) -> None:
    run = runs.start(spark_cluster.master, "fail")
    told, logged = run.communicate(timeout=SECONDS)
    assert run.returncode == 1
    *before, last = logged.splitlines()
    assert last == "error: trial: users.csv, record 7: it is odd"
    assert any(line.startswith("WARNING:pipeline:trial: Lost task ") for line in before)
    assert PASSWORD not in told + logged


def test_a_job_sees_no_password_and_ends_with_its_run_though_the_worker_lives(
    spark_cluster: Cluster, runs: Runs
) -> None:
    run = runs.start(spark_cluster.master, "go on", "by a worker")
    runs.wait_for_work()
    this = psutil.Process(run.pid)
    ours, executors = this.children(recursive=True), spark_cluster.executors()
    of_job = [told for told in map(told_to, ours) if told and "import interrupts" not in told]  # a worker has it all
    of_executors = list(filter(None, map(told_to, executors)))
    assert len(of_job) >= 3  # the guard, Java, Python
    assert len(of_executors) >= 4  # of each worker one of Java, one of Python
    assert PASSWORD not in "".join(of_job + of_executors)
    assert PASSWORD in told_to(this)
    this.kill()
    assert run.wait(SECONDS) == -signal.SIGKILL
    _, alive = psutil.wait_procs([*ours, *executors], timeout=SECONDS)
    assert alive == []
    assert all(worker.is_running() for worker in spark_cluster.workers)


def test_a_job_without_free_cores_is_ended(runs: Runs) -> None:
    needs_spark()
    with cluster(workers=0) as empty:
        run = runs.start(empty.master, "sum", SPARK_WAIT_SECONDS="2")
        _, logged = run.communicate(timeout=SECONDS)
    told = f"no free cores at {empty.master} for 2 seconds: free some, or raise SPARK_WAIT_SECONDS"
    assert (run.returncode, logged.splitlines()[-1]) == (1, f"error: {told}")


def test_a_job_whose_cluster_is_gone_is_ended(runs: Runs) -> None:
    needs_spark()
    with cluster(workers=2) as short_lived:
        run = runs.start(short_lived.master, "go on", SPARK_WAIT_SECONDS="30")
        runs.wait_for_work()
    logged = run.communicate(timeout=SECONDS)[1].splitlines()
    told = f"the Spark master at {short_lived.master} left, and did not come back for 30 seconds"
    assert (run.returncode, logged[-1]) == (1, f"error: {told}: run again when it is there")


def test_what_is_not_there_is_one_line(runs: Runs) -> None:
    needs_spark()
    run = runs.start("spark://127.0.0.1:9", "sum")
    told = "error: no Spark master answers at spark://127.0.0.1:9: start it, or correct SPARK_MASTER\n"
    assert run.communicate(timeout=SECONDS)[1].endswith(told)
    run = runs.start("local[1]", "sum", JAVA_HOME="/nowhere")
    told = "error: there is no Java: install Java 17 (apt install openjdk-17-jre-headless), or set JAVA_HOME\n"
    assert run.communicate(timeout=SECONDS)[1].endswith(told)

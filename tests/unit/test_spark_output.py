"""What is told of the hundreds of lines that a job of Spark prints."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from pipeline.lake.command import package_home, spark_command
from pipeline.lake.output import Output, SparkError
from pipeline.settings import PACKAGE_ROOT, get_settings

LOST = "Lost task 0.0 in stage 0.0 (TID 0) (10.0.0.2 executor 1): "
CRASHED = "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)."


@pytest.mark.parametrize(
    ("printed", "cause"),
    [
        (
            ["Traceback (most recent call last):", '  File "land.py", line 5, in <module>', "ValueError: no: 7"],
            "ValueError: no: 7",
        ),
        (
            [
                "Traceback (most recent call last):",
                "pyspark.errors.exceptions.captured.PythonException: An exception was thrown from the Python worker:",
                "Traceback (most recent call last):",
                '    raise ValueError("odd")',
                "pipeline.records.files.FileChangedError: users.csv: it changed",
            ],
            "users.csv: it changed",
        ),
        (
            [
                "Traceback (most recent call last):",
                "py4j.protocol.Py4JJavaError: An error occurred while calling z:org.apache.spark.PythonRDD.collect.",
                ": org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4"
                f" times, most recent failure: {LOST}{CRASHED}",
                "\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:1097)",
                "Caused by: java.io.EOFException",
            ],
            CRASHED,
        ),
        (
            [
                "Traceback (most recent call last):",
                "pyspark.errors.exceptions.captured.AnalysisException: [PATH_NOT_FOUND] Path does not exist: file:/x.",
                "'Project ['nope]",
            ],
            "AnalysisException: [PATH_NOT_FOUND] Path does not exist: file:/x.",
        ),
        (
            ["OSError: [Errno 28] No space left on device: '/lake/landed/.a.parquet'"],
            "OSError: [Errno 28] No space left on device: '/lake/landed/.a.parquet'; make room in"
            f" {get_settings().lake_path} or where executors keep their files (SPARK_LOCAL_DIRS) and run again",
        ),
        (['{"ts": "2026-11-27", "level": "ERROR"}', "the files do not fit"], "the files do not fit"),
        ([], "spark-submit ended with 1 and without a word"),
    ],
)
def test_the_cause_is_one_line(printed: list[str], cause: str) -> None:
    output = Output("landing")
    for line in printed:
        output.take_printed(line)
    assert output.cause(1) == cause


def test_of_a_driver_that_was_killed_not_its_last_warning_is_the_cause() -> None:
    output = Output("landing")
    output.take_logged("/usr/lib/python3/pandas/functions.py:777: FutureWarning: pandas is too new.")
    output.take_logged("  warnings.warn(")
    assert output.cause(137) == "its driver was killed, which the system does where memory is short: run again"
    assert output.cause(1) == "spark-submit ended with 1 and without a word"


def test_warnings_are_logged_without_the_usual_noise(caplog: pytest.LogCaptureFixture) -> None:
    output = Output("landing")
    with caplog.at_level(logging.INFO, "pipeline"):
        output.take_logged("26/11/27 00:21:13 WARN Utils: Your hostname, vm, resolves to a loopback address: 127.0.0.1")
        output.take_logged("26/11/27 00:21:16 WARN NativeCodeLoader: Unable to load native-hadoop library")
        output.take_logged("26/11/27 00:21:32 INFO TaskSetManager: Starting task 0.0")
        output.take_logged(f"26/11/27 00:21:32 WARN TaskSetManager: {LOST}{CRASHED}")
        output.take_logged("\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:1097)")
        output.take_logged("26/11/27 00:21:33 ERROR TaskSetManager: Task 0 in stage 0.0 failed 4 times; aborting job")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"landing: {LOST}{CRASHED}"),
        ("WARNING", "landing: Task 0 in stage 0.0 failed 4 times; aborting job"),
    ]


def test_a_flood_of_warnings_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    output = Output("landing")
    for number in range(1000):
        output.take_logged(f"26/11/27 00:21:32 WARN TaskSetManager: Lost task {number}.0 in stage 0.0 (TID {number})")
    assert len(caplog.records) == 101
    assert caplog.messages[-1] == "landing: what else Spark warns of is left out"


def test_a_page_of_spark_is_that_of_the_task() -> None:
    class Shown:
        page = ""

        def set_tracking_url(self, page: str) -> None:
            self.page = page

    task = Shown()
    Output("landing", task).take_printed("PAGE http://10.0.0.1:4040")  # type: ignore[arg-type]
    assert task.page == "http://10.0.0.1:4040"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(SparkError, match=r"pyspark is not installed: pip install 'video-streaming-pipeline\[spark\]'"):
        package_home()


def test_the_command_is_made_from_luigis_configuration(monkeypatch: pytest.MonkeyPatch, configured: None) -> None:
    monkeypatch.setenv("SPARK_MASTER", "yarn")
    get_settings.cache_clear()
    command = spark_command(PACKAGE_ROOT / "a.py", ["in.json"], name="landing of a", code=PACKAGE_ROOT / "code.zip")
    assert command == [
        *("/opt/spark/bin/spark-submit", "--master", "yarn", "--deploy-mode", "client", "--name", "landing of a"),
        *("--py-files", f"more.zip,{PACKAGE_ROOT}/code.zip"),
        *("--conf", "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1", "--conf", "spark.task.maxFailures=8"),
        *("--executor-memory", "4g", f"{PACKAGE_ROOT}/a.py", "in.json"),
    ]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Luigi's configuration, with a section of Spark's."""
    import luigi.configuration

    class Parser(luigi.configuration.LuigiConfigParser):
        pass

    parser = Parser()
    parser.read_dict(
        {
            "spark": {
                "spark_submit": "/opt/spark/bin/spark-submit",
                "master": "ignored",
                "executor_memory": "4g",
                "conf": "spark.task.maxFailures=8",
                "py_files": "more.zip",
            }
        }
    )
    monkeypatch.setattr(luigi.configuration, "get_config", lambda: parser)
    monkeypatch.setattr("luigi.contrib.spark.configuration.get_config", lambda: parser)


WITHOUT_SPARK = """
import sys
import pipeline
from pipeline import __main__
names = ("pyspark", "py4j", "pyarrow", "pipeline.lake", "luigi.contrib.spark")
print([name for name in sys.modules if name.startswith(names)])
"""


def test_the_package_imports_nothing_of_spark() -> None:
    told = subprocess.run([sys.executable, "-c", WITHOUT_SPARK], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"

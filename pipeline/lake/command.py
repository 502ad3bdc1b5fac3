"""The command that runs a program on Spark: Luigi's own, made from `[spark]` of `luigi.cfg`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import luigi
from luigi.contrib.spark import SparkSubmitTask

from pipeline.lake.output import SparkError
from pipeline.settings import get_settings

# All that a job is told of this process's environment: no password may reach a driver, which hands on what it has.
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "JAVA_HOME",
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_IP",
    "SPARK_LOCAL_DIRS",
    "HADOOP_CONF_DIR",
    "HADOOP_USER_NAME",
    "YARN_CONF_DIR",
    "KRB5CCNAME",
    "KUBECONFIG",
)
INSTALL = "pip install 'video-streaming-pipeline[spark]'"


class SparkCommand(SparkSubmitTask):
    """Luigi's template, of which only the command is used; the runner says why.

    `app` is the program, `code` the zip that executors get.
    """

    app = luigi.Parameter()  # type: ignore[assignment]
    name = luigi.Parameter()  # type: ignore[assignment]
    code = luigi.Parameter()
    arguments = luigi.ListParameter()

    @property
    def spark_submit(self) -> str:
        """The one that `[spark]` names, else that of the package pyspark."""
        return named_submit() or str(package_home() / "bin/spark-submit")

    @property
    def master(self) -> str | None:
        """Where it runs: always as the settings say."""
        return get_settings().spark_master

    @property
    def deploy_mode(self) -> str:
        """The driver runs here: else nobody would end it, or see how far it is."""
        if super().deploy_mode not in (None, "", "client"):
            raise SparkError("luigi.cfg: [spark] deploy-mode must be client: take the line out")
        return "client"

    @property
    def conf(self) -> dict[str, str]:
        """What `[spark]` says, and that the driver, which computes little, does without the slower compiler of Java."""
        return {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1", **(super().conf or {})}

    @property
    def py_files(self) -> list[str]:
        """The project's zip, after what `[spark]` names."""
        return [*(super().py_files or []), str(self.code)]

    def app_options(self) -> list[str]:
        """Return the program's arguments."""
        return list(self.arguments)


def spark_command(app: Path, arguments: Sequence[str], *, name: str, code: Path) -> list[str]:
    """Return the command that runs a program, with its arguments, its name and the zip that executors get.

    Raises:
        SparkError: it cannot be run here; one line says what to install or to change.
    """
    task = SparkCommand(app=str(app), name=name, code=str(code), arguments=list(arguments))
    return [str(part) for part in task.program_args()]


def named_submit() -> str | None:
    """Return the `spark-submit` that `[spark]` names, if any."""
    return luigi.configuration.get_config().get("spark", "spark-submit", "") or None


def package_home() -> Path:
    """Return the folder of the package pyspark, without importing it.

    Raises:
        SparkError: it is not installed, or there is no Java.
    """
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SparkError(f"pyspark is not installed: {INSTALL}, or name spark-submit in [spark] of luigi.cfg")
    java = shutil.which("java", path=f"{os.environ['JAVA_HOME']}/bin" if os.environ.get("JAVA_HOME") else None)
    if java is None:
        raise SparkError("there is no Java: install Java 17 (apt install openjdk-17-jre-headless), or set JAVA_HOME")
    return Path(spec.origin).parent


def environment() -> dict[str, str]:
    """Return the environment of a job: a few named variables."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    python = os.environ.get("PYSPARK_PYTHON") or sys.executable
    kept |= {"PYSPARK_PYTHON": python, "PYSPARK_DRIVER_PYTHON": os.environ.get("PYSPARK_DRIVER_PYTHON") or python}
    if named_submit() is None:
        kept["SPARK_HOME"] = str(package_home())
    elif "SPARK_HOME" in os.environ:
        kept["SPARK_HOME"] = os.environ["SPARK_HOME"]
    return kept

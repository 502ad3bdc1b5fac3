"""What a job of Spark prints: how far it is, what it warns of, why it failed, in few of hundreds of lines."""

from __future__ import annotations

import logging
import re
import signal
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import luigi
from luigi.rpc import RPCError

from pipeline import progress
from pipeline.errors import PipelineError
from pipeline.settings import get_settings

logger = logging.getLogger("pipeline")

PROGRESS = re.compile(r"PROGRESS ([01](?:\.\d+)?)(?: (.*))?$")
# Day, time, level, and who says so.
LOGGED = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN|ERROR|FATAL) ([^\s:]+): (.*)")
PAGE = re.compile(r"PAGE (https?://\S+)$")
# What it warns of on every machine, or again and again of tasks that it ended itself.
NOISE = re.compile(
    r"Unable to load native-hadoop|resolves to a loopback address|Set SPARK_LOCAL_IP|could not bind on port"
    r"|TaskKilled|Truncated the string representation|No Partition Defined for Window|Assume no metadata directory"
)
# A job that YARN keeps waiting says so in another way.
STARVING = re.compile(r"Initial job has not accepted any resources|\(state: ACCEPTED\)")
SECONDS_UNTIL_IT_SAYS_SO = 15
SECONDS_BETWEEN_SAYING_SO = 60  # at most, while it goes on; it says so every 15 s
NO_MASTER = "All masters are unresponsive"
LOST_MASTER = re.compile(r"Disconnected from Spark cluster|Master has changed")

TAIL = 400  # lines
LONGEST_LINE = 500  # characters of what is told
WARNINGS = 100
RAISED = re.compile(r"(?:: |Caused by: )?([A-Za-z_][\w.$]*(?:Exception|Error|Exit|Interrupt)\w*)(?:: (.*))?$")
# Exceptions that only say that there is another one.
WRAPPER = re.compile(r"Py4JJavaError$|PythonException$")
OF_A_TASK = re.compile(r"^Job aborted due to stage failure: .*?most recent failure: .*?\((?:\S+ )?executor \S+?\): ")
OLD_JAVA = "UnsupportedClassVersionError"
# What Python's libraries warn of, and the line of code that is shown with it.
OF_PYTHON = re.compile(r"\S+:\d+: \w+Warning: |  \S")
NO_SPACE = "No space left on device"
KILLED = 128 + signal.SIGKILL


class SparkError(PipelineError):
    """A job did not do its work; the message says why in one line."""


class Output:
    """Takes what a job prints, line by line.

    Args:
        name: the job's, for the log.
        task: shows Spark's page as its own, if it can.
    """

    def __init__(self, name: str, task: luigi.Task | None = None) -> None:
        self.name, self.task = name, task
        self._printed: deque[str] = deque(maxlen=TAIL)
        self._logged: deque[str] = deque(maxlen=TAIL)
        self._warnings = 0
        self._starving_since = self._last_starved = float("-inf")
        self._without_master_since = float("inf")

    def take_printed(self, line: str) -> None:
        """Take a line of the program's own."""
        if found := PROGRESS.match(line):
            progress.reach(float(found[1]), f"{self.name}, {found[2]}" if found[2] else None)
        elif page := PAGE.match(line):
            if show := getattr(self.task, "set_tracking_url", None):
                with suppress(RPCError):
                    show(page[1])
        elif line.strip() and not line.startswith('{"ts"'):
            self._printed.append(line)

    def take_logged(self, line: str) -> None:
        """Take a line of Spark's log.

        Raises:
            SparkError: the job waits for cores for too long, or there is no master.
        """
        if STARVING.search(line):
            self._starve()
        if lost := LOST_MASTER.search(line):
            self._without_master_since = time.monotonic() if lost[0].startswith("Disconnected") else float("inf")
        found = LOGGED.match(line)
        if found is None:
            if line.strip() and not line.startswith(("\t", "    ", "WARNING:")) and not OF_PYTHON.match(line):
                self._logged.append(line)
        elif found[1] != "INFO":
            if NO_MASTER in found[3]:
                raise SparkError(no_master())
            if not NOISE.search(found[3]):
                self._warn(found[3].removesuffix(" Traceback (most recent call last):"))

    def see_master(self) -> None:
        """See that the master did not leave for good: Spark itself would wait for ever.

        Raises:
            SparkError: it left for as long as a job waits for cores.
        """
        settings = get_settings()
        if time.monotonic() - self._without_master_since >= settings.spark_wait_seconds:
            raise SparkError(
                f"the Spark master at {settings.spark_master} left, and did not come back for"
                f" {settings.spark_wait_seconds:,} seconds: run again when it is there"
            )

    def _warn(self, said: str) -> None:
        """Log what goes wrong, as a warning: what is an error to Spark it may still make good."""
        self._warnings += 1
        if self._warnings <= WARNINGS:
            logger.warning("%s: %s", self.name, _cut(said))
        if self._warnings == WARNINGS:
            logger.warning("%s: what else Spark warns of is left out", self.name)

    def _starve(self) -> None:
        now, settings = time.monotonic(), get_settings()
        if now - self._last_starved > SECONDS_BETWEEN_SAYING_SO:
            self._starving_since = now - SECONDS_UNTIL_IT_SAYS_SO
        self._last_starved = now
        if now - self._starving_since >= settings.spark_wait_seconds:
            raise SparkError(
                f"no free cores at {settings.spark_master} for {settings.spark_wait_seconds:,} seconds:"
                " free some, or raise SPARK_WAIT_SECONDS"
            )

    def cause(self, code: int) -> str:
        """Return in one line why the job ended with `code`, which is not 0."""
        if any(OLD_JAVA in line for line in self._logged):
            return "this Java is too old for Spark: install Java 17, or set JAVA_HOME"
        if code == KILLED:
            return "its driver was killed, which the system does where memory is short: run again"
        said = _raised(self._printed) or next(reversed([*self._logged, *self._printed]), None)
        if said and NO_SPACE in said:
            where = f"in {get_settings().lake_path} or where executors keep their files (SPARK_LOCAL_DIRS)"
            return f"{_cut(said)}; make room {where} and run again"
        return _cut(said) if said else f"spark-submit ended with {code} and without a word"


def no_master() -> str:
    """Return what to say where no master answers."""
    return f"no Spark master answers at {get_settings().spark_master}: start it, or correct SPARK_MASTER"


def _raised(lines: Iterable[str]) -> str | None:
    """Return the exception at the bottom of a traceback; behind one of Java, what it says itself."""
    of_java, of_python = None, None
    for line in lines:
        found = RAISED.match(line)
        if found is None:
            continue
        if line.startswith(": "):
            of_java = OF_A_TASK.sub("", f"{found[2]}")
        elif not line.startswith("Caused by: ") and not WRAPPER.search(found[1]):
            module, _, short = found[1].rpartition(".")
            is_own = module.partition(".")[0] == "pipeline"
            of_python, of_java = (found[2] if is_own else f"{short}: {found[2] or ''}".rstrip(": ")), None
    return of_java or of_python


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"

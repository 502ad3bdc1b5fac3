"""A Luigi target-based batch pipeline for video streaming data.

`luigi --module pipeline RunAll` runs it; `python -m pipeline --help` lists the commands for operators.
"""

import contextlib
import socket
import sys

import luigi.configuration

from pipeline import interrupts
from pipeline.settings import SettingsError, get_settings
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.extract import ExtractMongoToCsv
from pipeline.tasks.land import (
    LoadCsvsToPostgres,
    LoadCsvToPostgres,
    LoadJsonsToMongo,
    LoadJsonToMongo,
    WithdrawCsv,
)
from pipeline.tasks.load import LoadNormalizedJsonsToPostgres, LoadUsers, LoadViewingSessions
from pipeline.tasks.publish import BuildReport, CheckQuality, PublishTrusted
from pipeline.tasks.run_all import RunAll

__all__ = [
    "BuildReport",
    "CheckQuality",
    "CreateMongodbCollections",
    "CreatePostgresTables",
    "ExtractMongoToCsv",
    "LoadCsvToPostgres",
    "LoadCsvsToPostgres",
    "LoadJsonToMongo",
    "LoadJsonsToMongo",
    "LoadNormalizedJsonsToPostgres",
    "LoadUsers",
    "LoadViewingSessions",
    "PublishTrusted",
    "RunAll",
    "WithdrawCsv",
]


def _choose_scheduler() -> None:
    """Use the central scheduler if it answers, otherwise one of our own.

    Luigi by itself would try for a minute to reach a scheduler that is not there, and then give up.
    """
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    host = config.get("core", "scheduler_host", "127.0.0.1")
    port = config.getint("core", "scheduler_port", 8082)
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.5):
        return
    config.set("core", "local_scheduler", "true")
    # Waiting for other workers is for the central scheduler; here it would repeat failed tasks for ever.
    config.set("worker", "keep_alive", "false")


try:
    get_settings()
except SettingsError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(40)
_choose_scheduler()
interrupts.install()

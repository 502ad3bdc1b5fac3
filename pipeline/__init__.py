"""A Luigi target-based batch pipeline for video streaming data.

`luigi --module pipeline RunAll` runs it; `python -m pipeline --help` lists the commands for operators.
"""

import contextlib
import socket
import sys

import luigi.configuration

from pipeline import interrupts
from pipeline.errors import PipelineError
from pipeline.settings import Settings, get_settings
from pipeline.stores import local_scheduler
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
from pipeline.watching import events

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


def _choose_scheduler(settings: Settings) -> None:
    """Use the central scheduler if it answers, otherwise one of our own.

    Luigi by itself would try for a minute to reach a scheduler that is not there, and then give up.
    """
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    if address := local_scheduler.address(settings):
        host, port = address
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=0.5):
            config.set("core", "scheduler_host", host)
            config.set("core", "scheduler_port", str(port))
            return
        print(f"warning: luigid ({host}:{port}) does not answer; this run does without", file=sys.stderr)
    config.set("core", "local_scheduler", "true")
    # Waiting for other workers is for the central scheduler; here it would repeat failed tasks for ever.
    config.set("worker", "keep_alive", "false")


try:
    _choose_scheduler(get_settings())
except PipelineError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(40)
interrupts.install()
events.install()

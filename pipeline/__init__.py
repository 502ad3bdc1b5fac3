"""A Luigi target-based batch pipeline for video streaming data.

`luigi --module pipeline RunAll` runs it; `python -m pipeline --help` lists the commands for operators.
"""

import sys

from pipeline import configuration, interrupts, scheduling
from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.extract import ExtractMongoToCsv
from pipeline.tasks.land_csv import LoadCsvsToPostgres, LoadCsvToPostgres, WithdrawCsv
from pipeline.tasks.land_json import LoadJsonsToMongo, LoadJsonToMongo
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


try:
    configuration.read(get_settings())
    scheduling.choose(get_settings())
except PipelineError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(40)
interrupts.install()
events.install()

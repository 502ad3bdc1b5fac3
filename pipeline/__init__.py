"""A Luigi target-based batch pipeline for video streaming data.

`luigi --module pipeline RunAll` runs it; `python -m pipeline --help` lists the commands for operators.
"""

import sys

from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.extract import ExtractMongoToCsv
from pipeline.tasks.land_csv import LoadCsvsToPostgres, LoadCsvToPostgres, WithdrawCsv
from pipeline.tasks.land_json import LoadJsonsToMongo, LoadJsonToMongo
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


# Luigi imports this package before it reads its configuration, and offers nothing to hook into between the two.
if "luigi.cmdline" in sys.modules:
    from pipeline.start import begin_run

    begin_run()

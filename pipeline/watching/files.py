"""What became of each file of the raw folder, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import psycopg2

from pipeline.contract.register import csv_tables
from pipeline.errors import PipelineError
from pipeline.records.files import table_of
from pipeline.sources.inventory import inventory
from pipeline.sources.names import is_csv
from pipeline.watching.record import COMPLETE, NOT_RUN, RAN, Outcome

WITHDRAWAL = "WithdrawCsv"
WORDS = {RAN: "loaded", COMPLETE: "unchanged", NOT_RUN: "not run"}
IN_ORDER = ("loaded", "unchanged", "withdrawn", "refused", "failed", "not run")


def file_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the line, if the run was to look after files: how many were loaded, skipped, withdrawn, or never read."""
    files = [each for each in outcomes if each.file]
    if not files:
        return
    counts = Counter(_word(each) for each in files)
    found = inventory()
    told = [f"{counts[word]:,} {word}" for word in IN_ORDER if counts[word]]
    beyond = {
        "in no declared table": _undeclared(files),
        "passed over": len(found.passed_over),
        "not read": len(found.unread),
    }
    told += [f"{count:,} {word}" for word, count in beyond.items() if count]
    yield f"Files: {', '.join(told)}"


def _word(outcome: Outcome) -> str:
    if outcome.task == WITHDRAWAL and outcome.state in (RAN, COMPLETE):
        return "withdrawn"
    return WORDS.get(outcome.state, outcome.state.lower())


def _undeclared(files: list[Outcome]) -> int:
    """Count the files that are in `raw` as text only; none if no server says what is declared."""
    try:
        declared = csv_tables()
    except (PipelineError, psycopg2.Error):
        return 0
    present = [str(each.file) for each in files if each.task != WITHDRAWAL and is_csv(str(each.file))]
    return sum(table_of(file) not in declared for file in present)

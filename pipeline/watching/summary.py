"""The table at the end of a run: what came of each task, what went wrong, where to look next."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import psycopg2
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline import scheduling
from pipeline.errors import PipelineError
from pipeline.outgoing import for_terminal, in_one_line
from pipeline.records.files import table_of
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.watching.files import file_lines
from pipeline.watching.record import COMPLETE, FAILED, NOT_RUN, RAN, REFUSED, Outcome

COUNTS = ("read", "loaded", "rejected", "waiting")
# The worst state of a group of files is that of the group.
WORST_FIRST = (FAILED, REFUSED, NOT_RUN, RAN, COMPLETE)
STYLES = {FAILED: "bold red", REFUSED: "bold red", NOT_RUN: "yellow", COMPLETE: "dim"}
WIDTH_OF_FILES = 100  # where there is no terminal that has one
WIDTH_OF_ANYTHING = 1000
LEAST_NAME = 12  # characters of a name in one line
EXAMPLE = "TABLE device_engagement"
REJECTIONS = """
    WITH rejections AS (
        SELECT rejected.*,
            NOT coalesce(batches.details -> 'rejected_before' ? left(md5(rejected.row::text), 8), true) AS is_new
        FROM etl.batches AS batches
        LEFT JOIN etl.table_updates AS updates ON updates.audit_id = batches.batch_id
        INNER JOIN etl.rejected_rows AS rejected
            ON rejected.batch_id = coalesce(updates.batch_id, batches.batch_id)
        WHERE batches.batch_id = ANY(%s)
    )
    SELECT
        source, coalesce(document_id, 'record ' || record), column_name, left(value, 30), reason,
        count(*) OVER (), count(*) FILTER (WHERE is_new) OVER ()
    FROM rejections
    ORDER BY is_new DESC, record DESC NULLS LAST, reject_id DESC LIMIT %s
"""
SHOWN_REJECTIONS = 3
SHOWN_CAUSES = 3
SHOWN_NAMES = 3
SHOWN_WARNINGS = 10
SHOWN_CAUSE_LINES = 4


def print_summary(outcomes: list[Outcome], warnings: list[str], file: IO[str]) -> None:
    """Print the table, if there were tasks; with colours and in the terminal's width only if `file` is one."""
    if not outcomes:
        return
    width = None if file.isatty() else WIDTH_OF_FILES
    console = Console(file=file, width=width, highlight=False, soft_wrap=False)
    console.print()
    table = _table(outcomes)
    # On a terminal that is too narrow even for names in pieces, the terminal breaks the lines: nothing is cut.
    table.columns[0].max_width = LEAST_NAME
    least = Measurement.get(console, console.options.update(max_width=WIDTH_OF_ANYTHING), table).minimum
    table.columns[0].max_width = None
    Console(file=file, width=max(console.width, least), highlight=False).print(table, crop=False)
    for line in file_lines(outcomes):
        console.print()
        console.print(Text(line), soft_wrap=True)
    causes = _causes(outcomes)
    for outcome in causes[:SHOWN_CAUSES]:
        console.print()
        console.print(Text(in_one_line(f"{outcome.name} {_verb(outcome)}:"), style="bold red"))
        console.print(Padding(Text(for_terminal(_shortened(outcome.cause or "see the log"))), (0, 0, 0, 2)))
    if len(causes) > SHOWN_CAUSES:
        console.print(f"… and {len(causes) - SHOWN_CAUSES:,} more: {python()} -m pipeline status", soft_wrap=True)
    for line in [*_withdrawals(outcomes), *_warnings(warnings)]:
        # Names and commands in it are to be copied.
        console.print()
        console.print(Text(for_terminal(line), style="yellow"), soft_wrap=True)
    for line in _rejections(outcomes):
        console.print(Text(in_one_line(line)), no_wrap=True, overflow="ellipsis")
    console.print()
    for what, where in _next_steps(outcomes):
        # Paths and commands are to be copied: they are never broken by us.
        console.print(f"{what:<12}{where}", markup=False, soft_wrap=True)


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    # Where the terminal is too narrow, names go on in the next line; a number is never cut.
    table.add_column("Task", overflow="fold", min_width=LEAST_NAME)
    table.add_column("State", no_wrap=True, min_width=max(map(len, WORST_FIRST)))
    for name in (*COUNTS, "seconds"):
        table.add_column(name.capitalize(), justify="right", no_wrap=True)
    for group in _by_task(outcomes):
        state = min((each.state for each in group), key=WORST_FIRST.index)
        total: Counter[str] = Counter()
        for each in group:
            total.update(each.rows)
        has_counts = any(total[name] for name in COUNTS)
        counts = [f"{total[name]:,}" if has_counts else "" for name in COUNTS]
        seconds = f"{sum(each.seconds for each in group):.1f}" if state not in (COMPLETE, NOT_RUN) else ""
        table.add_row(Text(in_one_line(_group_name(group))), Text(state, style=STYLES.get(state, "")), *counts, seconds)
    return table


def _by_task(outcomes: Iterable[Outcome]) -> list[list[Outcome]]:
    groups: dict[tuple[str, bool], list[Outcome]] = {}
    for outcome in outcomes:
        # Files that were complete or landed are one line each kind; each one with a fault has its own.
        key = (outcome.name if outcome.is_wrong else f"{outcome.task} {outcome.state}", outcome.is_wrong)
        groups.setdefault(key, []).append(outcome)
    order = {name: place for place, name in enumerate(dict.fromkeys(each.task for each in outcomes))}
    return sorted(groups.values(), key=lambda group: order[group[0].task])


def _group_name(group: list[Outcome]) -> str:
    first = group[0]
    return first.name if len(group) == 1 else f"{first.task} ({len(group):,})"


def _causes(outcomes: list[Outcome]) -> list[Outcome]:
    """Return what went wrong, without the tasks that failed only since files of theirs were refused."""
    wrong = [each for each in outcomes if each.is_wrong]
    if not any(each.state == REFUSED for each in wrong):
        return wrong
    return [each for each in wrong if each.task not in GROUPS]


GROUPS = ("LoadCsvsToPostgres", "LoadJsonsToMongo", "RunAll")


def _verb(outcome: Outcome) -> str:
    return "was refused" if outcome.state == REFUSED else "failed"


def _shortened(cause: str) -> str:
    lines = [line for line in cause.splitlines() if line.strip()]
    more = ["…"] if len(lines) > SHOWN_CAUSE_LINES else []
    return "\n".join([*lines[:SHOWN_CAUSE_LINES], *more])


def _withdrawals(outcomes: list[Outcome]) -> Iterator[str]:
    """Say how many rows left, for each table."""
    by_table: dict[str, list[Outcome]] = {}
    for each in outcomes:
        if each.file and each.rows.get("withdrawn"):
            by_table.setdefault(table_of(each.file), []).append(each)
    for table, group in by_table.items():
        rows = sum(each.rows["withdrawn"] for each in group)
        named = ", ".join(str(each.file) for each in group[:SHOWN_NAMES])
        more = f" and {len(group) - SHOWN_NAMES:,} more" if len(group) > SHOWN_NAMES else ""
        yield f"withdrawn: {rows:,} rows of raw.{table}, since their files are gone: {named}{more}"


def _warnings(warnings: list[str]) -> Iterator[str]:
    yield from (f"warning: {text}" for text in warnings[:SHOWN_WARNINGS])
    if len(warnings) > SHOWN_WARNINGS:
        yield f"… and {len(warnings) - SHOWN_WARNINGS:,} more warnings: see the log"


def _rejections(outcomes: list[Outcome]) -> Iterator[str]:
    """Show some records that were rejected of what this run read, new ones first, each with its reason."""
    batches = [each.batch for each in outcomes if each.batch is not None and each.state == RAN]
    if not any(each.rows.get("rejected") for each in outcomes):
        return
    try:
        with session() as cursor:
            cursor.execute(REJECTIONS, (batches, SHOWN_REJECTIONS))
            found = cursor.fetchall()
    except (PipelineError, psycopg2.Error):  # the run's outcome is shown whatever became of the server
        return
    for number, (source, record, column, value, reason, total, new) in enumerate(found):
        if not number:
            yield ""
            yield f"{total:,} rejected" + (f", {new:,} of them new, such as" if new else ", such as")
        shown = "" if value is None else f" {value!r}"
        yield f"  {source} {record}: {column or 'record'}{shown}: {reason}"


def _next_steps(outcomes: list[Outcome]) -> Iterator[tuple[str, str]]:
    settings = get_settings()
    is_wrong = any(each.is_wrong for each in outcomes)
    if is_wrong:
        yield "log", str(_relative(settings.logs_path / "luigi.log"))
        yield "then", "mend the cause and run again: what is complete stays"
    if any(each.rows.get("rejected") or each.rows.get("waiting") for each in outcomes):
        yield "rejected", f"{python()} -m pipeline rejects  (to correct: {_relative(settings.data_rejected_path)}/)"
    if is_wrong:
        return
    yield "status", f"{python()} -m pipeline status"
    yield "data", f"{python()} -m pipeline psql -c '{EXAMPLE}'"
    reports = sorted(settings.reports_path.glob("*/index.html"))
    if reports:
        yield "report", reports[-1].as_uri()
    if page := scheduling.page(settings):
        yield "visualizer", page


def python() -> str:
    """Return the Python that runs, as it is typed in the folder of the project."""
    return str(_relative(Path(sys.executable))) if shutil.which("python") != sys.executable else "python"


def _relative(path: Path) -> Path:
    here = Path.cwd()
    # Below / everything is: a path without its first stroke would mislead.
    return path.relative_to(here) if here != Path(here.anchor) and path.is_relative_to(here) else path

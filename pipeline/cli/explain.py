"""What a run would do, and why, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

import typer

from pipeline.cli.causes import Verdict, verdicts
from pipeline.cli.graph import build
from pipeline.cli.options import AsJson, Day, TaskName, day_of
from pipeline.cli.show import show

SHOWN_CAUSES = 3
SHOWN_FILES = 12


def explain(task: TaskName = "RunAll", day: Day = None, as_json: AsJson = False) -> None:
    """Show what a run would do, and why, before anything runs.

    Example: python -m pipeline explain LoadViewingSessions
    """
    found = verdicts(build(task, day_of(day)))
    if as_json:
        typer.echo(json.dumps([each.to_json() for each in found], indent=2))
    else:
        show(*_in_words(found))


def _in_words(found: list[Verdict]) -> list[str]:
    width = max(_indent(verdict) + len(verdict.name) for verdict in found) + 2
    lines = [line for _, group in groupby(found, key=_file_group) for line in _lines(list(group), width)]
    running = sum(verdict.will_run and bool(verdict.causes) for verdict in found)
    all_tasks = sum(verdict.is_stage for verdict in found)
    lines.append(f"{running} of {all_tasks} tasks will run" if running else "everything is up to date")
    return lines


def _file_group(verdict: Verdict) -> tuple[str, bool]:
    return (verdict.task, True) if verdict.subject else (verdict.name, False)


def _lines(group: list[Verdict], width: int) -> Iterator[str]:
    """Show the files that will run, then the complete ones, many of a kind summed up."""
    for will_run in (True, False):
        alike = [verdict for verdict in group if verdict.will_run is will_run]
        for verdict in alike[:SHOWN_FILES]:
            yield _line(verdict, width)
        if len(alike) > SHOWN_FILES:
            more = f"{len(alike) - SHOWN_FILES:,} more {'will run' if will_run else 'are complete'}"
            yield " " * _indent(alike[0]) + f"… and {more}"


def _line(verdict: Verdict, width: int) -> str:
    name = " " * _indent(verdict) + verdict.name
    if not verdict.will_run:
        return f"{name:<{width}}complete"
    causes = "; ".join(verdict.causes[:SHOWN_CAUSES])
    more = len(verdict.causes) - SHOWN_CAUSES
    tail = f" and {more} more" if more > 0 else ""
    return f"{name:<{width}}will run" + (f": {causes}{tail}" if causes else "")


def _indent(verdict: Verdict) -> int:
    return 2 * verdict.depth

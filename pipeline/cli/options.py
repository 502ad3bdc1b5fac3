"""Arguments that several commands share."""

from __future__ import annotations

import difflib
from datetime import date, datetime
from typing import Annotated

import typer

import pipeline
from pipeline.days import check_day, today
from pipeline.servers.libpq import Role

ROLES: dict[str, Role] = {"pipeline": "pipeline", "analyst": "analyst"}


def _task_names(incomplete: str) -> list[str]:
    return [name for name in pipeline.__all__ if name.startswith(incomplete)]


TaskName = Annotated[
    str,
    typer.Argument(help="a task, such as LoadUsers or 'LoadCsvToPostgres users.csv'", autocompletion=_task_names),
]
Day = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="day of the run [default: today]", metavar="DATE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
RoleName = Annotated[
    str,
    typer.Option(
        "--role",
        help="pipeline, or analyst, who may read the views of trusted alone",
        autocompletion=lambda: [*ROLES],
    ),
]


def day_of(given: datetime | None) -> date:
    """Return the day of a run: today unless another one is given, which must have come."""
    return check_day(given.date()) if given else today()


def role_of(given: str) -> Role:
    """Return a role by its name; the nearest one is offered for a wrong name."""
    if given in ROLES:
        return ROLES[given]
    near = difflib.get_close_matches(given, ROLES, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise typer.BadParameter(f"'{given}' is neither pipeline nor analyst{hint}", param_hint="--role")

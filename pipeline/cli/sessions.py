"""All sessions where Spark keeps them: a view of them for programs that read Parquet."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.show import show
from pipeline.errors import PipelineError
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.tasks.engine import needing_arrow


class NoSessionsError(PipelineError):
    """There are no files of sessions; the message says where the sessions are."""


def sessions(
    sql: Annotated[bool, typer.Option("--sql", help="print the statement that makes the view, for DuckDB")] = False,
) -> None:
    """Say where all sessions are if Spark keeps them; with --sql as a view over their files.

    Example: python -m pipeline sessions --sql | duckdb -interactive
    """
    with needing_arrow():
        from pipeline.lake.reading import months_of, view_of_sessions

    with session() as cursor:
        text = view_of_sessions(cursor) if sql else None
        months = months_of(cursor)
    if months is None:
        raise NoSessionsError("all sessions are in PostgreSQL: trusted.session_details is the view of them")
    if not months:
        raise NoSessionsError("no sessions are loaded: there is no file of any")
    if text is not None:
        typer.echo(text)
        return
    for month, (rows, folder) in sorted(months.items()):
        show(f"{month}: {rows:>14,} sessions in {get_settings().lake_path / folder}")

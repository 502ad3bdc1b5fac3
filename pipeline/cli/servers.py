"""The servers: starting and stopping embedded ones, and where all of them are."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import RoleName, role_of
from pipeline.privacy import close_folders
from pipeline.scheduling import choose, is_missing
from pipeline.servers import embedded, mongo, postgres
from pipeline.settings import get_settings


def up(
    luigid: Annotated[bool, typer.Option("--luigid/--no-luigid", help="start Luigi's central scheduler too")] = True,
) -> None:
    """Start the embedded servers (those whose host is not set) and say where they are.

    Example: python -m pipeline up --no-luigid
    """
    embedded.ensure(get_settings(), with_scheduler=luigid)
    with postgres.session(), mongo.database():
        pass
    typer.echo(f"PostgreSQL  {postgres.server_name()}  {postgres.dsn('analyst', with_password=False)}")
    typer.echo(f"MongoDB     {mongo.server_name()}")
    choose(get_settings())
    if luigid and not is_missing(get_settings()):
        typer.echo(f"Luigi       {embedded.ensure_scheduler(get_settings())}")


def down() -> None:
    """Stop the embedded servers; their data stays.

    Example: python -m pipeline down
    """
    for line in embedded.stop(get_settings()) or ["nothing was running"]:
        typer.echo(line)
    close_folders(get_settings())


def dsn(role: RoleName = "pipeline") -> None:
    """Print a connection URI for psql and other tools, password included.

    Example: psql "$(python -m pipeline dsn --role analyst)"
    """
    typer.echo(postgres.dsn(role_of(role)))

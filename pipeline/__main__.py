"""Commands for operators: `python -m pipeline --help`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.settings import SettingsError, get_settings

app = typer.Typer(
    help="Commands for operators of the video streaming pipeline. The pipeline itself is run by"
    " 'luigi --module pipeline RunAll'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def up() -> None:
    """Start the embedded database servers (those whose host is not set) and say where they are."""
    from pipeline.stores import mongo, postgres

    with postgres.session(), mongo.database():
        pass
    typer.echo(f"PostgreSQL  {postgres.server_name()}  {postgres.dsn('analyst')}")
    typer.echo(f"MongoDB     {mongo.server_name()}")


@app.command()
def down() -> None:
    """Stop the embedded database servers; their data stays."""
    from pipeline.stores.embedded import stop

    for line in stop(get_settings()) or ["nothing was running"]:
        typer.echo(line)


@app.command()
def dsn(
    role: Annotated[str, typer.Option(help="pipeline, or analyst for the read-only role data_analyst")] = "pipeline",
) -> None:
    """Print a connection URI for psql and other tools, password included.

    Example: psql "$(python -m pipeline dsn --role analyst)"
    """
    from pipeline.stores import postgres

    if role not in ("pipeline", "analyst"):
        raise typer.BadParameter(f"{role!r} is neither pipeline nor analyst", param_hint="--role")
    typer.echo(postgres.dsn("analyst" if role == "analyst" else "pipeline"))


@app.command()
def sample(
    sessions: Annotated[int, typer.Option(min=50, help="number of viewing sessions; users and titles follow")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same bytes")] = 1,
    clean: Annotated[bool, typer.Option("--clean", help="without spoiled, repeated and waiting records")] = False,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="do nothing if there is input already")] = False,
) -> None:
    """Write believable sample data to DATA_RAW_PATH, and say what to expect of it.

    Example: python -m pipeline sample --sessions 100000 --seed 7
    """
    from pipeline.fingerprints import raw_files
    from pipeline.sample import summary, write_sample

    if if_empty and raw_files():
        return
    if if_empty:
        typer.echo(f"{get_settings().data_raw_path} is empty; sample data is made to have something to load.")
    typer.echo(summary(write_sample(get_settings().data_raw_path, sessions, seed, clean)))


@app.command()
def declare(path: Annotated[str, typer.Argument(help="CSV file, relative to DATA_RAW_PATH")]) -> None:
    """Write sql/raw/TABLE.sql from the header of a CSV file, so that files of this table are landed.

    Example: python -m pipeline declare ratings.csv
    """
    from pipeline.loads.declare import declare_table

    typer.echo(f"wrote {declare_table(path)}; describe its columns there, then run the pipeline")


def main() -> None:
    """Run a command; what an operator can mend is one line, not a traceback."""
    from pipeline.sources.files import FileRefusedError
    from pipeline.stores.embedded import EmbeddedServerError
    from pipeline.stores.mongo import MongoError
    from pipeline.stores.postgres import PostgresError

    try:
        app(prog_name="python -m pipeline")
    except (SettingsError, EmbeddedServerError, PostgresError, MongoError, FileRefusedError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

"""Commands for operators: `python -m pipeline --help`."""

from __future__ import annotations

import difflib
import io
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.errors import PipelineError
from pipeline.settings import get_settings

app = typer.Typer(
    help="Commands for operators of the video streaming pipeline. The pipeline itself is run by"
    " 'luigi --module pipeline RunAll'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _task_names(incomplete: str) -> list[str]:
    import pipeline

    return [name for name in pipeline.__all__ if name.startswith(incomplete)]


@app.command()
def up(
    luigid: Annotated[bool, typer.Option("--luigid/--no-luigid", help="start Luigi's central scheduler too")] = True,
) -> None:
    """Start the embedded servers (those whose host is not set) and say where they are.

    Example: python -m pipeline up --no-luigid
    """
    from pipeline.scheduling import is_missing
    from pipeline.servers import mongo, postgres
    from pipeline.servers.embedded import ensure_scheduler

    with postgres.session(), mongo.database():
        pass
    typer.echo(f"PostgreSQL  {postgres.server_name()}  {postgres.dsn('analyst')}")
    typer.echo(f"MongoDB     {mongo.server_name()}")
    if luigid and not is_missing(get_settings()):
        typer.echo(f"Luigi       {ensure_scheduler(get_settings())}")


@app.command()
def down() -> None:
    """Stop the embedded servers; their data stays.

    Example: python -m pipeline down
    """
    from pipeline.servers.embedded import stop

    for line in stop(get_settings()) or ["nothing was running"]:
        typer.echo(line)


@app.command()
def airflow(
    port: Annotated[int, typer.Option(min=1, max=65535, envvar="AIRFLOW_PORT", help="where its page is")] = 8080,
) -> None:
    """Run a local Airflow with the pipeline's DAG, until Ctrl-C.

    Example: python -m pipeline airflow --port 8090
    """
    from pipeline.cli.airflow import run

    raise typer.Exit(run(port))


def _role(given: str) -> Literal["pipeline", "analyst"]:
    match given:
        case "pipeline" | "analyst":
            return given
    near = difflib.get_close_matches(given, ROLES, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise typer.BadParameter(f"'{given}' is neither pipeline nor analyst{hint}", param_hint="--role")


ROLES = ("pipeline", "analyst")
Role = Annotated[
    str,
    typer.Option(
        help="pipeline, or analyst for the read-only role data_analyst",
        autocompletion=lambda: [*ROLES],
    ),
]


@app.command()
def dsn(role: Role = "pipeline") -> None:
    """Print a connection URI for psql and other tools, password included.

    Example: psql "$(python -m pipeline dsn --role analyst)"
    """
    from pipeline.servers import postgres

    typer.echo(postgres.dsn(_role(role)))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, role: Role = "analyst") -> None:
    """Open psql on the warehouse, your own or the one of the embedded server; all else is handed to it.

    Example: python -m pipeline psql -c 'SELECT * FROM period_summary'
    """
    from pipeline.cli.psql import run_psql

    run_psql(_role(role), context.args)


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
    from pipeline.sample import summary, write_sample
    from pipeline.sources.inventory import raw_files

    if if_empty and raw_files():
        return
    if if_empty:
        typer.echo(f"{get_settings().data_raw_path} is empty; sample data is made to have something to load.")
    typer.echo(summary(write_sample(get_settings().data_raw_path, sessions, seed, clean)))


Day = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="day of the run [default: today]", metavar="DATE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def _day(given: datetime | None) -> date:
    from pipeline.days import check_day, today

    return check_day(given.date()) if given else today()


@app.command()
def explain(
    task: Annotated[
        str,
        typer.Argument(help="a task, such as LoadUsers or 'LoadCsvToPostgres users.csv'", autocompletion=_task_names),
    ] = "RunAll",
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run would do, and why, before anything runs.

    Example: python -m pipeline explain LoadViewingSessions
    """
    from pipeline.cli.explain import explain as describe

    typer.echo(describe(task, _day(day), as_json=as_json))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what ran last: when, rows, seconds, rejected records, what waits, findings of checks.

    Example: python -m pipeline status --json
    """
    from pipeline.cli.status import status as describe

    typer.echo(describe(as_json=as_json))


@app.command()
def rejects(
    table: Annotated[str | None, typer.Option(help="only of this table or collection")] = None,
    reason: Annotated[str | None, typer.Option(help="only those whose reason holds this text")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="print all of them as CSV, with the whole record")] = False,
) -> None:
    """Show the records that were rejected, with their reasons and where they stand.

    Example: python -m pipeline rejects --table users --reason "out of range"
    """
    from pipeline.cli.rejects import rejects as describe

    describe(table, reason, as_csv=as_csv)


@app.command()
def redo(
    task: Annotated[
        str,
        typer.Argument(help="a task, such as LoadUsers or 'LoadCsvToPostgres users.csv'", autocompletion=_task_names),
    ],
    downstream: Annotated[bool, typer.Option("--downstream", help="and everything built on it")] = False,
    day: Day = None,
) -> None:
    """Have a task done again by the next run, although nothing changed.

    Example: python -m pipeline redo PublishTrusted
    """
    from pipeline.cli.markers import redo as void

    voided = void(task, _day(day), with_downstream=downstream)
    for sentence in voided:
        typer.echo(sentence)
    if not voided:
        typer.echo(f"{task} never ran; the next run does it anyway")


@app.command()
def accept(
    task: Annotated[str, typer.Argument(help="a task, such as ExtractMongoToCsv", autocompletion=_task_names)],
    day: Day = None,
) -> None:
    """Mark a task as current although its code changed, when the change is known to change no result.

    Example: python -m pipeline accept ExtractMongoToCsv
    """
    from pipeline.cli.markers import accept as keep

    kept = keep(task, _day(day))
    for name in kept:
        typer.echo(f"{name}: accepted as it is")
    if not kept:
        typer.echo(f"{task} is current already")


@app.command()
def gc(
    keep_days: Annotated[int, typer.Option(min=0, help="how many days to keep")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before deleting")] = False,
) -> None:
    """Delete old extractions, reports, logs and reject files that nothing needs any more.

    Example: python -m pipeline gc --keep-days 30
    """
    from pipeline.cli.gc import candidates, delete_all, edited, size
    from pipeline.days import today

    for path in edited():
        typer.echo(f"kept, since it was edited: {path}")
    found = candidates(keep_days, today())
    for path in found:
        typer.echo(f"{size(path):>14,} bytes  {path}")
    if not found:
        typer.echo("nothing to delete")
    elif yes or typer.confirm(f"Delete these {len(found)}?"):
        delete_all(found)
        typer.echo(f"deleted {len(found)}")


@app.command()
def declare(path: Annotated[str, typer.Argument(help="CSV file, relative to DATA_RAW_PATH")]) -> None:
    """Write sql/raw/TABLE.sql from the header of a CSV file, so that files of this table are landed.

    Example: python -m pipeline declare ratings.csv
    """
    from pipeline.contract.declare import declare_table

    typer.echo(f"wrote {declare_table(path)}; describe its columns there, then run the pipeline")


def main() -> None:
    """Run a command; what an operator can mend is one line, not a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character shows its code
    try:
        # The installed command can be completed by shells, and so needs its own name.
        app(prog_name=None if Path(sys.argv[0]).name == "pipeline" else "python -m pipeline")
    except (PipelineError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

"""Commands for operators: `python -m pipeline --help`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import typer

from pipeline.cli.airflow import airflow
from pipeline.cli.explain import explain
from pipeline.cli.gc import gc
from pipeline.cli.input import declare, sample
from pipeline.cli.markers import accept, redo
from pipeline.cli.psql import psql
from pipeline.cli.rejects import rejects
from pipeline.cli.servers import down, dsn, up
from pipeline.cli.sessions import sessions
from pipeline.cli.status import status
from pipeline.errors import PipelineError
from pipeline.outgoing import for_terminal
from pipeline.start import prepare

app = typer.Typer(
    help="Commands for operators of the video streaming pipeline. The pipeline itself is run by"
    " 'luigi --module pipeline RunAll'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (up, down, airflow, dsn, sample, explain, status, rejects, redo, accept, gc, declare, sessions):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(psql)


def main() -> None:
    """Run a command; what an operator can mend is one line, not a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character shows its code
    prepare()
    try:
        # The installed command can be completed by shells, and so needs its own name.
        app(prog_name=None if Path(sys.argv[0]).name == "pipeline" else "python -m pipeline")
    except (PipelineError, OSError, ValueError) as error:
        sys.exit(for_terminal(f"error: {error}"))


if __name__ == "__main__":
    main()

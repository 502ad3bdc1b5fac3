"""What commands print for people."""

from __future__ import annotations

import typer

from pipeline.outgoing import for_terminal


def show(*lines: str) -> None:
    """Print lines, whatever names and values are in them."""
    for line in lines:
        typer.echo(for_terminal(line))

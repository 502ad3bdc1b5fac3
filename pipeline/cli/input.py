"""Input to begin with: sample data, and the declaration of a table that is not declared yet."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.show import show
from pipeline.settings import get_settings


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
        show(f"{get_settings().data_raw_path} is empty; sample data is made to have something to load.")
    show(summary(write_sample(get_settings().data_raw_path, sessions, seed, clean)))


def declare(path: Annotated[str, typer.Argument(help="CSV file, relative to DATA_RAW_PATH")]) -> None:
    """Write sql/processed/TABLE.sql from the content of a CSV file: a first draft, for you to correct.

    Example: python -m pipeline declare ratings.csv
    """
    from pipeline.contract.declare import declare_table

    show(f"wrote {declare_table(path)}; correct it and describe its columns, then run the pipeline")

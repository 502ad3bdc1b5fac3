"""The sums that the views of `trusted` are made of, taken from a snapshot as they are published."""

from __future__ import annotations

from datetime import date

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.lake.copying import copy_parquet
from pipeline.lake.snapshot import SUMS, first_day, snapshot_of
from pipeline.warehouse import rollups
from pipeline.warehouse.statements import execute_file, table_columns


def take_sums(cursor: Cursor, table: str, day: date) -> None:
    """Replace the rollups by those of the snapshot that is loaded; readers see the old ones until the commit.

    Args:
        cursor: in the transaction that publishes.
        table: the table that Spark keeps.
        day: the day of the run.
    """
    snapshot = snapshot_of(cursor, table)
    if snapshot is None:
        raise RuntimeError(f"there is no snapshot of {table}; its load comes first")
    for name in rollups.names(cursor):
        cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("etl", name)))
    for name in SUMS:
        copy_parquet(cursor, f"etl.{name}", table_columns(cursor, f"etl.{name}"), snapshot.sums(name))
    cursor.execute("INSERT INTO etl.rollup_state (is_current) SELECT false WHERE NOT EXISTS (TABLE etl.rollup_state)")
    execute_file(cursor, "rollups/finish.sql", parts={"day": sql.Literal(day)})


def about_window(day: date) -> str:
    """Say which rows a view has that reads the table itself."""
    first = first_day(day)
    here = f"from {first} on" if first else "of no day"
    return f"Sessions are kept by Spark, and here are those {here}; python -m pipeline sessions --sql: a view of all."

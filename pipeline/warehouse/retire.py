"""Dropping tables of `processed` that are declared no more, and what counts on them."""

from __future__ import annotations

import logging

from psycopg2 import sql
from psycopg2.errors import DependentObjectsStillExist
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import tables
from pipeline.state import markers
from pipeline.warehouse.statements import lock_out_readers

logger = logging.getLogger("pipeline")

UNDECLARED = """
    SELECT relname FROM pg_class INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attname = '_batch_id'
    WHERE relnamespace = to_regnamespace('processed') AND relkind = 'r' AND relname <> ALL (%s) ORDER BY relname
"""
FORGET = (
    "DELETE FROM etl.held_rows WHERE table_name = ANY (%(names)s)",
    "DELETE FROM etl.rejected_rows WHERE table_name = ANY (%(names)s) AND stage = 'load'",
    "DELETE FROM etl.edited_rows AS edited USING etl.merged_batches AS merged"
    " WHERE merged.batch_id = edited.batch_id AND merged.target_table = ANY (%(targets)s)",
    "DELETE FROM etl.merged_batches WHERE target_table = ANY (%(targets)s)",
    "DELETE FROM etl.table_updates WHERE target_table = ANY (%(targets)s)",
)


def drop_undeclared(cursor: Cursor) -> None:
    """Drop the tables of CSV files whose declaration is gone, and what was kept aside of their rows; `raw` keeps these.

    What somebody else's view reads stays, with a warning.
    """
    cursor.execute(UNDECLARED, (list(tables()),))
    names = [name for (name,) in cursor.fetchall()]
    if not names:
        return
    every = sql.SQL(", ").join(sql.Identifier("processed", name) for name in names)
    objects = {f"processed.{name}" for name in names}
    objects.update(*(markers.objects_of(cursor, name) for name in tuple(objects)))
    cursor.execute("SAVEPOINT before_drop")
    try:
        lock_out_readers(cursor, lambda: cursor.execute(sql.SQL("DROP TABLE {}").format(every)))
    except DependentObjectsStillExist as error:
        cursor.execute("ROLLBACK TO SAVEPOINT before_drop")
        logger.warning("tables are declared no more, but are read: %s", error.diag.message_detail)
        return
    forget_objects(cursor, objects)
    for statement in FORGET:
        cursor.execute(statement, {"names": names, "targets": [f"processed.{name}" for name in names]})
    logger.info("dropped, since no file in sql/processed declares them: %s", ", ".join(names))


def forget_objects(cursor: Cursor, names: set[str]) -> None:
    """Let no marker count on indexes and constraints, or tables, that are gone for good."""
    cursor.execute(
        "UPDATE etl.table_updates SET objects = ARRAY(SELECT unnest(objects) EXCEPT SELECT unnest(%(names)s::text[]))"
        " WHERE objects && %(names)s::text[]",
        {"names": list(names)},
    )

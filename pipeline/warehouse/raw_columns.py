"""The tables of `raw`: made from a declaration or from a header, dropped with the last file that nobody declared."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import csv_tables
from pipeline.contract.table import Table
from pipeline.records.files import FileRefusedError, table_of
from pipeline.state import lake_files
from pipeline.warehouse.statements import comment_on_columns, fetch_value, lock_out_readers

MAX_NAME_BYTES = 63  # of a table in PostgreSQL
LINEAGE_COMMENTS = {
    "_batch_id": "Batch (etl.batches) that landed the file.",
    "_row": "Number of the record in its file, from 1, header not counted.",
}


def raw_table_of(file: str) -> str:
    """Return the name of the raw table of a file, declared or not.

    Raises:
        FileRefusedError: its name gives none.
    """
    table = table_of(file)
    if not table:
        raise FileRefusedError(f"{file}: its name gives no table, for it begins with '{file[0]}'; rename it")
    if (size := len(table.encode())) > MAX_NAME_BYTES:
        raise FileRefusedError(
            f"{file}: the table that its name gives has a name of {size} bytes, more than the {MAX_NAME_BYTES} of"
            " PostgreSQL; rename the file"
        )
    return table


def bring_raw_along(cursor: Cursor, table: Table) -> None:
    """Create the raw table that a declaration entails, or add the columns that it lacks.

    Its index is made by the first merge: COPY takes twice as long with it.
    """
    comments = {column.name: column.comment or "As in the file." for column in table.columns}
    create_raw(cursor, table.name, f"Records of {table.name}.csv and {table.name}-*.csv as they came.")
    add_columns(cursor, table.name, comments)


def record_index(name: str) -> str:
    """Return the name of the index of a raw table by batch and record."""
    return f"{name}_record_idx"


def index_raw(cursor: Cursor, name: str) -> None:
    """Index the records of a raw table, once its first files have landed: cheaper than to keep it up during COPY."""
    index = sql.Identifier(record_index(name))
    cursor.execute(
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (_batch_id, _row)").format(index, sql.Identifier("raw", name))
    )
    # What earlier versions had.
    cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier("raw", f"{name}_batch_id_idx")))


def drop_if_unused(cursor: Cursor, name: str, update_id: str) -> None:
    """Drop the raw table of files that are not declared when the last of them leaves.

    Args:
        cursor: of the withdrawal, which holds the table alone.
        name: of the table.
        update_id: the marker of the file that leaves.
    """
    others = "SELECT EXISTS (SELECT FROM etl.table_updates WHERE target_table = %s AND update_id <> %s)"
    if name in csv_tables() or fetch_value(cursor, others, (f"raw.{name}", update_id)):
        return
    drop = sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("raw", name))
    lock_out_readers(cursor, lambda: cursor.execute(drop))


def create_raw(cursor: Cursor, name: str, comment: str) -> None:
    """Create a table of `raw` without columns but those of the lineage, unless it is there."""
    table = sql.Identifier("raw", name)
    create = "CREATE TABLE IF NOT EXISTS {} (_batch_id bigint NOT NULL, _row bigint NOT NULL)"
    cursor.execute(sql.SQL(create).format(table))
    grain = sql.Literal(f"{comment} Grain: one row for each record of a file.")
    cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, grain))
    comment_on_columns(cursor, "raw", name, LINEAGE_COMMENTS)
    cursor.execute("SELECT etl.watch('raw', %s)", (name,))


def add_columns(cursor: Cursor, name: str, comments: Mapping[str, str]) -> None:
    """Add columns of text as far as they are missing, and comment on them."""
    if not comments:
        return
    clauses = [sql.SQL("ADD COLUMN IF NOT EXISTS {} text").format(sql.Identifier(column)) for column in comments]
    add = sql.SQL("ALTER TABLE {} {}").format(sql.Identifier("raw", name), sql.SQL(", ").join(clauses))
    cursor.execute(add)
    comment_on_columns(cursor, "raw", name, comments)


def delete_batch(cursor: Cursor, table: str, batch_id: int) -> None:
    """Delete the rows of a batch from a table of `raw`, and their number."""
    # Without parameters, since a table may be called %s.
    delete = sql.SQL("DELETE FROM {table} WHERE _batch_id = {batch}")
    cursor.execute(delete.format(table=sql.Identifier("raw", table), batch=sql.Literal(batch_id)))
    cursor.execute("DELETE FROM etl.row_counts WHERE place = 'raw' AND batch_id = %s", (batch_id,))
    lake_files.forget(cursor, batch_id)

"""A file that was edited: its rows are compared with those it brought before, and only those that differ are written.

They are compared by place, since the number of a record says where it stands in its file. The batch keeps its number,
and the merge takes up the places that are noted.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.state.marker import Marker
from pipeline.warehouse.statements import fetch_value, identifiers, table_columns

IS_MERGED = """
    SELECT EXISTS (SELECT FROM etl.merged_batches WHERE (target_table, batch_id) = (%s, %s))
        AND NOT EXISTS (SELECT FROM etl.batches WHERE batch_id = %s AND details ? 'corrects')
        AND NOT EXISTS (SELECT FROM etl.lake_files WHERE batch_id = %s)
"""
DIFFERING = """
    ANALYZE delivered (_row);
    CREATE TEMP TABLE differing ON COMMIT DROP AS
    SELECT coalesce(old._row, new._row) AS _row, old._row IS NOT NULL AS was_there, new._row IS NOT NULL AS is_there
    FROM (SELECT * FROM {raw} WHERE _batch_id = {batch}) AS old
    FULL JOIN delivered AS new ON new._row = old._row
    WHERE ({old}) IS DISTINCT FROM ({new});
    ANALYZE differing
"""
REPLACE = """
    DELETE FROM {raw} AS old USING differing WHERE old._batch_id = {batch} AND old._row = differing._row;
    INSERT INTO {raw} SELECT delivered.* FROM delivered INNER JOIN differing USING (_row);
    INSERT INTO etl.edited_rows SELECT {batch}, _row FROM differing ON CONFLICT DO NOTHING
"""
COUNTS = """
    SELECT count(*) FILTER (WHERE was_there AND is_there), count(*) FILTER (WHERE NOT was_there),
        count(*) FILTER (WHERE NOT is_there)
    FROM differing
"""


def comparable(cursor: Cursor, table: str, last: Marker | None) -> int | None:
    """Return the batch of the rows that a file brought last, if these are all there, and merged.

    Corrections of rejected records are no edited file: what they stand for is theirs alone.
    """
    if last is None or not (last.is_known and last.intact) or last.voided:
        return None
    is_merged = fetch_value(cursor, IS_MERGED, (f"processed.{table}", *[last.batch_id] * 3))
    return last.batch_id if is_merged else None


def expect(cursor: Cursor, table: str) -> sql.Composable:
    """Make the table that the file is copied to; return its name."""
    delivered = sql.Identifier("pg_temp", "delivered")
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE delivered (LIKE {raw}) ON COMMIT DROP").format(raw=sql.Identifier("raw", table))
    )
    return delivered


def take_over(cursor: Cursor, table: str, batch_id: int, rows: int) -> dict[str, int]:
    """Bring the rows of a batch to those delivered, and note which places differ.

    Args:
        cursor: the load's, in which `expect` was called.
        table: name of the table of `raw`.
        batch_id: the batch.
        rows: number of rows delivered.

    Returns:
        Numbers of rows: `same`, `changed`, `new`, `gone`.
    """
    columns = [column for column in table_columns(cursor, f"raw.{table}") if column != "_batch_id"]
    parts = {
        "raw": sql.Identifier("raw", table),
        "batch": sql.Literal(batch_id),
        "old": identifiers(columns, "old"),
        "new": identifiers(columns, "new"),
    }
    cursor.execute(sql.SQL(DIFFERING).format(**parts))
    cursor.execute(sql.SQL(REPLACE).format(**parts))
    cursor.execute(COUNTS)
    [(changed, new, gone)] = cursor.fetchall()
    if new != gone:
        cursor.execute("INSERT INTO etl.row_counts VALUES ('raw', %s, %s, NULL, %s)", (table, batch_id, new - gone))
    return {"same": rows - changed - new, "changed": changed, "new": new, "gone": gone}

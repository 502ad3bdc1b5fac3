"""Reading the markers of PostgreSQL, and whether what they mark is still there."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor

from pipeline.days import today
from pipeline.servers.postgres import session
from pipeline.state.inputs import Inputs
from pipeline.state.lake_files import lost_files
from pipeline.state.marker import REDO, Marker, Store
from pipeline.warehouse.statements import execute_file, fetch_value

OBJECTS_QUERY = """
    SELECT relnamespace::regnamespace::text || '.' || relname AS name
    FROM pg_class
    WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('etl', 'raw', 'processed', 'trusted'))
        AND relkind IN ('r', 'v', 'm', 'p', 'i')
    UNION ALL
    SELECT connamespace::regnamespace::text || '.' || conname
    FROM pg_constraint
    WHERE connamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('etl', 'raw', 'processed'))
        AND contype <> 'n'
    ORDER BY name
"""

IN_LAKE = "Spark"  # an engine that keeps rows in files
LOOKS = 5  # at markers, while tables go
MERGE_NOTES = {"etl.merged_batches", "etl.edited_rows"}
UNMERGED_QUERY = """
    WITH landed AS (
        SELECT 'processed.' || substr(target_table, 5) AS target_table, batch_id
        FROM etl.table_updates
        -- Only where rows say which raw row they were made of.
        WHERE target_table LIKE 'raw.%' AND EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = to_regclass('processed.' || quote_ident(substr(target_table, 5))) AND attname = '_batch_id'
        )
    )

    SELECT target_table FROM etl.merged_batches INNER JOIN etl.edited_rows USING (batch_id)
    UNION
    SELECT target_table
    FROM landed
    FULL JOIN etl.merged_batches AS merged USING (target_table, batch_id)
    WHERE landed.batch_id IS NULL OR merged.batch_id IS NULL
"""


# Inputs name the tasks that a load builds on by label: a file, or a family without its day.
VOID = """
    WITH RECURSIVE voided (update_id) AS (
        SELECT unnest(%(update_ids)s)
        UNION
        SELECT dependent.update_id
        FROM voided
        INNER JOIN etl.table_updates AS dependent ON dependent.inputs -> 'tasks' ? CASE
            WHEN voided.update_id LIKE '%%:%%' THEN substr(voided.update_id, strpos(voided.update_id, ':') + 1)
            ELSE split_part(voided.update_id, ' ', 1)
        END
    )

    UPDATE etl.table_updates SET fingerprint = %(redo)s WHERE update_id IN (SELECT update_id FROM voided)
"""


def void(cursor: Cursor, update_ids: list[str]) -> None:
    """Have the next run load targets again, and all that builds on them, whatever their inputs."""
    if update_ids:
        cursor.execute(VOID, {"update_ids": update_ids, "redo": REDO})


def existing_objects(cursor: Cursor) -> list[str]:
    """Return relations, indexes and constraints of the pipeline's schemas, as `schema.name`, sorted."""
    cursor.execute(OBJECTS_QUERY)
    return list(dict.fromkeys(name for (name,) in cursor.fetchall()))


def objects_of(cursor: Cursor, table: str) -> list[str]:
    """Return the indexes and constraints of a table, as `schema.name`: without them it is not whole."""
    cursor.execute(
        """
        SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = to_regclass(%(table)s)
        UNION
        SELECT connamespace::regnamespace::text || '.' || conname FROM pg_constraint
        WHERE conrelid = to_regclass(%(table)s) AND contype <> 'n'
        ORDER BY 1
        """,
        {"table": table},
    )
    return [name for (name,) in cursor.fetchall()]


def read_markers(cursor: Cursor, update_ids: Iterable[str] | None = None) -> dict[str, Marker]:
    """Read markers (all, or those named) with a look at what they mark.

    Costs a handful of queries, however many markers there are.
    """
    if not fetch_value(cursor, "SELECT to_regclass('etl.table_updates') IS NOT NULL"):
        return {}
    known = "false"
    if fetch_value(cursor, "SELECT to_regclass('etl.batches') IS NOT NULL"):
        known = "batch_id IS NULL OR EXISTS (SELECT FROM etl.batches WHERE batches.batch_id = updates.batch_id)"
    # As JSON, since a table of an earlier version lacks columns until `CreatePostgresTables` has run.
    query = f"SELECT to_jsonb(updates), {known} FROM etl.table_updates AS updates"  # noqa: S608
    named = None if update_ids is None else list(update_ids)
    cursor.execute(query + " WHERE %(named)s IS NULL OR update_id = ANY(%(named)s)", {"named": named})
    markers = [replace(_marker(row), is_known=is_known) for row, is_known in cursor.fetchall()]
    if not markers:
        return {}
    objects = set(existing_objects(cursor))
    in_lake = [marker.batch_id or 0 for marker in markers if marker.inputs.facts.get("engine") == IN_LAKE]
    lost: dict[int, str | None] = {batch_id: f"what etl.lake_files says of batch {batch_id}" for batch_id in in_lake}
    lost |= lost_files(cursor, [marker.batch_id for marker in markers])
    filled = _filled(cursor, [each for each in markers if not (_raw_table(each) and each.batch_id in lost)], objects)
    tables = {marker.target_table for marker in markers if marker.target_table.startswith("processed.")}
    # Where it is lost what was merged, all that files were merged into.
    unmerged = {table for table in tables if table.replace("processed", "raw", 1) in objects}
    if objects >= MERGE_NOTES:
        cursor.execute(UNMERGED_QUERY)
        unmerged = {table for (table,) in cursor.fetchall()}
    return {
        marker.update_id: replace(
            marker,
            missing=_missing(marker, objects, filled, lost),
            outdated=f"{marker.target_table} lags behind raw" if marker.target_table in unmerged else None,
        )
        for marker in markers
    }


def _marker(row: dict[str, Any]) -> Marker:
    day = row["run_date"] and date.fromisoformat(row["run_date"])
    has_come = day is None or day <= today()
    return Marker(
        update_id=row["update_id"],
        target_table=row["target_table"],
        inserted=datetime.fromisoformat(row["inserted"]),
        fingerprint=row["fingerprint"],
        inputs=Inputs.from_json(row["inputs"]),
        batch_id=row["batch_id"],
        holds=row["holds"],
        objects=tuple(row["objects"]),
        run_date=day if has_come else None,
        run_number=row.get("run_number") or 0,
        future_day=None if has_come else day,
    )


def _raw_table(marker: Marker) -> str | None:
    return marker.target_table if marker.target_table.startswith("raw.") else None


# By order, not by EXISTS: that would be planned as a scan of the whole table.
_FILLED_BATCHES_BY_INDEX = """
    SELECT batch_id FROM unnest({batches}) AS batches(batch_id) CROSS JOIN LATERAL (
        SELECT _batch_id FROM {table} WHERE _batch_id >= batch_id ORDER BY _batch_id LIMIT 1
    ) AS next WHERE next._batch_id = batch_id
"""
# Before the first load has built the index. A hundredth of the pages shows all but small batches; only if one is
# not seen there the table is read, in one pass instead of one for each batch.
_FILLED_BATCHES_BY_SCAN = """
    WITH seen AS MATERIALIZED (
        SELECT DISTINCT _batch_id FROM {table} TABLESAMPLE SYSTEM (1) WHERE _batch_id = ANY({batches})
    )
    SELECT _batch_id FROM seen
    UNION ALL
    SELECT DISTINCT _batch_id FROM {table}
    WHERE _batch_id = ANY({batches})
        AND (SELECT count(*) FROM seen) < cardinality({batches}) AND _batch_id NOT IN (SELECT _batch_id FROM seen)
"""


def _filled(cursor: Cursor, markers: list[Marker], objects: set[str]) -> set[str | int]:
    """Return which of the marked relations hold rows, and which batches of raw tables do."""
    filled: set[str | int] = set()
    batches: dict[str, list[int]] = {}
    relations: set[str] = set()
    for marker in markers:
        table = _raw_table(marker)
        if table in objects and marker.batch_id is not None and any(marker.holds.values()):
            batches.setdefault(str(table), []).append(marker.batch_id)
        elif table is None:
            relations.update(name for name, rows in marker.holds.items() if rows and name in objects)
    for table, batch_ids in batches.items():
        by_index = f"{table}_record_idx" in objects
        query = _FILLED_BATCHES_BY_INDEX if by_index else _FILLED_BATCHES_BY_SCAN
        # Without parameters, since a table may be called %s.
        names = {"table": sql.Identifier(*table.split(".", 1)), "batches": sql.Literal(batch_ids)}
        cursor.execute(sql.SQL(query).format(**names))
        filled.update(batch_id for (batch_id,) in cursor.fetchall())
    if relations:
        exists = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {name} WHERE EXISTS (SELECT FROM {relation})").format(
                name=sql.Literal(name), relation=sql.Identifier(*name.split(".", 1))
            )
            for name in sorted(relations)
        )
        cursor.execute(exists)
        filled.update(name for (name,) in cursor.fetchall())
    return filled


def _missing(marker: Marker, objects: set[str], filled: set[str | int], lost: dict[int, str | None]) -> str | None:
    """Say what a marker counts on and is not there; None if all is."""
    if not marker.is_known:
        return f"batch {marker.batch_id} is not in etl.batches"
    for name in (*marker.objects, *marker.holds):
        if name not in objects:
            return f"{name} is missing"
    if path := lost.get(marker.batch_id or 0):
        return f"{path} is missing or not whole"
    if _raw_table(marker):
        emptied = any(marker.holds.values()) and marker.batch_id not in (filled | lost.keys())
        return f"{marker.target_table} has lost the rows of batch {marker.batch_id}" if emptied else None
    for name, rows in marker.holds.items():
        if rows and name not in filled:
            return f"{name} was emptied"
    return None


def _read() -> dict[str, Marker]:
    # A table that is not declared may go with its last file after the tables were listed.
    for _ in range(LOOKS - 1):
        with session() as cursor, suppress(errors.UndefinedTable):
            return read_markers(cursor)
    with session() as cursor:
        return read_markers(cursor)


markers = Store("the markers of PostgreSQL", _read)


@cache
def run_number() -> int:
    """Return the place of this run in the order of all runs that meet; no clock has a say in it."""
    with session() as cursor:
        if not fetch_value(cursor, "SELECT to_regclass('etl.run_numbers') IS NOT NULL"):
            execute_file(cursor, "etl/00_schema.sql")
        return int(fetch_value(cursor, "SELECT nextval('etl.run_numbers')"))

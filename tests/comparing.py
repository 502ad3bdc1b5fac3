"""Comparing what is in the database with what should be."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from tests.oracle import Warehouse, trusted_views
from tests.project import DAY, Project

Rows = Sequence[tuple[Any, ...]]

TABLES = (
    "content",
    "movie_details",
    "series_details",
    "genres",
    "seasons",
    "episodes",
    "users",
    "viewing_sessions",
)


def table_rows(project: Project, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table or view, without lineage and `removed_at`."""
    return all_rows(project, [table])[table]


def all_rows(project: Project, tables: Iterable[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of tables and views by their qualified names, read over one connection."""
    rows = {}
    with project.connection() as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                """
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
                    AND attname NOT IN ('_batch_id', '_row', 'removed_at')
                """,
                (table,),
            )
            [(columns,)] = cursor.fetchall()
            cursor.execute(f"SELECT {columns} FROM {table}")
            rows[table] = cursor.fetchall()
    return rows


def sort_key(row: Iterable[Any]) -> list[tuple[bool, str]]:
    """Order rows of any types, nulls last."""
    return [(value is None, json.dumps(value, default=str, sort_keys=True)) for value in row]


def assert_same_rows(actual: Rows, wanted: Rows, what: str) -> None:
    """Compare as sets of rows, cell by cell."""
    got, want = sorted(map(tuple, actual), key=sort_key), sorted(map(tuple, wanted), key=sort_key)
    assert len(got) == len(want), f"{what}: {len(got)} rows instead of {len(want)}"
    different = [(a, b) for a, b in zip(got, want, strict=True) if a != b]
    assert not different, f"{what}: {len(different)} rows differ, the first:\n{different[0][0]}\n{different[0][1]}"


def assert_loaded(project: Project, warehouse: Warehouse, removed: Collection[str] = (), day: str = DAY) -> None:
    """Compare every table of `processed` and every view of `trusted` with an independent computation.

    Args:
        project: whose tables.
        warehouse: what they should hold.
        removed: ids of titles that `warehouse` has although they left the catalogue.
        day: the day of the run, after which nothing counts in days and months.
    """
    wanted: dict[str, Rows] = {f"processed.{table}": getattr(warehouse, table) for table in TABLES}
    wanted |= {f"trusted.{view}": rows for view, rows in trusted_views(warehouse, date.fromisoformat(day)).items()}
    summary = "trusted.content_summary"
    wanted[summary] = [(*row[:-1], row[0] in removed) for row in wanted[summary]]
    for table, rows in all_rows(project, wanted).items():
        assert_same_rows(rows, wanted[table], table)

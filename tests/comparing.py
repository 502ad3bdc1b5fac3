"""Comparing what is in the database with what should be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.oracle import Warehouse, trusted_views
from tests.project import Project

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
    columns = project.value(
        """
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('_batch_id', '_row', 'removed_at')
        """,
        table,
    )
    return project.rows(f"SELECT {columns} FROM {table}")


def sort_key(row: Iterable[Any]) -> list[tuple[bool, str]]:
    """Order rows of any types, nulls last."""
    return [(value is None, json.dumps(value, default=str, sort_keys=True)) for value in row]


def assert_same_rows(actual: Rows, wanted: Rows, what: str) -> None:
    """Compare as sets of rows, cell by cell."""
    got, want = sorted(map(tuple, actual), key=sort_key), sorted(map(tuple, wanted), key=sort_key)
    assert len(got) == len(want), f"{what}: {len(got)} rows instead of {len(want)}"
    different = [(a, b) for a, b in zip(got, want, strict=True) if a != b]
    assert not different, f"{what}: {len(different)} rows differ, the first:\n{different[0][0]}\n{different[0][1]}"


def assert_loaded(project: Project, warehouse: Warehouse) -> None:
    """Compare every table of `processed` and every view of `trusted` with an independent computation."""
    for table in TABLES:
        assert_same_rows(table_rows(project, f"processed.{table}"), getattr(warehouse, table), table)
    for view, wanted in trusted_views(warehouse).items():
        assert_same_rows(table_rows(project, f"trusted.{view}"), wanted, view)

"""Rejected records as JSON: the stage, the problems and the row as `etl.rejected_rows` has them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline.records.csv_files import RejectedRecord
from pipeline.records.typed_values import Problem

KEPT_BYTES, KEPT_CHARACTERS = 1 << 20, 10_000  # of a record, and of its values where it has more
JSONB_HEADER, JSONB_ENTRY = 8, 4  # bytes that PostgreSQL needs beside names and values


def as_no_row(record: RejectedRecord) -> str:
    """Return a record that is no row."""
    return _as_json("land", [{"column": None, "value": None, "reason": record.reason}], record.row)


def as_untyped(row: Mapping[str, str | None], problems: list[Problem]) -> str:
    """Return a row whose values cannot be typed; long values are cut as `etl.kept_record` does."""
    return _as_json("load", problems, _kept(row))


def _as_json(stage: str, problems: list[Problem], row: Mapping[str, object]) -> str:
    return json.dumps({"stage": stage, "problems": problems, "row": row}, ensure_ascii=False)


def _kept(row: Mapping[str, str | None]) -> Mapping[str, str | None]:
    texts = sum(len(name.encode()) + len((value or "").encode()) for name, value in row.items())
    if JSONB_HEADER + 2 * JSONB_ENTRY * len(row) + texts <= KEPT_BYTES:
        return row
    return {name: _shortened(value) if value else value for name, value in row.items()}


def _shortened(value: str) -> str:
    if len(value) <= KEPT_CHARACTERS:
        return value
    return f"{value[:KEPT_CHARACTERS]}… (shortened: {len(value)} characters)"

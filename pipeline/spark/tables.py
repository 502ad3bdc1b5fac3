"""The small tables, in the driver: what Spark summed up, added to what was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TITLES_BY_MONTH, MONTHS = "rollup_title_month", "rollup_month"


@dataclass(frozen=True)
class Table:
    """A small table: the statement that it is made of, its keys, and which of its sums says whether a row is left.

    `sums` names those that are called otherwise in the statement; all columns that are no keys are sums.
    """

    source: str
    keys: tuple[str, ...]
    counted: str = "sessions"
    sums: Mapping[str, str] | None = None


TABLES = {
    "rollup_audience": Table("audience", ("country", "subscription_type"), "users"),
    "rollup_minutes": Table("minutes", ("minutes",), "users"),
    "rollup_cohort": Table("cohort", ("cohort_month", "subscription_type", "month"), "active_users"),
    "rollup_device": Table("device", ("device_type", "quality_level")),
    "rollup_title": Table("title_country", ("content_id",), "viewers"),
    "rollup_title_country": Table("title_country", ("country", "content_id")),
    "rollup_title_bucket": Table("title_month", ("content_id", "bucket")),
    TITLES_BY_MONTH: Table("title_month", ("content_id", "month"), sums={"sessions": "due_sessions"}),
    "rollup_day": Table("day", ("watch_date",)),
}
SOURCES = tuple(dict.fromkeys(table.source for table in TABLES.values()))


def added(name: str, columns: list[str], found: pa.Table, before: pa.Table | None) -> pa.Table:
    """Return a table: what was before, with what came and without what left."""
    table = TABLES[name]
    sums = [column for column in columns if column not in table.keys]
    named = table.sums or {}
    part = found.select([*table.keys, *(named.get(column, column) for column in sums)])
    part = part.rename_columns([*table.keys, *sums])
    if before is not None:
        part = pa.concat_tables([part, before.select(part.column_names).cast(part.schema)])
    whole = part.group_by(list(table.keys)).aggregate([(column, "sum") for column in sums])
    whole = whole.rename_columns([*table.keys, *sums])
    return ordered(whole.filter(pc.field(table.counted) > 0), columns, table.keys)


def titles_of_months(titles: pa.Table) -> pa.Table:
    """Return the number of titles of each month."""
    counts = titles.group_by(["month"]).aggregate([([], "count_all")])
    return counts.rename_columns(["month", "titles"])


def ordered(table: pa.Table, columns: list[str], keys: Any) -> pa.Table:
    """Return a table in the order of its keys."""
    return table.select(columns).sort_by([(key, "ascending") for key in keys])

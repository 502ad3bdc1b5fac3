"""What both engines have to lead to: what analysts see, what was rejected, waits or was superseded, and the audit."""

from __future__ import annotations

import json
from typing import Any

from tests.comparing import assert_same_rows
from tests.project import Project

VIEWS = """
    SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_class INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
    WHERE relnamespace = 'trusted'::regnamespace AND relkind IN ('v', 'm')
        AND relname NOT IN ('load_history', 'lineage')
        AND attname NOT IN ('batch_id', 'last_batch_id', 'first_seen', 'last_seen', 'batches')
    GROUP BY relname
"""
REJECTED = """
    SELECT stage, table_name, source, record, column_name, value, reason, problems, jsonb_strip_nulls(row)
    FROM etl.rejected_rows INNER JOIN etl.table_updates USING (batch_id)
    WHERE table_name = 'viewing_sessions'
"""
LANDINGS = """
    SELECT b.source, b.rows_read, b.rows_loaded, b.rows_rejected, b.details - ARRAY[
        'examples', 'lake', 'changes', 'rejected_before'
    ]
    FROM etl.table_updates AS u INNER JOIN etl.batches AS b ON b.batch_id = coalesce(u.audit_id, u.batch_id)
    WHERE u.target_table LIKE 'raw.%'
"""
LOADS = """
    SELECT u.update_id, b.rows_read, b.rows_loaded, b.rows_rejected, b.rows_superseded, b.rows_waiting
    FROM etl.table_updates AS u INNER JOIN etl.batches AS b USING (batch_id)
    WHERE u.target_table = 'processed.viewing_sessions'
"""
CHECKS = "SELECT check_name, severity, findings FROM etl.check_results"


def assert_same_state(lake: Project, plain: Project) -> None:
    """Compare a project whose sessions Spark keeps with one where PostgreSQL has the same input."""
    queries = {name: f"SELECT {columns} FROM trusted.{name}" for name, columns in plain.rows(VIEWS)}
    queries |= {"rejected": REJECTED, "landings": LANDINGS, "checks": CHECKS}
    for name, query in queries.items():
        assert_same_rows(_plain(lake.rows(query)), _plain(plain.rows(query)), name)


def _plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows that can be compared whatever the order of keys in what is JSON."""
    return [tuple(json.dumps(cell, sort_keys=True) if isinstance(cell, dict) else cell for cell in row) for row in rows]

"""What both engines have to lead to: what analysts see, what was rejected, waits or was superseded, and the audit."""

from __future__ import annotations

import json
from pathlib import Path
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
    for name, query in _queries(plain).items():
        assert_same_rows(_plain(lake.rows(query)), _plain(plain.rows(query)), name)


def _queries(plain: Project) -> dict[str, str]:
    """Return what is compared, by names."""
    views = {name: f"SELECT {columns} FROM trusted.{name}" for name, columns in plain.rows(VIEWS)}
    return {**views, "rejected": REJECTED, "landings": LANDINGS, "checks": CHECKS}


def differing(lake: Project, plain: Project, folder: Path) -> list[str]:
    """Return what differs between two such projects, told by counts of rows; for more of them than Python can hold.

    Args:
        lake: a project whose sessions Spark keeps, all of them.
        plain: one where PostgreSQL has the same input.
        folder: for files that are of use meanwhile.
    """
    import duckdb

    found = []
    with duckdb.connect() as connection:
        connection.execute(lake.pipeline("sessions", "--sql").answer)
        for name, query in _queries(plain).items():
            width = _copy(plain, query, folder / "plain.csv")
            if name == "session_details":
                theirs = query.replace("trusted.session_details", "session_details")
                connection.execute(f"COPY ({theirs}) TO '{folder}/lake.csv' (HEADER false)")
            else:
                _copy(lake, query, folder / "lake.csv")
            columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(width))
            one, other = (
                f"FROM read_csv('{folder}/{side}.csv', columns = {{{columns}}}, auto_detect = false, header = false)"
                for side in ("plain", "lake")
            )
            counted = f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
            [(count,)] = connection.execute(counted).fetchall()
            if count:
                found.append(f"{name}: {count:,} rows")
    return found


def _copy(project: Project, query: str, path: Path) -> int:
    """Write what a query finds as CSV; return the number of columns."""
    with project.connection() as connection, connection.cursor() as cursor, path.open("wb") as file:
        cursor.execute(f"{query} LIMIT 0")
        width = len(cursor.description)
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv)", file)
    return width


def _plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows that can be compared whatever the order of keys in what is JSON."""
    return [tuple(json.dumps(cell, sort_keys=True) if isinstance(cell, dict) else cell for cell in row) for row in rows]

"""What is known to be wrong with the data, and whether every batch adds up."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from pipeline.report.tables import Table, read_table

FINDINGS = """
SELECT {columns}
FROM trusted.data_quality
WHERE severity {severities}
ORDER BY findings DESC, source, name
"""
# The page itself is one of the batches, and still being written.
BATCHES = """
SELECT
    batch_id, task, source, status, rows_read, rows_loaded, rows_rejected, rows_superseded, rows_waiting,
    rows_read - rows_loaded - rows_rejected - rows_superseded - rows_waiting AS difference, finished, error
FROM (
    SELECT DISTINCT ON (task, target_table, source) *
    FROM trusted.load_history
    WHERE task <> 'BuildReport'
    ORDER BY task, target_table, source, batch_id DESC
) AS latest
ORDER BY status = 'loaded', batch_id DESC
"""
MOST_ROWS = 300
PARTS = (
    (
        "checks",
        "Checks",
        "No check has run yet.",
        "IN ('error', 'warn')",
        "name, severity, findings, description, last_seen",
    ),
    (
        "rejected",
        "Rejected records",
        "No record is rejected.",
        "= 'rejected'",
        "name AS reason, source, findings, last_seen",
    ),
    (
        "waiting",
        "Waiting sessions",
        "No session waits.",
        "= 'waiting'",
        "name AS waiting_for, source, findings, last_seen",
    ),
    (
        "drift",
        "Drift",
        "No source has drifted.",
        "= 'drift'",
        "name AS drift, source, findings, description, last_seen",
    ),
)


@dataclass(frozen=True)
class Part:
    """A table of the section, and what to say if it is empty."""

    title: str
    empty: str
    view: str
    table: Table


def read_quality(cursor: Cursor) -> list[Part]:
    """Ask for findings, rejections, what waits, drift, and the latest batch of each load."""
    parts = [
        Part(
            title,
            empty,
            "trusted.data_quality",
            read_table(cursor, name, FINDINGS.format(severities=severities, columns=columns), MOST_ROWS),
        )
        for name, title, empty, severities, columns in PARTS
    ]
    batches = read_table(cursor, "batches", BATCHES, MOST_ROWS)
    return [*parts, Part("Reconciliation", "Nothing was loaded yet.", "trusted.load_history", batches)]

"""The checks across tables: they read numbers of rows that are kept up, and no table that grows."""

from __future__ import annotations

from pipeline.state.spec import Load
from pipeline.warehouse.checks import run_checks

COUNT_ALL_LATER = """
    SELECT etl.count_later(
        CASE nspname WHEN 'etl' THEN relname ELSE nspname END, CASE nspname WHEN 'etl' THEN '' ELSE relname END
    )
    FROM pg_trigger
    INNER JOIN pg_class ON pg_class.oid = tgrelid
    INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE tgfoid = 'etl.count_rows'::regproc AND tgname = 'count_rows_truncate'
"""


def check_quality(load: Load) -> dict[str, int]:
    """Run the checks across tables, the reconciliation among them.

    Rows are counted only in tables that somebody else wrote to, or that were filled in bulk; in all of them where the
    checks are to be done again.

    Returns:
        Number of findings by the name of the check.

    Raises:
        CheckFailedError: `error` checks have findings.
    """
    if load.previous and load.previous.voided:
        load.cursor.execute(COUNT_ALL_LATER)
    load.cursor.execute("SELECT etl.count_anew(NULL), etl.add_up_counts()")
    return run_checks(load, "quality")

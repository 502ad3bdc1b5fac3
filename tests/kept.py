"""What is kept up from run to run: numbers of rows and findings of checks, compared with what all rows say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.comparing import assert_same_rows
from tests.project import REPOSITORY, Project

COUNTS = """
    SELECT place, table_name, batch_id, kind, sum(rows) FROM etl.row_counts WHERE batch_id IS NOT NULL
    GROUP BY 1, 2, 3, 4 HAVING sum(rows) <> 0
"""
COUNTED = """
    SELECT 'held_rows', table_name, batch_id, coalesce('waiting for ' || waits_for, status), count(*)
    FROM etl.held_rows GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT 'rejected_rows', table_name, batch_id, stage, count(*) FROM etl.rejected_rows GROUP BY 1, 2, 3, 4
"""
TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('raw', 'processed')"
# They read the rollups and what changed since; where these are not current, all sessions.
SUMMING = ("days_without_sessions", "completion_missing_share")
KEYS = {"users": "user_id", "viewing_sessions": "session_id"}


def assert_kept_is_right(project: Project, day: str) -> None:
    """Compare numbers and findings that are kept with those of all rows, judged by the checks as they stand.

    Args:
        project: whose warehouse, which has settled.
        day: of the last run.
    """
    in_lake = project.value("SELECT etl.is_in_lake('viewing_sessions')")
    if not in_lake:
        assert_numbers_are_right(project)
    found = dict(_findings(project, day))
    # Of sessions that Spark keeps, it judged them: there are numbers alone.
    keyed = {name: keys for name, keys in found.items() if not (in_lake and name.startswith("viewing_sessions/"))}
    kept = "SELECT check_name, key[1] FROM etl.row_checks INNER JOIN etl.findings USING (check_id)"
    assert_same_rows(project.rows(kept), [(name, key) for name, keys in keyed.items() for key in keys], "findings")
    numbers = {name: len(keys) for name, keys in found.items()} | dict(_sums_of_all_sessions(project, day))
    results = project.rows("SELECT check_name, findings FROM etl.check_results WHERE check_name = ANY (%s)", [*numbers])
    assert_same_rows(results, list(numbers.items()), "results of checks")


def assert_numbers_are_right(project: Project) -> None:
    counted = project.rows(COUNTED)
    for schema, table in project.rows(TABLES):
        if table in KEYS or schema == "raw":
            batches = f'SELECT _batch_id, count(*) FROM "{schema}"."{table}" GROUP BY 1'
            counted += [(schema, table, batch, None, rows) for batch, rows in project.rows(batches)]
    assert_same_rows(project.rows(COUNTS), counted, "numbers of rows")


def _findings(project: Project, day: str) -> Iterator[tuple[str, list[Any]]]:
    for path in sorted((REPOSITORY / "sql/checks").rglob("*.sql")):
        if "-- judges: rows" in (query := path.read_text()):
            table = path.parent.name
            with project.connection() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT set_config('pipeline.run_day', %s, false)", (day,))
                cursor.execute(f"SELECT {KEYS[table]} FROM ({query}) AS found")
                yield f"{table}/{path.stem}", [key for (key,) in cursor.fetchall()]


def _sums_of_all_sessions(project: Project, day: str) -> Iterator[tuple[str, int]]:
    with project.connection() as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("UPDATE etl.rollup_state SET is_current = false")
        cursor.execute("DELETE FROM etl.lake_files")
        cursor.execute("SELECT set_config('pipeline.run_day', %s, true)", (day,))
        for name in SUMMING:
            cursor.execute((REPOSITORY / f"sql/checks/quality/{name}.sql").read_text())
            yield f"quality/{name}", len(cursor.fetchall())
        connection.rollback()

"""Checks: one SQL file each, which returns the offending rows."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.settings import get_settings
from pipeline.stores.claims import RefusedLoadError
from pipeline.stores.statements import fetch_value

logger = logging.getLogger("pipeline")

HEADER = re.compile(r"-- severity: (error|warn)\n-- description: (.+)\n")
EXAMPLES = 5
KEEP_RESULT = """
    INSERT INTO etl.check_results AS known
        (check_name, target_table, severity, description, findings, examples, last_seen)
    VALUES (%s, %s, %s, %s, %s, %s, CASE WHEN %s > 0 THEN clock_timestamp() END)
    ON CONFLICT (check_name) DO UPDATE SET
        target_table = excluded.target_table, severity = excluded.severity,
        description = excluded.description, findings = excluded.findings, examples = excluded.examples,
        checked = excluded.checked, last_seen = coalesce(excluded.last_seen, known.last_seen)
"""


class CheckFailedError(RefusedLoadError):
    """An `error` check has findings; the load is rolled back, the findings are kept."""

    def __init__(self, message: str, result: tuple[object, ...]) -> None:
        super().__init__(message)
        self._result = result

    def keep(self, cursor: Cursor) -> None:
        """Write the result of the check down."""
        cursor.execute(KEEP_RESULT, self._result)


def run_checks(cursor: Cursor, folder: str) -> dict[str, int]:
    """Run the checks of `sql/checks/<folder>` and keep their results.

    Returns:
        Number of findings by the name of the check.

    Raises:
        CheckFailedError: an `error` check has findings; the message shows the first ones.
        ValueError: a file does not begin with its severity and description.
    """
    findings = {}
    for path in sorted((get_settings().sql_path / "checks" / folder).glob("*.sql")):
        name = f"{folder}/{path.stem}"
        findings[name] = _run_check(cursor, folder, name, path)
    return findings


def _run_check(cursor: Cursor, folder: str, name: str, path: Path) -> int:
    text = path.read_text(encoding="utf-8")
    header = HEADER.match(text)
    if header is None:
        raise ValueError(f"{path}: the first two lines must be '-- severity: error|warn' and '-- description: …'")
    severity, description = header.groups()
    query = text.rstrip().rstrip(";")
    # Counted first, which PostgreSQL does in parallel; mostly there is nothing to show.
    count = fetch_value(cursor, f"SELECT count(*) FROM ({query}\n) AS findings")  # noqa: S608 (a file of the project)
    examples = []
    if count:
        examples = fetch_value(
            cursor,
            f"SELECT jsonb_agg(f) FROM (SELECT * FROM ({query}\n) AS findings LIMIT {EXAMPLES}) AS f",  # noqa: S608
        )
    result = (name, folder, severity, description, count, json.dumps(examples), count)
    cursor.execute(KEEP_RESULT, result)
    if count and severity == "error":
        raise CheckFailedError(f"check {name}: {count:,} findings ({description}), the first: {examples}", result)
    if count:
        logger.warning("check %s: %s findings (%s), the first: %s", name, f"{count:,}", description, examples[:1])
    return int(count)

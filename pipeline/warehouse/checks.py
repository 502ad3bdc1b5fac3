"""Checks: one SQL file each, which returns the offending rows."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import tables
from pipeline.settings import get_settings
from pipeline.state import markers
from pipeline.state.fingerprints import digest_bytes
from pipeline.state.spec import Load, RefusedLoadError
from pipeline.warehouse.check_reads import RowCheck
from pipeline.warehouse.row_checks import EXAMPLES, judge
from pipeline.warehouse.statements import fetch_value

logger = logging.getLogger("pipeline")

HEADER = re.compile(
    r"-- severity: (?P<severity>error|warn)\n-- description: (?P<description>.+)\n"
    r"(?:-- judges: (?P<judges>.+)\n)?"
)
KEEP_RESULT = """
    INSERT INTO etl.check_results AS known
        (check_name, target_table, severity, description, findings, examples, last_seen)
    VALUES (%s, %s, %s, %s, %s, %s, CASE WHEN %s > 0 THEN clock_timestamp() END)
    ON CONFLICT (check_name) DO UPDATE SET
        target_table = excluded.target_table, severity = excluded.severity,
        description = excluded.description, findings = excluded.findings, examples = excluded.examples,
        checked = excluded.checked, last_seen = coalesce(excluded.last_seen, known.last_seen)
"""


JUDGED = (None, "table", "rows", "rows by day")


@dataclass(frozen=True)
class Result:
    """What a check found; `redo` names the targets to be loaded again, where the check's column `redo` says so."""

    name: str
    folder: str
    severity: str
    description: str
    findings: int
    examples: list[dict[str, object]]
    redo: tuple[str, ...] = ()

    @property
    def is_failure(self) -> bool:
        """Whether the load must not go on."""
        return self.severity == "error" and self.findings > 0

    def __str__(self) -> str:
        """Return what was found, in one line."""
        return f"check {self.name}: {self.findings:,} findings ({self.description}), the first: {self.examples}"

    def keep(self, cursor: Cursor) -> None:
        """Write it down in `etl.check_results`."""
        columns = (self.name, self.folder, self.severity, self.description, self.findings, json.dumps(self.examples))
        cursor.execute(KEEP_RESULT, (*columns, self.findings))


class CheckFailedError(RefusedLoadError):
    """`error` checks have findings; the load is rolled back, the findings are kept.

    If the checks say what the findings come of, that is loaded again by the next run, so that none is stuck.
    """

    def __init__(self, failed: list[Result]) -> None:
        """Take the results with findings."""
        self._failed = failed
        self._redo = sorted({update_id for result in failed for update_id in result.redo})
        lines = [str(result) for result in failed]
        if self._redo:
            tasks = ", ".join(update_id.replace(":", " ", 1) for update_id in self._redo)
            lines.append(f"run again: the next run does {tasks} again, with all that builds on it")
        super().__init__("\n  ".join(lines))

    def keep(self, cursor: Cursor) -> None:
        """Write the results down, and void the markers of what is to be loaded again."""
        for result in self._failed:
            result.keep(cursor)
        markers.void(cursor, self._redo)


@dataclass(frozen=True)
class Check:
    """A file of `sql/checks`: its name is that of folder and file; `judges` is `table`, `rows` or `rows by day`."""

    name: str
    folder: str
    severity: str
    description: str
    judges: str
    query: str

    def found(self, findings: int, examples: list[dict[str, object]], redo: Sequence[str]) -> Result:
        """Return what the check found."""
        return Result(self.name, self.folder, self.severity, self.description, findings, examples, tuple(redo))


def run_checks(load: Load, folder: str, *, anew: bool = False) -> dict[str, int]:
    """Run the checks of `sql/checks/<folder>` and keep their results.

    Args:
        load: the load in progress.
        folder: name of a declared table, or of another folder, whose checks judge no rows of one.
        anew: judge all rows, not only those that changed.

    Returns:
        Number of findings by the name of the check, in all rows.

    Raises:
        CheckFailedError: `error` checks have findings; the message shows the first ones.
        ValueError: a file does not begin with its severity and description, or judges rows and cannot.
    """
    cursor = load.cursor
    checks = read_checks(folder)
    of_rows = {check.name: check for check in checks if check.judges != "table"}
    results = [_run_check(cursor, check) for check in checks if check.name not in of_rows]
    if table := tables().get(folder):
        code = load.spec.inputs.code.get(judge.__module__, "")
        row_checks = [
            RowCheck(name, check.query, check.judges == "rows by day", digest_bytes(f"{check} {code}".encode()))
            for name, check in of_rows.items()
        ]
        found = judge(cursor, table, row_checks, anew=anew)
        results += [of_rows[name].found(each.count, each.examples, each.redo) for name, each in found.items()]
    conclude(cursor, results)
    return {result.name: result.findings for result in results}


def conclude(cursor: Cursor, results: Sequence[Result]) -> None:
    """Keep what checks found, and tell of it.

    Raises:
        CheckFailedError: `error` checks have findings.
    """
    if failed := [result for result in results if result.is_failure]:
        raise CheckFailedError(failed)
    for result in results:
        result.keep(cursor)
        if result.findings:
            logger.warning("%s", replace(result, examples=result.examples[:1]))


def read_checks(folder: str) -> list[Check]:
    """Return the checks of a folder below `sql/checks`.

    Raises:
        ValueError: a file does not begin with its severity and description.
    """
    return [_read(folder, path) for path in sorted((get_settings().sql_path / "checks" / folder).glob("*.sql"))]


def _read(folder: str, path: Path) -> Check:
    text = path.read_text(encoding="utf-8")
    header = HEADER.match(text)
    if header is None:
        raise ValueError(f"{path}: the first two lines must be '-- severity: error|warn' and '-- description: …'")
    if header["judges"] not in JUDGED:
        raise ValueError(f"{path}: '-- judges: {header['judges']}' must be one of {', '.join(filter(None, JUDGED))}")
    query = f"{text.rstrip().rstrip(';')}\n"
    return Check(
        f"{folder}/{path.stem}", folder, header["severity"], header["description"], header["judges"] or "table", query
    )


def _run_check(cursor: Cursor, check: Check) -> Result:
    findings = f"({check.query}) AS findings"
    # Counted first, which PostgreSQL does in parallel; mostly there is nothing to show.
    count = int(fetch_value(cursor, f"SELECT count(*) FROM {findings}"))  # noqa: S608 (a file of the project)
    examples, redo = [], []
    if count:
        examples = fetch_value(cursor, f"SELECT jsonb_agg(f) FROM (SELECT * FROM {findings} LIMIT {EXAMPLES}) AS f")  # noqa: S608
    if examples and "redo" in examples[0]:
        redo = fetch_value(cursor, f"SELECT array_agg(DISTINCT redo) FROM {findings}")  # noqa: S608
    return check.found(count, examples, redo)

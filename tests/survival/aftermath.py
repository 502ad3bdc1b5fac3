"""What must hold after the run that follows a disturbance."""

from __future__ import annotations

from pathlib import Path

from tests.comparing import assert_loaded
from tests.in_process import settle
from tests.oracle import expected
from tests.project import Project

OF_NO_LOAD = """
    SELECT DISTINCT source FROM etl.rejected_rows
    WHERE batch_id NOT IN (SELECT batch_id FROM etl.batches WHERE status = 'loaded')
"""
# Documents have no files of rejects.
REJECTING = "SELECT DISTINCT batch_id FROM etl.rejected_rows WHERE to_regclass('raw.' || table_name) IS NOT NULL"


def assert_right(project: Project) -> None:
    """One more run leaves the state that follows from the input, and nothing else."""
    settle(project, report=True)
    assert_loaded(project, expected(project.raw))
    assert project.rows("SELECT * FROM etl.batches WHERE status = 'running'") == []
    assert settle(project, report=True) == []
    assert project.rows(OF_NO_LOAD) == []
    rejecting = {number for (number,) in project.rows(REJECTING)}
    files = [path.name for path in Path(project.env["DATA_REJECTED_PATH"]).glob("*")]
    written = {int(name.removesuffix(".csv").rpartition("-")[2]) for name in files}
    assert written == rejecting, f"files of rejects are of {written}, rejected records of {rejecting}"
    for folder in ("DATA_PROCESSED_PATH", "REPORTS_PATH"):
        assert list(Path(project.env[folder]).glob(".*")) == []

"""What came in is in a table, rejected, superseded or waiting: anything else stops the publication."""

from __future__ import annotations

import pytest

from tests.in_process import settle
from tests.project import Project
from tests.small_input import SESSION_COLUMNS, USER_COLUMNS, movie, series, session, write_all


@pytest.mark.parametrize(
    ("loss", "check"),
    [
        ("DELETE FROM raw.viewing_sessions WHERE session_id = 'S1'", "quality/landings_reconcile"),
        ("DELETE FROM processed.viewing_sessions WHERE session_id = 'S1'", "quality/viewing_sessions_reconcile"),
        ("DELETE FROM processed.users WHERE user_id = 'U3'", "quality/users_reconcile"),
        ("DELETE FROM etl.rejected_rows WHERE source = 'viewing_sessions-3.csv'", "quality/landings_reconcile"),
        ("DELETE FROM etl.rejected_rows WHERE source = 'late.json'", "quality/landings_reconcile"),
        ("DELETE FROM etl.rejected_rows WHERE stage = 'extract'", "quality/catalogue_reconciles"),
        ("UPDATE processed.content SET removed_at = now() WHERE content_id = 'M3'", "quality/catalogue_reconciles"),
    ],
)
def test_a_record_that_is_lost_is_an_error_and_is_kept_as_a_finding(project: Project, loss: str, check: str) -> None:
    write_all(project)
    project.write("users-2.csv", f"{USER_COLUMNS}\nU3,,,,,\n")
    project.write("viewing_sessions-3.csv", f"{SESSION_COLUMNS}\n{session(4)}\ntoo,few\n")
    project.write_titles("late.json", movies=[movie("M2", title=None), movie("M3")], series=[series("M1")])
    settle(project)
    project.rows(loss)
    project.pipeline("redo", "CheckQuality")
    run = project.task("CheckQuality", "--date", "2026-03-02")
    assert run.code == 30, run.output
    assert f"check {check}: 1 findings" in run.output
    findings = "SELECT check_name, findings FROM etl.check_results WHERE severity = 'error' AND findings > 0"
    assert (check, 1) in project.rows(findings)
    assert f"error {check}: 1" in project.pipeline("status").answer

"""What came in is in a table, rejected, superseded or waiting: anything else stops the publication, for one run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pipeline.warehouse.checks import CheckFailedError
from tests.comparing import TABLES
from tests.in_process import settle
from tests.project import DAY, Project
from tests.small_input import SESSION_COLUMNS, USER_COLUMNS, movie, series, session, write_all

LANDING, CATALOGUE = "quality/landings_reconcile", "quality/catalogue_reconciles"
USERS = SESSIONS = "quality/files_reconcile"
EXTRACTION = f"ExtractMongoToCsv {DAY}"
SESSIONS_FILE = "LoadCsvToPostgres viewing_sessions.csv"
A_USER = "'U8', NULL, NULL, NULL, NULL, NULL"
DAMAGE = [
    ("DELETE FROM raw.viewing_sessions WHERE session_id = 'S1'", LANDING, SESSIONS_FILE),
    ("INSERT INTO raw.viewing_sessions SELECT * FROM raw.viewing_sessions WHERE _row = 1", LANDING, SESSIONS_FILE),
    ("INSERT INTO raw.users (user_id, _batch_id, _row) VALUES ('U8', 900, 1)", LANDING, "LoadUsers"),
    ("DELETE FROM processed.viewing_sessions WHERE session_id = 'S1'", SESSIONS, "LoadViewingSessions"),
    ("DELETE FROM processed.users WHERE user_id = 'U3'", USERS, "LoadUsers"),
    (f"INSERT INTO processed.users VALUES ({A_USER}, 900, 1)", USERS, "LoadUsers"),
    (f"INSERT INTO processed.users SELECT {A_USER}, max(_batch_id), 99 FROM raw.users", USERS, "LoadUsers"),
    ("DELETE FROM etl.held_rows", SESSIONS, "LoadViewingSessions"),
    ("DELETE FROM etl.rejected_rows WHERE source = 'users-2.csv'", USERS, "LoadUsers"),
    ("DELETE FROM etl.rejected_rows WHERE source = 'viewing_sessions-3.csv'", LANDING, "viewing_sessions-3.csv"),
    ("DELETE FROM etl.rejected_rows WHERE source = 'late.json'", LANDING, "LoadJsonToMongo late.json"),
    ("DELETE FROM etl.rejected_rows WHERE source = 'MongoDB movies'", CATALOGUE, EXTRACTION),
    ("UPDATE processed.content SET removed_at = now() WHERE content_id = 'M3'", CATALOGUE, EXTRACTION),
    ("INSERT INTO processed.content (content_id, title, type) VALUES ('M9', 'Ghost', 'movie')", CATALOGUE, EXTRACTION),
]
EVERYTHING = [
    "(SELECT content_id FROM processed.content WHERE removed_at IS NULL)",
    *(f"processed.{table}" for table in TABLES if table != "content"),
    *("raw.users", "raw.viewing_sessions", "etl.held_rows", "trusted.user_engagement"),
    "(SELECT * FROM trusted.content_summary WHERE NOT removed)",
    "(SELECT source, record, document_id, reason FROM etl.rejected_rows)",
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A loaded project with rows of every fate, which each test damages and has mended."""
    project = Project(tmp_path_factory.mktemp("reconciled"), embedded, f"test_reconciled_{os.getpid()}")
    write_all(project)
    project.write("users-2.csv", f"{USER_COLUMNS}\nU3,,,,,\nU4,old,,,,\n")
    project.write("viewing_sessions-3.csv", f"{SESSION_COLUMNS}\n{session(4)}\n{session(5, user='U9')}\ntoo,few\n")
    project.write_titles(
        "late.json", movies=[{"title": "No id"}, movie("M2", title=None), movie("M3")], series=[series("M1")]
    )
    settle(project)
    return project


def contents(project: Project) -> list[list[tuple[object, ...]]]:
    with project.connection() as connection, connection.cursor() as cursor:
        tables = []
        for table in EVERYTHING:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY 1")
            tables.append(cursor.fetchall())
        return tables


@pytest.mark.parametrize(("damage", "check", "redone"), DAMAGE)
def test_the_run_after_a_failed_reconciliation_mends_what_it_found(
    loaded: Project, damage: str, check: str, redone: str
) -> None:
    whole = contents(loaded)
    loaded.rows(damage)
    loaded.rows("UPDATE etl.table_updates SET fingerprint = 'other' WHERE update_id = 'CheckQuality'")
    message = rf"(?s)check {check}: [0-9]+ findings.*run again: the next run does .*{re.escape(redone)}.* again"
    with pytest.raises(CheckFailedError, match=message):
        settle(loaded)
    findings = "SELECT check_name FROM etl.check_results WHERE severity = 'error' AND findings > 0"
    assert (check,) in loaded.rows(findings)
    settle(loaded)
    assert contents(loaded) == whole
    assert loaded.rows(findings) == []
    assert settle(loaded) == []


PAST_THE_TRIGGERS = """
    ALTER TABLE processed.viewing_sessions DISABLE TRIGGER USER;
    DELETE FROM processed.viewing_sessions WHERE session_id = 'S1';
    ALTER TABLE processed.viewing_sessions ENABLE TRIGGER USER
"""


def test_what_went_past_the_triggers_is_found_on_request(loaded: Project) -> None:
    whole = contents(loaded)
    loaded.rows(PAST_THE_TRIGGERS)
    loaded.rows("UPDATE etl.table_updates SET fingerprint = 'other' WHERE update_id = 'CheckQuality'")
    settle(loaded)
    assert loaded.value("SELECT count(*) FROM processed.viewing_sessions") == 3
    assert loaded.pipeline("redo", "CheckQuality").code == 0
    with pytest.raises(CheckFailedError, match=f"check {SESSIONS}"):
        settle(loaded)
    settle(loaded)
    assert contents(loaded) == whole
    assert settle(loaded) == []

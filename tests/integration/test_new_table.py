"""A table is one SQL file: what follows from its declaration when rows come, wait, leave, and when it changes."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.tasks.create import CreatePostgresTables
from tests.in_process import ask, explain, settle
from tests.project import Project
from tests.small_input import ANN, BOB, movie, series, write_all, write_users

RATINGS = """
CREATE TABLE processed.ratings (
    user_id    text NOT NULL REFERENCES processed.users,
    content_id text NOT NULL REFERENCES processed.content,
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    rated_on   date,
    PRIMARY KEY (user_id, content_id)
);

COMMENT ON TABLE processed.ratings IS 'Grain: one row for each title that a user rated.';
COMMENT ON COLUMN processed.ratings.user_id IS 'Who rated.';
COMMENT ON COLUMN processed.ratings.content_id IS 'What was rated.';
COMMENT ON COLUMN processed.ratings.stars IS 'One to five.';
COMMENT ON COLUMN processed.ratings.rated_on IS 'Day of the rating.';
"""
REPLIES = """
CREATE TABLE processed.replies (
    reply      integer PRIMARY KEY,
    user_id    text,
    content_id text,
    said_on    date NOT NULL,
    FOREIGN KEY (user_id, content_id) REFERENCES processed.ratings
);

COMMENT ON TABLE processed.replies IS 'Grain: one row for each reply to a rating.';
COMMENT ON COLUMN processed.replies.reply IS 'Number of the reply.';
COMMENT ON COLUMN processed.replies.user_id IS 'Who rated.';
COMMENT ON COLUMN processed.replies.content_id IS 'What was rated.';
COMMENT ON COLUMN processed.replies.said_on IS 'Day of the reply.';
"""
GIFTS = """
CREATE TABLE processed.gifts (
    gift  integer PRIMARY KEY,
    giver text NOT NULL REFERENCES processed.users,
    taker text REFERENCES processed.users
);
"""
HEADER = "user_id,content_id,stars,rated_on"
GOOD = ["U1,M1,5,2024-05-01", "U2,T1,3,"]
ALL = [
    *GOOD,
    "U2,M1,1,2024-05-02",
    "U2,M1,2,2024-05-03",  # supersedes the one before
    "U1,T1,6,2024-05-01",
    "U1,,4,2024-05-01",
    "U9,M1,4,2024-05-01",
    "U1,M9,4,2024-05-01",
]
LOADED = [("U1", "M1", 5), ("U2", "M1", 2), ("U2", "T1", 3)]
CAROL = "U9,25,Japan,Basic,2023-03-01,0"


def declare(project: Project, name: str, text: str) -> None:
    """Write the declaration of a table, in the project's own copy of the code."""
    (project.folder / "code/sql/processed" / f"{name}.sql").write_text(text)


def edit(project: Project, name: str, old: str, new: str) -> None:
    """Change the declaration of a table."""
    path = project.folder / "code/sql/processed" / f"{name}.sql"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def ratings(project: Project) -> list[tuple[Any, ...]]:
    return project.rows("SELECT user_id, content_id, stars FROM processed.ratings ORDER BY 1, 2")


def replies(project: Project) -> list[int]:
    return [reply for (reply,) in project.rows("SELECT reply FROM processed.replies ORDER BY 1")]


def held(project: Project) -> list[tuple[Any, ...]]:
    return project.rows(
        "SELECT table_name, array_to_string(key, ' '), status, waits_for, array_to_string(parent_key, ' ')"
        " FROM etl.held_rows ORDER BY 1, 2, 3"
    )


@pytest.fixture
def declared(project: Project) -> Project:
    """A project whose code is its own, with a table of ratings and its file."""
    project.copy_code()
    write_all(project)
    declare(project, "ratings", RATINGS)
    project.write_rows("ratings.csv", [HEADER, *ALL])
    return project


def test_ratings_load_reject_supersede_wait_and_reconcile(declared: Project) -> None:
    assert "LoadRatings" in settle(declared, report=True)
    assert ratings(declared) == LOADED
    assert declared.rows("SELECT record, column_name, value, reason FROM etl.rejected_rows ORDER BY record") == [
        (5, "stars", "6", "out of range: 1 to 5"),
        (6, "content_id", None, "content_id is missing"),
    ]
    assert held(declared) == [
        ("ratings", "U1 M9", "waiting", "content", "M9"),
        ("ratings", "U2 M1", "superseded", None, None),
        ("ratings", "U9 M1", "waiting", "users", "U9"),
    ]
    assert declared.rows(
        "SELECT rows_read, rows_loaded, rows_rejected, rows_superseded, rows_waiting, difference"
        " FROM trusted.file_reconciliation WHERE source = 'ratings.csv'"
    ) == [(8, 3, 2, 1, 2, 0)]
    assert declared.rows("SELECT findings FROM etl.check_results WHERE check_name LIKE '%reconcile%'") != []
    assert {
        made_from
        for (made_from,) in declared.rows("SELECT made_from FROM trusted.lineage WHERE object = 'processed.ratings'")
    } == {"raw.ratings", "processed.users", "processed.content"}
    status = ask(declared, "status").output
    assert "LoadRatings" in status
    assert "ratings: 1 for content" in status
    assert "ratings: 1 for users" in status
    page = (declared.folder / "reports/2026-03-02/index.html").read_text()
    assert "ratings.csv" in page
    assert settle(declared) == []
    # Who comes releases what waits, who leaves takes it along.
    write_users(declared, BOB, CAROL)
    settle(declared)
    assert ratings(declared) == [("U2", "M1", 2), ("U2", "T1", 3), ("U9", "M1", 4)]
    assert ("ratings", "U1 M1", "waiting", "users", "U1") in held(declared)
    write_users(declared, ANN, BOB)
    settle(declared)
    assert ratings(declared) == LOADED
    ask(declared, "redo", "LoadRatings")
    assert explain(declared)["LoadRatings"] == ["to be done again, as asked by redo"]
    assert "LoadRatings" in settle(declared)
    assert ratings(declared) == LOADED


def test_replies_to_ratings_wait_with_them_at_any_depth(declared: Project) -> None:
    declare(declared, "replies", REPLIES)
    lines = ["1,U1,M1,2024-06-01", "2,U2,M1,2024-06-01", "3,,,2024-06-01", "4,U1,M9,2024-06-01", "5,U1,,2024-06-01"]
    declared.write_rows("replies.csv", ["reply,user_id,content_id,said_on", *lines])
    settle(declared)
    assert replies(declared) == [1, 2, 3, 5]
    write_users(declared, BOB)
    settle(declared)
    assert ratings(declared) == [("U2", "M1", 2), ("U2", "T1", 3)]
    assert replies(declared) == [2, 3, 5]
    assert ("replies", "1", "waiting", "ratings", "U1 M1") in held(declared)
    write_users(declared, ANN, BOB)
    settle(declared)
    assert ratings(declared) == LOADED
    assert replies(declared) == [1, 2, 3, 5]
    assert settle(declared) == []
    # A table that is declared no more is gone, with what was held back of it; its file is raw text again.
    (declared.folder / "code/sql/processed/replies.sql").unlink()
    settle(declared)
    assert declared.value("SELECT to_regclass('processed.replies')") is None
    assert [row for row in held(declared) if row[0] == "replies"] == []
    assert settle(declared) == []


def test_a_changed_declaration_brings_the_live_table_along(declared: Project) -> None:
    write_users(declared, f"{ANN},gold", f"{BOB},", name="users.csv")
    path = declared.raw / "users.csv"
    path.write_text(path.read_text().replace("hours\n", "hours,plan\n"))
    declared.write_rows("ratings.csv", [f"{HEADER},device", *(f"{line},tv" for line in ALL)])
    declare(declared, "gifts", GIFTS)
    declared.write_rows("gifts.csv", ["gift,giver,taker", "1,U1,U2", "2,U1,"])
    declare(declared, "notes", "CREATE TABLE processed.notes (note integer PRIMARY KEY, user_id text)")
    declared.write_rows("notes.csv", ["note,user_id", "1,U1", "2,U9"])
    declared.write_titles(movies=[movie("M1", rating=7.5)], series=[series("T1")])
    settle(declared)
    engagement = "SELECT user_id, sessions FROM trusted.user_engagement ORDER BY 1"
    before = declared.rows(engagement)
    # A column more, filled from the history in raw; another type and a narrower check.
    edit(declared, "users", "    country  ", "    plan text,\n    country  ")
    edit(declared, "users", "age BETWEEN 0 AND 120", "age BETWEEN 0 AND 40")
    edit(declared, "users", "smallint", "integer")
    assert explain(declared)["LoadUsers"] == [
        "processed.users: column plan added",
        "processed.users: type of age changed from smallint to integer: the table is rebuilt",
        "processed.users: check ((age >= 0) AND (age <= 40)) added: the table is rebuilt",
        "processed.users: check ((age >= 0) AND (age <= 120)) dropped: the table is rebuilt",
    ]
    settle(declared)
    assert declared.rows("SELECT user_id, plan FROM processed.users ORDER BY 1") == [("U1", "gold")]
    assert ratings(declared) == [("U1", "M1", 5)]
    assert declared.rows("SELECT gift FROM processed.gifts") == [(2,)]
    assert ("gifts", "1", "waiting", "users", "U2") in held(declared)
    assert declared.rows(engagement) == [("U1", 1)]
    assert declared.rows("SELECT value, reason FROM etl.rejected_rows WHERE source = 'users.csv'") == [
        ("41", "out of range: 0 to 40")
    ]
    # The check as it was, another key, a column less, and one that is required.
    edit(declared, "users", "age BETWEEN 0 AND 40", "age BETWEEN 0 AND 120")
    edit(declared, "content", "numeric(3,1)", "numeric(4,2)")
    edit(declared, "ratings", "PRIMARY KEY (user_id, content_id)", "PRIMARY KEY (user_id, content_id, stars)")
    edit(declared, "ratings", "    rated_on   date,\n", "    device text NOT NULL,\n")
    edit(declared, "ratings", ");\n", ");\nCREATE INDEX ON processed.ratings (device);\n")
    edit(declared, "ratings", "COMMENT ON COLUMN processed.ratings.rated_on IS 'Day of the rating.';\n", "")
    # A reference that rows are against: they stay, for readers, until the load has sorted them out.
    edit(declared, "notes", "user_id text", "user_id text REFERENCES processed.users")
    settle(declared, only=CreatePostgresTables)
    assert declared.rows("SELECT note FROM processed.notes ORDER BY 1") == [(1,), (2,)]
    settle(declared)
    assert declared.rows("SELECT note FROM processed.notes") == [(1,)]
    assert ("notes", "2", "waiting", "users", "U9") in held(declared)
    assert ratings(declared) == [("U1", "M1", 5), ("U2", "M1", 1), ("U2", "M1", 2), ("U2", "T1", 3)]
    assert declared.rows("SELECT DISTINCT device FROM processed.ratings") == [("tv",)]
    assert declared.rows("SELECT gift FROM processed.gifts ORDER BY 1") == [(1,), (2,)]
    assert declared.rows(engagement) == before
    assert declared.value("SELECT scale(rating) FROM processed.content WHERE content_id = 'M1'") == 2
    assert declared.value("SELECT count(*) FROM processed.genres") == 2
    assert settle(declared) == []


def test_a_table_that_refers_to_itself_is_refused(project: Project) -> None:
    project.copy_code()
    write_users(project, ANN)
    declare(
        project, "staff", "CREATE TABLE processed.staff (id text PRIMARY KEY, boss text REFERENCES processed.staff)"
    )
    run = ask(project, "explain")
    assert (run.code, run.output.splitlines()[-1]) == (
        1,
        "error: sql/processed/staff.sql: processed.staff must not refer to itself",
    )

"""Declared tables: what is read of them, and what follows from it."""

from __future__ import annotations

import pytest

from pipeline.contract import register
from pipeline.contract.register import DeclarationError
from pipeline.contract.table import Check, Column, Reference, Table
from tests.in_process import settings_of
from tests.project import Project

RATINGS = """
-- Of users.
CREATE TABLE processed.ratings (
    user_id    text REFERENCES processed.users,
    content_id text REFERENCES processed.content (content_id),
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    rated_on   date,
    PRIMARY KEY (user_id, content_id)
);

CREATE INDEX ON processed.ratings (rated_on);

COMMENT ON TABLE processed.ratings IS 'What users say of processed.content.';
COMMENT ON COLUMN processed.ratings.stars IS 'Stars, 1 to 5.';
COMMENT ON CONSTRAINT ratings_stars_check ON processed.ratings IS 'one to five stars';
"""


def test_declaration_read(project: Project) -> None:
    """A table is read as it is declared, after its parents, and kept between runs."""
    (project.copy_code() / "sql/processed/ratings.sql").write_text(RATINGS)
    expected = Table(
        "ratings",
        (
            Column("user_id", "text", required=True),
            Column("content_id", "text", required=True),
            Column("stars", "smallint", required=True, comment="Stars, 1 to 5."),
            Column("rated_on", "date", required=False),
        ),
        ("user_id", "content_id"),
        (
            Reference("ratings_user_id_fkey", ("user_id",), "users", ("user_id",)),
            Reference("ratings_content_id_fkey", ("content_id",), "content", ("content_id",)),
        ),
        (Check("ratings_stars_check", ("stars",), "((stars >= 1) AND (stars <= 5))", "one to five stars"),),
        "What users say of processed.content.",
        ("CREATE INDEX ratings_rated_on_idx ON processed.ratings USING btree (rated_on)",),
    )
    with settings_of(project):
        found = register.tables()
        assert found["ratings"] == expected
        assert found["seasons"].key == ("content_id", "season_number")
        order = list(found)
        assert order.index("content") < order.index("seasons") < order.index("episodes")
        assert max(order.index("users"), order.index("content")) < order.index("ratings")
        assert set(register.csv_tables()) == {"users", "ratings", "viewing_sessions"}
        assert {table.name for table in register.children("users")} == {"ratings", "viewing_sessions"}
    with settings_of(project), pytest.MonkeyPatch.context() as patch:
        patch.setattr(register, "session", None)
        assert register.tables() == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CREATE TABLE processed.ratings (stars integer, PRIMARY KEY);", 'syntax error at or near ")"'),
        ("CREATE TABLE processed.ratings (stars integer);", "processed.ratings has no PRIMARY KEY"),
        ("CREATE TABLE processed.rating (stars integer PRIMARY KEY);", "does not create the table processed.ratings"),
        (
            "CREATE TABLE processed.ratings (stars text PRIMARY KEY REFERENCES processed.nothing);",
            'relation "processed.nothing" does not exist',
        ),
    ],
)
def test_bad_declaration(project: Project, text: str, reason: str) -> None:
    """What declares no table is refused, by the name of its file."""
    (project.copy_code() / "sql/processed/ratings.sql").write_text(text)
    with settings_of(project), pytest.raises(DeclarationError, match=r"^sql/processed/ratings\.sql: ") as refused:
        register.tables()
    assert reason in str(refused.value)

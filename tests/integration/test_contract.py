"""Declared tables: what is read of them, and what follows from it."""

from __future__ import annotations

import pytest
from psycopg2 import sql

from pipeline.contract import register
from pipeline.contract.register import DeclarationError
from pipeline.contract.table import Check, Column, Reference, Table
from pipeline.contract.typing import define_staging
from pipeline.servers.postgres import session
from pipeline.tasks.create import CreatePostgresTables
from tests.in_process import settings_of, settle
from tests.project import Project
from tests.small_input import write_all

RATINGS = """
/* Of users' titles. */ -- It's in processed.ratings.
CREATE TABLE IF NOT EXISTS PROCESSED.Ratings (
    User_Id    text REFERENCES "processed"."users",
    content_id text REFERENCES processed.content (content_id),
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    rated_on   date,
    PRIMARY KEY (user_id, content_id)
);

CREATE INDEX ON processed.ratings (rated_on);

COMMENT ON TABLE processed.ratings IS 'What users say of processed.content.';
COMMENT ON COLUMN processed.ratings.stars IS 'Stars, 1 to 5.';
COMMENT ON CONSTRAINT ratings_stars_check ON processed.ratings IS E'one to five, that\\'s processed.stars';
"""


def test_declaration_read(project: Project) -> None:
    """A table is read as it is declared, after its parents, and kept between runs."""
    (project.copy_code() / "sql/processed/ratings.sql").write_text("\ufeff" + RATINGS, encoding="utf-8")
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
        (
            Check(
                "ratings_stars_check",
                ("stars",),
                "((stars >= 1) AND (stars <= 5))",
                "one to five, that's processed.stars",
            ),
        ),
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


# What follows `CREATE TABLE `, and why it is refused.
BAD = {
    "processed.ratings (stars integer, PRIMARY KEY)": 'syntax error at or near ")"',
    "processed.ratings (stars integer)": "processed.ratings has no PRIMARY KEY",
    "processed.rating (stars integer PRIMARY KEY)": "does not create the table processed.ratings",
    "ratings (stars integer PRIMARY KEY)": "it must begin with CREATE TABLE processed.ratings",
    "processed.ratings (stars text PRIMARY KEY REFERENCES processed.nothing)": (
        'relation "processed.nothing" does not exist'
    ),
    "processed.ratings (stars integer PRIMARY KEY REFERENCES processed.users)": (
        'Key columns "stars" of the referencing table and "user_id" of the referenced table are of incompatible types'
    ),
    "processed.ratings (stars integer PRIMARY KEY); COMMIT": "ends the transaction",
    "processed.ratings (a text PRIMARY KEY, b text UNIQUE)": "only the PRIMARY KEY tells rows apart",
    "processed.ratings (a text PRIMARY KEY); CREATE UNIQUE INDEX odd ON processed.ratings (lower(a))": "index odd",
    "processed.ratings (a text PRIMARY KEY, b int DEFAULT 0)": "column b: a column holds what the file says, or null",
    "processed.ratings (a int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)": "column a: a column holds what the file says",
    "processed.ratings (a text PRIMARY KEY, _row int)": "column _row: the name is taken by the pipeline",
    "processed.ratings (a text PRIMARY KEY, valid int)": "column valid: the name is taken by the pipeline",
    'processed.ratings ("A" text PRIMARY KEY)': "column A: names are in lower case",
    "processed.ratings (a processed.mood PRIMARY KEY)": "column a: its type is made here",
    "processed.ratings (a text PRIMARY KEY) -- \xff": "is no text in UTF-8",
}


def test_bad_declaration(project: Project) -> None:
    """What declares no table that can be loaded is refused, by the name of its file."""
    folder = project.copy_code() / "sql/processed"
    for text, reason in BAD.items():
        before = "CREATE TYPE processed.mood AS ENUM ('good'); " if "mood" in text else ""
        (folder / "ratings.sql").write_bytes(f"{before}CREATE TABLE {text}".encode("latin-1"))
        with settings_of(project), pytest.raises(DeclarationError, match=r"^sql/processed/ratings\.sql: ") as refused:
            register.tables()
        assert reason in str(refused.value)
    for name, parent in (("ratings", "replies"), ("replies", "ratings")):
        (folder / f"{name}.sql").write_text(
            f"CREATE TABLE processed.{name} (a text PRIMARY KEY REFERENCES processed.{parent})"
        )
    with settings_of(project), pytest.raises(DeclarationError, match="its references lead in a circle"):
        register.tables()


def test_ranges_are_declared(project: Project) -> None:
    """Years and days outside the ranges that loads allow cannot be written past them either."""
    with settings_of(project):
        checks = {check.name: check.definition for table in register.tables().values() for check in table.checks}
        dates = {
            f"{table.name}_{column.name}_check"
            for table in register.tables().values()
            for column in table.columns
            if column.type == "date"
        }
    assert checks["content_release_year_check"] == "((release_year >= 1870) AND (release_year <= 2100))"
    assert dates == {"episodes_air_date_check", "users_registration_date_check", "viewing_sessions_watch_date_check"}
    for name in dates:
        column = checks[name].split()[0].strip("(")
        assert checks[name] == f"(({column} >= '1900-01-01'::date) AND ({column} <= '2100-12-31'::date))"


SAMPLES = """
CREATE TABLE processed.samples (
    id      text PRIMARY KEY,
    "odd'%s{x}" text CHECK ("odd'%s{x}" IN ('a', 'it''s')),
    small   smallint CHECK (small BETWEEN -5 AND 120),
    big     bigint,
    above   integer CHECK (above > 0),
    price   numeric(6,1) CHECK (price > 0),
    share   numeric CHECK (share <= 1.5),
    opened  date CHECK (opened >= '2000-01-01'),
    closed  date,
    seen    timestamptz,
    is_new  boolean,
    weight  double precision CHECK (weight >= 0),
    code    varchar(3) NOT NULL,
    kind    varchar(1) CHECK (kind IN ('x', 'y')),
    given   jsonb,
    owner   text REFERENCES processed.users,
    CHECK (closed >= opened),
    CONSTRAINT a_rule CHECK (small <> big)
);

COMMENT ON CONSTRAINT samples_check ON processed.samples IS 'closed before it was opened';
"""
# Column, text, and what becomes of it: the value as PostgreSQL prints it, or the reason why there is none.
CELLS = [
    ("id", " k\u200b", "k", None),
    ("id", "\ufeff ", None, "id is missing"),
    ("id", "k" * 513, None, "longer than 512 bytes"),
    ("code", "", None, "code is missing"),
    ("code", "abcd", None, "longer than 3 characters"),
    ("odd'%s{x}", "it's", "it's", None),
    ("odd'%s{x}", "b", None, "not one of: a, it's"),
    ("kind", "z", None, "not one of: x, y"),
    ("small", "-5.0", "-5", None),
    ("small", "121", None, "out of range: -5 to 120"),
    ("small", "1.5", None, "not a whole number"),
    ("big", "9223372036854775807", "9223372036854775807", None),
    ("big", "9223372036854775808", None, "out of range: -9223372036854775808 to 9223372036854775807"),
    ("big", "1e3", None, "not a number"),
    ("above", "0", None, "out of range: 1 to 2147483647"),
    ("price", "99999.9", "99999.9", None),
    ("price", "0.04", None, "out of range: 0.1 to 99999.9"),
    ("share", "-7.25", "-7.25", None),
    ("share", "1.51", None, "out of range: -Infinity to 1.5"),
    ("share", "NaN", None, "not a number"),
    ("opened", "2000-01-01T00:00:00Z", "2000-01-01", None),
    ("opened", "1999-12-31", None, "out of range: 2000-01-01 to 2100-12-31"),
    ("closed", "1899-12-31", None, "out of range: 1900-01-01 to 2100-12-31"),
    ("closed", "12/31/2024", None, "not an ISO date (YYYY-MM-DD)"),
    ("closed", "2024-02-30", None, "no such day"),
    ("closed", "2024-05-01T10:00:00", None, "a time where a date belongs"),
    ("seen", "2024-05-01T10:00:00+02:00", "2024-05-01 08:00:00+00", None),
    ("seen", "now", None, "not an ISO time (YYYY-MM-DD HH:MM:SS+00:00)"),
    ("seen", "2024-05-01 25:00", None, "no such time"),
    ("is_new", "Yes", "true", None),
    ("is_new", "2", None, "neither true nor false"),
    ("weight", "1e-3", "0.001", None),
    ("weight", "Infinity", None, "not a number"),
    ("weight", "1e400", None, "out of range"),
    ("weight", "-1", None, "against samples_weight_check"),
    ("given", '{"a": 1}', '{"a": 1}', None),
    ("given", "{", None, "not a value of the type jsonb"),
    ("owner", "", None, None),
    ("owner", "é" * 257, None, "longer than 512 bytes"),
]


def test_every_type(project: Project) -> None:
    """A value is typed or refused by the type and the checks of its column; a column that is missing is null."""
    (project.copy_code() / "sql/processed/samples.sql").write_text(SAMPLES)
    write_all(project)
    settle(project, only=CreatePostgresTables)
    with settings_of(project), session() as cursor:
        table = register.tables()["samples"]
        cursor.execute("SET timezone = 'UTC'")
        columns = ", ".join(f'"{name}" text' for name in table.column_names if name != "is_new")
        cursor.execute(f"CREATE TEMP TABLE given ({columns}, is_new text, line integer)")
        for line, (column, text, _, _) in enumerate(CELLS):
            row = {"id": "k", "code": "abc", "line": line, column: text}
            names = sql.SQL(", ").join(map(sql.Identifier, row))
            values = sql.SQL(", ").join(map(sql.Literal, row.values()))
            cursor.execute(sql.SQL("INSERT INTO given ({}) VALUES ({})").format(names, values))
        define_staging(cursor, table, "stg_samples", "given", carried=("line",))
        cursor.execute("SELECT line, valid, problems FROM stg_samples ORDER BY line")
        found = {line: (valid, problems) for line, valid, problems in cursor.fetchall()}
        for line, (column, text, value, reason) in enumerate(CELLS):
            problems = (
                [{"column": column, "value": text.strip(" \ufeff\u200b") or None, "reason": reason}] if reason else []
            )
            assert found[line] == (not reason, problems)
            if not reason:
                query = "SELECT {}::text FROM stg_samples WHERE line = {}"
                cursor.execute(sql.SQL(query).format(sql.Identifier(column), sql.Literal(line)))
                assert cursor.fetchone() == (value,)
        cursor.execute(
            "CREATE TEMP TABLE few AS SELECT 'k' AS id, 'abc' AS code, '2024-01-02' AS opened,"
            " '2024-01-01' AS closed, '7' AS small, '7' AS big"
        )
        define_staging(cursor, table, "stg_few", "few", carried=())
        cursor.execute("SELECT valid, problems FROM stg_few")
        assert cursor.fetchall() == [
            (
                False,
                [
                    {"column": "small", "value": "7", "reason": "against a_rule"},
                    {"column": "closed", "value": "2024-01-01", "reason": "closed before it was opened"},
                ],
            )
        ]

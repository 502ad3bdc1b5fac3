"""CSV files of no declared table, and how they come to be declared."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.tasks.create import CreatePostgresTables
from pipeline.tasks.land_csv import LoadCsvsToPostgres
from tests.in_process import settle
from tests.project import DAY, Project
from tests.small_input import ANN, BOB, USER_COLUMNS, movie, session, write_all, write_sessions, write_users

RATINGS = """\
CREATE TABLE processed.ratings (
    user_id text REFERENCES processed.users,
    content_id text REFERENCES processed.content,
    stars integer NOT NULL,  -- CHECK (stars BETWEEN 1 AND 5)
    rated_on date,
    weight numeric(5,2) NOT NULL,  -- CHECK (weight BETWEEN -3 AND 1.25)
    "Why not" text,
    PRIMARY KEY (user_id, content_id)
);

COMMENT ON TABLE processed.ratings IS 'Grain: one row for each user_id, content_id.';
COMMENT ON COLUMN processed.ratings.user_id IS 'To be described.';
COMMENT ON COLUMN processed.ratings.content_id IS 'To be described.';
COMMENT ON COLUMN processed.ratings.stars IS 'To be described.';
COMMENT ON COLUMN processed.ratings.rated_on IS 'To be described.';
COMMENT ON COLUMN processed.ratings.weight IS 'To be described.';
COMMENT ON COLUMN processed.ratings."Why not" IS 'To be described.';
""".replace("Why not", "why not")


def test_declared_from_its_content(project: Project) -> None:
    """Types, key and references are told from the values; what is written can be loaded from."""
    code = project.copy_code()
    write_users(project, ANN, BOB)
    project.write_titles(movies=[movie("M1"), movie("M2")])
    project.write_rows(
        "ratings-1.csv",
        [
            "user_id;content_id;stars;rated_on;weight;Why not",
            "U1;M1;5;2024-05-01;1.25;",
            "U1;M2;4;;-3;fine",
            " U2 ;M1;1;2024-05-01;0.5;fine",
            "U2;M2;1;2024-05-01;0.5;fine",
        ],
    )
    settle(project)
    assert project.rows("SELECT DISTINCT stars FROM raw.ratings ORDER BY 1") == [("1",), ("4",), ("5",)]
    told = project.pipeline("declare", "ratings-1.csv")
    assert told.code == 0, told.output
    assert (code / "sql/processed/ratings.sql").read_text() == RATINGS
    settle(project)
    loaded = 'SELECT user_id, content_id, stars, rated_on::text, weight, "why not" FROM processed.ratings ORDER BY 1, 2'
    assert project.rows(loaded) == [
        ("U1", "M1", 5, "2024-05-01", Decimal("1.25"), None),
        ("U1", "M2", 4, None, Decimal("-3.00"), "fine"),
        ("U2", "M1", 1, "2024-05-01", Decimal("0.50"), "fine"),
        ("U2", "M2", 1, "2024-05-01", Decimal("0.50"), "fine"),
    ]
    again = project.pipeline("declare", "ratings-1.csv")
    assert again.code != 0
    assert "the table ratings is declared already, in " in again.output


def test_declared_with_misfits(project: Project) -> None:
    """Single values that do not fit stand in a note; a parent without rows is a question."""
    code = project.copy_code()
    write_all(project)
    project.write("visits.csv", "V1,2024-05-01,3\nV2,2024-05-02,4\n")
    lines = [f"V{number},U{number},0{number % 50},{number % 90}.0" for number in range(100)]
    project.write_rows(
        "devices.csv", ["device,user_id,code,count,valid", *(f"{line},yes" for line in lines), "V1,U1,1,x,yes"]
    )
    assert project.pipeline("declare", "devices.csv").code == 0
    assert (code / "sql/processed/devices.sql").read_text().splitlines()[:7] == [
        "CREATE TABLE processed.devices (",
        "    -- valid: the name is taken by the pipeline, the column stays in raw",
        "    device text,",
        "    user_id text NOT NULL,  -- REFERENCES processed.users? That has no rows yet",
        "    code text NOT NULL,",
        "    count integer NOT NULL,  -- 1 of 101 values are none and would be rejected;"
        " CHECK (count BETWEEN 0 AND 89)",
        "    PRIMARY KEY (device)  -- 1 of 101 rows repeat one or lack it",
    ]
    bare = project.pipeline("declare", "visits.csv")
    assert bare.code != 0
    assert "the first line looks like a record ('2024-05-01'), not like a header" in bare.output
    nowhere = project.pipeline("declare", "data/raw/devices.csv")
    assert nowhere.code != 0
    assert "data/raw/devices.csv: no such file in" in nowhere.output


def test_all_words_of_sql(project: Project) -> None:
    """Columns may be named like anything; they land, and are declared, as they are."""
    code = project.copy_code()
    write_users(project, ANN)
    words = [word for (word,) in project.rows("SELECT word FROM pg_get_keywords() WHERE word <> 'valid' ORDER BY word")]
    header = [*words, 'a "b"', "x;y", "two words", "%s", "it's", "{x}"]
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in header)
    project.write("devices-1.csv", f"{quoted}\n{','.join('v' for _ in header)}\n")
    settle(project, only=LoadCsvsToPostgres)
    landed = project.value("SELECT to_jsonb(d) - ARRAY['_batch_id', '_row'] FROM raw.devices AS d")
    assert landed == dict.fromkeys(header, "v")
    assert project.pipeline("declare", "devices-1.csv").code == 0
    assert (code / "sql/processed/devices.sql").is_file()
    settle(project, only=CreatePostgresTables)
    assert project.value("SELECT count(*) FROM processed.devices") == 0


def test_undeclared_files_come_and_go(project: Project) -> None:
    """Rows of files of no declared table land as text, in a table that goes with the last of them."""
    write_users(project, ANN)
    project.write("Übersicht (1)/a.csv", "name,%\n x ,1\n")
    project.write("Übersicht (1)/b.csv", "name,note\ny,2\n")
    project.write("content.csv", "content_id,title\nM1,By hand\n")
    first = project.must_run()
    told = "warning: Übersicht (1)/a.csv and 1 more: in raw.übersicht (1) as text only, for no table"
    assert told in first.output
    query = 'SELECT name, "%%", note FROM raw."übersicht (1)" WHERE _row = %s ORDER BY name'
    assert project.rows(query, 1) == [(" x ", "1", None), ("y", None, "2")]
    assert project.rows("SELECT content_id, title FROM raw.content") == [("M1", "By hand")]
    assert project.rows("SELECT content_id FROM processed.content") == []
    reconciled = "SELECT source, rows_read, rows_loaded, difference FROM trusted.file_reconciliation ORDER BY 1"
    assert project.rows(reconciled) == [
        ("content.csv", 1, 1, 0),
        ("users.csv", 1, 1, 0),
        ("Übersicht (1)/a.csv", 1, 1, 0),
        ("Übersicht (1)/b.csv", 1, 1, 0),
    ]
    assert project.must_run().ran == []
    status = project.pipeline("status").output
    assert "\n  raw.übersicht (1): 2 files, 2 rows\n" in status
    page = project.folder / f"reports/{DAY}/index.html"
    assert "<code>raw.übersicht (1)</code>" in page.read_text() and "<code>raw.content</code>" in page.read_text()
    (project.raw / "Übersicht (1)/a.csv").unlink()
    settle(project)
    assert project.rows(query, 1) == [("y", None, "2")]
    (project.raw / "Übersicht (1)/b.csv").unlink()
    settle(project)
    assert project.value("SELECT to_regclass('raw.\"übersicht (1)\"')") is None
    assert settle(project) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("-rf.csv", "-rf.csv: its name gives no table, for it begins with '-'; rename it"),
        (f"{'ü' * 32}.csv", "has a name of 64 bytes, more than the 63 of PostgreSQL; rename the file"),
    ],
)
def test_names_of_no_table(project: Project, name: str, reason: str) -> None:
    """A file whose name cannot be that of a table is refused; the others land."""
    write_users(project, ANN)
    project.write(name, "a\n1\n")
    run = project.task("LoadCsvsToPostgres")
    assert run.code == 30
    assert reason in run.output
    assert project.value("SELECT count(*) FROM raw.users") == 1


def test_nullable_column_missing(project: Project) -> None:
    """A file without a column that may be null loads, and the column is reported; one of another table is refused."""
    write_users(project, ANN)
    project.write("users-2.csv", "country,user_id,age\nChile,U2,41\n")
    write_sessions(project, session(1), name="users-3.csv")
    project.write("users-4.csv", "user_id,order,amount\nU9,1,2\n")
    run = project.run_all()
    assert run.code == 30
    loaded = "SELECT user_id, age, country, subscription_type FROM processed.users ORDER BY 1"
    assert project.rows(loaded) == [("U1", 30, "Peru", "Basic"), ("U2", 41, "Chile", None)]
    drift = project.value(
        "SELECT details -> 'drift' FROM etl.batches WHERE source = 'users-2.csv' AND status = 'loaded'"
    )
    assert [(each["kind"], each["path"]) for each in drift] == [
        ("missing column", "subscription_type"),
        ("missing column", "registration_date"),
        ("missing column", "total_watch_time_hours"),
    ]
    errors = dict(project.rows("SELECT source, error FROM etl.batches WHERE status = 'failed'"))
    assert errors.keys() == {"users-3.csv", "users-4.csv"}
    assert "It looks like a file of viewing_sessions." in errors["users-3.csv"]
    assert "the file has:      user_id, order, amount\n  raw.users needs: user_id\n" in errors["users-4.csv"]


def test_column_added(project: Project) -> None:
    """A column that is declared later is null in what is loaded, and filled from files that have it."""
    code = project.copy_code()
    write_all(project)
    project.write("users-9.csv", f"{USER_COLUMNS},city\n{ANN.replace('U1', 'U9')},Lima\n")
    settle(project)
    file = code / "sql/processed/users.sql"
    file.write_text(file.read_text().replace("\n);", ",\n    city text CHECK (city <> 'Rome')\n);", 1))
    settle(project)
    assert project.rows("SELECT user_id, city FROM processed.users ORDER BY 1") == [
        ("U1", None),
        ("U2", None),
        ("U9", "Lima"),
    ]
    assert settle(project) == []

"""A collection of its own is a table and a mapping; a field of a title is a line: no code is touched."""

from __future__ import annotations

import json
from datetime import date

from tests.project import Project
from tests.small_input import ANN, movie, series, session, write_sessions, write_users

LIVE_EVENTS = """
CREATE TABLE processed.live_events (
    event_id   text PRIMARY KEY,
    name       text NOT NULL,
    starts_on  date,
    venue      text,
    capacity   integer CHECK (capacity >= 0),
    extra      jsonb,
    removed_at timestamptz
);

COMMENT ON TABLE processed.live_events IS 'Grain: one row for each live event.';
COMMENT ON COLUMN processed.live_events.event_id IS 'Natural key of the event.';
COMMENT ON COLUMN processed.live_events.name IS 'Name as shown.';
COMMENT ON COLUMN processed.live_events.starts_on IS 'First day.';
COMMENT ON COLUMN processed.live_events.venue IS 'Where it is.';
COMMENT ON COLUMN processed.live_events.capacity IS 'Seats.';
COMMENT ON COLUMN processed.live_events.extra IS 'Fields without a column.';
COMMENT ON COLUMN processed.live_events.removed_at IS 'When the event was found gone from MongoDB.';
"""
ACTS = """
CREATE TABLE processed.live_event_acts (
    event_id text NOT NULL REFERENCES processed.live_events,
    act      integer NOT NULL CHECK (act > 0),
    artist   text NOT NULL,
    minutes  integer CHECK (minutes BETWEEN 1 AND 600),
    PRIMARY KEY (event_id, act)
);

COMMENT ON TABLE processed.live_event_acts IS 'Grain: one row for each act of a live event.';
COMMENT ON COLUMN processed.live_event_acts.event_id IS 'The event.';
COMMENT ON COLUMN processed.live_event_acts.act IS 'Number of the act.';
COMMENT ON COLUMN processed.live_event_acts.artist IS 'Who plays.';
COMMENT ON COLUMN processed.live_event_acts.minutes IS 'Planned length in minutes.';
"""
MAPPING = 'tables = ["live_events"]\n\n[lists.acts]\ntable = "live_event_acts"\n'
EVENTS = [
    {
        "event_id": "E1",
        "name": "Premiere",
        "starts_on": "2024-05-01",
        "capacity": 900,
        "acts": [{"artist": "Ann", "minutes": 30}, {"artist": "Bob"}],
        "sponsor": {"name": "ACME"},
    },
    {"event_id": "E2", "name": "Gala", "capacity": "80", "acts": [{"act": 3, "artist": "Cleo"}]},
    {"event_id": "E3", "name": "Sale", "capacity": -1},
    {"event_id": "E4", "name": "Fair", "acts": [{"artist": "Dan"}, {"minutes": 601}]},
    {"event_id": "E5", "name": "Talk", "acts": [{"act": 1, "artist": "Eve"}, {"act": "1", "artist": "Fay"}]},
]


def test_a_collection_of_its_own_is_a_table_and_a_mapping(project: Project) -> None:
    code = project.copy_code()
    (code / "sql" / "processed" / "live_events.sql").write_text(LIVE_EVENTS)
    (code / "sql" / "processed" / "live_event_acts.sql").write_text(ACTS)
    (code / "sql" / "collections" / "live_events.toml").write_text(MAPPING)
    write_users(project, ANN)
    project.write_titles(movies=[movie("M1", director="Fritz Lang")], series=[series("T1")])
    project.write("live_events.json", json.dumps(EVENTS))
    run = project.must_run()
    assert project.rows(
        "SELECT event_id, name, starts_on, venue, capacity, extra FROM processed.live_events ORDER BY 1"
    ) == [
        ("E1", "Premiere", date(2024, 5, 1), None, 900, {"sponsor": {"name": "ACME"}}),
        ("E2", "Gala", None, None, 80, None),
    ]
    assert project.rows("SELECT * FROM processed.live_event_acts ORDER BY 1, 2") == [
        ("E1", 1, "Ann", 30),
        ("E1", 2, "Bob", None),
        ("E2", 3, "Cleo", None),
    ]
    assert project.rows(
        "SELECT source, document_id, column_name, value, reason FROM etl.rejected_rows ORDER BY document_id"
    ) == [
        ("MongoDB live_events", "E3", "capacity", "-1", "out of range: 0 to 2147483647"),
        ("MongoDB live_events", "E4", "acts.1.artist", None, "acts.1.artist is missing"),
        ("MongoDB live_events", "E5", "acts.1.act", "1", "occurs twice"),
    ]
    assert "new field sponsor in live_events" in run.output
    assert "type changed capacity in live_events, such as 80" in run.output
    kinds = "SELECT path, kind FROM trusted.schema_drift WHERE collection = 'live_events' ORDER BY 1"
    assert project.rows(kinds) == [
        ("acts.act", "type changed"),
        ("capacity", "type changed"),
        ("sponsor", "new field"),
    ]
    assert ("processed.live_event_acts",) in project.rows("SELECT object FROM trusted.lineage")
    with project.mongo() as db:
        assert db.live_events.options()["validator"]["$jsonSchema"]["required"] == ["name"]
        assert "event_id_key" in db.live_events.index_information()
        # An event leaves, another one changes.
        db.live_events.delete_one({"event_id": "E2"})
        db.live_events.update_one({"event_id": "E1"}, {"$set": {"acts": [{"artist": "Ann"}]}})

    # A field of movies is a line, and a comment.
    content = code / "sql" / "processed" / "content.sql"
    declared = content.read_text().replace("    extra  ", "    director          text,\n    extra  ")
    comment = "COMMENT ON COLUMN processed.content.director IS 'Who directed it.';\n"
    content.write_text(f"{declared}\n{comment}")
    project.must_run(date="2026-03-03")
    assert project.rows("SELECT content_id, director, extra FROM processed.content ORDER BY 1") == [
        ("M1", "Fritz Lang", None),
        ("T1", None, None),
    ]
    assert project.rows("SELECT event_id, removed_at IS NULL FROM processed.live_events ORDER BY 1") == [
        ("E1", True),
        ("E2", False),
    ]
    assert project.rows("SELECT event_id, artist FROM processed.live_event_acts") == [("E1", "Ann")]

    # A type that changes: the tables are made anew in the load, views and what refers to them stay.
    content.write_text(content.read_text().replace("release_year      smallint", "release_year      integer"))
    events = code / "sql" / "processed" / "live_events.sql"
    events.write_text(LIVE_EVENTS.replace("capacity   integer", "capacity   bigint"))
    told = project.pipeline("explain", "LoadNormalizedJsonsToPostgres", "--date", "2026-03-03").answer
    assert "type of capacity changed from integer to bigint: made anew" in told
    project.must_run(date="2026-03-03")
    types = "SELECT pg_typeof(capacity)::text FROM processed.live_events"
    assert project.rows(types) == [("bigint",)]
    assert project.rows(
        "SELECT pg_typeof(release_year)::text, genres FROM content_summary ORDER BY 1", role="analyst"
    ) == [
        ("integer", ["Drama"]),
        ("integer", ["Crime"]),
    ]
    assert project.rows("SELECT event_id, artist FROM processed.live_event_acts") == [("E1", "Ann")]

    # An emptied collection, whose delivery is not there to land again, is more likely a fault than meant.
    (project.raw / "live_events.json").unlink()
    with project.mongo() as db:
        db.live_events.delete_many({})
    refused = project.run_all(date="2026-03-04")
    assert refused.code == 30
    assert "1 documents of live_events are loaded, but their collection in MongoDB has none any more" in refused.output


def test_long_keys_and_blanks_are_the_same_for_documents_and_files(project: Project) -> None:
    long = "é" * 200 + "x"  # 401 bytes
    ids = ["M" * 400, long, "\u200bM2\u2003\ufeff", "M3\u00a0"]
    write_users(project, ANN)
    project.write_titles(movies=[movie(each, title=f"\u3000Title {n}\u200b") for n, each in enumerate(ids)])
    lines = [session(number, title=each) for number, each in enumerate(ids, start=1)]
    write_sessions(project, *lines, session(5, title="N" * 513))
    project.must_run()
    assert project.rows("SELECT title, length(content_id) FROM processed.content ORDER BY title") == [
        ("Title 0", 400),
        ("Title 1", 201),
        ("Title 2", 2),
        ("Title 3", 2),
    ]
    assert project.rows("SELECT session_id, content_id FROM processed.viewing_sessions ORDER BY 1") == [
        ("S1", "M" * 400),
        ("S2", long),
        ("S3", "M2"),
        ("S4", "M3"),
    ]
    assert project.rows("SELECT column_name, reason FROM etl.rejected_rows") == [
        ("content_id", "longer than 512 bytes")
    ]

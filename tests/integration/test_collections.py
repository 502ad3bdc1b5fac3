"""A collection of its own is a table and a mapping; a field of a title is a line: no code is touched."""

from __future__ import annotations

import json
from datetime import date

from tests.in_process import ask, attempt, settle
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
# Two collections fill one table, by a key of numbers; what they hold has a key of its own.
STREAMS = """
CREATE TABLE processed.streams (
    stream_id integer PRIMARY KEY,
    name      text NOT NULL
);
"""
CHAPTERS = """
CREATE TABLE processed.chapters (
    chapter_id text PRIMARY KEY,
    stream_id  integer NOT NULL REFERENCES processed.streams,
    name       text NOT NULL,
    CHECK (stream_id <> length(name))
);
"""
STREAMS_MAPPING = 'tables = ["streams"]\n\n[lists.chapters]\ntable = "chapters"\n'
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
    (code / "sql" / "processed" / "streams.sql").write_text(STREAMS)
    (code / "sql" / "processed" / "chapters.sql").write_text(CHAPTERS)
    for name in ("streams", "old_streams"):
        (code / "sql" / "collections" / f"{name}.toml").write_text(STREAMS_MAPPING)
    chapter = {"chapter_id": "C1", "name": "Intro"}
    streams = [{"stream_id": 7, "name": "A"}, {"_id": 8, "name": "B", "chapters": [chapter]}]
    project.write("streams.json", json.dumps([*streams, {"stream_id": 5, "name": "C", "chapters": [chapter]}]))
    project.write("old_streams.json", json.dumps([{"stream_id": "9", "name": "D"}, {"stream_id": 0.5}]))
    write_users(project, ANN)
    project.write_titles(movies=[movie("M1", director="Fritz Lang")], series=[series("T1")])
    project.write("live_events.json", json.dumps(EVENTS))
    run = attempt(project)
    assert run.code == 0, run.output
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
        ("old_streams.json", "0.5", "stream_id", "0.5", "neither a whole number nor text"),
        ("MongoDB streams", "5", "chapters.0.stream_id", "5", "against chapters_check"),
        ("MongoDB live_events", "E3", "capacity", "-1", "out of range: 0 to 2147483647"),
        ("MongoDB live_events", "E4", "acts.1.artist", None, "acts.1.artist is missing"),
        ("MongoDB live_events", "E5", "acts.1.act", "1", "occurs twice"),
    ]
    chapters = (
        "SELECT stream_id, streams.name, chapter_id"
        " FROM processed.streams LEFT JOIN processed.chapters USING (stream_id) ORDER BY 1"
    )
    assert project.rows(chapters) == [(7, "A", None), (8, "B", "C1"), (9, "D", None)]
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
        # A chapter goes over to another stream, and its own leaves.
        db.streams.update_one({"stream_id": 7}, {"$set": {"chapters": [chapter]}})
        db.streams.delete_one({"_id": 8})

    # A field of movies is a line, and a comment.
    content = code / "sql" / "processed" / "content.sql"
    declared = content.read_text().replace("    extra  ", "    director          text,\n    extra  ")
    comment = "COMMENT ON COLUMN processed.content.director IS 'Who directed it.';\n"
    content.write_text(f"{declared}\n{comment}")
    settle(project, "2026-03-03")
    assert project.rows("SELECT content_id, director, extra FROM processed.content ORDER BY 1") == [
        ("M1", "Fritz Lang", None),
        ("T1", None, None),
    ]
    present = "SELECT event_id, removed_at IS NULL FROM processed.live_events ORDER BY 1"
    assert project.rows(present) == [("E1", True), ("E2", False)]
    assert project.rows(chapters) == [(7, "A", "C1"), (9, "D", None)]
    assert project.rows("SELECT event_id, artist FROM processed.live_event_acts") == [("E1", "Ann")]

    # A type that changes, a column that is required: the tables are made anew in the load. Views, what refers to them
    # and the rows that no document brings back stay.
    content.write_text(content.read_text().replace("release_year      smallint", "release_year      integer"))
    events = code / "sql" / "processed" / "live_events.sql"
    events.write_text(LIVE_EVENTS.replace("capacity   integer", "capacity   bigint"))
    (code / "sql" / "processed" / "streams.sql").write_text(
        STREAMS.replace("text NOT", "text NOT NULL,\n    site text NOT")
    )
    for name in ("streams", "old_streams"):
        mapping = f'values = {{ site = "{name}" }}\n{STREAMS_MAPPING}'
        (code / "sql" / "collections" / f"{name}.toml").write_text(mapping)
    told = ask(project, "explain", "LoadNormalizedJsonsToPostgres", "--date", "2026-03-03").answer
    assert "type of capacity changed from integer to bigint: the table is rebuilt" in told
    settle(project, "2026-03-03")
    types = "SELECT pg_typeof(capacity)::text FROM processed.live_events"
    assert project.rows(types) == [("bigint",), ("bigint",)]
    assert project.rows(present) == [("E1", True), ("E2", False)]
    assert project.rows("SELECT stream_id, site FROM processed.streams ORDER BY 1") == [
        (7, "streams"),
        (9, "old_streams"),
    ]
    assert project.rows(
        "SELECT pg_typeof(release_year)::text, genres FROM content_summary ORDER BY 1", role="analyst"
    ) == [
        ("integer", ["Drama"]),
        ("integer", ["Crime"]),
    ]
    assert project.rows("SELECT event_id, artist FROM processed.live_event_acts") == [("E1", "Ann")]

    # An emptied collection, whose delivery is not there to land again, is more likely a fault than meant.
    with project.mongo() as db:
        for name in ("live_events", "old_streams"):
            (project.raw / f"{name}.json").unlink()
            db[name].delete_many({})
    refused = attempt(project, "2026-03-04")
    assert refused.code == 30
    assert "1 documents of live_events and 1 documents of old_streams are loaded, but their" in refused.output


def test_long_keys_and_blanks_are_the_same_for_documents_and_files(project: Project) -> None:
    long = "é" * 200 + "x"  # 401 bytes
    ids = ["M" * 400, long, "\u200bM2\u2003\ufeff", "M3\u00a0"]
    write_users(project, ANN)
    project.write_titles(movies=[movie(each, title=f"\u3000Title {n}\u200b") for n, each in enumerate(ids)])
    lines = [session(number, title=each) for number, each in enumerate(ids, start=1)]
    write_sessions(project, *lines, session(5, title="N" * 513))
    settle(project)
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

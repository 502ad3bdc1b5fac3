"""Documents that are odd or bad, run through the real tasks on real servers and compared with literals."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, Regex, Timestamp
from pymongo.database import Database

from pipeline.tasks.load import LoadNormalizedJsonsToPostgres
from tests.in_process import attempt, settle
from tests.project import DAY, Project, Run

NEXT_DAY, THIRD_DAY = "2026-03-03", "2026-03-04"
OID = "65f000000000000000000001"
USERS = (
    "user_id,age,country,subscription_type,registration_date,total_watch_time_hours\nU1,30,Chile,Basic,2024-01-01,1\n"
)
SESSIONS = (
    "session_id,user_id,content_id,watch_date,watch_duration_minutes,completion_percentage,device_type,quality_level\n"
    "V1,U1,M1,2024-05-01,10,50,TV,HD\nV2,U1,S1,2024-05-02,10,50,TV,HD\n"
)
FAR_DATE = {"$date": {"$numberLong": "1000000000000000"}}  # in the year 33658


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": True}
    for _ in range(levels - 1):
        value = {"n": value}
    return value


GOOD_MOVIES: list[dict[str, Any]] = [
    {"content_id": "M1", "title": "Plain", "genre": ["Drama", "Crime"], "duration_minutes": 90},
    {"_id": {"$oid": OID}, "title": "Only an _id"},
    {"content_id": "M-null", "title": "Nulls", "genre": None, "release_year": None, "rating": None},
    {"content_id": "M-text", "title": "Text", "release_year": "1994", "rating": "4.5", "genre": "Drama"},
    {"content_id": "M-genres", "title": "Genres", "genre": [None, "", "Sci-Fi", "SCI-FI", " Drama "]},
    {"content_id": "M-none", "title": "No genres", "genre": []},
    {
        "content_id": "M-bson",
        "title": "BSON",
        "rating": {"$numberDecimal": "4.50"},
        "views_count": {"$numberLong": "9007199254740993"},
        "source": {"$oid": OID},
        "poster": {"$binary": {"base64": "AQI=", "subType": "00"}},
        "like": {"$regularExpression": {"pattern": "^a", "options": "i"}},
        "expires": FAR_DATE,
    },
    {"content_id": "M-keys", "title": "Keys", "$price": 1, "a.b": {"$c": 2, "d.e": 3}, "ключ": {"": "خ"}},
    {"content_id": "M-deep", "title": "Deep", "deep": nested(90)},
    {"content_id": "M-long", "title": "Long", "script": "x" * 15_000_000},
    {"content_id": "\u00a0M-blank\ufeff", "title": "\u200bBlanks "},
]
GOOD_SERIES: list[dict[str, Any]] = [
    {"content_id": "S1", "title": "Disagrees", "seasons": 3, "episodes_per_season": [8, 14]},
    {
        "content_id": "S-numbers",
        "title": "Numbered by position",
        "seasons": [{"episodes": [{"title": "Pilot", "air_date": "2024-05-01"}, {"title": "Second"}]}],
    },
    {
        "content_id": "S-many",
        "title": "Ten thousand episodes",
        "seasons": [{"season_number": 1, "episodes": [{"episode_number": n} for n in range(1, 10_001)]}],
    },
]
Told = tuple[str | None, str | None, str | None, str]
# What MongoDB cannot hold, or what has no key, is rejected as its file lands.
NOT_LANDED: list[tuple[dict[str, Any], Told]] = [
    ({"title": "No id"}, (None, "content_id", None, "content_id is missing")),
    ({"content_id": " ", "title": "A"}, (" ", "content_id", None, "content_id is missing")),
    ({"content_id": 5, "title": "A"}, ("5", "content_id", "5", "not text")),
    (
        {"content_id": "B-views", "title": "A", "views_count": 2**63},
        ("B-views", "views_count", str(2**63), "out of range: MongoDB stores whole numbers of 64 bits"),
    ),
    (
        {"content_id": "B-big", "title": "A", "stats": {"seen": [1, 2**64]}},
        ("B-big", "stats.seen.1", str(2**64), "out of range: MongoDB stores whole numbers of 64 bits"),
    ),
    (
        {"content_id": "B-lone", "title": "A", "note": "\ud800"},
        ("B-lone", "note", "\ufffd", "not valid Unicode text"),
    ),
    (
        {"content_id": "B-nul", "title": "A", "a\0b": 1},
        (
            "B-nul",
            None,
            r"{'a\x00b': 1, 'content_id': 'B-nul', 'title': 'A'}",
            "a field name that MongoDB cannot store",
        ),
    ),
    (
        {"content_id": "B-deep", "title": "A", "deep": nested(100)},
        ("B-deep", None, "more than 100 levels", "nested deeper than MongoDB takes"),
    ),
    (
        {"content_id": "B-size", "title": "A", "script": "x" * 2**24},
        ("B-size", None, "16,777,270 bytes", "larger than the 16 MiB that MongoDB takes"),
    ),
]
# Values are looked at as they are typed, by the rules of CSV files.
BAD_MOVIES: list[tuple[dict[str, Any], Told]] = [
    ({"content_id": "B-blank", "title": " "}, ("B-blank", "title", None, "title is missing")),
    ({"content_id": "B-genre", "title": "A", "genre": {}}, ("B-genre", "genre", "{}", "not a list")),
    ({"content_id": "B-genre2", "title": "A", "genre": ["a", 5]}, ("B-genre2", "genre.1", "5", "not text")),
    (
        {"content_id": "B-inf", "title": "A", "views_count": {"$numberDouble": "Infinity"}},
        ("B-inf", "views_count", "inf", "not a number"),
    ),
    (
        {"content_id": "B-minus", "title": "A", "production_budget": -1},
        ("B-minus", "production_budget", "-1", "out of range: 0 to 9999999999999.99"),
    ),
    ({"content_id": "B-na", "title": "A", "rating": "N/A"}, ("B-na", "rating", "N/A", "not a number")),
    ({"content_id": "B-nan", "title": "A", "rating": float("nan")}, ("B-nan", "rating", "nan", "not a number")),
    ({"content_id": "B-number", "title": 1984}, ("B-number", "title", "1984", "not text")),
    ({"content_id": "B-range", "title": "A", "rating": 10.01}, ("B-range", "rating", "10.01", "out of range: 0 to 10")),
    ({"content_id": "B-text-nul", "title": "a\0b"}, ("B-text-nul", "title", "a\ufffdb", "contains a NUL character")),
    ({"content_id": "B-title"}, ("B-title", "title", None, "title is missing")),
    (
        {"content_id": "B-year", "title": "A", "release_year": 1869},
        ("B-year", "release_year", "1869", "out of range: 1870 to 2100"),
    ),
    ({"content_id": "B" * 513, "title": "A"}, ("B" * 513, "content_id", "B" * 513, "longer than 512 bytes")),
]
BAD_SERIES: list[tuple[dict[str, Any], Told]] = [
    (
        {"content_id": "B-air", "title": "A", "seasons": [{"episodes": [{"air_date": FAR_DATE}]}]},
        (
            "B-air",
            "seasons.0.episodes.0.air_date",
            "{'$date': {'$numberLong': '1000000000000000'}}",
            "not an ISO date (YYYY-MM-DD)",
        ),
    ),
    ({"content_id": "B-count", "title": "A", "seasons": "two"}, ("B-count", "seasons", "two", "not a number")),
    (
        {"content_id": "B-list", "title": "A", "seasons": [{}, 3, {"episodes": {}}]},
        ("B-list", "seasons.1", "3", "not a document"),
    ),
    (
        {"content_id": "B-mean", "title": "A", "avg_episode_duration": 0.04},
        ("B-mean", "avg_episode_duration", "0.04", "out of range: 0.1 to 99999.9"),
    ),
    (
        {"content_id": "B-per", "title": "A", "episodes_per_season": [8, -1]},
        ("B-per", "episodes_per_season.1", "-1", "out of range: 0 to 2147483647"),
    ),
    (
        {"content_id": "B-twice", "title": "A", "seasons": [{"episodes": [{"episode_number": "2.0"}, {}]}]},
        ("B-twice", "seasons.0.episodes.1.episode_number", "2", "occurs twice"),
    ),
    # An id that a movie has.
    ({"content_id": "M1", "title": "A"}, ("M1", "content_id", "M1", "used by a document of movies already")),
]


def envelope(**collections: list[Any]) -> bytes:
    """The content of a file; lone surrogates are written as escapes, NaN as Python does."""
    return json.dumps(collections).encode()


def dump(db: Database[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: sorted(db[name].find(), key=lambda each: str(each["_id"])) for name in ("movies", "series")}


def ids(project: Project, where: str = "removed_at IS NULL") -> set[str]:
    return {row[0] for row in project.rows(f"SELECT content_id FROM processed.content WHERE {where}")}


def load_catalogue(project: Project, day: str, *, allow_empty: bool = False, **env: Any) -> Run:
    """Run the catalogue's load and all that it needs."""
    return attempt(project, day, only=LoadNormalizedJsonsToPostgres, allow_empty=allow_empty, **env)


def rejections(project: Project, stage: str) -> list[tuple[Any, ...]]:
    return project.rows(
        """
        SELECT table_name, record, document_id, column_name, value, reason
        FROM etl.rejected_rows WHERE stage = %s ORDER BY source, table_name, record, document_id
        """,
        stage,
    )


def audited(project: Project, source: str) -> tuple[Any, ...]:
    """The last batch of a source."""
    return project.rows(
        """
        SELECT status, rows_read, rows_loaded, rows_rejected, error FROM etl.batches
        WHERE source = %s ORDER BY batch_id DESC LIMIT 1
        """,
        source,
    )[0]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> tuple[Project, Run]:
    """A project loaded from everything above, from JSON Lines, and from what another program wrote."""
    project = Project(tmp_path_factory.mktemp("odd"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    project.write(
        "content.json",
        envelope(
            movies=[*GOOD_MOVIES, *(document for document, _ in [*NOT_LANDED, *BAD_MOVIES])],
            series=[*GOOD_SERIES, *(document for document, _ in BAD_SERIES)],
        ),
    )
    project.write(
        "movies-lines.jsonl.gz",
        b'{"content_id": "L1", "title": "Line 1"}\n{"content_id": "L2", "title": "caf\xe9"}\n'
        b'{"content_id": "L3", "title": "Line 3"}\n{"content_id": "L4", "t\xe9',
    )
    project.write("users.csv", USERS)
    project.write("viewing_sessions.csv", SESSIONS)
    created = project.task("CreateMongodbCollections")
    assert created.code == 0, created.output
    with project.mongo() as db:
        db.movies.insert_many(
            [
                {"_id": "O-good", "title": "Of another program", "at": Timestamp(1, 2), "rating": Decimal128("7.25")},
                {"_id": "O-type", "title": 5, "rating": Int64(4)},
                {"_id": "O-none", "content_id": "O-none", "rating": "good"},
                {"_id": Regex("no id"), "title": "A"},
            ]
        )
        db.series.insert_one(
            {"_id": "O-air", "title": "A", "seasons": [{"episodes": [{"air_date": datetime(1776, 7, 4, tzinfo=UTC)}]}]}
        )
    return project, project.must_run()


def test_good_documents_load_beside_bad_ones(odd: tuple[Project, Run]) -> None:
    project, _ = odd
    assert ids(project) == {
        "M1", OID, "M-null", "M-text", "M-genres", "M-none", "M-bson", "M-keys", "M-deep", "M-long", "M-blank",
        "S1", "S-numbers", "S-many", "L1", "L3", "O-good",
    }  # fmt: skip
    title = "SELECT title, type, release_year, rating FROM processed.content WHERE content_id = %s"
    assert project.rows(title, "M1") == [("Plain", "movie", None, None)]
    assert project.rows(title, "M-null") == [("Nulls", "movie", None, None)]
    assert project.rows(title, "M-text") == [("Text", "movie", 1994, Decimal("4.5"))]
    assert project.rows(title, "M-bson") == [("BSON", "movie", None, Decimal("4.5"))]
    assert project.rows(title, "M-blank") == [("Blanks", "movie", None, None)]
    assert project.rows(title, "O-good") == [("Of another program", "movie", None, Decimal("7.3"))]
    assert project.value("SELECT views_count FROM processed.movie_details WHERE content_id = 'M-bson'") == 2**53 + 1
    assert project.rows("SELECT content_id, genre FROM processed.genres ORDER BY 1, 2") == [
        ("M-genres", "Drama"),
        ("M-genres", "Sci-Fi"),
        ("M-text", "Drama"),
        ("M1", "Crime"),
        ("M1", "Drama"),
    ]


def test_unknown_parts_are_kept_as_extended_json(odd: tuple[Project, Run]) -> None:
    project, _ = odd
    extra = dict(project.rows("SELECT content_id, extra FROM processed.content WHERE extra IS NOT NULL"))
    assert len(extra["M-long"].pop("script")) == 15_000_000
    assert extra == {
        "M-bson": {
            "source": {"$oid": OID},
            "poster": {"$binary": {"base64": "AQI=", "subType": "00"}},
            "like": {"$regularExpression": {"pattern": "^a", "options": "i"}},
            "expires": FAR_DATE,
        },
        "M-keys": {"$price": 1, "a.b": {"$c": 2, "d.e": 3}, "ключ": {"": "خ"}},
        "M-deep": {"deep": nested(90)},
        "M-long": {},
        "O-good": {"at": {"$timestamp": {"t": 1, "i": 2}}},
    }


def test_seasons_and_episodes_of_series(odd: tuple[Project, Run]) -> None:
    project, _ = odd
    assert project.rows("SELECT * FROM processed.seasons ORDER BY 1, 2") == [
        ("S-many", 1, 10_000),
        ("S-numbers", 1, 2),
        ("S1", 1, 8),
        ("S1", 2, 14),
    ]
    assert project.rows("SELECT * FROM processed.episodes WHERE content_id = 'S-numbers' ORDER BY 3") == [
        ("S-numbers", 1, 1, "Pilot", None, date(2024, 5, 1)),
        ("S-numbers", 1, 2, "Second", None, None),
    ]
    many = (
        "SELECT count(*), min(episode_number), max(episode_number) FROM processed.episodes WHERE content_id = 'S-many'"
    )
    assert project.rows(many) == [(10_000, 1, 10_000)]
    finding = (
        "SELECT severity, findings, examples FROM etl.check_results WHERE check_name = 'content/season_count_disagrees'"
    )
    assert project.rows(finding) == [("warn", 1, [{"content_id": "S1", "season_count": 3, "seasons": 2}])]


def test_documents_that_cannot_be_landed_are_rejected(odd: tuple[Project, Run]) -> None:
    project, _ = odd
    movies = [("movies", n, *told) for n, (_, told) in enumerate(NOT_LANDED, start=len(GOOD_MOVIES) + 1)]
    lines = [
        ("movies", 2, "L2", "title", "caf\ufffd", "not valid Unicode text"),
        ("movies", 4, None, None, 'column 22: "t\ufffd', "not JSON: Unterminated string"),
    ]
    assert rejections(project, "land") == [*movies, *lines]
    documents = len([*GOOD_MOVIES, *NOT_LANDED, *BAD_MOVIES, *GOOD_SERIES, *BAD_SERIES])
    assert audited(project, "content.json") == ("loaded", documents, documents - len(NOT_LANDED), len(NOT_LANDED), None)
    assert audited(project, "movies-lines.jsonl.gz") == ("loaded", 4, 2, 2, None)
    assert project.rows("SELECT row FROM etl.rejected_rows WHERE record = 4 AND document_id IS NULL") == [
        ({"_reject_line": '{"content_id": "L4", "t\ufffd'},)
    ]


def test_documents_that_cannot_be_typed_are_rejected_and_stay_in_mongodb(odd: tuple[Project, Run]) -> None:
    project, _ = odd
    found = project.rows(
        """
        SELECT table_name, document_id, column_name, value, reason
        FROM etl.rejected_rows WHERE source IN ('MongoDB movies', 'MongoDB series')
        """
    )
    written_by_others = [
        ("movies", "O-none", "title", None, "title is missing"),
        ("movies", "O-type", "title", "5", "not text"),
        ("movies", "Regex('no id', 0)", "content_id", None, "content_id is missing"),
        ("series", "O-air", "seasons.0.episodes.0.air_date", "1776-07-04", "out of range: 1900-01-01 to 2100-12-31"),
    ]
    movies, series = ([(told) for _, told in bad] for bad in (BAD_MOVIES, BAD_SERIES))
    expected = [*(("movies", *told) for told in movies), *(("series", *told) for told in series), *written_by_others]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert project.value("SELECT row - '_id' FROM etl.rejected_rows WHERE document_id = %s", "B-genre") == {
        "content_id": "B-genre",
        "title": "A",
        "genre": {},
    }
    problems = "SELECT jsonb_path_query_array(problems, '$[*].column') FROM etl.rejected_rows WHERE document_id = %s"
    assert project.value(problems, "B-list") == ["seasons.1", "seasons.2.episodes"]
    with project.mongo() as db:
        assert db.movies.find_one({"_id": "O-none"}) == {
            "_id": "O-none", "content_id": "O-none", "rating": "good",
        }  # fmt: skip
        assert db.movies.find_one({"_id": "O-type"}) == {"_id": "O-type", "title": 5, "rating": 4}


def test_drift_is_reported(odd: tuple[Project, Run]) -> None:
    project, run = odd
    manifest = json.loads((project.folder / "processed" / DAY / "manifest.json").read_text())
    drift = {(each["collection"], each["kind"], each["path"]) for each in manifest["drift"]}
    assert drift == {
        *(("movies", "type changed", path) for path in ("release_year", "rating", "genre")),
        *(("series", "type changed", path) for path in ("seasons", "seasons.episodes.episode_number")),
        *(
            ("movies", "new field", path)
            for path in ("source", "poster", "like", "expires", "$price", "a.b", "ключ", "deep", "script", "at")
        ),
    }
    assert "MongoDB: type changed release_year in movies, such as 1994" in run.output
    assert manifest["collections"] == {"movies": 17 + len(BAD_MOVIES), "series": 4 + len(BAD_SERIES)}


def test_values_reach_mongodb_in_their_types(odd: tuple[Project, Run]) -> None:
    project, _ = odd
    with project.mongo() as db:
        found = db.movies.find_one({"content_id": "M-bson"}, {"_id": 0})
        assert found == {
            "content_id": "M-bson",
            "title": "BSON",
            "rating": Decimal128("4.50"),
            "views_count": Int64(2**53 + 1),
            "source": ObjectId(OID),
            "poster": b"\x01\x02",
            "like": Regex("^a", "i"),
            "expires": FAR_DATE,
        }
        assert db.movies.count_documents({"_id": ObjectId(OID), "content_id": None}) == 1
        assert db.movies.count_documents({"content_id": "M-blank"}) == 1


def test_refused_files_leave_mongodb_and_its_marker_untouched(project: Project) -> None:
    good = {"content_id": "M1", "title": "Good"}
    project.write("a.json", envelope(movies=[good]))
    first = project.task("LoadJsonsToMongo")
    assert first.code == 0, first.output
    with project.mongo() as db:
        before = dump(db), list(db.table_updates.find())
    changed = json.dumps({"content_id": "M1", "title": "Changed"})
    refused = {
        "a.json": (
            f'{{"movies": [{changed},\n  {{"content_id"',
            "cut short (Expecting ':' delimiter) at line 2, column 16",
        ),
        "movies-1.json": (f"[{changed},\n{changed}}}", "not JSON, expecting ',' or ']' at line 2, column 41"),
        "movies-2.jsonl": (f"{changed[:-1]}\n{changed}", "not JSON (Expecting ',' delimiter) at line 2, column 1"),
        "b.json": (f'{{"movies": [{changed}], "next": null}}', "this looks like a page of an API ('next' is no"),
        "movies-6.jsonl": (f"{changed},\n{changed},\n", "commas between documents, but no brackets around them"),
        "movies-7.json": ('{"_id": ObjectId("65f0"), "title": "A"}', "not JSON but the language of MongoDB's shell"),
        "d.json": ("", "the file is empty; deliver it again"),
        "movies-3.json": (
            "[" + ",".join([changed] * 95 + ['{"title": "No id"}'] * 6) + "]",
            "6 of 101 records were rejected, more than the 5% that MAX_REJECT_RATIO allows: content_id is missing (6)",
        ),
    }
    for name, (content, _) in refused.items():
        project.write(name, content)
    project.write("movies-4.json.gz", "[]")
    (project.raw / "movies-5.json.gz").write_bytes((project.raw / "movies-4.json.gz").read_bytes()[:-6])
    project.write("series-good.json", envelope(series=[{"content_id": "S1", "title": "Loads all the same"}]))
    run = project.task("LoadJsonsToMongo")
    assert run.code == 30
    for name, (_, told) in refused.items():
        status, *_, error = audited(project, name)
        assert status == "failed"
        assert f"{name}: {told}" in error
    assert "the gzip file is cut short or corrupt" in audited(project, "movies-5.json.gz")[-1]
    with project.mongo() as db:
        after = dump(db), list(db.table_updates.find())
    [series] = after[0].pop("series")
    assert series["title"] == "Loads all the same"
    assert after[0] == {"movies": before[0]["movies"]}
    marked = {each["_id"] for each in after[1]} - {each["_id"] for each in before[1]}
    assert marked == {"LoadJsonToMongo:series-good.json", "LoadJsonToMongo:movies-4.json.gz"}


def test_every_form_is_read_and_unknown_collections_are_passed_over(project: Project) -> None:
    def title(number: int) -> dict[str, Any]:
        return {"content_id": f"M{number}", "title": "Amélie", "genre": ["Drama"]}

    project.write("movies-pretty.json", "\n".join(json.dumps(title(n), indent=2) for n in (1, 2)))
    project.write("movies-joined.json", "".join(json.dumps(title(n)) for n in (3, 4)))
    project.write("movies-utf16.json", json.dumps([title(5)], ensure_ascii=False).encode("utf-16"))
    project.write("movies-cut.jsonl", f'{json.dumps(title(6))}\n{{"content_id": "M7", "ti')
    project.write_titles("content.json", movies=[title(8)], films=[title(9)])
    project.write("movies_2024.json", json.dumps([title(10)]))
    passed_over = [
        "content.json: unknown collection 'films' passed over (documents in it: 1); known are movies, series",
        "movies_2024.json: passed over, its name gives no known collection; if it is one, name it movies-….json",
    ]
    for _ in range(2):
        run = load_catalogue(project, DAY)
        assert run.code == 0, run.output
        landed = project.task("LoadJsonsToMongo")
        for sentence in passed_over:
            assert sentence in landed.output
    assert ids(project) == {"M1", "M2", "M3", "M4", "M5", "M6", "M8"}
    assert project.rows("SELECT DISTINCT title FROM processed.content") == [("Amélie",)]
    assert rejections(project, "land") == [("movies", 2, None, None, 'column 22: "ti', "not JSON: Unterminated string")]
    status = project.pipeline("status").answer
    assert "unknown collection films in content.json" in status
    assert "unknown collection movies_2024 in movies_2024.json" in status


def test_titles_leave_return_and_change_their_type(project: Project) -> None:
    project.write("users.csv", USERS)
    project.write("viewing_sessions.csv", SESSIONS)
    project.write_titles(
        movies=[
            {"content_id": "M1", "title": "Leaves", "genre": ["Drama"]},
            {"content_id": "M2", "title": "Stays", "duration_minutes": 60},
            {"content_id": "M3", "title": "Becomes a series", "duration_minutes": 60},
        ],
        series=[{"content_id": "S1", "title": "Series", "seasons": 1, "episodes_per_season": [3]}],
    )
    settle(project)
    tables = ("content", "movie_details", "series_details", "genres", "seasons")
    versions = {
        table: project.rows(f"SELECT xmin::text, xmax::text, ctid::text FROM processed.{table}") for table in tables
    }

    # The delivery is withdrawn: that deletes nothing. On another day nothing is rewritten.
    (project.raw / "content.json").unlink()  # the CSV files stay
    again = load_catalogue(project, NEXT_DAY)
    assert again.code == 0, again.output
    assert again.ran == ["ExtractMongoToCsv", "LoadNormalizedJsonsToPostgres"]
    assert versions == {
        table: project.rows(f"SELECT xmin::text, xmax::text, ctid::text FROM processed.{table}") for table in tables
    }

    with project.mongo() as db:
        [removed] = db.movies.find({"content_id": "M1"})
        db.movies.delete_many({"content_id": {"$in": ["M1", "M3"]}})
        db.series.insert_one({"content_id": "M3", "title": "Became a series", "seasons": 2})
    settle(project, THIRD_DAY)
    assert ids(project) == {"M2", "M3", "S1"}
    assert ids(project, "removed_at IS NOT NULL") == {"M1"}
    assert project.rows("SELECT * FROM processed.genres") == []
    assert project.rows("SELECT content_id FROM processed.movie_details") == [("M2",)]
    assert project.rows("SELECT content_id, season_count FROM processed.series_details ORDER BY 1") == [
        ("M3", 2),
        ("S1", 1),
    ]
    assert project.rows("SELECT title, type FROM processed.content WHERE content_id = 'M3'") == [
        ("Became a series", "series")
    ]
    assert project.rows("SELECT session_id FROM processed.viewing_sessions ORDER BY 1") == [("V1",), ("V2",)]
    assert project.rows("SELECT removed FROM trusted.content_summary WHERE content_id = 'M1'") == [(True,)]

    # An emptied collection is more likely a fault than meant.
    with project.mongo() as db:
        db.movies.insert_one(removed)
        series = list(db.series.find())
        db.series.delete_many({})
    refused = load_catalogue(project, "2026-03-05")
    assert refused.code == 30
    assert "2 documents of series are loaded, but their collection in MongoDB has none any more" in refused.output
    assert ids(project) == {"M2", "M3", "S1"}
    meant = load_catalogue(project, "2026-03-05", allow_empty=True)
    assert meant.code == 0, meant.output
    assert ids(project) == {"M1", "M2"}
    assert project.rows("SELECT * FROM processed.genres") == [("M1", "Drama")]
    with project.mongo() as db:
        db.series.insert_many(series)
    back = load_catalogue(project, "2026-03-06")
    assert back.code == 0, back.output
    assert ids(project) == {"M1", "M2", "M3", "S1"}


def test_a_later_delivery_wins_and_keeps_the_id_of_the_document(project: Project) -> None:
    project.write_titles(
        "a.json", movies=[{"content_id": "M1", "title": "Old", "rating": 1}, {"_id": "M2", "title": "Old"}]
    )
    first = project.task("LoadJsonsToMongo")
    assert first.code == 0, first.output
    with project.mongo() as db:
        kept = db.movies.find_one({"content_id": "M1"}, {"_id": 1})
        assert kept is not None
    titles = [{"content_id": "M1", "title": f"New {n}"} for n in range(1500)]  # more than one batch
    others = [{"content_id": f"N{n}", "title": "Other"} for n in range(1500)]
    both = [title for pair in zip(titles, others, strict=True) for title in pair]
    project.write_titles("b.json", movies=[*both, {"_id": "M2", "title": "New"}, {"_id": "S", "title": "By _id"}])
    # Into an empty collection documents are inserted; the same key in a later batch must win there too.
    project.write_titles("c.json", series=[*both, {"content_id": "M1", "title": "Last", "$x": 1}])
    second = project.task("LoadJsonsToMongo")
    assert second.code == 0, second.output
    with project.mongo() as db:
        assert db.movies.find_one({"content_id": "M1"}) == {**kept, "content_id": "M1", "title": "New 1499"}
        assert db.movies.find_one({"_id": "M2"}) == {"_id": "M2", "title": "New"}
        assert db.movies.count_documents({}) == 1503
        assert db.series.find_one({"content_id": "M1"}, {"_id": 0}) == {"content_id": "M1", "title": "Last", "$x": 1}
        assert db.series.count_documents({}) == 1501


def test_existing_collections_are_brought_up_to_date_and_never_dropped(project: Project) -> None:
    with project.mongo() as db:
        db.movies.insert_many([{"_id": 1, "title": 5}, {"content_id": "M1", "title": "Found here"}])
        before = list(db.movies.find())
    run = project.task("CreateMongodbCollections")
    assert run.code == 0, run.output
    with project.mongo() as db:
        assert list(db.movies.find()) == before
        for name in ("movies", "series"):
            rules = db[name].options()
            assert rules["validator"]["$jsonSchema"]["required"] == ["title"]
            assert (rules["validationLevel"], rules["validationAction"]) == ("moderate", "warn")
            index = db[name].index_information()["content_id_key"]
            assert index["unique"] is True
            assert index["partialFilterExpression"] == {"content_id": {"$gt": ""}}


def test_the_words_of_mongodb(project: Project) -> None:
    with project.mongo() as db:
        db.movies.create_index("title", unique=True)  # another program's idea
    project.write_titles("a.json", movies=[{"content_id": f"M{n}", "title": "The same"} for n in range(2)])
    run = project.task("LoadJsonsToMongo")
    assert run.code == 30
    status, *_, error = audited(project, "a.json")
    assert status == "failed"
    assert error.startswith(f"MongoError: MongoDB (embedded/{project.env['MONGO_DB']}) refused: ")
    assert "E11000 duplicate key" in error
    assert len(error) < 500


def test_too_many_bad_documents_in_mongodb_stop_the_load(project: Project) -> None:
    project.write_titles(movies=[{"content_id": f"M{n}", "title": "Good"} for n in range(95)])
    first = load_catalogue(project, DAY)
    assert first.code == 0, first.output
    with project.mongo() as db:
        db.movies.insert_many([{"_id": f"X{n}"} for n in range(6)])
    run = load_catalogue(project, NEXT_DAY)
    assert run.code == 30
    assert "MongoDB: 6 of 101 records were rejected, more than the 5%" in run.output
    assert "title is missing (6)" in run.output
    assert len(ids(project)) == 95
    assert len(rejections(project, "load")) == 6
    taken = load_catalogue(project, NEXT_DAY, MAX_REJECT_RATIO="0.1")
    assert taken.code == 0, taken.output
    assert len(rejections(project, "load")) == 6


def test_a_share_of_bad_documents_exactly_at_the_limit_is_allowed(project: Project) -> None:
    good = [{"content_id": f"M{n}", "title": "Good"} for n in range(71)]
    project.write_titles(movies=[*good, *({"title": f"B{n}"} for n in range(29))])
    landed = project.task("LoadJsonToMongo", "--path", "content.json", MAX_REJECT_RATIO="0.29")
    assert landed.code == 0, landed.output
    with project.mongo() as db:
        db.movies.insert_many([{"_id": f"X{n}"} for n in range(29)])
    taken = load_catalogue(project, DAY, MAX_REJECT_RATIO="0.29")
    assert taken.code == 0, taken.output
    assert len(ids(project)) == 71

"""Flattening documents: which document gives which rows of text, and what is said of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract.mapping import checked, columns_of, mappings
from pipeline.contract.table import Column, Reference, Table
from pipeline.documents.cells import Drift, Flattened, Problem
from pipeline.documents.collections import validator_of
from pipeline.documents.extended_json import extended_json, shown
from pipeline.documents.flatten import Flattener

OUT_OF_PYTHON_RANGE = DatetimeMS(10**17)


def table(name: str, columns: dict[str, str], key: tuple[str, ...], parent: str = "", inherited: int = 1) -> Table:
    """Return a table of columns whose type ends with an exclamation mark where they are required."""
    own = tuple(Column(column, kind.rstrip("!"), kind.endswith("!")) for column, kind in columns.items())
    references = (Reference("fkey", key[:inherited], parent, key[:inherited]),) if parent else ()
    return Table(name, own, key, references)


TITLE = {"content_id": "text!", "title": "text!", "type": "text!", "release_year": "smallint"}
TITLE |= {"rating": "numeric(3,1)", "production_budget": "numeric(15,2)", "extra": "jsonb"}
EPISODE = {"content_id": "text!", "season_number": "integer!", "episode_number": "integer!"}
EPISODE |= {"title": "text", "duration_minutes": "integer", "air_date": "date"}
SEASON = {"content_id": "text!", "season_number": "integer!", "episode_count": "integer!"}
MOVIE = {"content_id": "text!", "duration_minutes": "integer", "views_count": "bigint"}
SERIES = {"content_id": "text!", "season_count": "integer", "avg_episode_duration": "numeric(6,1)"}
ID = ("content_id",)
TABLES = {
    each.name: each
    for each in (
        table("content", {**TITLE, "removed_at": "timestamp with time zone"}, ID),
        table("movie_details", MOVIE, ID, "content"),
        table("series_details", {**SERIES, "total_views": "bigint"}, ID, "content"),
        table("genres", {"content_id": "text!", "genre": "text!"}, (*ID, "genre"), "content"),
        table("seasons", SEASON, (*ID, "season_number"), "content"),
        table("episodes", EPISODE, (*ID, "season_number", "episode_number"), "seasons", inherited=2),
    )
}
FLATTENERS = {name: Flattener(checked(mapping, TABLES), TABLES) for name, mapping in mappings().items()}


def movie(**changes: object) -> Flattened:
    return FLATTENERS["movies"]({"content_id": "M1", "title": "A"} | changes)


def series(**changes: object) -> Flattened:
    return FLATTENERS["series"]({"content_id": "S1", "title": "A"} | changes)


def rows(flat: Flattened, name: str) -> list[tuple[Any, ...]]:
    """The rows of a table, each with its path, without the number of the document."""
    return [row[1:] for row in flat.rows.get(name, [])]


def cell(flat: Flattened, column: str) -> Any:
    """The cell of a column of a table that has one row for a document."""
    for name in ("content", "movie_details", "series_details"):
        if column in columns_of(TABLES[name]) and name in flat.rows:
            return flat.rows[name][0][columns_of(TABLES[name]).index(column) + 2]
    raise KeyError(column)


def extra(flat: Flattened) -> Any:
    return json.loads(cell(flat, "extra"))


# Rows


def test_a_movie_gives_its_rows() -> None:
    flat = FLATTENERS["movies"](
        {
            "_id": ObjectId(),
            "content_id": "M001",
            "title": "Advanced World",
            "genre": ["Sci-Fi", "Horror"],
            "duration_minutes": 179,
            "release_year": 2020,
            "rating": 3.5,
            "views_count": Int64(66721),
            "production_budget": 220088717,
        },
        7,
    )
    assert flat.rows == {
        "content": [(7, "", "M001", "Advanced World", "movie", "2020", "3.5", "220088717", None)],
        "movie_details": [(7, "", "M001", "179", "66721")],
        "genres": [(7, "genre.0", "M001", "Sci-Fi"), (7, "genre.1", "M001", "Horror")],
    }
    assert (flat.problems, flat.drift) == ([], [])


def test_counted_seasons() -> None:
    flat = series(seasons=2, episodes_per_season=[8, 14])
    assert cell(flat, "season_count") == "2"
    assert rows(flat, "seasons") == [
        ("episodes_per_season.0", "S1", "1", "8"),
        ("episodes_per_season.1", "S1", "2", "14"),
    ]


def test_embedded_seasons() -> None:
    seasons = [
        {
            "season_number": 1,
            "episodes": [
                {"episode_number": 1, "title": "Pilot", "duration_minutes": 52, "air_date": "2024-05-01"},
                {"title": " ", "air_date": datetime(2024, 5, 8, 20, 15, tzinfo=UTC)},
            ],
        },
        {"season_number": 0, "episode_count": 3},
        {},
    ]
    flat = series(seasons=seasons)
    assert cell(flat, "season_count") == "3"
    assert rows(flat, "seasons") == [
        ("seasons.0.", "S1", "1", "2"),
        ("seasons.1.", "S1", "0", "3"),
        ("seasons.2.", "S1", "3", "0"),
    ]
    assert rows(flat, "episodes") == [
        ("seasons.0.episodes.0.", "S1", "1", "1", "Pilot", "52", "2024-05-01"),
        ("seasons.0.episodes.1.", "S1", "1", "2", " ", None, "2024-05-08"),
    ]
    assert cell(series(seasons=[]), "season_count") == "0"
    assert cell(series(), "season_count") is None


def test_missing_and_null_fields_are_null() -> None:
    nothing = dict.fromkeys(["genre", "release_year", "rating", "views_count"])
    for flat in (movie(), movie(**nothing)):
        assert rows(flat, "content") == [("", "M1", "A", "movie", None, None, None, None)]
        assert rows(flat, "genres") == []
        assert (flat.problems, flat.drift) == ([], [])


# Keys


@pytest.mark.parametrize(
    ("object_id", "key"),
    [
        (ObjectId("65a000000000000000000001"), "65a000000000000000000001"),
        ("abc", "abc"),
        (42, "42"),
        (Int64(42), "42"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Binary.from_uuid(UUID(int=1)), "00000000-0000-0000-0000-000000000001"),
        *((unusable, None) for unusable in (None, True, 1.5, {"a": 1}, b"x", Binary(b"x", 4))),
    ],
)
def test_the_id_is_the_key_where_there_is_no_other(object_id: object, key: str | None) -> None:
    for absent in ({}, {"content_id": None}):
        flat = FLATTENERS["movies"]({"_id": object_id, "title": "A", **absent})
        assert rows(flat, "movie_details") == [("", key, None, None)]
        assert flat.drift == []


# Values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1994, "1994"),
        (1994.0, "1994.0"),
        ("1994", "1994"),
        (Int64(1994), "1994"),
        (Decimal128("1994.50"), "1994.50"),
        (Decimal128("1E+3"), "1000"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_numbers_are_written_without_exponents(value: object, text: str) -> None:
    assert cell(movie(rating=value), "rating") == text


@pytest.mark.parametrize(
    ("flat", "problem"),
    [
        (lambda: movie(title=5), Problem("title", "5", "not text")),
        (lambda: movie(title="a\0b"), Problem("title", "a\ufffdb", "contains a NUL character")),
        (lambda: movie(title="a\ud800"), Problem("title", "a\ufffd", "not valid Unicode text")),
        (lambda: movie(genre=["a\0"]), Problem("genre.0", "a\ufffd", "contains a NUL character")),
        (lambda: movie(genre={}), Problem("genre", "{}", "not a list")),
        (lambda: movie(genre=5), Problem("genre", "5", "not a list")),
        (lambda: movie(genre=["Drama", 5]), Problem("genre.1", "5", "not text")),
        (lambda: movie(rating=True), Problem("rating", "True", "not a number")),
        (lambda: movie(rating=[1]), Problem("rating", "[1]", "not a number")),
        (lambda: movie(rating=b"1"), Problem("rating", "b'1'", "not a number")),
        (lambda: series(seasons={"a": 1}), Problem("seasons", "{'a': 1}", "not a list")),
        (lambda: series(seasons=[None]), Problem("seasons.0", None, "seasons.0 is missing")),
        (lambda: series(seasons=[3]), Problem("seasons.0", "3", "not a document")),
        (lambda: series(seasons=[{"episodes": {}}]), Problem("seasons.0.episodes", "{}", "not a list")),
        (
            lambda: series(seasons=[{"episodes": [{"air_date": OUT_OF_PYTHON_RANGE}]}]),
            Problem("seasons.0.episodes.0.air_date", shown(OUT_OF_PYTHON_RANGE), "not an ISO date (YYYY-MM-DD)"),
        ),
        (lambda: series(episodes_per_season=8), Problem("episodes_per_season", "8", "not a list")),
        (
            lambda: series(episodes_per_season=[8, None]),
            Problem("episodes_per_season.1", None, "episodes_per_season.1 is missing"),
        ),
    ],
)
def test_what_has_the_wrong_shape_is_told_with_its_path(flat: Any, problem: Problem) -> None:
    assert flat().problems == [problem]


@pytest.mark.parametrize(
    ("genre", "genres"),
    [
        ("Drama", ["Drama"]),
        ([], []),
        ([None, "", " "], []),
        (["Sci-Fi", "SCI-FI", " sci-fi ", "Drama"], ["Sci-Fi", "Drama"]),
    ],
)
def test_labels_appear_once(genre: object, genres: list[str]) -> None:
    assert [row[-1] for row in rows(movie(genre=genre), "genres")] == genres


# Drift and extra


def test_text_where_another_type_belongs_is_reported() -> None:
    flat = movie(release_year="1994", rating=Decimal128("4.5"), genre="Drama")
    assert flat.drift == [Drift("release_year", "type changed", "1994"), Drift("genre", "type changed", "Drama")]
    episodes = [{"duration_minutes": "50", "x": 1}]
    assert series(seasons=[{"episodes": episodes}]).drift == [
        Drift("seasons.episodes.duration_minutes", "type changed", "50"),
        Drift("seasons.episodes.x", "new field", "1"),
    ]


def test_unknown_fields_are_kept_in_their_order_and_reported() -> None:
    flat = movie(_id=1, director="Jane", type="film", extra=1, **{"a.b": 1, "$c": None, "ключ": {"d": 1.5}})
    assert cell(flat, "extra") == (
        '{"director": "Jane", "type": "film", "extra": 1, "a.b": 1, "$c": null, "ключ": {"d": 1.5}}'
    )
    assert [drift.path for drift in flat.drift] == ["director", "type", "extra", "a.b", "$c", "ключ"]
    assert {drift.kind for drift in flat.drift} == {"new field"}
    assert cell(flat, "type") == "movie"
    assert extra(movie(seasons=3)) == {"seasons": 3}


def test_unknown_fields_of_seasons_and_episodes_keep_their_numbers() -> None:
    seasons = [{"season_number": 1}, {"director": "J", "episodes": [{"title": "a"}, {"title": "b", "guests": ["C"]}]}]
    assert extra(series(seasons=seasons)) == {
        "seasons": [{"season_number": 2, "director": "J", "episodes": [{"episode_number": 2, "guests": ["C"]}]}]
    }


def test_counts_that_contradict_embedded_seasons_are_kept() -> None:
    flat = series(episodes_per_season=[9], seasons=[{"episode_count": 8}])
    assert rows(flat, "seasons") == [("seasons.0.", "S1", "1", "8")]
    assert extra(flat) == {"episodes_per_season": [9]}
    assert flat.drift == [Drift("episodes_per_season", "not used", "[9]")]
    assert series(seasons=[{"episode_count": 8}], episodes_per_season=[8]).drift == []


def test_bson_types_are_kept_as_extended_json() -> None:
    values = {
        "object_id": ObjectId("65a000000000000000000001"),
        "binary": Binary(b"1"),
        "uuid": UUID(int=1),
        "regex": Regex("a", "i"),
        "code": Code("f()", {"x": 1}),
        "decimal": Decimal128("1.50"),
        "long": Int64(5),
        "nan": float("nan"),
        "infinite": float("-inf"),
        "timestamp": Timestamp(1, 2),
        "keys": [MinKey(), MaxKey()],
        "date": datetime(2024, 5, 1),
        "far": OUT_OF_PYTHON_RANGE,
        "note": "a\0b\\u0000",
        "k\0": "\udc00",
    }
    flat = movie(**values)
    assert extra(flat) == {
        "object_id": {"$oid": "65a000000000000000000001"},
        "binary": {"$binary": {"base64": "MQ==", "subType": "00"}},
        "uuid": {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAQ==", "subType": "04"}},
        "regex": {"$regularExpression": {"pattern": "a", "options": "i"}},
        "code": {"$code": "f()", "$scope": {"x": 1}},
        "decimal": {"$numberDecimal": "1.50"},
        "long": 5,
        "nan": {"$numberDouble": "NaN"},
        "infinite": {"$numberDouble": "-Infinity"},
        "timestamp": {"$timestamp": {"t": 1, "i": 2}},
        "keys": [{"$minKey": 1}, {"$maxKey": 1}],
        "date": {"$date": "2024-05-01T00:00:00Z"},
        "far": {"$date": {"$numberLong": "100000000000000000"}},
        "note": "a\ufffdb\\u0000",
        "k\ufffd": "\ufffd",
    }
    assert flat.drift[-1][:2] == ("extra", "text cleaned")


# Whatever a document holds

NAMES = ["_id", "content_id", "title", "genre", "release_year", "rating", "seasons", "episodes_per_season", "type"]
NAMES += ["season_number", "episode_count", "episodes", "episode_number", "air_date", "duration_minutes"]
text = st.text(st.characters(codec=None, exclude_categories=()), max_size=6)
scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from(["NaN", "-Infinity", "1E+6000", "4.50"]).map(Decimal128),
    text,
    st.datetimes(),
    st.binary(max_size=3).map(Binary),
)
values = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | text, inner, max_size=5),
    max_leaves=12,
)
season = st.fixed_dictionaries(
    {},
    optional={
        "season_number": scalar,
        "episodes": st.lists(st.dictionaries(st.sampled_from(NAMES), scalar)),
        "x": values,
    },
)
documents = st.dictionaries(st.sampled_from(NAMES) | text, values) | st.fixed_dictionaries(
    {"content_id": st.just("M1"), "title": text}, optional={"seasons": st.lists(season, max_size=3), "unknown": values}
)


def texts(value: object) -> Iterator[str]:
    """All texts and keys in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (name, *texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["movies", "series"]), documents)
def test_any_document_gives_rows_of_text_or_says_what_is_wrong(collection: str, document: dict[str, Any]) -> None:
    flat = FLATTENERS[collection](document, 3)
    assert flat == FLATTENERS[collection](document, 3)
    for name, found in flat.rows.items():
        for number, path, *cells in found:
            assert (number, path) == (3, path)
            assert len(cells) == len(columns_of(TABLES[name]))
            for each in cells:
                assert each is None or ("\0" not in each and shown(each)[:9] == each[:9])
    for problem in flat.problems:
        assert all(part is None or part == shown(part) for part in problem)
    kept = json.loads(cell(flat, "extra") or "{}")
    assert all(each == shown(each) for each in texts(kept) if len(each) < 100)
    for name in document.keys() - {*NAMES}:
        if name == shown(name):
            assert kept[name] == json.loads(extended_json(document[name]))


# The validator of MongoDB


def bson_type(value: object) -> str:
    kinds = {str: "string", float: "double", Decimal128: "decimal", type(None): "null", list: "array"}
    kinds |= {bool: "bool", dict: "object", datetime: "date", int: "long", Int64: "long"}
    return kinds.get(type(value), "other")


def passes(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value satisfies a `$jsonSchema` of the keywords that the validators use."""
    assert schema.keys() <= {"bsonType", "description", "properties", "required", "items"}
    kind, allowed = bson_type(value), schema.get("bsonType")
    if allowed is not None and kind not in ([allowed] if isinstance(allowed, str) else allowed):
        return False
    if kind == "array":
        return all(passes(schema.get("items", {}), item) for item in value)
    if kind == "object":
        fields = schema.get("properties", {})
        return all(name in value for name in schema.get("required", ())) and all(
            passes(field, value[name]) for name, field in fields.items() if name in value
        )
    return True


VALIDATORS = {name: validator_of(mapping, TABLES) for name, mapping in mappings().items()}


def test_the_validator_says_what_the_tables_say() -> None:
    schema = VALIDATORS["series"]
    assert schema["required"] == ["title"]
    assert schema["properties"]["title"] == {"bsonType": "string"}
    assert schema["properties"]["content_id"] == {"bsonType": ["string", "null"]}
    assert schema["properties"]["genre"] == {
        "bsonType": ["array", "null", "string"],
        "items": {"bsonType": ["string", "null"]},
    }
    assert not passes(schema, {"content_id": "S1"})
    assert not passes(schema, {"title": "A", "rating": []})
    assert not passes(schema, {"title": "A", "seasons": [{"episodes": [{"title": 5}]}]})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["movies", "series"]), documents)
def test_what_has_the_right_shape_passes_the_validator(collection: str, document: dict[str, Any]) -> None:
    if isinstance(document.get("title"), str) and not FLATTENERS[collection](document).problems:
        assert passes(VALIDATORS[collection], document)

"""What holds for any document, and how the MongoDB validator relates to the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64
from bson.datetime_ms import DatetimeMS
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from pipeline.documents.contract import COLLECTIONS, FIELDS, mongo_validator
from pipeline.documents.normalizer import TABLES, DocumentError, extended_json, normalize, shown
from pipeline.documents.plain import plain_values

# The MongoDB validator

SUPPORTED = {"bsonType", "required", "properties", "items", "minimum", "maximum", "anyOf", "description"}


def keywords(schema: Mapping[str, Any]) -> set[str]:
    """All keywords of a schema and of the schemas in it."""
    found = set(schema)
    nested = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    nested += [schema["items"]] if "items" in schema else []
    return found.union(*(keywords(each) for each in nested))


def bson_type(value: object) -> str:
    kinds = {str: "string", float: "double", Decimal128: "decimal", type(None): "null", list: "array"}
    kinds |= {bool: "bool", dict: "object", datetime: "date", DatetimeMS: "date", int: "long", Int64: "long"}
    return kinds.get(type(value), "other")


def passes(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value satisfies a `$jsonSchema`, by MongoDB's rules for the keywords above."""
    kind, allowed = bson_type(value), schema.get("bsonType")
    if allowed is not None and kind not in ([allowed] if isinstance(allowed, str) else allowed):
        return False
    if "anyOf" in schema and not any(passes(option, value) for option in schema["anyOf"]):
        return False
    if kind in {"long", "double", "decimal"}:
        number = value.to_decimal() if isinstance(value, Decimal128) else value
        return bool(schema.get("minimum", number) <= number <= schema.get("maximum", number))
    if kind == "array":
        return all(passes(schema.get("items", {}), item) for item in value)
    if kind == "object":
        fields = schema.get("properties", {}).items()
        return all(name in value for name in schema.get("required", ())) and all(
            passes(field, value[name]) for name, field in fields if name in value
        )
    return True


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_validator_uses_only_keywords_mongodb_supports(collection: str) -> None:
    assert keywords(mongo_validator(collection)["$jsonSchema"]) == SUPPORTED - (
        {"anyOf"} if collection == "movies" else set()
    )


def test_the_validator_of_movies_says_what_the_contract_says() -> None:
    schema = mongo_validator("movies")["$jsonSchema"]
    assert schema["required"] == ["title"]
    assert schema["properties"]["title"] == {"bsonType": "string", "description": "Title as shown."}
    assert schema["properties"]["rating"] == {
        "bsonType": ["int", "long", "double", "decimal", "string", "null"],
        "minimum": 0,
        "maximum": 10,
        "description": "Rating, 0 to 10.",
    }


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("movies", {"content_id": "M1"}),
        ("movies", {"title": 5}),
        ("movies", {"title": "A", "rating": 10.5}),
        ("movies", {"title": "A", "genre": {}}),
        ("series", {"title": "A", "seasons": True}),
        ("series", {"title": "A", "seasons": [{"episodes": [{"duration_minutes": 0}]}]}),
    ],
)
def test_the_validator_finds_documents_against_the_contract(collection: str, document: dict[str, object]) -> None:
    assert not passes(mongo_validator(collection)["$jsonSchema"], document)


# Properties that hold for any document

NAMES = sorted({name for contract in COLLECTIONS.values() for name in FIELDS[contract]})
EMBEDDED = ["season_number", "episode_count", "episodes", "episode_number", "title", "air_date"]
text = st.text(st.characters(codec=None, exclude_categories=()), max_size=6)
number = st.one_of(
    st.integers(-5, 60),
    st.integers(),
    st.floats(),
    st.floats(0, 10),
    st.integers(0, 10**4).map(str),
    st.decimals(-(10**15), 10**15, places=3).map(Decimal128),
    st.sampled_from(["NaN", "-Infinity", "1E+6000", "1E-6000"]).map(Decimal128),
)
scalar = st.one_of(
    st.none(),
    st.booleans(),
    number,
    text,
    st.dates().map(str),
    st.datetimes(),
    st.binary(max_size=3).map(Binary),
)
values = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from([*NAMES, *EMBEDDED]) | text, inner, max_size=5),
    ),
    max_leaves=12,
)
episode = st.fixed_dictionaries(
    {},
    optional={
        "episode_number": st.none() | st.integers(0, 9),
        "title": st.none() | text,
        "duration_minutes": number,
        "air_date": st.dates(date(1890, 1, 1), date(2110, 1, 1)).map(str) | st.datetimes(),
        "guests": values,
    },
)
season = st.fixed_dictionaries(
    {},
    optional={"season_number": st.integers(0, 9), "episodes": st.lists(episode, max_size=3), "note": values},
)
plausible = st.fixed_dictionaries(
    {"content_id": st.sampled_from(["M1", " M1 ", "é"]), "title": st.text("ab \n'", min_size=1)},
    optional={
        "genre": st.lists(st.sampled_from(["Drama", "drama", "Crime", None, ""])) | text,
        "release_year": st.integers(1870, 2100) | st.integers(1870, 2100).map(str),
        "rating": st.floats(0, 10),
        "production_budget": st.floats(0, 1e13),
        "views_count": number,
        "seasons": st.integers(0, 20) | st.lists(season, max_size=3),
        "episodes_per_season": st.lists(st.integers(0, 30), max_size=3),
        "avg_episode_duration": st.floats(0, 1e5),
        "unknown": values,
        "": values,
    },
)
documents = st.one_of(
    plausible,
    st.builds(
        lambda base, other: {**base, **other},
        plausible,
        st.dictionaries(st.sampled_from(NAMES) | text, values),
    ),
    values,
)
collections = st.sampled_from(sorted(COLLECTIONS))


def whole(low: int, high: int, value: object) -> bool:
    return type(value) is int and low <= value <= high


def scaled(scale: int, low: str, high: str, value: object) -> bool:
    return (
        isinstance(value, Decimal)
        and value.as_tuple().exponent == -scale
        and Decimal(low) <= value <= Decimal(high)
        and not (value.is_zero() and value.is_signed())
    )


def parsed(extra: str) -> Any:
    """The value of JSON text, which must hold nothing that is not JSON, as `NaN`."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(extra, parse_constant=refuse)


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


def storable(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value and value == shown(value)


COLUMNS = {
    "content_id": lambda value: storable(value) and len(value.encode()) <= 512,
    "genre": lambda value: storable(value) and len(value.encode()) <= 512,
    "title": storable,
    "type": lambda value: value in {"movie", "series"},
    "release_year": lambda value: whole(1870, 2100, value),
    "rating": lambda value: scaled(1, "0", "10", value),
    "production_budget": lambda value: scaled(2, "0", "9999999999999.99", value),
    "avg_episode_duration": lambda value: scaled(1, "0.1", "99999.9", value),
    "duration_minutes": lambda value: whole(1, 2**31 - 1, value),
    "views_count": lambda value: whole(0, 2**63 - 1, value),
    "total_views": lambda value: whole(0, 2**63 - 1, value),
    "season_count": lambda value: whole(0, 2**31 - 1, value),
    "season_number": lambda value: whole(0, 2**31 - 1, value),
    "episode_count": lambda value: whole(0, 2**31 - 1, value),
    "episode_number": lambda value: whole(0, 2**31 - 1, value),
    "air_date": lambda value: type(value) is date and date(1900, 1, 1) <= value <= date(2100, 12, 31),
    "extra": lambda value: all(text == shown(text) for text in texts(parsed(value))),
}
REQUIRED = {
    "content": {"content_id", "title", "type"},
    "genres": {"content_id", "genre"},
    "seasons": {"content_id", "season_number", "episode_count"},
    "episodes": {"content_id", "season_number", "episode_number"},
}
KEYS = {"genres": 2, "seasons": 2, "episodes": 3}


@settings(max_examples=400, deadline=None)
@given(collections, documents)
def test_any_document_gives_rows_that_fit_or_says_what_is_wrong(collection: str, document: object) -> None:
    try:
        normalized = normalize(collection, document)
    except DocumentError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.reason == shown(problem.reason)
            assert "Input should" not in problem.reason
            assert problem.value is None or problem.value == shown(problem.value)
        return
    assert isinstance(document, dict)
    assert normalized == normalize(collection, document)
    for table, rows in normalized.rows.items():
        for row in rows:
            assert row[0] == normalized.content_id
            for name, value in zip(TABLES[table], row, strict=True):
                if value is None:
                    assert name not in REQUIRED.get(table, {"content_id"})
                else:
                    assert COLUMNS[name](value), (name, value)
        if table in KEYS:
            assert len({row[: KEYS[table]] for row in rows}) == len(rows)
        else:
            assert len(rows) == 1
    assert {row[1] for row in normalized.rows.get("episodes", [])} <= {
        row[1] for row in normalized.rows.get("seasons", [])
    }


@settings(max_examples=300, deadline=None)
@example("movies", {"content_id": "M1", "title": "A", "seasons": [1], "episodes": [{}]})
@given(collections, plausible)
def test_every_unknown_field_is_in_extra_and_reported(collection: str, document: dict[str, Any]) -> None:
    unknown = [name for name in document if name not in FIELDS[COLLECTIONS[collection]]]
    try:
        normalized = normalize(collection, document)
    except DocumentError:
        return
    kept = parsed(normalized.rows["content"][0][TABLES["content"].index("extra")] or "{}")
    for name in unknown:
        assert kept[name] == parsed(extended_json(document[name]))
    assert {drift.path for drift in normalized.drift if drift.kind == "new field"} >= set(unknown)
    if collection == "series" and isinstance(document.get("seasons"), list):
        parts = {part["season_number"]: part for part in kept.get("seasons", [])}
        for position, each in enumerate(document["seasons"], start=1):
            if "note" in each:
                part = parts[each.get("season_number", position)]
                assert part["note"] == parsed(extended_json(each["note"]))


@settings(max_examples=300, deadline=None)
@given(collections, documents)
def test_what_normalizes_passes_the_mongodb_validator(collection: str, document: object) -> None:
    try:
        normalize(collection, document)
    except DocumentError:
        return
    assert passes(mongo_validator(collection)["$jsonSchema"], document)


NO_UNICODE = {"\ud800": None}  # a name that only the lenient reading takes


def outcome(collection: str, document: Mapping[str, Any]) -> object:
    """Rows without `extra`, and what drifted besides the name above; or all problems."""
    try:
        normalized = normalize(collection, document)
    except DocumentError as error:
        return error.problems
    rows = {table: [row[: TABLES["content"].index("extra")] for row in rows] for table, rows in normalized.rows.items()}
    return rows, [drift for drift in normalized.drift if drift.path not in {"\ufffd", "extra"}]


@settings(max_examples=300, deadline=None)
@example("movies", {"content_id": "M1", "title": "a", "genre": ""})
@given(collections, plausible | documents.filter(lambda document: isinstance(document, dict)))
def test_the_strict_and_the_lenient_reading_of_a_document_agree(collection: str, document: Any) -> None:
    assert outcome(collection, document) == outcome(collection, document | NO_UNICODE)


# Documents that are as they should be, and with one value that may not be

good_text = st.text("aéβ", min_size=1, max_size=3)
good_whole = st.none() | st.integers(1, 9) | st.sampled_from([Int64(9), 2**31 - 1])
good_decimal = st.none() | st.floats(0.1, 10) | st.integers(1, 10)
good_episodes = st.lists(
    st.fixed_dictionaries(
        {"episode_number": st.integers(0, 9)},
        optional={
            "title": st.none() | good_text,
            "duration_minutes": good_whole,
            "air_date": st.none() | st.dates(date(1900, 1, 1), date(2100, 12, 31)).map(str),
        },
    ),
    max_size=3,
    unique_by=lambda each: each["episode_number"],
)
good_seasons = st.lists(
    st.fixed_dictionaries(
        {"season_number": st.integers(0, 9)},
        optional={"episode_count": good_whole, "episodes": st.none() | good_episodes},
    ),
    max_size=3,
    unique_by=lambda each: str(each["season_number"]),
)
good = {
    "_id": values,
    "content_id": good_text,
    "title": good_text,
    "genre": st.none() | st.lists(st.sampled_from(["Drama", "drama"]) | good_text, max_size=3),
    "release_year": st.none() | st.integers(1870, 2100),
    "rating": good_decimal,
    "production_budget": good_decimal,
    "duration_minutes": good_whole,
    "views_count": good_whole,
    "seasons": good_whole | good_seasons,
    "episodes_per_season": st.none() | st.lists(st.integers(0, 9), max_size=3),
    "avg_episode_duration": good_decimal,
    "total_views": good_whole,
}
doubtful_text = st.text("aé \t\x1c\x85\xa0\u200b\ufeff\u3000\ud800\0", max_size=3)
doubtful = st.one_of(
    st.sampled_from(
        [-1, 0, 1869, 2101, 2**31, 2**63, True, 1.0, -0.0, 10.04, 10.06, float("nan"), "1899-12-31", "1900-1-1"]
    ),
    st.floats(),
    doubtful_text,
    st.lists(doubtful_text, max_size=2),
    st.lists(st.fixed_dictionaries({"season_number": st.integers(0, 1)}), max_size=2),
    st.builds(lambda title: [{"season_number": 1, "episodes": [{"episode_number": 1, "title": title}]}], doubtful_text),
    values,
)


@st.composite
def nearly_plain(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A collection and a document of it, which is mostly as it should be."""
    collection = draw(collections)
    fields = {name: good[name] for name in [*COLLECTIONS[collection].__annotations__, "_id"]}
    required = {name: fields.pop(name) for name in ("content_id", "title")}
    document = draw(st.fixed_dictionaries(required, optional=fields))
    change = draw(st.none() | st.sampled_from([*required, *fields]))
    return collection, document if change is None else document | {change: draw(doubtful)}


@settings(max_examples=300, deadline=None)
@given(nearly_plain())
def test_what_is_read_as_plain_is_read_the_same_as_with_a_field_that_takes_a_closer_look(
    nearly: tuple[str, dict[str, Any]],
) -> None:
    collection, document = nearly
    is_plain = plain_values(collection, document) is not None
    event(f"plain: {is_plain}")
    if not is_plain:
        return
    closer = {**document, "unknown": 1}
    assert plain_values(collection, closer) is None
    plain, known = normalize(collection, document), normalize(collection, closer)
    without_extra = [row[: TABLES["content"].index("extra")] for row in known.rows["content"]]
    assert plain.rows == {**known.rows, "content": [(*row, None) for row in without_extra]}
    assert [type(value) for row in plain.rows["content"] for value in row] == [
        type(value) for row in without_extra for value in (*row, None)
    ]
    assert plain.drift == []
    assert [drift.path for drift in known.drift] == ["unknown"]
    assert plain.content_id == known.content_id


PLAIN_EPISODE = {"episode_number": 1, "title": "Pilot", "duration_minutes": 55, "air_date": "2002-06-02"}
PLAIN: dict[str, dict[str, Any]] = {
    "movies": {
        **{"_id": 1, "content_id": "M1", "title": "Metrópolis", "genre": ["Drama", "drama"], "release_year": 1927},
        **{"rating": 8, "production_budget": 1.25e6, "duration_minutes": 153, "views_count": 2**40},
    },
    "series": {
        **{"content_id": "S1", "title": "The Wire", "genre": None, "avg_episode_duration": 55.5, "total_views": 5},
        "seasons": [{"season_number": 1, "episode_count": None, "episodes": [PLAIN_EPISODE]}, {"season_number": 2}],
    },
}


@pytest.mark.parametrize("collection", PLAIN)
def test_documents_as_they_should_be_are_plain(collection: str) -> None:
    assert plain_values(collection, PLAIN[collection]) is not None


@pytest.mark.parametrize(
    ("collection", "change"),
    [
        ("movies", {"title": " Metropolis"}),
        ("movies", {"title": "Metropolis\u200b"}),
        ("movies", {"title": "Metro\0polis"}),
        ("movies", {"title": "Metro\ud800polis"}),
        ("movies", {"title": ""}),
        ("movies", {"title": None}),
        ("movies", {"content_id": None}),
        ("movies", {"content_id": "M" * 256}),
        ("movies", {"genre": "Drama"}),
        ("movies", {"genre": ["Drama "]}),
        ("movies", {"genre": [None]}),
        ("movies", {"release_year": "1927"}),
        ("movies", {"release_year": 1927.0}),
        ("movies", {"release_year": 1869}),
        ("movies", {"rating": 10.1}),
        ("movies", {"rating": float("nan")}),
        ("movies", {"rating": Decimal128("8.3")}),
        ("movies", {"views_count": True}),
        ("movies", {"director": "Fritz Lang"}),
        ("series", {"episodes_per_season": [1, 0]}),
        ("series", {"seasons": [{"season_number": 1}, {"season_number": 1}]}),
        ("series", {"seasons": [{"season_number": None}]}),
        ("series", {"seasons": [{"season_number": 1, "note": "x"}]}),
        ("series", {"seasons": [{"season_number": 1, "episodes": [PLAIN_EPISODE, PLAIN_EPISODE]}]}),
        ("series", {"seasons": [{"season_number": 1, "episodes": [PLAIN_EPISODE | {"title": "Pilot "}]}]}),
        ("series", {"seasons": [{"season_number": 1, "episodes": [PLAIN_EPISODE | {"air_date": "20020602"}]}]}),
        ("series", {"seasons": [{"season_number": 1, "episodes": [PLAIN_EPISODE | {"guests": []}]}]}),
    ],
)
def test_the_least_irregularity_takes_a_closer_look(collection: str, change: dict[str, Any]) -> None:
    assert plain_values(collection, PLAIN[collection] | change) is None


@pytest.mark.parametrize("document", [None, 5, "text", [], {1: 2}, {"\ud800": 1}])
def test_what_is_no_document_is_not_plain(document: object) -> None:
    assert plain_values("movies", document) is None

"""The document contract: which document gives which rows, and what is said about the others."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, decode, encode
from bson.datetime_ms import DatetimeMS

from pipeline.documents.normalizer import (
    TABLES,
    DocumentError,
    Drift,
    Normalized,
    Problem,
    content_id_of,
    normalize,
    shown,
)

MOVIE = {
    "content_id": "M001",
    "title": "Advanced World",
    "genre": ["Sci-Fi", "Horror", "Drama"],
    "duration_minutes": 179,
    "release_year": 2020,
    "rating": 3.5,
    "views_count": 66721,
    "production_budget": 220088717,
}
SERIES = {
    "content_id": "S001",
    "title": "The Investigators",
    "genre": ["Crime"],
    "seasons": 2,
    "episodes_per_season": [8, 14],
    "avg_episode_duration": 50,
    "rating": 1.3,
    "total_views": 50315,
    "production_budget": 44041273,
}
OUT_OF_PYTHON_RANGE = DatetimeMS(10**17)


def movie(**changes: object) -> Normalized:
    return normalize("movies", {"content_id": "M1", "title": "A"} | changes)


def series(**changes: object) -> Normalized:
    return normalize("series", {"content_id": "S1", "title": "A"} | changes)


def problems(collection: str, **changes: object) -> list[Problem]:
    with pytest.raises(DocumentError) as caught:
        normalize(collection, {"content_id": "X1", "title": "A"} | changes)
    return caught.value.problems


def column(normalized: Normalized, name: str) -> object:
    """The value of a column of `content`, `movie_details` or `series_details`."""
    for table in ("content", "movie_details", "series_details"):
        if name in TABLES[table] and table in normalized.rows:
            return normalized.rows[table][0][TABLES[table].index(name)]
    raise KeyError(name)


def extra(normalized: Normalized) -> Any:
    return json.loads(str(column(normalized, "extra")))


# Rows


def test_a_movie_gives_its_rows() -> None:
    assert normalize("movies", MOVIE).rows == {
        "content": [
            ("M001", "Advanced World", "movie", 2020, Decimal("3.5"), Decimal("220088717.00"), None),
        ],
        "movie_details": [("M001", 179, 66721)],
        "genres": [("M001", "Sci-Fi"), ("M001", "Horror"), ("M001", "Drama")],
    }
    assert normalize("movies", MOVIE).drift == []


def test_a_series_with_counted_seasons_gives_its_rows() -> None:
    assert normalize("series", SERIES).rows == {
        "content": [("S001", "The Investigators", "series", None, Decimal("1.3"), Decimal("44041273.00"), None)],
        "series_details": [("S001", 2, Decimal("50.0"), 50315)],
        "genres": [("S001", "Crime")],
        "seasons": [("S001", 1, 8), ("S001", 2, 14)],
        "episodes": [],
    }


def test_embedded_seasons_give_season_and_episode_rows() -> None:
    seasons = [
        {
            "season_number": 1,
            "episodes": [
                {"episode_number": 1, "title": "Pilot", "duration_minutes": 52, "air_date": "2024-05-01"},
                {"episode_number": 2, "title": " ", "air_date": datetime(2024, 5, 8, 20, 15)},
            ],
        },
        {"season_number": 0, "episode_count": 3},
    ]
    assert series(seasons=seasons).rows == {
        "content": [("S1", "A", "series", None, None, None, None)],
        "series_details": [("S1", 2, None, None)],
        "genres": [],
        "seasons": [("S1", 1, 2), ("S1", 0, 3)],
        "episodes": [
            ("S1", 1, 1, "Pilot", 52, date(2024, 5, 1)),
            ("S1", 1, 2, None, None, date(2024, 5, 8)),
        ],
    }


def test_rows_written_as_csv_hold_what_postgresql_will_hold() -> None:
    written = io.StringIO()
    csv.writer(written).writerows(movie(rating=4, production_budget=0.5, director='"X"').rows["content"])
    assert written.getvalue() == 'M1,A,movie,,4.0,0.50,"{""director"": ""\\""X\\""""}"\r\n'


def test_every_row_has_the_columns_of_its_table() -> None:
    for normalized in (normalize("movies", MOVIE), normalize("series", SERIES)):
        for table, rows in normalized.rows.items():
            assert {len(row) for row in rows} <= {len(TABLES[table])}


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(MOVIE.keys() - {"content_id", "title"})])
def test_optional_fields_missing_or_null_are_null(absent: dict[str, None]) -> None:
    assert movie(**absent).rows == {
        "content": [("M1", "A", "movie", None, None, None, None)],
        "movie_details": [("M1", None, None)],
        "genres": [],
    }
    assert movie(**absent).drift == []


@pytest.mark.parametrize("count", [None, 7])
def test_seasons_that_disagree_with_episodes_per_season_load_as_given(count: int | None) -> None:
    loaded = series(seasons=count, episodes_per_season=[8, 9])
    assert column(loaded, "season_count") == count
    assert loaded.rows["seasons"] == [("S1", 1, 8), ("S1", 2, 9)]


def test_no_embedded_seasons_are_no_seasons() -> None:
    assert column(series(seasons=[]), "season_count") == 0


def test_ten_thousand_episodes_load() -> None:
    episodes = [{"title": f"E{number}"} for number in range(1, 10_001)]
    rows = series(seasons=[{"episodes": episodes}]).rows
    assert rows["seasons"] == [("S1", 1, 10_000)]
    assert rows["episodes"][-1] == ("S1", 1, 10_000, "E10000", None, None)


# Keys


@pytest.mark.parametrize(
    ("object_id", "content_id"),
    [
        (ObjectId("65a000000000000000000001"), "65a000000000000000000001"),
        ("abc", "abc"),
        (42, "42"),
        (Int64(42), "42"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Binary.from_uuid(UUID(int=1)), "00000000-0000-0000-0000-000000000001"),
    ],
)
@pytest.mark.parametrize("absent", [{}, {"content_id": None}])
def test_a_document_without_content_id_takes_its_id(
    object_id: object, content_id: str, absent: dict[str, None]
) -> None:
    document = {"_id": object_id, "title": "A"} | absent
    assert content_id_of(document) == content_id
    assert normalize("movies", document).rows["content"] == [(content_id, "A", "movie", None, None, None, None)]


def test_content_id_comes_before_the_id_and_is_trimmed() -> None:
    document = {"_id": ObjectId(), "content_id": " M1 ", "title": " A "}
    assert content_id_of(document) == "M1"
    assert normalize("movies", document).rows["content"] == [("M1", "A", "movie", None, None, None, None)]


@pytest.mark.parametrize("object_id", [None, True, 1.5, {"a": 1}, b"x", Binary(b"x", 4), " "])
def test_a_document_without_a_usable_key_is_rejected(object_id: object) -> None:
    assert content_id_of({"_id": object_id}) is None
    with pytest.raises(DocumentError) as caught:
        normalize("movies", {"_id": object_id, "title": "A"})
    assert caught.value.problems == [Problem("content_id", None, "content_id is missing")]


@pytest.mark.parametrize("field", ["content_id", "title"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "missing"), (" \t", "missing"), (7, "not text"), (["a"], "not text"), ({}, "not text")],
)
def test_an_id_or_title_that_is_blank_or_not_text_is_rejected(field: str, value: object, reason: str) -> None:
    found = problems("movies", **{field: value})
    if reason == "missing":
        assert found == [Problem(field, None, f"{field} is missing")]
    else:
        assert found == [Problem(field, shown(value), reason)]


def test_a_title_missing_or_null_is_rejected() -> None:
    assert problems("movies", title=None) == [Problem("title", None, "title is missing")]
    with pytest.raises(DocumentError, match=r"^M1: title is missing$"):
        normalize("movies", {"content_id": "M1"})


def test_text_that_postgresql_cannot_store_is_rejected() -> None:
    assert problems("movies", title="a\0b") == [Problem("title", "a\ufffdb", "contains a NUL character")]
    assert problems("movies", content_id="a\ud800") == [Problem("content_id", "a\ufffd", "not valid Unicode text")]
    assert problems("movies", genre=["a\0"]) == [Problem("genre[0]", "a\ufffd", "contains a NUL character")]


def test_a_key_of_more_than_512_bytes_is_rejected() -> None:
    for key in ("x" * 513, "é" * 257, "🎬" * 129):
        assert problems("movies", content_id=key) == [Problem("content_id", key, "longer than 512 bytes")]
        assert problems("movies", genre=["Drama", key]) == [Problem("genre[1]", key, "longer than 512 bytes")]
    for key in ("x" * 512, "é" * 256, "🎬" * 128):
        assert column(movie(content_id=key, genre=[key]), "content_id") == key


def test_long_titles_of_any_script_are_kept() -> None:
    title = "שלום 👩‍🚀 é" * 1000
    assert column(movie(title=title), "title") == title


# Numbers


@pytest.mark.parametrize("value", [1994, 1994.0, "1994", " 1994.0 ", Int64(1994), Decimal128("1994.0"), "1.994e3"])
def test_any_representation_of_a_whole_number_is_that_number(value: object) -> None:
    year = column(movie(release_year=value), "release_year")
    assert (year, type(year)) == (1994, int)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (4, "4.0"),
        (3.25, "3.3"),
        (3.24, "3.2"),
        ("4.55", "4.6"),
        (Decimal128("2.25"), "2.3"),
        (-0.0, "0.0"),
        (Int64(10), "10.0"),
    ],
)
def test_ratings_are_rounded_half_up_to_one_decimal(value: object, stored: str) -> None:
    assert str(column(movie(rating=value), "rating")) == stored


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0.005, "0.01"),
        (9999999999999.99, "9999999999999.99"),
        (Decimal128("1234567890123.4549"), "1234567890123.45"),
    ],
)
def test_budgets_are_rounded_half_up_to_two_decimals(value: object, stored: str) -> None:
    assert str(column(movie(production_budget=value), "production_budget")) == stored


@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_blank_number_is_null(value: object) -> None:
    assert column(movie(rating=value, views_count=value), "rating") is None


@pytest.mark.parametrize(
    "value",
    [
        "N/A",
        "NaN",
        "Infinity",
        r"\N",
        "1,5",
        "1_000",
        "٣",
        "0x10",
        "1e99999",
        float("nan"),
        float("inf"),
        True,
        Decimal128("NaN"),
        Decimal128("Infinity"),
        [1],
        {"a": 1},
        b"1",
        ObjectId(),
        datetime(2024, 1, 1),
    ],
)
@pytest.mark.parametrize("field", ["rating", "duration_minutes"])
def test_what_is_not_a_number_is_rejected(value: object, field: str) -> None:
    assert problems("movies", **{field: value}) == [Problem(field, shown(value), "not a number")]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("rating", 11, "out of range: more than 10"),
        ("rating", 10.04, "out of range: more than 10"),
        ("rating", "-0.01", "out of range: less than 0"),
        ("rating", "1e400", "out of range: more than 10"),
        ("production_budget", 1e13, "out of range: more than 9999999999999.99"),
        ("production_budget", Decimal128("9999999999999.995"), "out of range: more than 9999999999999.99"),
        ("duration_minutes", 0, "out of range: less than 1"),
        ("duration_minutes", 2**31, "out of range: more than 2147483647"),
        ("duration_minutes", 12.5, "not a whole number"),
        ("views_count", -1, "out of range: less than 0"),
        ("views_count", 2**63, "out of range: more than 9223372036854775807"),
        ("views_count", 10**400, "out of range: more than 9223372036854775807"),
        ("release_year", 1869, "out of range: less than 1870"),
        ("release_year", "2101", "out of range: more than 2100"),
    ],
)
def test_numbers_out_of_range_are_rejected(field: str, value: object, reason: str) -> None:
    found = problems("movies", **{field: value})
    assert [(problem.path, problem.reason) for problem in found] == [(field, reason)]


def test_whole_numbers_too_long_for_python_to_print_are_rejected() -> None:
    [problem] = problems("movies", views_count=10**5000)
    assert problem.reason == "out of range: more than 9223372036854775807"
    assert shown(10**5000) == "int too long to show"


def test_a_mean_duration_that_would_be_stored_as_zero_is_rejected() -> None:
    assert problems("series", avg_episode_duration=0.04) == [
        Problem("avg_episode_duration", "0.04", "out of range: less than 0.1")
    ]


# Genres


@pytest.mark.parametrize(
    ("genre", "genres"),
    [
        ("Drama", ["Drama"]),
        (" ", []),
        ([], []),
        ([None, ""], []),
        ([" Drama ", None, "Crime", " "], ["Drama", "Crime"]),
        (["Sci-Fi", "SCI-FI", "sci-fi", "Drama"], ["Sci-Fi", "Drama"]),
    ],
)
def test_genres_are_trimmed_and_each_appears_once(genre: object, genres: list[str]) -> None:
    assert movie(genre=genre).rows["genres"] == [("M1", each) for each in genres]


def test_genres_that_are_not_text_are_rejected() -> None:
    assert problems("movies", genre={}) == [Problem("genre", "{}", "not a list")]
    assert problems("movies", genre=5) == [Problem("genre", "5", "not a list")]
    assert problems("movies", genre=["Drama", 5]) == [Problem("genre[1]", "5", "not text")]


# Seasons and episodes


def test_seasons_and_episodes_without_a_number_are_numbered_by_position() -> None:
    rows = series(seasons=[{"episodes": [{"title": "a"}, {"episode_number": None, "title": "b"}]}, {}]).rows
    assert rows["seasons"] == [("S1", 1, 2), ("S1", 2, 0)]
    assert rows["episodes"] == [("S1", 1, 1, "a", None, None), ("S1", 1, 2, "b", None, None)]


def test_the_same_number_twice_is_rejected() -> None:
    assert problems("series", seasons=[{"season_number": 2}, {}])[0].reason == "season_number 2 occurs twice"
    twice = problems("series", seasons=[{"episodes": [{"episode_number": 3}, {"episode_number": "3"}]}])
    assert [(problem.path, problem.reason) for problem in twice] == [
        ("seasons[0].episodes", "episode_number 3 occurs twice")
    ]


@pytest.mark.parametrize(
    ("air_date", "stored"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        (" 1900-01-01 ", date(1900, 1, 1)),
        ("2024-05-01 00:00:00", date(2024, 5, 1)),
        ("2024-05-01T00:00:00.000Z", date(2024, 5, 1)),
        ("2024-05-01T00:00+02:00", date(2024, 5, 1)),
        (datetime(2100, 12, 31, 23, 59, tzinfo=UTC), date(2100, 12, 31)),
        (DatetimeMS(0), date(1970, 1, 1)),
        ("", None),
    ],
)
def test_an_air_date_is_iso_text_or_a_bson_date(air_date: object, stored: date | None) -> None:
    assert series(seasons=[{"episodes": [{"air_date": air_date}]}]).rows["episodes"] == [
        ("S1", 1, 1, None, None, stored)
    ]


@pytest.mark.parametrize(
    ("air_date", "reason"),
    [
        ("31/12/2024", "not a date (YYYY-MM-DD)"),
        ("2024-02-30", "not a date (YYYY-MM-DD)"),
        ("0000-00-00", "not a date (YYYY-MM-DD)"),
        ("20240501", "not a date (YYYY-MM-DD)"),
        ("2024-W18-3", "not a date (YYYY-MM-DD)"),
        ("2024-05-01T10:00:00", "a time where a date belongs"),
        ("2024-05-01 00:00:01Z", "a time where a date belongs"),
        ("2024-05-01T", "not a date (YYYY-MM-DD)"),
        ("2024-02-30T00:00:00", "not a date (YYYY-MM-DD)"),
        ("2101-01-01T00:00:00Z", "out of range: a date outside 1900 to 2100"),
        (20240501, "not a date (YYYY-MM-DD)"),
        (["2024-05-01"], "not a date (YYYY-MM-DD)"),
        ("1899-12-31", "out of range: a date outside 1900 to 2100"),
        (datetime(2101, 1, 1), "out of range: a date outside 1900 to 2100"),
        (OUT_OF_PYTHON_RANGE, "out of range: a date outside 1900 to 2100"),
    ],
)
def test_any_other_air_date_is_rejected(air_date: object, reason: str) -> None:
    assert problems("series", seasons=[{}, {"episodes": [{"air_date": air_date}]}]) == [
        Problem("seasons[1].episodes[0].air_date", shown(air_date), reason)
    ]


def test_embedded_parts_that_are_not_documents_are_rejected() -> None:
    found = problems("series", seasons=[None, 3, {"episodes": {}}, {"episodes": ["a"]}])
    assert found == [
        Problem("seasons[0]", None, "seasons[0] is missing"),
        Problem("seasons[1]", "3", "not a document"),
        Problem("seasons[2].episodes", "{}", "not a list"),
        Problem("seasons[3].episodes[0]", "a", "not a document"),
    ]
    assert problems("series", seasons={"a": 1})[0].reason == "not a number"
    assert problems("series", episodes_per_season=[8, None]) == [
        Problem("episodes_per_season[1]", None, "episodes_per_season[1] is missing")
    ]


def test_what_is_no_document_is_rejected() -> None:
    with pytest.raises(DocumentError, match=r"^document without id: document: not a document \('\[1\]'\)$"):
        normalize("movies", [1])


def test_all_problems_of_a_document_are_told_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        normalize("movies", {"_id": 7, "genre": {}, "rating": "N/A", "views_count": -1})
    assert caught.value.document_id == "7"
    assert str(caught.value) == (
        "7: title is missing; genre: not a list ('{}'); rating: not a number ('N/A'); "
        "views_count: out of range: less than 0 ('-1')"
    )


# Drift and extra


def test_text_where_another_type_belongs_is_loaded_and_reported() -> None:
    loaded = movie(release_year="1994", rating="4.5", genre="Drama")
    assert loaded.rows["content"] == [("M1", "A", "movie", 1994, Decimal("4.5"), None, None)]
    assert sorted(loaded.drift, key=lambda drift: drift.path) == [
        Drift("genre", "type changed", "Drama"),
        Drift("rating", "type changed", "4.5"),
        Drift("release_year", "type changed", "1994"),
    ]


def test_drift_inside_lists_is_reported_once() -> None:
    episodes = [{"duration_minutes": "50", "x": 1}, {"duration_minutes": "51", "x": 2}]
    assert series(seasons=[{"episodes": episodes}]).drift == [
        Drift("seasons[].episodes[].duration_minutes", "type changed", "50"),
        Drift("seasons[].episodes[].x", "new field", "1"),
    ]


@pytest.mark.parametrize("value", [2020.0, Int64(2020), Decimal128("2020")])
def test_another_kind_of_number_is_no_drift(value: object) -> None:
    assert movie(release_year=value).drift == []


def test_unknown_fields_are_kept_in_their_order_and_reported() -> None:
    loaded = movie(_id=ObjectId(), director="Jane", cast=["A"], **{"a.b": 1, "$c": None, "ключ": {"d": 1.5}})
    assert column(loaded, "extra") == ('{"director": "Jane", "cast": ["A"], "a.b": 1, "$c": null, "ключ": {"d": 1.5}}')
    assert loaded.drift == [
        Drift("director", "new field", "Jane"),
        Drift("cast", "new field", "['A']"),
        Drift("a.b", "new field", "1"),
        Drift("$c", "new field", "None"),
        Drift("ключ", "new field", "{'d': 1.5}"),
    ]


def test_fields_of_the_other_collection_are_unknown() -> None:
    assert extra(movie(seasons=3)) == {"seasons": 3}


def test_unknown_fields_of_seasons_and_episodes_keep_their_numbers() -> None:
    seasons = [
        {"season_number": 1},
        {"director": "Jane", "episodes": [{"title": "a"}, {"title": "b", "guests": ["C"]}]},
    ]
    assert extra(series(seasons=seasons)) == {
        "seasons": [{"season_number": 2, "director": "Jane", "episodes": [{"episode_number": 2, "guests": ["C"]}]}]
    }


def test_episodes_per_season_that_contradict_embedded_seasons_are_kept() -> None:
    loaded = series(seasons=[{"episode_count": 8}], episodes_per_season=[9])
    assert loaded.rows["seasons"] == [("S1", 1, 8)]
    assert extra(loaded) == {"episodes_per_season": [9]}
    assert loaded.drift == [Drift("episodes_per_season", "not used", "[9]")]
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
    }
    assert extra(movie(**values)) == {
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
    }


def test_text_in_extra_that_jsonb_refuses_is_replaced_and_reported() -> None:
    loaded = movie(note="a\0b\\u0000\\\0", **{"k\0": "\udc00"})
    assert extra(loaded) == {"note": "a\ufffdb\\u0000\\\ufffd", "k\ufffd": "\ufffd"}
    assert [(drift.path, drift.kind) for drift in loaded.drift] == [
        ("note", "new field"),
        ("k\ufffd", "new field"),
        ("extra", "text cleaned"),
    ]


def test_ninety_levels_of_unknown_nesting_are_kept() -> None:
    deep: dict[str, Any] = {}
    for _ in range(90):
        deep = {"d": deep}
    assert extra(movie(deep=deep)) == {"deep": deep}


def test_unknown_values_that_cannot_be_written_are_rejected() -> None:
    deep: dict[str, Any] = {}
    for _ in range(10_000):
        deep = {"d": deep}
    assert [(problem.path, problem.reason) for problem in problems("movies", deep=deep, fine=1)] == [
        ("deep", "nested too deeply")
    ]
    assert problems("movies", odd=Decimal(1))[0].reason.startswith("not a BSON value")
    assert problems("movies", big=10**5000)[0].reason.startswith("not a BSON value")


def test_documents_as_mongodb_hands_them_out_are_read() -> None:
    stored = decode(encode(SERIES | {"_id": ObjectId(), "rating": Decimal128("1.3"), "total_views": Int64(50315)}))
    assert normalize("series", stored).rows == normalize("series", SERIES).rows

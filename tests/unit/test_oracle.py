"""Hand-computed results that pin the oracle, which judges the SQL everywhere else."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Warehouse, expected, trusted_views

USER_HEADER = "user_id,age,country,subscription_type,registration_date,total_watch_time_hours\n"
SESSION_HEADER = (
    "session_id,user_id,content_id,watch_date,watch_duration_minutes,completion_percentage,device_type,quality_level\n"
)
USERS = USER_HEADER + "U1,30,Peru,Basic,2024-01-01,10\nU2,,,Basic,,\nU3,41,Peru,,2023-12-31,0.5\n"
SESSIONS = SESSION_HEADER + (
    "S1,U1,M1,2024-01-31,60,100,TV,HD\n"
    "S2,U1,T1,2024-03-01,10,9.99,Mobile,SD\n"
    "S3,U2,M1,2024-02-10,,,TV,\n"
    "S4,U2,M2,2024-02-11,25,33.34,,HD\n"
)
CATALOGUE = {
    "movies": [
        {
            "content_id": "M1",
            "title": "One",
            "genre": ["Drama", "Action"],
            "duration_minutes": 90,
            "release_year": "1994",
            "rating": 4.25,
            "views_count": 7,
            "production_budget": "1000.005",
            "studio": {"name": "Acme"},
        },
        {"content_id": "M2", "title": "Two", "genre": "Drama"},
    ],
    "series": [
        {
            "content_id": "T1",
            "title": "Three",
            "genre": [None, ""],
            "seasons": 2,
            "episodes_per_season": [8, 10],
            "avg_episode_duration": 45,
            "total_views": 12.0,
        },
        {
            "_id": "T2",
            "title": "Four",
            "genre": ["Crime", "crime"],
            "seasons": [
                {
                    "season_number": 1,
                    "episodes": [
                        {"title": "Pilot", "duration_minutes": 50, "air_date": "2020-02-29"},
                        {"episode_number": 2},
                    ],
                }
            ],
        },
    ],
}


@pytest.fixture
def small(tmp_path: Path) -> Warehouse:
    """Three users, four sessions, four titles, all good."""
    (tmp_path / "users.csv").write_text(USERS)
    (tmp_path / "viewing_sessions.csv").write_text(SESSIONS)
    (tmp_path / "content.json").write_text(json.dumps(CATALOGUE))
    return expected(tmp_path)


def users_of(folder: Path, *lines: bytes) -> Warehouse:
    """The warehouse of one file of users with these lines below the header."""
    (folder / "users.csv").write_bytes(USER_HEADER.encode() + b"".join(lines))
    return expected(folder)


def rejected_titles(folder: Path, **catalogue: list[dict[str, Any]]) -> tuple[list[str], set[Any]]:
    """The ids loaded and the documents rejected from one JSON file."""
    (folder / "content.json").write_text(json.dumps(catalogue))
    warehouse = expected(folder)
    return [row.content_id for row in warehouse.content], warehouse.rejected


def test_catalogue_is_normalized(small: Warehouse) -> None:
    assert small.content == [
        ("M1", "One", "movie", 1994, Decimal("4.3"), Decimal("1000.01"), {"studio": {"name": "Acme"}}),
        ("M2", "Two", "movie", None, None, None, None),
        ("T1", "Three", "series", None, None, None, None),
        ("T2", "Four", "series", None, None, None, None),
    ]
    assert small.movie_details == [("M1", 90, 7), ("M2", None, None)]
    assert small.series_details == [("T1", 2, Decimal("45.0"), 12), ("T2", 1, None, None)]
    assert small.genres == [("M1", "Action"), ("M1", "Drama"), ("M2", "Drama"), ("T2", "Crime")]
    assert small.seasons == [("T1", 1, 8), ("T1", 2, 10), ("T2", 1, 2)]
    assert small.episodes == [
        ("T2", 1, 1, "Pilot", 50, date(2020, 2, 29)),
        ("T2", 1, 2, None, None, None),
    ]


def test_users_and_sessions_are_typed(small: Warehouse) -> None:
    assert small.users == [
        ("U1", 30, "Peru", "Basic", date(2024, 1, 1), Decimal(10)),
        ("U2", None, None, "Basic", None, None),
        ("U3", 41, "Peru", None, date(2023, 12, 31), Decimal("0.50")),
    ]
    assert small.viewing_sessions[1:3] == [
        ("S2", "U1", "T1", date(2024, 3, 1), 10, Decimal("9.99"), "Mobile", "SD"),
        ("S3", "U2", "M1", date(2024, 2, 10), None, None, "TV", None),
    ]
    loaded = {"read": 4, "loaded": 4, "rejected": 0, "superseded": 0, "waiting": 0}
    assert small.outcomes["viewing_sessions.csv"] == loaded


def test_undecodable_short_and_runaway_records_are_rejected_alone(tmp_path: Path) -> None:
    warehouse = users_of(
        tmp_path,
        b"\r\n",
        'U1,1,"Perú,\n""Lima""",B,,\r\n'.encode(),
        b"U2,1,\xff,B,,\n",
        b"U3,1\n",
        b"U4,1,\0,B,,\n",
        b'U5,1,"open,B,,\n',
        b"U6,1,Chile,B,,",
    )
    assert [row[:3] for row in warehouse.users] == [("U1", 1, 'Perú,\n"Lima"'), ("U6", 1, "Chile")]
    assert warehouse.rejected == {("users.csv", record) for record in (2, 3, 4, 5)}
    counts = {"read": 6, "loaded": 2, "rejected": 4, "superseded": 0, "waiting": 0}
    assert warehouse.outcomes == {"users.csv": counts}


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (" U1 ,+12.0,\t,' ',2024-02-29,.125", ("U1", 12, None, "' '", date(2024, 2, 29), Decimal("0.13"))),
        ("U1,-0,NULL,,1900-01-01,-0.0", ("U1", 0, "NULL", None, date(1900, 1, 1), Decimal(0))),
        ("U1,,,,,99999999.994", ("U1", None, None, None, None, Decimal("99999999.99"))),
        (" ,1,,,,", None),
        ("U1,12.5,,,,", None),
        ("U1,121,,,,", None),
        ("U1,NaN,,,,", None),
        ("U1,,,,2024-02-30,", None),
        ("U1,,,,1899-12-31,", None),
        ("U1,,,,2024-05-01T10:00:00,", None),
        ("U1,,,,31/12/2024,", None),
        ("U1,,,,,-0.001", None),
        ("U1,,,,,1e2", None),
        ("U1,,,,,100000000", None),
        ("U1,,,,,99999999.995", None),
    ],
)
def test_values_become_typed_or_reject_the_record(tmp_path: Path, line: str, row: tuple[Any, ...] | None) -> None:
    warehouse = users_of(tmp_path, line.encode())
    assert warehouse.users == ([] if row is None else [row])
    assert warehouse.rejected == ({("users.csv", 1)} if row is None else set())


def test_last_valid_record_by_file_name_wins_and_orphans_wait(tmp_path: Path, small: Warehouse) -> None:
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "more.csv").write_text(USER_HEADER + "U9,1,,,,\n")
    (tmp_path / "viewing_sessions-2.csv.gz").write_bytes(
        gzip.compress(
            b"\xef\xbb\xbf Quality_Level ,device_type,completion_percentage,watch_duration_minutes,"
            b"watch_date,content_id,USER_ID,session_id,_reject_reason,new\n"
            b"SD,TV,1,1,2024-01-01,M1,U1,S1,old,x\n"
            b"SD,TV,1,1,2024-01-01,M1,U9,S5,old,x\n"
            b"SD,TV,1,1,2024-01-01,M9,U1,S6,old,x\n"
        )
    )
    (tmp_path / "viewing_sessions.b.csv").write_text(
        SESSION_HEADER + "S5,U1,M1,2024-01-02,1,1,TV,HD\nS4,U2,M2,2024-02-11,25,100.01,,HD\n"
    )
    (tmp_path / "viewing_sessions_old.csv").write_text(SESSION_HEADER + "S7,U1,M1,2024-01-02,1,1,TV,HD\n")
    (tmp_path / ".users.csv").write_text("")
    (tmp_path / "users-empty.csv").write_text("")
    warehouse = expected(tmp_path)
    assert [row.user_id for row in warehouse.users] == ["U1", "U2", "U3", "U9"]
    # '-' sorts before '.': the older S1 loses to viewing_sessions.csv, the older S5 to the file b.
    assert warehouse.viewing_sessions[0] == small.viewing_sessions[0]
    assert [row[:2] for row in warehouse.viewing_sessions[3:]] == [("S4", "U2"), ("S5", "U1")]
    assert warehouse.outcomes == {
        "users.csv": {"read": 3, "loaded": 3, "rejected": 0, "superseded": 0, "waiting": 0},
        "users/more.csv": {"read": 1, "loaded": 1, "rejected": 0, "superseded": 0, "waiting": 0},
        "viewing_sessions-2.csv.gz": {"read": 3, "loaded": 0, "rejected": 0, "superseded": 2, "waiting": 1},
        "viewing_sessions.b.csv": {"read": 2, "loaded": 1, "rejected": 1, "superseded": 0, "waiting": 0},
        "viewing_sessions.csv": {"read": 4, "loaded": 4, "rejected": 0, "superseded": 0, "waiting": 0},
    }
    assert warehouse.refused == {"users-empty.csv": "no header"}


@pytest.mark.parametrize(
    "broken",
    [
        {"title": " "},
        {"title": None},
        {"rating": "N/A"},
        {"rating": 10.01},
        {"duration_minutes": 0},
        {"duration_minutes": 90.5},
        {"views_count": -1},
        {"release_year": 1869},
        {"production_budget": True},
        {"genre": {}},
        {"genre": ["Drama", 5]},
    ],
)
def test_document_against_the_contract_is_rejected(tmp_path: Path, broken: dict[str, Any]) -> None:
    movies = [{"content_id": "M1", "title": "One"} | broken, {"content_id": "M2", "title": "Two"}]
    assert rejected_titles(tmp_path, movies=movies) == (["M2"], {("movies", "M1")})


def test_air_date_before_1900_is_rejected(tmp_path: Path) -> None:
    series = [
        {"content_id": day, "title": "One", "seasons": [{"episodes": [{"air_date": day}]}]}
        for day in ("1899-12-31", "1900-01-01")
    ]
    assert rejected_titles(tmp_path, series=series) == (["1900-01-01"], {("series", "1899-12-31")})


def test_series_gives_way_to_a_movie_of_its_id(tmp_path: Path) -> None:
    both = {"content_id": "X", "title": "Both"}
    assert rejected_titles(tmp_path, movies=[both], series=[both]) == (["X"], {("series", "X")})


def test_later_delivery_replaces_a_title_unless_it_is_invalid(tmp_path: Path) -> None:
    for name, titles in {"a": {"M1": "Old", "M2": "Kept"}, "b": {"M1": "New", "M2": ""}}.items():
        movies = [{"content_id": key, "title": title} for key, title in titles.items()]
        (tmp_path / f"{name}.json").write_text(json.dumps({"movies": movies}))
    (tmp_path / "c.json").write_text('{"movies": [{"content_id": "M1", "title": "Cut"')
    warehouse = expected(tmp_path)
    assert [row[:2] for row in warehouse.content] == [("M1", "New"), ("M2", "Kept")]
    assert warehouse.rejected == {("movies", "M2")}
    assert warehouse.refused.keys() == {"c.json"}


def test_views_of_the_catalogue(small: Warehouse) -> None:
    views = trusted_views(small)
    one = ("M1", "One", "movie", 1994, Decimal("4.3"), Decimal("1000.01"), ["Action", "Drama"])
    two = ("M2", "Two", "movie", None, None, None, ["Drama"])
    three: tuple[object, ...] = ("T1", "Three", "series", None, None, None, [])
    four = ("T2", "Four", "series", None, None, None, ["Crime"])
    assert views["content_summary"] == [
        (*one, 90, None, None, 7, 2, 2, Decimal("1.00"), Decimal("100.00"), False),
        (*two, None, None, None, None, 1, 1, Decimal("0.42"), Decimal("33.34"), False),
        (*three, None, 2, 18, 12, 1, 1, Decimal("0.17"), Decimal("9.99"), False),
        (*four, None, 1, 2, None, 0, 0, Decimal("0.00"), None, False),
    ]
    assert views["episode_details"] == [
        ("T1", 1, None, "Three", 8, None, None, None),
        ("T1", 2, None, "Three", 10, None, None, None),
        ("T2", 1, 1, "Four", 2, "Pilot", 50, date(2020, 2, 29)),
        ("T2", 1, 2, "Four", 2, None, None, None),
    ]
    assert views["genre_performance"] == [
        ("Action", 1, 2, Decimal("1.0000"), Decimal("1.00"), Decimal("100.00"), Decimal("1000.01")),
        ("Crime", 1, 0, Decimal("0.0000"), Decimal("0.00"), None, None),
        ("Drama", 2, 3, Decimal("2.0000"), Decimal("1.42"), Decimal("66.67"), Decimal("1000.01")),
        (None, 1, 1, Decimal("1.0000"), Decimal("0.17"), Decimal("9.99"), None),
    ]


def test_views_of_the_sessions(small: Warehouse) -> None:
    views = trusted_views(small)
    watched = (*small.viewing_sessions[0], "Peru", "Basic", 30, "One", "movie", 1994)
    assert views["session_details"][0] == watched
    assert views["daily_viewing"][1] == (date(2024, 2, 10), 1, 1, Decimal(0), None, None)
    assert views["device_engagement"] == [
        ("Mobile", "SD", 1, 1, Decimal("10.00"), Decimal("9.99")),
        ("TV", "HD", 1, 1, Decimal("60.00"), Decimal("100.00")),
        ("TV", None, 1, 1, None, None),
        (None, "HD", 1, 1, Decimal("25.00"), Decimal("33.34")),
    ]
    assert views["completion_by_content_type"] == [
        ("movie", 3, Decimal("66.67"), Decimal("42.50")),
        ("series", 1, Decimal("9.99"), Decimal("10.00")),
    ]
    assert [row for row in views["completion_distribution"] if row[2]] == [
        ("movie", 3, 1),
        ("movie", 9, 1),
        ("series", 0, 1),
    ]
    assert len(views["completion_distribution"]) == 20
    assert views["top_content_by_country"] == [
        ("Peru", 1, "M1", "One", 1, Decimal("1.00")),
        ("Peru", 2, "T1", "Three", 1, Decimal("0.17")),
        (None, 1, "M2", "Two", 1, Decimal("0.42")),
        (None, 2, "M1", "One", 1, Decimal("0.00")),
    ]


def test_views_of_the_users(small: Warehouse) -> None:
    views = trusted_views(small)
    assert views["subscription_engagement"] == [
        ("Basic", 2, 2, 4, Decimal("1.58"), Decimal("47.78"), Decimal("2.00")),
        (None, 1, 0, 0, Decimal("0.00"), None, None),
    ]
    assert views["country_engagement"] == [
        ("Peru", 2, 1, 2, Decimal("1.17"), Decimal("55.00")),
        (None, 1, 1, 2, Decimal("0.42"), Decimal("33.34")),
    ]
    assert views["monthly_retention"] == [
        (date(2024, 1, 1), "Basic", 0, 1, 1, Decimal(100)),
        (date(2024, 1, 1), "Basic", 1, 1, 0, Decimal(0)),
        (date(2024, 1, 1), "Basic", 2, 1, 1, Decimal(100)),
        (date(2024, 2, 1), "Basic", 0, 1, 1, Decimal(100)),
        (date(2024, 2, 1), "Basic", 1, 1, 0, Decimal(0)),
    ]
    peru = ("U1", "Peru", "Basic", 2, Decimal("1.17"), Decimal("55.00"), date(2024, 3, 1))
    assert views["user_engagement"] == [
        (*peru, "TV", "heavy"),
        ("U2", None, "Basic", 2, Decimal("0.42"), Decimal("33.34"), date(2024, 2, 11), "TV", "light"),
        ("U3", "Peru", None, 0, Decimal("0.00"), None, None, None, "inactive"),
    ]
    assert views["period_summary"] == [
        (date(2024, 1, 1), 1, 1, 1, Decimal("1.00"), Decimal("100.00"), 1),
        (date(2024, 2, 1), 2, 1, 1, Decimal("0.42"), Decimal("33.34"), 2),
        (date(2024, 3, 1), 1, 1, 0, Decimal("0.17"), Decimal("9.99"), 1),
    ]


def test_ties_and_the_top_ten(tmp_path: Path) -> None:
    ids = ["b", "a", "C", *(f"M{number}" for number in range(1, 10))]
    movies = [{"content_id": key, "title": key.upper(), "genre": ["X", "Y", "Z"]} for key in ids]
    (tmp_path / "content.json").write_text(json.dumps({"movies": movies}))
    (tmp_path / "users.csv").write_text(USER_HEADER + "".join(f"U{n},,Chile,,,\n" for n in range(1, 5)))
    watched = [("U1", "b", 10, "TV"), ("U2", "a", 20, "TV"), ("U3", "C", 30, "PC"), ("U4", "C", 30, "TV")]
    watched += [("U1", f"M{number}", 0, "PC" if number == 1 else "") for number in range(1, 10)]
    watched += [("U2", "M1", 0, "TV"), ("U2", "M1", 0, "PC"), ("U2", "M1", 20, "PC"), ("U2", "M1", 0, "")]
    lines = [f"S{n},{u},{c},2024-05-31,{m},,{d},\n" for n, (u, c, m, d) in enumerate(watched)]
    (tmp_path / "viewing_sessions.csv").write_text(SESSION_HEADER + "".join(lines))
    views = trusted_views(expected(tmp_path))
    # Minutes: C 60, M1 and a 20 each, b 10, the rest 0; capitals sort first.
    ranked = [row[1:3] for row in views["top_content_by_country"]]
    names = ["C", "M1", "a", "b", "M2", "M3", "M4", "M5", "M6", "M7"]
    assert ranked == list(enumerate(names, start=1))
    # Minutes by user: 10, 40, 30, 30, so percent ranks 0, 1, 1/3, 1/3.
    assert [(row[0], *row[7:]) for row in views["user_engagement"]] == [
        ("U1", "TV", "light"),
        ("U2", "PC", "heavy"),
        ("U3", "PC", "light"),
        ("U4", "TV", "light"),
    ]
    # 17 sessions, a third of each for every genre.
    assert views["genre_performance"][0] == ("X", 12, 17, Decimal("5.6667"), Decimal("1.83"), None, None)


def test_percent_rank_of_ties_is_the_rank_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "content.json").write_text('{"movies": [{"content_id": "M1", "title": "One"}]}')
    (tmp_path / "users.csv").write_text(USER_HEADER + "".join(f"U{n},,,,,\n" for n in range(5)))
    minutes = [30, 20, 10, 30, 20]
    lines = [f"S{n},U{n},M1,2024-05-31,{value},,,\n" for n, value in enumerate(minutes)]
    (tmp_path / "viewing_sessions.csv").write_text(SESSION_HEADER + "".join(lines))
    views = trusted_views(expected(tmp_path))
    segments = [row[-1] for row in views["user_engagement"]]
    assert segments == ["regular", "light", "light", "regular", "light"]

"""Users and sessions follow their files and the catalogue, whatever comes, changes and goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.in_process import load_all, settle
from tests.project import Project
from tests.small_input import ANN, BOB, movie, series, session, write_sessions, write_users

NEXT_DAY, DAY_AFTER = "2026-03-03", "2026-03-04"
CAROL = "U3,25,Japan,Basic,2023-03-01,0"


@pytest.fixture
def loaded(project: Project) -> Project:
    load_all(project)
    return project


def users(project: Project) -> list[tuple[Any, ...]]:
    return project.rows("SELECT user_id, age, country FROM processed.users ORDER BY user_id")


def sessions(project: Project) -> list[tuple[Any, ...]]:
    return project.rows(
        "SELECT session_id, user_id, content_id, watch_duration_minutes FROM processed.viewing_sessions ORDER BY 1"
    )


def waiting(project: Project) -> list[str]:
    return [key for (key,) in project.rows("SELECT key[1] FROM etl.held_rows WHERE status = 'waiting' ORDER BY key")]


def outcomes(project: Project) -> dict[str, tuple[int, ...]]:
    """Of each file of sessions: records loaded, superseded, waiting."""
    rows = project.rows("SELECT source, loaded, superseded, waiting FROM etl.file_outcomes WHERE source LIKE 'v%'")
    return {source: tuple(counts) for source, *counts in rows}


S1, S2, S3 = ("S1", "U1", "M1", 50), ("S2", "U2", "T1", 50), ("S3", "U2", "M1", 50)


def test_the_input_of_these_tests(loaded: Project) -> None:
    assert users(loaded) == [("U1", 30, "Peru"), ("U2", 41, "Chile")]
    assert sessions(loaded) == [S1, S2, S3]
    assert waiting(loaded) == []


def test_a_file_that_is_added_brings_its_rows(loaded: Project) -> None:
    write_users(loaded, CAROL, name="users/more.csv")
    write_sessions(loaded, session(4, user="U3"), name="viewing_sessions-3.csv")
    settle(loaded)
    assert users(loaded) == [("U1", 30, "Peru"), ("U2", 41, "Chile"), ("U3", 25, "Japan")]
    assert sessions(loaded) == [S1, S2, S3, ("S4", "U3", "M1", 50)]


def test_rows_that_are_edited_added_and_taken_out_of_a_file(loaded: Project) -> None:
    write_sessions(loaded, session(1, minutes=51), session(4))
    settle(loaded)
    assert sessions(loaded) == [("S1", "U1", "M1", 51), S3, ("S4", "U1", "M1", 50)]


def test_a_row_that_becomes_invalid(loaded: Project) -> None:
    write_users(loaded, ANN.replace("30", "thirty"), BOB)
    settle(loaded)
    assert users(loaded) == [("U2", 41, "Chile")]
    assert sessions(loaded) == [S2, S3]
    assert waiting(loaded) == ["S1"]
    write_users(loaded, ANN, BOB)
    settle(loaded)
    assert users(loaded) == [("U1", 30, "Peru"), ("U2", 41, "Chile")]
    assert sessions(loaded) == [S1, S2, S3]
    assert loaded.rows("SELECT * FROM etl.rejected_rows") == []


def test_a_file_that_is_withdrawn_takes_its_rows_along(loaded: Project) -> None:
    (loaded.raw / "viewing_sessions.csv").unlink()
    settle(loaded)
    assert sessions(loaded) == [S3]
    assert loaded.rows("SELECT session_id FROM raw.viewing_sessions") == [("S3",)]
    write_sessions(loaded, session(1), session(2, user="U2", title="T1"))
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3]


def test_a_file_that_is_renamed_changes_no_row(loaded: Project) -> None:
    (loaded.raw / "viewing_sessions.csv").rename(loaded.raw / "viewing_sessions-1.csv")
    (loaded.raw / "users.csv").rename(loaded.raw / "users-all.csv")
    settle(loaded)
    assert users(loaded) == [("U1", 30, "Peru"), ("U2", 41, "Chile")]
    assert sessions(loaded) == [S1, S2, S3]
    assert outcomes(loaded) == {"viewing_sessions-1.csv": (2, 0, 0), "viewing_sessions-2.csv": (1, 0, 0)}


def test_the_last_file_name_wins(loaded: Project) -> None:
    write_sessions(loaded, session(3, minutes=10), name="viewing_sessions-1.csv")
    write_sessions(loaded, session(3, minutes=30), session(3, minutes=31), name="viewing_sessions-3.csv")
    settle(loaded)
    assert sessions(loaded) == [S1, S2, ("S3", "U1", "M1", 31)]
    assert outcomes(loaded) == {
        "viewing_sessions-1.csv": (0, 1, 0),
        "viewing_sessions-2.csv": (0, 1, 0),
        "viewing_sessions-3.csv": (1, 1, 0),
        "viewing_sessions.csv": (2, 0, 0),
    }
    (loaded.raw / "viewing_sessions-3.csv").unlink()
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3]
    (loaded.raw / "viewing_sessions-2.csv").unlink()
    settle(loaded)
    assert sessions(loaded) == [S1, S2, ("S3", "U1", "M1", 10)]
    (loaded.raw / "viewing_sessions-1.csv").unlink()
    settle(loaded)
    assert sessions(loaded) == [S1, S2]
    assert outcomes(loaded) == {"viewing_sessions.csv": (2, 0, 0)}


def test_renaming_a_file_changes_which_row_wins(loaded: Project) -> None:
    write_users(loaded, ANN.replace("30", "31"), name="users-a.csv")
    settle(loaded)
    assert users(loaded)[0] == ("U1", 30, "Peru"), "'users.csv' sorts after 'users-a.csv'"
    (loaded.raw / "users-a.csv").rename(loaded.raw / "users.z.csv")
    settle(loaded)
    assert users(loaded)[0] == ("U1", 31, "Peru")


def test_a_winner_that_becomes_invalid_gives_way(loaded: Project) -> None:
    write_sessions(loaded, session(3, minutes=30), name="viewing_sessions-3.csv")
    settle(loaded)
    assert sessions(loaded)[2] == ("S3", "U1", "M1", 30)
    write_sessions(loaded, session(3, minutes=-1), name="viewing_sessions-3.csv")
    settle(loaded)
    assert sessions(loaded)[2] == S3


def test_a_waiting_winner_supersedes(loaded: Project) -> None:
    write_sessions(loaded, session(3, user="U9"), name="viewing_sessions-3.csv")
    settle(loaded)
    assert sessions(loaded) == [S1, S2]
    assert waiting(loaded) == ["S3"]
    (loaded.raw / "viewing_sessions-3.csv").unlink()
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3]
    assert waiting(loaded) == []


def test_late_user_releases_sessions(loaded: Project) -> None:
    write_sessions(loaded, session(4, user="U3"), session(5, user="U3", title="M9"), name="viewing_sessions-3.csv")
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3]
    assert waiting(loaded) == ["S4", "S5"]
    write_users(loaded, CAROL, name="users-more.csv")
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3, ("S4", "U3", "M1", 50)]
    assert waiting(loaded) == ["S5"]


def test_late_title_releases_sessions(loaded: Project) -> None:
    write_sessions(loaded, session(4, title="M2"), session(5, user="U9", title="M2"), name="viewing_sessions-3.csv")
    settle(loaded)
    assert waiting(loaded) == ["S4", "S5"]
    loaded.write_titles("more.json", movies=[movie("M2")])
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3, ("S4", "U1", "M2", 50)]
    assert waiting(loaded) == ["S5"]


def test_sessions_of_a_withdrawn_user_wait_and_load_again(loaded: Project) -> None:
    write_users(loaded, ANN)
    settle(loaded)
    assert users(loaded) == [("U1", 30, "Peru")]
    assert sessions(loaded) == [S1]
    assert waiting(loaded) == ["S2", "S3"]
    assert outcomes(loaded) == {"viewing_sessions-2.csv": (0, 0, 1), "viewing_sessions.csv": (1, 0, 1)}
    assert loaded.rows("SELECT user_id, sessions FROM trusted.user_engagement") == [("U1", 1)]
    write_users(loaded, ANN, BOB)
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3]
    assert waiting(loaded) == []


def test_a_waiting_session_leaves_with_its_file(loaded: Project) -> None:
    write_users(loaded, ANN)
    settle(loaded)
    (loaded.raw / "viewing_sessions-2.csv").unlink()
    write_users(loaded, ANN, BOB)
    settle(loaded)
    assert sessions(loaded) == [S1, S2]
    assert waiting(loaded) == []


def test_a_removed_title_keeps_its_sessions(loaded: Project) -> None:
    loaded.write_titles(movies=[movie("M1"), movie("M2", "Sunrise")], series=[series("T1")])
    settle(loaded)
    with loaded.mongo() as db:
        db.movies.delete_one({"content_id": "M1"})
    settle(loaded, NEXT_DAY)
    titles = "SELECT content_id, removed_at IS NOT NULL FROM processed.content ORDER BY 1"
    assert loaded.rows(titles) == [("M1", True), ("M2", False), ("T1", False)]
    assert loaded.rows("SELECT content_id, genre FROM processed.genres ORDER BY 1") == [
        ("M2", "Drama"),
        ("T1", "Crime"),
    ]
    assert loaded.rows("SELECT content_id FROM processed.movie_details") == [("M2",)]
    assert sessions(loaded) == [S1, S2, S3]
    summary = "SELECT content_id, sessions, removed FROM trusted.content_summary ORDER BY 1"
    assert loaded.rows(summary) == [("M1", 2, True), ("M2", 0, False), ("T1", 1, False)]
    with loaded.mongo() as db:
        db.movies.insert_one(movie("M1", "Metropolis, restored"))
    settle(loaded, DAY_AFTER)
    assert loaded.rows(titles) == [("M1", False), ("M2", False), ("T1", False)]
    assert loaded.value("SELECT title FROM processed.content WHERE content_id = 'M1'") == "Metropolis, restored"
    assert loaded.value("SELECT count(*) FROM processed.genres WHERE content_id = 'M1'") == 1
    assert sessions(loaded) == [S1, S2, S3]


def test_a_withdrawn_delivery_takes_no_title_along(loaded: Project) -> None:
    loaded.write_titles("more.json", movies=[movie("M2")])
    settle(loaded)
    (loaded.raw / "more.json").unlink()
    settle(loaded)
    assert loaded.rows("SELECT content_id FROM processed.content WHERE removed_at IS NULL ORDER BY 1") == [
        ("M1",),
        ("M2",),
        ("T1",),
    ]


def test_of_the_same_title_in_two_deliveries_the_last_name_wins(project: Project) -> None:
    for number in range(9, 0, -1):
        project.write_titles(f"{number}.json", movies=[movie("M1", f"Take {number}")])
    write_users(project, ANN)
    project.must_run("--workers", "4")
    assert project.value("SELECT title FROM processed.content") == "Take 9"
    project.write_titles("3.json", movies=[movie("M1", "Take 3, again")])
    settle(project)
    assert project.value("SELECT title FROM processed.content") == "Take 3, again", "a later delivery wins"


def test_a_delivery_that_is_refused_keeps_no_other_back(project: Project) -> None:
    project.write("1.json", '{"movies": [')
    project.write_titles("2.json", movies=[movie("M1")])
    write_users(project, ANN)
    assert project.run_all().code == 30
    with project.mongo() as db:
        assert [document["content_id"] for document in db.movies.find()] == ["M1"]


def test_a_file_back_after_a_broken_run_is_a_new_batch(loaded: Project) -> None:
    from pipeline.tasks.land_csv import LoadCsvsToPostgres

    broken = "S4,U1,M1,31/12/2024,1,1,TV,HD"
    write_sessions(loaded, session(3, user="U2"), broken, name="viewing_sessions-2.csv")
    settle(loaded)
    content = (loaded.raw / "viewing_sessions-2.csv").read_bytes()
    (loaded.raw / "viewing_sessions-2.csv").unlink()
    settle(loaded, only=LoadCsvsToPostgres)
    loaded.write("viewing_sessions-2.csv", content)
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3]
    assert loaded.rows("SELECT record, reason FROM etl.rejected_rows") != []
    assert loaded.rows("SELECT DISTINCT _batch_id FROM processed.viewing_sessions ORDER BY 1") == loaded.rows(
        "SELECT DISTINCT _batch_id FROM raw.viewing_sessions ORDER BY 1"
    )
    assert settle(loaded) == []


def test_a_reconsidered_row_with_invalid_neighbours(loaded: Project) -> None:
    write_sessions(loaded, session(4, user="U3"), "S5,U1,M1,2024-02-31,1,1,TV,HD", name="viewing_sessions-3.csv")
    settle(loaded)
    assert waiting(loaded) == ["S4"]
    write_users(loaded, CAROL, name="users-more.csv")
    settle(loaded)
    assert sessions(loaded) == [S1, S2, S3, ("S4", "U3", "M1", 50)]

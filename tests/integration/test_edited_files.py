"""A file that is edited in some rows has these loaded anew; the others keep their numbers and are not written."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.tasks.land_csv import LoadCsvsToPostgres
from tests.in_process import load_all, settle
from tests.project import Project
from tests.small_input import ANN, BOB, session, write_sessions, write_users

S1, S2, S4 = session(1), session(2, user="U2", title="T1"), session(4)
PLACES = """
    SELECT 'raw', session_id, _batch_id, _row, xmin::text FROM raw.viewing_sessions
    UNION ALL
    SELECT 'processed', session_id, _batch_id, _row, xmin::text FROM processed.viewing_sessions
"""


@pytest.fixture
def loaded(project: Project) -> Project:
    load_all(project)
    write_sessions(project, S1, S2, S4)
    settle(project)
    return project


def written(project: Project) -> dict[str, set[tuple[Any, ...]]]:
    """Return where each session is, and which transaction wrote it."""
    places: dict[str, set[tuple[Any, ...]]] = {}
    for schema, session_id, *place in project.rows(PLACES):
        places.setdefault(session_id, set()).add((schema, *place))
    return places


def sessions(project: Project) -> list[tuple[str, int]]:
    return project.rows("SELECT session_id, watch_duration_minutes FROM processed.viewing_sessions ORDER BY 1")


def changes(project: Project) -> dict[str, int]:
    """Return what the audit says of the last landing."""
    [(changes,)] = project.rows(
        "SELECT details -> 'changes' FROM etl.batches WHERE task = 'LoadCsvToPostgres' ORDER BY batch_id DESC LIMIT 1"
    )
    return dict(changes)


def outcome(project: Project, source: str = "viewing_sessions.csv") -> list[tuple[int, ...]]:
    return project.rows(
        "SELECT read, loaded, rejected, superseded, waiting FROM etl.file_outcomes WHERE source = %s", source
    )


def test_an_edited_row_is_written_and_no_other(loaded: Project) -> None:
    before = written(loaded)
    write_sessions(loaded, session(1, minutes=51), S2, S4)
    settle(loaded)
    assert sessions(loaded) == [("S1", 51), ("S2", 50), ("S3", 50), ("S4", 50)]
    assert changes(loaded) == {"same": 2, "changed": 1, "new": 0, "gone": 0}
    after = written(loaded)
    assert {name for name in after if after[name] != before[name]} == {"S1"}
    assert {place[1:3] for place in after["S1"]} == {place[1:3] for place in before["S1"]}


def test_rows_that_are_added_and_taken_away_at_the_end(loaded: Project) -> None:
    before = written(loaded)
    write_sessions(loaded, S1, S2, S4, session(5))
    settle(loaded)
    assert changes(loaded) == {"same": 3, "changed": 0, "new": 1, "gone": 0}
    assert outcome(loaded) == [(4, 4, 0, 0, 0)]
    write_sessions(loaded, S1)
    settle(loaded)
    assert changes(loaded) == {"same": 1, "changed": 0, "new": 0, "gone": 3}
    assert sessions(loaded) == [("S1", 50), ("S3", 50)]
    assert outcome(loaded) == [(1, 1, 0, 0, 0)]
    assert written(loaded)["S1"] == before["S1"]


def test_a_line_that_is_inserted_moves_those_below(loaded: Project) -> None:
    write_sessions(loaded, S1, session(5), S2, S4)
    settle(loaded)
    assert changes(loaded) == {"same": 1, "changed": 2, "new": 1, "gone": 0}
    assert loaded.rows("SELECT session_id, _row FROM processed.viewing_sessions WHERE _row > 1 ORDER BY _row") == [
        ("S5", 2),
        ("S2", 3),
        ("S4", 4),
    ]


def test_a_key_that_is_edited_leaves_for_another(loaded: Project) -> None:
    write_users(loaded, ANN, BOB.replace("U2", "U9"))
    settle(loaded)
    assert loaded.rows("SELECT user_id FROM processed.users ORDER BY 1") == [("U1",), ("U9",)]
    assert sessions(loaded) == [("S1", 50), ("S4", 50)]
    assert outcome(loaded) == [(3, 2, 0, 0, 1)]


def test_rows_that_wait_or_are_rejected_are_edited_too(loaded: Project) -> None:
    write_sessions(loaded, session(1, user="U8"), S2.replace(",50,", ",fifty,"), S4)
    settle(loaded)
    assert outcome(loaded) == [(3, 1, 1, 0, 1)]
    assert loaded.rows("SELECT source, record, value FROM etl.rejected_rows") == [("viewing_sessions.csv", 2, "fifty")]
    told = "SELECT source, name, findings FROM trusted.data_quality WHERE findings > 0 ORDER BY 2"
    assert loaded.rows(told) == [
        ("viewing_sessions.csv", "not a number", 1),
        ("viewing_sessions.csv", "waiting for users", 1),
    ]
    write_sessions(loaded, session(1, user="U8"), S2, S4)
    settle(loaded)
    assert outcome(loaded) == [(3, 2, 0, 0, 1)]
    write_sessions(loaded, S1, S2, S4)
    settle(loaded)
    assert outcome(loaded) == [(3, 3, 0, 0, 0)]
    assert loaded.rows("SELECT * FROM etl.rejected_rows") == []


def test_an_edited_row_wins_or_loses_its_key(loaded: Project) -> None:
    later = "viewing_sessions.later.csv"
    write_sessions(loaded, session(1, minutes=9), name=later)
    settle(loaded)
    assert sessions(loaded) == [("S1", 9), ("S2", 50), ("S3", 50), ("S4", 50)]
    write_sessions(loaded, session(1, minutes=7), S2, session(1, minutes=8))
    settle(loaded)
    assert sessions(loaded) == [("S1", 9), ("S2", 50), ("S3", 50)]
    assert outcome(loaded) == [(3, 1, 0, 2, 0)]
    write_sessions(loaded, session(5), name=later)
    settle(loaded)
    assert sessions(loaded) == [("S1", 8), ("S2", 50), ("S3", 50), ("S5", 50)]
    assert outcome(loaded) == [(3, 2, 0, 1, 0)]
    write_sessions(loaded, session(1, minutes=7), S2, S4)
    settle(loaded)
    assert sessions(loaded) == [("S1", 7), ("S2", 50), ("S3", 50), ("S4", 50), ("S5", 50)]


def test_a_file_that_is_edited_twice_before_it_is_merged(loaded: Project) -> None:
    write_sessions(loaded, session(1, minutes=51), S2, S4)
    settle(loaded, only=LoadCsvsToPostgres)
    write_sessions(loaded, session(1, minutes=52), session(2, user="U2", title="T1", minutes=52), S4, session(5))
    settle(loaded)
    assert changes(loaded) == {"same": 1, "changed": 2, "new": 1, "gone": 0}
    assert sessions(loaded) == [("S1", 52), ("S2", 52), ("S3", 50), ("S4", 50), ("S5", 50)]
    assert loaded.rows("SELECT * FROM etl.edited_rows") == []


def test_a_malformed_record_comes_and_goes(loaded: Project) -> None:
    write_sessions(loaded, S1, S2 + ",,,", S4)
    settle(loaded)
    assert outcome(loaded) == [(3, 2, 1, 0, 0)]
    assert loaded.rows("SELECT stage, record FROM etl.rejected_rows") == [("land", 2)]
    write_sessions(loaded, S1, S2, S4)
    settle(loaded)
    assert outcome(loaded) == [(3, 3, 0, 0, 0)]
    assert sessions(loaded) == [("S1", 50), ("S2", 50), ("S3", 50), ("S4", 50)]


def test_an_edited_file_that_is_withdrawn_takes_all_its_rows_along(loaded: Project) -> None:
    write_sessions(loaded, session(1, minutes=51), S2, S4)
    settle(loaded)
    (loaded.raw / "viewing_sessions.csv").unlink()
    settle(loaded)
    assert loaded.rows("SELECT session_id FROM raw.viewing_sessions") == [("S3",)]
    assert sessions(loaded) == [("S3", 50)]

"""A run does exactly what changed, `explain` says so before, and nothing is left to do after it."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.comparing import TABLES
from tests.in_process import explain, load_all, settle
from tests.project import DAY, Project
from tests.small_input import ANN, BOB, session, write_all, write_sessions, write_users

NEXT_DAY = "2026-03-03"
LANDED_USERS = "LoadCsvToPostgres users.csv"
SECOND_FILE = "viewing_sessions-2.csv"
RENAMED_FILE = "viewing_sessions-renamed.csv"
DIGEST = r"content [0-9a-f]{4}… → [0-9a-f]{4}…"
NEVER = "never ran"
CHECKS_CHANGED = r"pipeline/warehouse/checks\.py changed"
LOADS = ("LoadUsers", "LoadNormalizedJsonsToPostgres", "LoadViewingSessions")


def upstream(*tasks: str, state: str = "changed") -> list[str]:
    return [f"upstream: {re.escape(task)} {state}" for task in tasks]


PUBLISHED = {"BuildReport": upstream("CheckQuality", "PublishTrusted")}
SESSIONS_CHANGED = {
    "CheckQuality": upstream("LoadViewingSessions"),
    "PublishTrusted": upstream("LoadViewingSessions"),
    **PUBLISHED,
}
USERS_CHANGED = {
    "LoadViewingSessions": upstream("LoadUsers"),
    "CheckQuality": upstream("LoadUsers", "LoadViewingSessions"),
    "PublishTrusted": upstream("LoadUsers", "LoadViewingSessions"),
    **PUBLISHED,
}
CATALOGUE_CHANGED = {
    "LoadNormalizedJsonsToPostgres": upstream("ExtractMongoToCsv"),
    "LoadViewingSessions": upstream("LoadNormalizedJsonsToPostgres"),
    "CheckQuality": upstream("LoadNormalizedJsonsToPostgres", "LoadViewingSessions"),
    "PublishTrusted": upstream("LoadNormalizedJsonsToPostgres", "LoadViewingSessions"),
    **PUBLISHED,
}


@dataclass(frozen=True)
class Scenario:
    """A change between two runs, and the tasks it makes run, each with patterns of its causes."""

    name: str
    change: Callable[[Project], object]
    runs: Mapping[str, list[str]] = field(default_factory=dict)
    date: str = DAY


def touch_users(project: Project) -> None:
    os.utime(project.raw / "users.csv", (1, 1))


def replace_users_by_a_copy(project: Project) -> None:
    content = (project.raw / "users.csv").read_bytes()
    (project.raw / "users.csv").unlink()
    project.write("users.csv", content)


def edit_a_user(project: Project) -> None:
    write_users(project, ANN, BOB.replace("41", "42"))


def add_sessions(project: Project) -> None:
    write_sessions(project, session(4), name="viewing_sessions-3.csv")


def withdraw_sessions(project: Project) -> None:
    (project.raw / SECOND_FILE).unlink()


def rename_sessions(project: Project) -> None:
    (project.raw / SECOND_FILE).rename(project.raw / RENAMED_FILE)


def edit_a_title(project: Project) -> None:
    path = project.raw / "content.json"
    path.write_text(path.read_text().replace("Metropolis", "Nosferatu"))


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = Path(project.env["PROJECT_ROOT"]) / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def edit_a_view(project: Project) -> None:
    edit(project, "sql/trusted/daily_viewing.sql", "'The day.'", "'The day of viewing.'")


def edit_a_comment(project: Project) -> None:
    flattening = Path(project.env["PROJECT_ROOT"]) / "pipeline/documents/flatten.py"
    source = flattening.read_text()
    docstring = source.index('"""', 3)
    flattening.write_text(f"# Reviewed.\n{source[:docstring]} Reviewed.{source[docstring:]}\n\n# The end.\n")


def edit_the_flattening(project: Project) -> None:
    flattening = Path(project.env["PROJECT_ROOT"]) / "pipeline/documents/flatten.py"
    flattening.write_text(flattening.read_text() + "\nLOGIC_THAT_IS_NEW = 1\n")


def edit_the_runner_of_checks(project: Project) -> None:
    runner = Path(project.env["PROJECT_ROOT"]) / "pipeline/warehouse/checks.py"
    runner.write_text(runner.read_text() + "\nLOGIC_THAT_IS_NEW = 1\n")


def truncate_raw_users(project: Project) -> None:
    project.rows("TRUNCATE raw.users")


def drop_content(project: Project) -> None:
    project.rows("DROP TABLE processed.content CASCADE")


def drop_a_view(project: Project) -> None:
    project.rows("DROP VIEW trusted.daily_viewing")


def drop_a_collection(project: Project) -> None:
    with project.mongo() as db:
        db.drop_collection("movies")


def delete_the_extraction(project: Project) -> None:
    (project.folder / "processed" / DAY / "content.csv").unlink()


def move_the_folder(project: Project) -> None:
    project.move(project.folder.with_name("moved"))


def choose_another_mongo_db(project: Project) -> None:
    project.env["MONGO_DB"] += "_other"


def nothing(_: Project) -> None:
    pass


SCENARIOS = [
    Scenario("nothing changed", nothing),
    Scenario("a file was touched", touch_users),
    Scenario("a file was replaced by a copy of itself", replace_users_by_a_copy),
    Scenario(
        "one user was edited",
        edit_a_user,
        {LANDED_USERS: [DIGEST], "LoadUsers": upstream("users.csv"), **USERS_CHANGED},
    ),
    Scenario(
        "one session file was added",
        add_sessions,
        {
            "LoadCsvToPostgres viewing_sessions-3.csv": [NEVER],
            "LoadViewingSessions": upstream("viewing_sessions-3.csv", state="is new"),
            **SESSIONS_CHANGED,
        },
    ),
    Scenario(
        "one session file was withdrawn",
        withdraw_sessions,
        {
            f"WithdrawCsv {SECOND_FILE}": ["the file is not in the raw folder any more"],
            "LoadViewingSessions": upstream(SECOND_FILE, state="is gone"),
            **SESSIONS_CHANGED,
        },
    ),
    Scenario(
        "one session file was renamed",
        rename_sessions,
        {
            f"WithdrawCsv {SECOND_FILE}": ["the file is not in the raw folder any more"],
            f"LoadCsvToPostgres {RENAMED_FILE}": [NEVER],
            "LoadViewingSessions": [
                *upstream(RENAMED_FILE, state="is new"),
                *upstream(SECOND_FILE, state="is gone"),
            ],
            **SESSIONS_CHANGED,
        },
    ),
    Scenario(
        "one title was edited, on the same day",
        edit_a_title,
        {
            "LoadJsonToMongo content.json": [DIGEST],
            "ExtractMongoToCsv": upstream("content.json"),
            **CATALOGUE_CHANGED,
        },
    ),
    Scenario(
        "the SQL of one view was edited",
        edit_a_view,
        {
            "PublishTrusted": [r"sql/trusted/daily_viewing\.sql changed"],
            "BuildReport": upstream("PublishTrusted"),
        },
    ),
    Scenario("a comment and a docstring of a Python module were edited", edit_a_comment),
    Scenario(
        "the logic of the flattening was edited",
        edit_the_flattening,
        {
            "ExtractMongoToCsv": [r"pipeline/documents/flatten\.py changed"],
            **CATALOGUE_CHANGED,
            "LoadNormalizedJsonsToPostgres": [
                r"pipeline/documents/flatten\.py changed",
                *upstream("ExtractMongoToCsv"),
            ],
        },
    ),
    Scenario(
        "raw.users was truncated by hand",
        truncate_raw_users,
        {LANDED_USERS: [r"raw\.users has lost the rows of batch \d+"]},
    ),
    Scenario(
        "processed.content was dropped by hand",
        drop_content,
        {
            "CreatePostgresTables": [r"processed\.content is missing"],
            "LoadNormalizedJsonsToPostgres": [r"processed\.content\S* is missing"],
            "LoadViewingSessions": [r"processed\.viewing_sessions_content_id_fkey is missing"],
            "PublishTrusted": [r"trusted\.\w+ is missing"],
        },
    ),
    Scenario("a view was dropped by hand", drop_a_view, {"PublishTrusted": [r"trusted\.daily_viewing is missing"]}),
    Scenario(
        "a collection was dropped by hand",
        drop_a_collection,
        {
            "CreateMongodbCollections": ["the collection movies is missing"],
            "LoadJsonToMongo content.json": ["the collection movies is missing"],
            "ExtractMongoToCsv": upstream("content.json"),
            **CATALOGUE_CHANGED,
        },
    ),
    Scenario(
        "a file of the extraction was deleted by hand",
        delete_the_extraction,
        {
            "ExtractMongoToCsv": [r"\S+/content\.csv is missing or not whole", r"takes the place of batch \d+"],
            **CATALOGUE_CHANGED,
        },
    ),
    Scenario(
        "the day after",
        nothing,
        {
            "ExtractMongoToCsv": [f"new day: {DAY} → {NEXT_DAY}"],
            **CATALOGUE_CHANGED,
            "BuildReport": [f"new day: {DAY} → {NEXT_DAY}"],
        },
        date=NEXT_DAY,
    ),
    Scenario("the project folder was moved", move_the_folder),
    Scenario(
        "another MONGO_DB",
        choose_another_mongo_db,
        {
            "CreateMongodbCollections": [NEVER],
            "LoadJsonToMongo content.json": [NEVER],
            "ExtractMongoToCsv": [
                r"other server: MongoDB embedded/test_\w+ → embedded/test_\w+_other",
                *upstream("content.json"),  # in the last one it had landed again, after a collection was dropped
            ],
            **CATALOGUE_CHANGED,
        },
    ),
    Scenario(
        "the runner of checks was edited",
        edit_the_runner_of_checks,
        {
            "LoadUsers": [CHECKS_CHANGED],
            "LoadNormalizedJsonsToPostgres": [CHECKS_CHANGED],
            "LoadViewingSessions": [CHECKS_CHANGED, *upstream("LoadUsers", "LoadNormalizedJsonsToPostgres")],
            "CheckQuality": [CHECKS_CHANGED, *upstream(*LOADS)],
            "PublishTrusted": upstream(*LOADS),
            **PUBLISHED,
        },
    ),
]


GROUPS = 4


@pytest.fixture
def loaded(project: Project) -> Project:
    """A loaded project with a copy of the code, which a test may edit."""
    project.copy_code()
    load_all(project)
    settle(project, report=True)
    return project


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Callable[[int], Project]:
    """Give scenarios one of a few loaded projects. Each scenario leaves its project up to date for the next.

    Those that must not follow each other in a project, or must come last in theirs, are set apart by their
    place in the table.
    """
    projects: dict[int, Project] = {}

    def choose(place: int) -> Project:
        group = place % GROUPS
        if group not in projects:
            name = f"test_{uuid.uuid4().hex[:12]}"
            projects[group] = Project(tmp_path_factory.mktemp("reruns") / "project", embedded, name)
            projects[group].copy_code()
            write_all(projects[group])
            settle(projects[group], report=True)
        return projects[group]

    return choose


@pytest.mark.parametrize("place", range(len(SCENARIOS)), ids=[scenario.name for scenario in SCENARIOS])
def test_exactly_what_changed_is_done_again_and_explained_before(settled: Callable[[int], Project], place: int) -> None:
    scenario, project = SCENARIOS[place], settled(place)
    scenario.change(project)
    explained = explain(project, day=scenario.date)
    assert settle(project, scenario.date, report=True) == sorted(scenario.runs)
    assert explained.keys() == scenario.runs.keys()
    for task, patterns in scenario.runs.items():
        causes = explained[task]
        assert len(causes) == len(patterns), f"{task}: {causes}"
        assert all(any(re.fullmatch(pattern, cause) for cause in causes) for pattern in patterns), (
            f"{task}: {causes} instead of {patterns}"
        )
    assert settle(project, scenario.date, report=True) == []


def test_a_run_of_an_older_date_changes_nothing(loaded: Project) -> None:
    settle(loaded, NEXT_DAY, report=True)
    before = everything(loaded)
    assert explain(loaded, day=DAY) == {}
    assert settle(loaded, DAY, report=True) == []
    assert settle(loaded, "2020-02-29", report=True) == []
    assert everything(loaded) == before
    assert sorted(path.name for path in (loaded.folder / "processed").iterdir()) == [DAY, NEXT_DAY]


def test_an_older_date_takes_up_a_changed_file(loaded: Project) -> None:
    settle(loaded, NEXT_DAY)
    write_sessions(loaded, session(4), name="viewing_sessions-3.csv")
    assert settle(loaded, DAY) == [
        "CheckQuality",
        "LoadCsvToPostgres viewing_sessions-3.csv",
        "LoadViewingSessions",
        "PublishTrusted",
    ]
    assert loaded.value("SELECT count(*) FROM trusted.session_details") == 4
    assert settle(loaded, NEXT_DAY) == []


def test_another_day_with_the_same_catalogue_rewrites_no_row(loaded: Project) -> None:
    before = versions(loaded)
    assert "LoadNormalizedJsonsToPostgres" in settle(loaded, NEXT_DAY)
    assert versions(loaded) == before


def test_code_that_makes_the_same_rows_rewrites_no_row(loaded: Project) -> None:
    before = versions(loaded)
    edit(loaded, "sql/merge/upsert.sql", "FROM winners", "FROM winners  -- of each key")
    assert {"LoadUsers", "LoadViewingSessions"} <= set(settle(loaded))
    assert versions(loaded) == before


def versions(project: Project) -> dict[str, list[tuple[object, ...]]]:
    """Which transaction wrote each row of `processed`, and where it lies."""
    return {
        table: project.rows(f"SELECT xmin::text, ctid::text FROM processed.{table} ORDER BY ctid") for table in TABLES
    }


def everything(project: Project) -> list[tuple[object, ...]]:
    """The row versions of `processed`, all markers and the audit."""
    markers = project.rows("SELECT * FROM etl.table_updates ORDER BY update_id")
    return [*versions(project).items(), *markers, *project.rows("SELECT * FROM etl.batches ORDER BY batch_id")]

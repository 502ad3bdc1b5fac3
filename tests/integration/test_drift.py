"""Columns and fields that are new, change their type, or vanish: told in the log, the audit and `status`."""

from __future__ import annotations

from tests.in_process import ask, attempt, settle
from tests.project import Project
from tests.small_input import ANN, BOB, USER_COLUMNS, movie, series, write_all


def drift_lines(project: Project) -> list[str]:
    lines = ask(project, "status").answer.splitlines()
    return [line.strip() for line in lines[lines.index("drift") + 1 :]] if "drift" in lines else []


def test_drift_is_told_while_it_lasts(project: Project) -> None:
    write_all(project)
    project.write("users-2.csv", f"{USER_COLUMNS},plan,note\nU3{ANN[2:]},,first\nU4{BOB[2:]},gold,second\n")
    project.write_titles(
        movies=[movie("M1", views_count=5, director="Lang"), movie("M2", release_year="1927", director="Murnau")],
        series=[series("T1", production_budget=1000)],
    )
    run = attempt(project)
    assert run.code == 0, run.output
    told = [
        "users-2.csv: new column plan in raw.users, such as gold",
        "users-2.csv: new column note in raw.users, such as first",
        "LoadNormalizedJsonsToPostgres: new field director in movies, such as Lang",
        "LoadNormalizedJsonsToPostgres: type changed release_year in movies, such as 1927",
    ]
    assert drift_lines(project) == told
    assert "users-2.csv: new column plan in raw.users, such as gold" in run.output
    assert "MongoDB: type changed release_year in movies, such as 1927" in run.output

    project.write("users-2.csv", f"{USER_COLUMNS},note\nU3{ANN[2:]},third\n")
    project.write_titles(
        movies=[movie("M1"), movie("M2")],
        series=[series("T1")],
    )
    run = attempt(project)
    assert run.code == 0, run.output
    told = [
        "users-2.csv: vanished column plan in raw.users, such as gold",
        "LoadNormalizedJsonsToPostgres: vanished field director in movies",
        "LoadNormalizedJsonsToPostgres: vanished field movie_details.views_count in movies",
        "LoadNormalizedJsonsToPostgres: vanished field content.production_budget in series",
    ]
    assert drift_lines(project) == told
    assert "MongoDB: vanished field director in movies" in run.output

    settle(project, "2026-03-03")
    assert drift_lines(project) == told[:1]


def test_drift_of_a_new_file(project: Project) -> None:
    write_all(project)
    project.write("users-2024-01.csv", f"{USER_COLUMNS},plan\nU3{ANN[2:]},gold\n")
    settle(project)
    project.write_rows("users-2024-02.csv", [USER_COLUMNS, f"U4{BOB[2:]}"])
    settle(project)
    assert drift_lines(project) == [
        "users-2024-01.csv: new column plan in raw.users, such as gold",
        "users-2024-02.csv: vanished column plan in raw.users, such as gold",
    ]

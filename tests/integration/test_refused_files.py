"""A file that is refused as a whole: the others go all the way, and the run fails until it is mended."""

from __future__ import annotations

import re

import pytest

from tests.in_process import ask, attempt, explain, load_all, settle
from tests.kept import assert_kept_is_right
from tests.project import DAY, Project
from tests.small_input import ANN, BOB, movie, series, session, write_all, write_sessions, write_users


def sessions(project: Project) -> list[str]:
    return [each for (each,) in project.rows("SELECT session_id FROM trusted.session_details ORDER BY 1")]


def test_the_other_files_reach_the_analysts(project: Project) -> None:
    write_all(project)
    project.write("viewing_sessions-3.csv", "id,minutes\nS9,10\n")
    project.write("broken.json", '{"movies": [{"content_id": ')
    run = project.run_all()
    assert run.code == 30
    assert "viewing_sessions-3.csv: declared columns are missing: session_id" in run.output
    assert "broken.json" in run.output
    assert "LoadJsonToMongo broken.json: done" not in run.output
    assert "1 of 4 files were refused, the others are loaded: viewing_sessions-3.csv" in run.output
    assert "1 of 2 files were refused, the others are loaded: broken.json" in run.output
    assert "Traceback" not in run.output
    assert sessions(project) == ["S1", "S2", "S3"]

    again = attempt(project)
    assert again.code == 30
    assert sessions(project) == ["S1", "S2", "S3"]
    # What was refused is tried again, but nothing else has to be done after that.
    attempt(project)
    last = attempt(project)
    assert last.code == 30
    assert last.ran == ["LoadCsvToPostgres viewing_sessions-3.csv", "LoadJsonToMongo broken.json"]

    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    project.write_titles("broken.json", movies=[movie("M2")])
    settle(project)
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert project.rows("SELECT content_id FROM trusted.content_summary ORDER BY 1") == [("M1",), ("M2",), ("T1",)]
    assert settle(project) == []


def test_a_new_version_that_is_refused_leaves_the_old_rows(project: Project) -> None:
    load_all(project)
    write_users(project, ANN.replace("30", "31"), BOB, name="users.csv")
    (project.raw / "users.csv").write_text("age\n31\n")
    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    assert attempt(project).code == 30
    assert project.rows("SELECT user_id, age FROM processed.users ORDER BY 1") == [("U1", 30), ("U2", 41)]
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert "FAILED users.csv: " in ask(project, "status").output
    # What is loaded is delivered once more.
    write_users(project, ANN, BOB)
    settle(project)
    assert "FAILED" not in ask(project, "status").output


def test_a_file_that_is_accepted_under_other_rules_reaches_the_analysts(project: Project) -> None:
    write_all(project)
    write_users(
        project, *(f"V{number},{'old' if number < 10 else 40},,,," for number in range(100)), name="users-2.csv"
    )
    users = "SELECT users FROM trusted.country_engagement WHERE country IS NULL"
    broken = (project.raw / "users-2.csv").read_text().splitlines()
    broken[1:11] = [line + ",too,many" for line in broken[1:11]]
    project.write_rows("users-2.csv", broken)
    for _ in range(2):
        refused = attempt(project)
        assert refused.code == 30
        assert "10 of 100 records were rejected, more than the 5% that MAX_REJECT_RATIO allows" in refused.output
        assert project.rows(users) == []
    settle(project, MAX_REJECT_RATIO="0.1")
    assert project.rows(users) == [(90,)]
    assert settle(project, MAX_REJECT_RATIO="0.1") == []


def test_an_emptied_file_is_taken_on_request_all_the_way(project: Project) -> None:
    load_all(project)
    write_sessions(project, name="viewing_sessions-2.csv")
    for _ in range(3):
        last = attempt(project)
        assert last.code == 30
        assert sessions(project) == ["S1", "S2", "S3"]
    assert last.ran == ["LoadCsvToPostgres viewing_sessions-2.csv"]
    settle(project, allow_empty=True)
    assert sessions(project) == ["S1", "S2"]
    assert settle(project) == []


def test_a_file_alone_fails_by_itself(project: Project) -> None:
    write_all(project)
    project.write("users.csv", "")
    refused = project.task("LoadCsvToPostgres", "--path", "users.csv")
    assert refused.code == 30
    assert "users.csv" in refused.output
    assert project.task("LoadUsers").code == 30
    assert project.task("LoadJsonToMongo", "--path", "content.json").code == 0
    project.write_titles(series=[series("T1")])
    assert project.task("LoadCsvsToPostgres").code == 30


# Refused as its values are typed


def bad_sessions(project: Project, name: str, *, bad: int = 100, good: int = 0, key: str = "P") -> None:
    """Write a file of 100 sessions or more, of which some have a date that is none."""
    days = ["31/12/2024"] * bad + ["2024-05-01"] * good
    lines = [f"{key}{number},U1,M1,{day},1,1,TV,HD" for number, day in enumerate(days)]
    write_sessions(project, *lines, name=name)


def rejected(project: Project) -> list[tuple[str, int]]:
    return project.rows("SELECT source, count(*) FROM etl.rejected_rows GROUP BY 1 ORDER BY 1")


def reject_files(project: Project) -> list[str]:
    return sorted(path.name for path in (project.folder / "rejected").glob("*"))


@pytest.mark.parametrize("is_first_load", [True, False])
def test_a_file_whose_values_are_bad_holds_only_itself(project: Project, is_first_load: bool) -> None:
    write_all(project)
    if not is_first_load:
        settle(project)
    # S1 of the file that is refused comes last, of a user who comes with the same run; it must not win.
    bad_sessions(project, "viewing_sessions.partner.csv")
    with (project.raw / "viewing_sessions.partner.csv").open("a") as file:
        file.write("S1,U1,M1,2024-05-09,1,1,TV,HD\nW1,U9,M1,2024-05-09,1,1,TV,HD\n")
    write_sessions(project, session(4, user="U3"), name="viewing_sessions-good.csv")
    write_users(project, "U3,30,Peru,Basic,2024-01-01,1", name="users-3.csv")
    write_users(project, *(f"X{number},old,,,," for number in range(100)), name="users-bad.csv")

    run = project.run_all()
    assert run.code == 30
    assert (
        "viewing_sessions.partner.csv: 100 of 102 records were rejected, more than the 5% that MAX_REJECT_RATIO allows:"
        " watch_date not an ISO date (YYYY-MM-DD) (100)."
    ) in run.output
    assert "users-bad.csv: 100 of 100 records were rejected" in run.output
    assert "files were refused, the others are loaded" in run.output
    assert re.search(r"LoadCsvToPostgres users-bad\.csv +refused +[0-9.]+\n", run.output)  # without counts of rows
    assert "Traceback" not in run.output
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert (
        project.value("SELECT watch_date::text FROM processed.viewing_sessions WHERE session_id = 'S1'") == "2024-05-01"
    )
    assert project.rows("SELECT user_id FROM processed.users ORDER BY 1") == [("U1",), ("U2",), ("U3",)]
    assert project.rows("SELECT * FROM etl.held_rows") == []
    assert project.value("SELECT count(*) FROM raw.viewing_sessions") == 4
    assert_kept_is_right(project, DAY)
    assert rejected(project) == [("users-bad.csv", 100), ("viewing_sessions.partner.csv", 100)]
    assert len(reject_files(project)) == 2
    told = ask(project, "status").output
    assert "FAILED viewing_sessions.partner.csv: TooManyRejectsError: viewing_sessions.partner.csv: 100 of 102" in told
    assert explain(project)["LoadCsvToPostgres users-bad.csv"] == ["it was refused, and is tried again"]

    # Later runs say the same, and soon try nothing but the two files again.
    assert attempt(project).code == 30
    last = attempt(project)
    assert last.code == 30
    assert last.ran == ["LoadCsvToPostgres users-bad.csv", "LoadCsvToPostgres viewing_sessions.partner.csv"]
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert rejected(project) == [("users-bad.csv", 100), ("viewing_sessions.partner.csv", 100)]
    assert len(reject_files(project)) == 2

    (project.raw / "users-bad.csv").unlink()
    bad_sessions(project, "viewing_sessions.partner.csv", bad=0, good=100)
    settle(project)
    assert len(sessions(project)) == 104
    assert rejected(project) == []
    assert reject_files(project) == []
    assert settle(project) == []


def test_a_new_version_with_bad_values_leaves_the_old_rows(project: Project) -> None:
    write_all(project)
    bad_sessions(project, "viewing_sessions-partner.csv", bad=5, good=100)
    write_users(project, *(f"X{number},30,,,," for number in range(100)), name="users-x.csv")
    settle(project)
    bad_sessions(project, "viewing_sessions-partner.csv", bad=6, good=100)
    write_users(project, *(f"X{number},{'old' if number < 6 else 31},,,," for number in range(100)), name="users-x.csv")
    write_sessions(project, session(4, user="X7"), name="viewing_sessions-good.csv")
    for _ in range(2):
        run = attempt(project)
        assert run.code == 30
        assert "users-x.csv: 6 of 100 records were rejected" in run.output
        assert "viewing_sessions-partner.csv: 6 of 106 records were rejected" in run.output
        assert len(sessions(project)) == 104
        assert project.value("SELECT count(*) FROM processed.users WHERE age = 30 AND user_id LIKE 'X%%'") == 100
        assert project.value("SELECT count(*) FROM raw.viewing_sessions") == 109
        # Of the version that is loaded 5, of the one that was refused 6.
        assert rejected(project) == [("users-x.csv", 6), ("viewing_sessions-partner.csv", 11)]
        assert len(reject_files(project)) == 3
    bad = {name: (project.raw / name).read_bytes() for name in ("viewing_sessions-partner.csv", "users-x.csv")}
    # The versions that are loaded are back.
    bad_sessions(project, "viewing_sessions-partner.csv", bad=5, good=100)
    write_users(project, *(f"X{number},30,,,," for number in range(100)), name="users-x.csv")
    settle(project)
    assert rejected(project) == [("viewing_sessions-partner.csv", 5)]
    assert len(reject_files(project)) == 1
    for name, content in bad.items():
        project.write(name, content)
    settle(project, MAX_REJECT_RATIO="0.1")
    assert project.value("SELECT count(*) FROM processed.users WHERE age = 31") == 94
    assert rejected(project) == [("users-x.csv", 6), ("viewing_sessions-partner.csv", 6)]
    assert len(reject_files(project)) == 2


def test_rows_stay_if_the_only_file_in_their_place_is_bad(project: Project) -> None:
    load_all(project)
    for name in ("viewing_sessions.csv", "viewing_sessions-2.csv"):
        (project.raw / name).unlink()
    bad_sessions(project, "viewing_sessions-new.csv")
    for _ in range(2):
        run = attempt(project)
        assert run.code == 30
        assert "viewing_sessions-new.csv: 100 of 100 records were rejected" in run.output
        assert sessions(project) == ["S1", "S2", "S3"]
    bad_sessions(project, "viewing_sessions-new.csv", bad=0, good=100)
    settle(project)
    assert len(sessions(project)) == 100


def test_a_merge_alone_fails_after_its_commit(project: Project) -> None:
    write_all(project)
    write_users(project, *(f"X{number},old,,,," for number in range(100)), name="users-bad.csv")
    run = project.task("LoadUsers")
    assert run.code == 30
    assert "1 of 2 files were refused, the others are loaded: users-bad.csv" in run.output
    assert project.rows("SELECT user_id FROM processed.users ORDER BY 1") == [("U1",), ("U2",)]
    assert project.task("LoadUsers").code == 30

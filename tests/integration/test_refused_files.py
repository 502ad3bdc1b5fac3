"""A file that is refused as a whole: the others go all the way, and the run fails until it is mended."""

from __future__ import annotations

from tests.project import Project
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
    assert "1 of 4 files were refused, the others are loaded: viewing_sessions-3.csv" in run.output
    assert "1 of 2 files were refused, the others are loaded: broken.json" in run.output
    assert "Traceback" not in run.output
    assert sessions(project) == ["S1", "S2", "S3"]

    again = project.run_all()
    assert again.code == 30
    assert sessions(project) == ["S1", "S2", "S3"]
    # What was refused is tried again, but nothing else has to be done after that.
    project.run_all()
    last = project.run_all()
    assert last.code == 30
    assert last.ran == ["LoadCsvToPostgres viewing_sessions-3.csv", "LoadJsonToMongo broken.json"]

    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    project.write_titles("broken.json", movies=[movie("M2")])
    project.must_run()
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert project.rows("SELECT content_id FROM trusted.content_summary ORDER BY 1") == [("M1",), ("M2",), ("T1",)]
    assert project.must_run().ran == []


def test_a_new_version_that_is_refused_leaves_the_old_rows(project: Project) -> None:
    write_all(project)
    project.must_run()
    write_users(project, ANN.replace("30", "31"), BOB, name="users.csv")
    (project.raw / "users.csv").write_text("user_id\nU1\n")
    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    assert project.run_all().code == 30
    assert project.rows("SELECT user_id, age FROM processed.users ORDER BY 1") == [("U1", 30), ("U2", 41)]
    assert sessions(project) == ["S1", "S2", "S3", "S4"]


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
        refused = project.run_all()
        assert refused.code == 30
        assert "10 of 100 records were rejected, more than the 5% that MAX_REJECT_RATIO allows" in refused.output
        assert project.rows(users) == []
    project.must_run(MAX_REJECT_RATIO="0.1")
    assert project.rows(users) == [(90,)]
    assert project.must_run(MAX_REJECT_RATIO="0.1").ran == []


def test_an_emptied_file_is_taken_on_request_all_the_way(project: Project) -> None:
    write_all(project)
    project.must_run()
    write_sessions(project, name="viewing_sessions-2.csv")
    for _ in range(2):
        assert project.run_all().code == 30
        assert sessions(project) == ["S1", "S2", "S3"]
    project.must_run("--allow-empty")
    assert sessions(project) == ["S1", "S2"]
    assert project.must_run().ran == []


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

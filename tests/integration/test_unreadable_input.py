"""Input that cannot be read: what it brought before stays, the rest goes on, and the run fails at its end."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.in_process import ask, attempt, load_all, settle
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import ANN, BOB, movie, session, write_all, write_sessions, write_users


def sessions(project: Project) -> list[str]:
    return [each for (each,) in project.rows("SELECT session_id FROM trusted.session_details ORDER BY 1")]


def users(project: Project) -> list[str]:
    return [each for (each,) in project.rows("SELECT user_id FROM processed.users ORDER BY 1")]


def test_what_cannot_be_read_stays_as_it_was(project: Project) -> None:
    project.heed_permissions()
    write_all(project)
    write_users(project, BOB.replace("U2", "U3"), name="users-2.csv")
    write_sessions(project, session(4), name="viewing_sessions/2024/4.csv")
    (project.raw / "lost+found").mkdir(mode=0)  # of the disk that is mounted there
    project.must_run()

    elsewhere = project.folder / "share.csv"
    (project.raw / "users-2.csv").rename(elsewhere)
    (project.raw / "users-2.csv").symlink_to(project.folder / "unmounted/share.csv")
    denied = [project.raw / name for name in ("viewing_sessions/2024", "viewing_sessions-2.csv", "content.json")]
    for path in denied:
        path.chmod(0)
    os.mkfifo(project.raw / "viewing_sessions-6.csv")
    write_users(project, ANN.replace("U1", "U4"), name="users-4.csv/part-1.csv")
    (project.raw / "other.csv").symlink_to("nowhere")
    (project.raw / "movies.json").symlink_to(project.raw / "movies.json")
    write_sessions(project, session(5), name="viewing_sessions-5.csv")
    run = project.run_all()
    assert run.code == 30
    assert "Traceback" not in run.output
    for line in (
        "users-2.csv: is a broken link, " + str(project.folder / "unmounted/share.csv") + " is not there",
        "viewing_sessions/2024: cannot be read (permission denied)",
        "viewing_sessions-2.csv: cannot be read (permission denied)",
        "content.json: cannot be read (permission denied)",
        "viewing_sessions-6.csv: is a named pipe, not a file",
        "users-4.csv: is a folder, but named like a file",
        "other.csv: is a broken link, nowhere is not there",
        "movies.json: cannot be read (Too many levels of symbolic links)",
    ):
        assert line in run.output, line
    assert sessions(project) == ["S1", "S2", "S3", "S4", "S5"]
    assert users(project) == ["U1", "U2", "U3"]
    told = project.explain()
    assert told["LoadCsvToPostgres viewing_sessions/2024"][0].startswith("cannot be read (permission denied)")
    assert told["LoadCsvToPostgres users-2.csv"][0].startswith("is a broken link")
    assert "FAILED viewing_sessions-6.csv: " in project.pipeline("status").output
    again = project.run_all()
    assert again.code == 30
    assert again.ran == [
        "LoadCsvToPostgres other.csv",
        "LoadCsvToPostgres users-2.csv",
        "LoadCsvToPostgres users-4.csv",
        "LoadCsvToPostgres viewing_sessions-2.csv",
        "LoadCsvToPostgres viewing_sessions-6.csv",
        "LoadCsvToPostgres viewing_sessions/2024",
        "LoadJsonToMongo content.json",
        "LoadJsonToMongo movies.json",
    ]

    for path in denied:
        path.chmod(0o755)
    for name in ("users-2.csv", "viewing_sessions-6.csv", "other.csv", "movies.json"):
        (project.raw / name).unlink()
    elsewhere.rename(project.raw / "users-2.csv")
    (project.raw / "users-4.csv").rename(project.raw / "users")
    settle(project)
    assert sessions(project) == ["S1", "S2", "S3", "S4", "S5"]
    assert users(project) == ["U1", "U2", "U3", "U4"]
    assert settle(project) == []
    assert "FAILED" not in project.pipeline("status").output


REMOVED_WHILE_RUNNING = """
import sys
from pathlib import Path

from luigi.cmdline import luigi_run

import pipeline
from pipeline.sources.inventory import inventory

inventory()
for path in sys.argv[2:]:
    Path(path).unlink()
sys.argv[0] = "luigi"
luigi_run(["--module", "pipeline", "RunAll", "--local-scheduler", "--date", sys.argv[1]])
"""


def run_while_removed(project: Project, *names: str) -> int:
    paths = [str(project.raw / name) for name in names]
    command = [sys.executable, "-c", REMOVED_WHILE_RUNNING, DAY, *paths]
    return subprocess.run(command, cwd=REPOSITORY, env=project.env, check=False).returncode


def test_a_file_gone_before_it_was_read_fails_alone(project: Project) -> None:
    load_all(project)
    write_users(project, ANN.replace("30", "31"), BOB, name="users.csv")
    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    project.write_titles("more.json", movies=[movie("M2")])
    gone = {name: (project.raw / name).read_bytes() for name in ("users.csv", "more.json")}
    assert run_while_removed(project, *gone) == 30
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert project.rows("SELECT user_id, age FROM processed.users ORDER BY 1") == [("U1", 30), ("U2", 41)]
    assert "FAILED" not in ask(project, "status").output  # of files that are gone there is nothing to be mended
    for name, content in gone.items():
        (project.raw / name).write_bytes(content)
    settle(project)
    assert project.rows("SELECT user_id, age FROM processed.users ORDER BY 1") == [("U1", 31), ("U2", 41)]
    assert project.rows("SELECT max(age) FROM trusted.session_details") == [(41,)]
    assert project.rows("SELECT content_id FROM trusted.content_summary ORDER BY 1") == [("M1",), ("M2",), ("T1",)]
    assert settle(project) == []


def test_links_to_folders_are_followed(project: Project) -> None:
    real = project.folder / "real"
    project.raw.rename(real)
    project.raw.symlink_to(real)
    write_all(project)
    write_sessions(project, session(4), name="archive/2024/4.csv")
    (project.raw / "viewing_sessions").symlink_to("archive/2024")
    (project.raw / "archive/again").symlink_to(project.raw)
    run = attempt(project)
    assert run.code == 0, run.output
    assert "archive/again: passed over, it leads back to a folder that it is in" in run.output
    assert sessions(project) == ["S1", "S2", "S3", "S4"]

    outside = project.folder / "disk"
    (real / "archive/2024").rename(outside)
    (project.raw / "viewing_sessions").unlink()
    (project.raw / "viewing_sessions").symlink_to(outside)
    (real / "users.csv").rename(project.folder / "users.csv")
    (project.raw / "users.csv").symlink_to(project.folder / "users.csv")
    refused = attempt(project)
    assert refused.code == 30
    for name, target in (("viewing_sessions", outside), ("users.csv", project.folder / "users.csv")):
        assert f"{name}: leads out of the raw folder, to {target}" in refused.output
    assert "DATA_RAW_OUTSIDE_LINKS=true" in refused.output
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    settle(project, DATA_RAW_OUTSIDE_LINKS="true")
    assert sessions(project) == ["S1", "S2", "S3", "S4"]
    assert settle(project, DATA_RAW_OUTSIDE_LINKS="true") == []

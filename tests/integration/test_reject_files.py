"""Reject files in the hands of people: what was edited stays, what was corrected comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.tasks.load import LoadUsers
from tests.comparing import assert_same_rows, table_rows
from tests.in_process import ask, attempt
from tests.oracle import expected
from tests.project import Project, Run
from tests.small_input import ANN, BOB, write_users

BAD = ["W1,300,Peru,Basic,2024-05-01,1", "W2,old,Peru,Basic,2024-05-01,1", "W3,30"]


def load_users(project: Project, **env: Any) -> Run:
    run = attempt(project, only=LoadUsers, **env)
    assert run.code == 0, run.output
    return run


def reject_files(project: Project) -> list[Path]:
    return sorted((project.folder / "rejected").iterdir(), key=lambda path: (len(path.name), path.name))


def reject_file(project: Project, source: str = "users.csv") -> Path:
    name = project.value(
        "SELECT DISTINCT table_name || '-rejected-' || batch_id FROM etl.rejected_rows WHERE source = %s", source
    )
    return project.folder / "rejected" / f"{name}.csv"


def edit(path: Path) -> str:
    text = path.read_text().replace(",300,", ",30,")
    path.write_text(text)
    return text


def test_an_edited_file_is_neither_replaced_nor_deleted(project: Project) -> None:
    write_users(project, ANN, *BAD)
    load_users(project)
    [edited] = reject_files(project)
    text = edit(edited)
    # Loaded again, and other reasons for the same records: these are written beside.
    assert ask(project, "redo", "LoadUsers").code == 0
    load_users(project)
    assert reject_files(project) == [edited]
    other = '[{"column": null, "value": null, "reason": "other"}]'
    project.rows("UPDATE etl.rejected_rows SET problems = %s WHERE stage = 'land'", other)
    assert ask(project, "redo", "LoadUsers").code == 0
    load_users(project)
    beside = edited.with_name(f"{edited.stem}-2.csv")
    assert reject_files(project) == [edited, beside]
    assert ",other," in beside.read_text()
    edit(beside)
    project.rows("UPDATE etl.rejected_rows SET problems = %s WHERE stage = 'land'", other.replace("other", "third"))
    assert ask(project, "redo", "LoadUsers").code == 0
    load_users(project)
    assert reject_files(project) == [edited, beside, edited.with_name(f"{edited.stem}-3.csv")]
    beside.unlink()
    # Delivered again: what nobody touched goes.
    write_users(project, ANN, BOB, *BAD)
    load_users(project)
    assert edited.read_text() == text
    second = edited.with_name(f"{edited.stem}-3.csv")
    assert reject_files(project) == [edited, second]
    edit(second)
    # One that was moved away for good is not written again, nor one that was edited deleted with its source.
    write_users(project, ANN, BAD[2], name="users-2.csv")
    load_users(project)
    moved = reject_file(project, "users-2.csv")
    moved.rename(project.folder / "mine.csv")
    assert ask(project, "redo", "LoadUsers").code == 0
    load_users(project)
    assert reject_files(project) == [edited, second]
    write_users(project, ANN)
    run = load_users(project)
    assert reject_files(project) == [edited, second]
    assert f"{second}: kept, since it was edited" in run.output


def test_unwritten_reject_files_are_written(project: Project) -> None:
    write_users(project, ANN, *BAD)
    load_users(project)
    [path] = reject_files(project)
    text = path.read_text()
    path.unlink()
    path.with_suffix(".partial").write_text("half")
    project.rows("UPDATE etl.reject_files SET is_due = true, digest = NULL")
    write_users(project, BOB, name="users-2.csv")
    load_users(project)
    assert reject_files(project) == [path]
    assert path.read_text() == text


def test_corrected_records_come_back_and_a_newer_delivery_wins(project: Project) -> None:
    bad = [f"U{number},{300 if number < 199 else 30},Peru,Basic,2024-05-01,1" for number in range(300)]
    older = "U7,21,Peru,Basic,2024-05-01,1"
    write_users(project, older, name="users-1.csv")
    write_users(project, *bad, name="users-2.csv")
    load_users(project, MAX_REJECT_RATIO="1")
    assert project.value("SELECT age FROM processed.users WHERE user_id = 'U7'") == 21

    # 180 of 199 corrected: these load, and nothing else; the other 19 are rejected again.
    corrected = reject_file(project, "users-2.csv")
    lines = corrected.read_text().splitlines()
    assert lines[0].endswith(",_reject_source,_reject_record,_reject_reason,_reject_line")
    lines[1:181] = [line.replace(",300,", ",30,") for line in lines[1:181]]
    project.write_rows(corrected.name, lines)
    load_users(project)
    outcome = "SELECT read, loaded, rejected, superseded FROM etl.file_outcomes WHERE source = %s"
    assert project.rows(outcome, corrected.name) == [(199, 180, 19, 0)]
    assert project.value("SELECT count(*) FROM processed.users") == 101 + 180
    assert project.value("SELECT age FROM processed.users WHERE user_id = 'U7'") == 30, "newer than the first file"
    again = reject_file(project, corrected.name)
    assert len(again.read_text().splitlines()) == 20
    assert "users-2.csv" in again.read_text(), "it is to stand in the place of the first of all"

    # Those too; then both are superseded by what the source delivers afterwards, under the old name or a new one.
    project.write(again.name, again.read_text().replace(",300,", ",31,"))
    load_users(project)
    assert project.value("SELECT count(*) FROM processed.users") == 300
    write_users(project, *(line.replace(",300,", ",40,") for line in bad), name="users-2.csv")
    write_users(project, "U8,50,Peru,Basic,2024-05-01,1", name="users-3.csv")
    load_users(project)
    ages = project.rows("SELECT age, count(*) FROM processed.users GROUP BY 1 ORDER BY 1")
    assert ages == [(30, 101), (40, 198), (50, 1)]
    told = ask(project, "status").output
    assert f"{corrected.name}: 180, such as U0, U1, U10" in told
    assert f"{again.name}: 19, such as " in told
    assert_same_rows(table_rows(project, "processed.users"), expected(project.raw).users, "users")


def test_rejects_as_csv_are_utf_8_whatever_the_locale(project: Project) -> None:
    write_users(project, "W1,300,México 🎬,Basic,2024-05-01,1")
    load_users(project)
    command = [sys.executable, "-m", "pipeline", "rejects", "--csv"]
    env = {**project.env, "LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
    told = subprocess.run(command, cwd=project.env["PROJECT_ROOT"], env=env, capture_output=True, check=True)
    assert "México 🎬" in told.stdout.decode("utf-8")

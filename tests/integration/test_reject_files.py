"""Reject files in the hands of people: what was edited stays, what was corrected comes back."""

from __future__ import annotations

from pathlib import Path

from tests.project import Project
from tests.small_input import ANN, BOB, write_users

BAD = ["W1,300,Peru,Basic,2024-05-01,1", "W2,old,Peru,Basic,2024-05-01,1", "W3,30"]


def load_users(project: Project, **env: str) -> None:
    run = project.task("LoadUsers", **env)
    assert run.code == 0, run.output


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
    assert project.pipeline("redo", "LoadUsers").code == 0
    load_users(project)
    assert reject_files(project) == [edited]
    other = '[{"column": null, "value": null, "reason": "other"}]'
    project.rows("UPDATE etl.rejected_rows SET problems = %s WHERE stage = 'land'", other)
    assert project.pipeline("redo", "LoadUsers").code == 0
    load_users(project)
    beside = edited.with_name(f"{edited.stem}-2.csv")
    assert reject_files(project) == [edited, beside]
    assert ",other," in beside.read_text()
    # Delivered again: what nobody touched goes.
    write_users(project, ANN, BOB, *BAD)
    load_users(project)
    assert edited.read_text() == text
    second = reject_file(project)
    assert reject_files(project) == [edited, second]
    edit(second)
    # One that was moved away for good is not written again, nor one that was edited deleted with its source.
    write_users(project, ANN, BAD[2], name="users-2.csv")
    load_users(project)
    moved = reject_file(project, "users-2.csv")
    moved.rename(project.folder / "mine.csv")
    assert project.pipeline("redo", "LoadUsers").code == 0
    load_users(project)
    assert reject_files(project) == [edited, second]
    write_users(project, ANN)
    load_users(project)
    assert reject_files(project) == [edited, second]
    assert f"{second}: kept, since it was edited" in project.logged()


def test_files_that_a_kill_left_unwritten_are_written_by_the_next_load(project: Project) -> None:
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

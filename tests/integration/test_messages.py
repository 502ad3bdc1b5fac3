"""What a run says when it cannot do its work: one clear message, the right exit code, the traceback in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.state import executor
from pipeline.state.spec import Load, SupersededError
from pipeline.tasks.load import LoadUsers
from tests.in_process import load_all, settings_of
from tests.project import Project, Run

ADVICE = (
    "put files there, point DATA_RAW_PATH elsewhere, or make some with 'python -m pipeline sample --sessions 20000'"
)


def assert_one_clear_message(run: Run, message: str) -> None:
    assert run.output.count(message) == 1, run.output  # in the summary it is on several lines
    assert "mend the cause and run again" in run.output
    assert "pipeline psql" not in run.output
    assert "Traceback" not in run.output
    assert "Traceback" in run.log


def test_a_raw_folder_that_is_absent(project: Project) -> None:
    project.raw.rmdir()
    run = project.run_all()
    assert run.code == 35
    assert_one_clear_message(run, f"{project.raw} does not exist: {ADVICE}")


def test_a_raw_folder_without_input_withdraws_nothing(project: Project) -> None:
    load_all(project)
    for path in project.raw.iterdir():
        path.unlink()
    run = project.run_all()
    assert run.code == 35
    assert_one_clear_message(run, f"{project.raw} holds no CSV or JSON file: {ADVICE}")
    assert project.value("SELECT count(*) FROM processed.viewing_sessions") == 3


def test_what_an_orphan_of_an_older_run_would_load_is_refused(project: Project) -> None:
    load_all(project)
    with settings_of(project):
        spec = LoadUsers().load_spec()
        stale = replace(spec, fingerprint="of older input", run_number=0)

        def work(load: Load) -> None:
            load.cursor.execute("TRUNCATE processed.users CASCADE")

        with pytest.raises(SupersededError, match=r"has loaded newer input at .*; run again if this was meant to win"):
            executor.execute(stale, work)
    assert project.value("SELECT count(*) FROM processed.users") == 2

"""Servers that are killed while tasks run: nothing that is marked is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sample import write_sample
from pipeline.settings import Settings
from pipeline.stores.embedded import status, stop
from tests.comparing import assert_loaded
from tests.oracle import expected
from tests.project import DAY, Project

pytestmark = pytest.mark.survival


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Project]:
    """A project with servers of its own, which the test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-test-"))
    project = Project(tmp_path / "project", folder, "video_streaming")
    yield project
    stop(settings_of(project))
    shutil.rmtree(folder)


def settings_of(project: Project) -> Settings:
    return Settings(_env_file=None, embedded_path=Path(project.env["EMBEDDED_PATH"]))  # type: ignore[call-arg]


def kill_server(project: Project, name: str) -> None:
    pid = status(settings_of(project))[name]["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)


def wait_for_task(project: Project, task: str) -> None:
    """Wait until a run has begun a task."""
    log = project.folder / "logs/luigi.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and f"running   {task}(" in log.read_text()):
        assert time.monotonic() < deadline, f"{task} never began"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("server", "task"),
    [
        ("postgres", "LoadViewingSessions"),
        ("postgres", "PublishTrusted"),
        ("mongodb", "LoadJsonToMongo"),
        ("mongodb", "ExtractMongoToCsv"),
    ],
)
def test_a_server_killed_during_a_run_loses_nothing(alone: Project, server: str, task: str) -> None:
    write_sample(alone.raw, sessions=6000, seed=2)
    assert alone.pipeline("up", "--no-luigid").code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll", "--date", DAY],
        cwd=alone.env["PROJECT_ROOT"],
        env=alone.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_task(alone, task)
    kill_server(alone, server)
    process.wait(120)
    alone.must_run()
    assert_loaded(alone, expected(alone.raw))
    assert alone.must_run().ran == []


def test_both_servers_killed_after_a_run_keep_what_it_loaded(alone: Project) -> None:
    write_sample(alone.raw, sessions=2000, seed=4)
    alone.must_run()
    kill_server(alone, "postgres")
    kill_server(alone, "mongodb")
    assert alone.must_run().ran == []
    assert_loaded(alone, expected(alone.raw))
    with alone.mongo() as db:
        loaded = alone.value("SELECT count(*) FROM processed.content")
        assert db["movies"].count_documents({}) + db["series"].count_documents({}) >= loaded

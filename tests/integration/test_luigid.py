"""Luigi's central scheduler: started for a project, used by its runs, and not needed by them."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.settings import Settings
from pipeline.stores import local_scheduler
from tests.project import Project
from tests.small_input import ANN, USER_COLUMNS, movie


def settings_in(folder: Path) -> Settings:
    return Settings(_env_file=None, embedded_path=folder)  # type: ignore[call-arg]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = settings_in(tmp_path / "embedded")
    yield settings
    local_scheduler.stop(settings)


def variables(settings: Settings) -> dict[str, str]:
    """What tells a run to use this scheduler."""
    address = local_scheduler.address(settings)
    assert address is not None
    return {"LUIGID_HOST": address[0], "LUIGID_PORT": str(address[1])}


def ask(settings: Settings, method: str, **arguments: object) -> Any:
    """Return what the scheduler's API answers."""
    host, port = local_scheduler.address(settings) or ("", 0)
    url = f"http://{host}:{port}/api/{method}?data={quote(json.dumps(arguments))}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["response"]


def tasks(settings: Settings, status: str) -> dict[str, Any]:
    """Return the tasks of a status by family, or by file."""
    found = ask(settings, "task_list", status=status, upstream_status="")
    return {task["params"].get("path", task["name"]): {**task, "id": name} for name, task in found.items()}


def test_it_shows_what_ran_and_what_failed_and_keeps_that_when_it_is_stopped(
    project: Project, settings: Settings
) -> None:
    project.write_rows("users.csv", [USER_COLUMNS, ANN])
    project.write_rows("users-broken.csv", ["one,two", "1,2"])
    project.write_titles(movies=[movie("M1")], series=[])
    page = local_scheduler.ensure(settings)
    assert local_scheduler.ensure(settings) == page
    assert project.run_all(**variables(settings)).code == 30

    done, failed = tasks(settings, "DONE"), tasks(settings, "FAILED") | tasks(settings, "DISABLED")
    assert done["users.csv"]["status_message"] == "1 read, 1 loaded"
    assert done["users.csv"]["progress_percentage"] == 100
    assert list(failed) == ["users-broken.csv"]
    error = ask(settings, "fetch_error", task_id=failed["users-broken.csv"]["id"])["error"]
    assert "users-broken.csv: " in error
    assert "raw.users needs: user_id" in error

    assert local_scheduler.stop(settings) is not None
    assert local_scheduler.address(settings) is None
    assert local_scheduler.ensure(settings) == page
    assert tasks(settings, "DONE")["users.csv"]["status_message"] == "1 read, 1 loaded"


def test_two_projects_have_a_scheduler_each(settings: Settings, tmp_path: Path) -> None:
    other = settings_in(tmp_path / "other")
    try:
        assert local_scheduler.ensure(settings) != local_scheduler.ensure(other)
    finally:
        local_scheduler.stop(other)
    assert ask(settings, "task_list", status="DONE", upstream_status="") == {}


def test_it_is_reached_from_this_machine_alone(settings: Settings) -> None:
    local_scheduler.ensure(settings)
    _, port = local_scheduler.address(settings) or ("", 0)
    # All of 127.0.0.0/8 is this machine, so whoever listened everywhere would answer here too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_run_does_without_a_scheduler_that_is_gone(project: Project) -> None:
    run = project.task("CreatePostgresTables", LUIGID_HOST="127.0.0.1", LUIGID_PORT="1")
    assert (run.code, run.ran) == (0, ["CreatePostgresTables"])
    assert "warning: luigid (127.0.0.1:1) does not answer; this run does without" in run.output

"""Luigi's central scheduler: started for a project, used by its runs, and not needed by them."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from pipeline.servers.embedded import (
    ensure_scheduler,
    running,
    scheduler,
    scheduler_address,
    server,
    stop,
)
from pipeline.settings import Settings
from tests.comparing import assert_loaded
from tests.oracle import expected
from tests.project import DAY, Project
from tests.small_input import ANN, USER_COLUMNS, movie, write_all


def settings_in(folder: Path) -> Settings:
    return Settings(_env_file=None, embedded_path=folder)  # type: ignore[call-arg]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = settings_in(tmp_path / "embedded")
    yield settings
    stop(settings)


def metrics(settings: Settings) -> str:
    """Return what Prometheus is told."""
    host, port = scheduler_address(settings) or ("", 0)
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def variables(settings: Settings) -> dict[str, str]:
    """What tells a run to use this scheduler."""
    address = scheduler_address(settings)
    assert address is not None
    return {"LUIGID_HOST": address[0], "LUIGID_PORT": str(address[1])}


def ask(settings: Settings, method: str, **arguments: object) -> Any:
    """Return what the scheduler's API answers."""
    host, port = scheduler_address(settings) or ("", 0)
    data = f"data={quote(json.dumps(arguments))}".encode()
    with urllib.request.urlopen(f"http://{host}:{port}/api/{method}", data=data, timeout=30) as answer:
        return json.load(answer)["response"]


def tasks(settings: Settings, status: str) -> dict[str, Any]:
    """Return the tasks of a status by family, or by file."""
    found = ask(settings, "task_list", status=status, upstream_status="")
    return {task["params"].get("path", task["name"]): {**task, "id": name} for name, task in found.items()}


def test_a_scheduler_of_another_project(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        choose = server._free_port
        # It was free when ours was chosen.
        monkeypatch.setattr(server, "_free_port", lambda *wanted: taken if len(wanted) > 1 else choose(*wanted))
        ensure_scheduler(settings)
        address = scheduler_address(settings)
        assert address is not None
        assert address[1] != taken


def test_it_keeps_what_ran_and_failed(project: Project, settings: Settings, browser: Browser) -> None:
    project.write_rows("users.csv", [USER_COLUMNS, ANN])
    project.write_rows("users-broken.csv", ["one,two", "1,2"])
    project.write_titles(movies=[movie("M1")], series=[])
    page = ensure_scheduler(settings)
    assert ensure_scheduler(settings) == page
    assert project.run_all(**variables(settings)).code == 30

    done, failed = tasks(settings, "DONE"), tasks(settings, "FAILED") | tasks(settings, "DISABLED")
    assert done["users.csv"]["status_message"] == "1 read, 1 loaded"
    assert done["users.csv"]["progress_percentage"] == 100
    assert list(failed) == ["LoadCsvsToPostgres"]
    error = ask(settings, "fetch_error", task_id=failed["LoadCsvsToPostgres"]["id"])["error"]
    assert "users-broken.csv" in error
    the_page_shows_it(browser, page, failed["LoadCsvsToPostgres"]["id"])

    assert 'luigi_task_done_total{family="LoadCsvToPostgres"} 2.0' in metrics(settings)

    assert len(stop(settings)) == 1
    assert scheduler_address(settings) is None
    assert ensure_scheduler(settings) == page
    assert tasks(settings, "DONE")["users.csv"]["status_message"] == "1 read, 1 loaded"


def the_page_shows_it(browser: Browser, address: str, task: str) -> None:
    """Look at the graph of a task, and at what a load says of itself."""
    page = browser.new_page()
    page.goto(f"{address}#tab=graph&taskId={task}&hideDone=0")
    graph = page.locator("#graphPlaceholder svg")
    for name in ("LoadCsvsToPostgres", "LoadCsvToPostgres", "CreatePostgresTables"):
        expect(graph.get_by_text(name, exact=True).first).to_be_visible(timeout=30_000)
    page.goto(f"{address}#tab=tasks")
    page.locator("#taskTable_filter input").fill("path=users.csv")
    page.locator("#taskTable button.statusMessage").click(timeout=30_000)
    expect(page.get_by_text("1 read, 1 loaded")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("100%")).to_be_visible(timeout=30_000)
    page.close()


MARKUP = "<img src=x onerror='window.harmed=1'>"


def test_names_from_files_are_no_markup_on_the_page(project: Project, settings: Settings, browser: Browser) -> None:
    project.write_rows("users.csv", [f'"{MARKUP}",two', "1,2"])
    address = ensure_scheduler(settings)
    assert project.task("LoadCsvsToPostgres", **variables(settings)).code == 30
    [told] = [task["status_message"] for name, task in tasks(settings, "DONE").items() if name == "users.csv"]
    assert "‹img src=x onerror='window.harmed=1'›" in told
    assert "<" not in told
    # Nor does the page run what somebody else tells the scheduler.
    done = tasks(settings, "DONE")["users.csv"]["id"]
    ask(settings, "set_task_status_message", task_id=done, status_message=f"by somebody {MARKUP}")
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text))
    page.goto(f"{address}#tab=tasks")
    page.locator("#taskTable_filter input").fill("path=users.csv")
    page.locator("#taskTable button.statusMessage").click(timeout=30_000)
    page.locator("#statusMessageModal pre img").wait_for(state="attached", timeout=30_000)
    page.wait_for_function("document.querySelector('#statusMessageModal pre img').complete")
    assert page.evaluate("window.harmed") is None
    assert any("Content Security Policy" in said for said in refused)
    page.close()


def test_two_projects_have_a_scheduler_each(settings: Settings, tmp_path: Path) -> None:
    other = settings_in(tmp_path / "other")
    try:
        assert ensure_scheduler(settings) != ensure_scheduler(other)
    finally:
        stop(other)
    assert ask(settings, "task_list", status="DONE", upstream_status="") == {}


def test_it_is_reached_from_this_machine_alone(settings: Settings) -> None:
    ensure_scheduler(settings)
    _, port = scheduler_address(settings) or ("", 0)
    # All of 127.0.0.0/8 is this machine, so whoever listened everywhere would answer here too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_run_does_without_a_scheduler_that_is_gone(project: Project) -> None:
    run = project.task("CreatePostgresTables", LUIGID_HOST="127.0.0.1", LUIGID_PORT="1")
    assert (run.code, run.ran) == (0, ["CreatePostgresTables"])
    assert "warning: luigid (127.0.0.1:1) does not answer; this run does without" in run.output


def test_a_run_does_without_a_scheduler_that_it_does_not_want(project: Project, settings: Settings) -> None:
    project.write_rows("users.csv", ["one,two", "1,2"])
    ensure_scheduler(settings)
    run = project.task("LoadCsvToPostgres", "--path", "users.csv", "--local-scheduler", **variables(settings))
    assert (run.code, run.ran.count("LoadCsvToPostgres users.csv")) == (30, 1), "what failed is not tried again"
    assert tasks(settings, "DONE") == {}


def test_no_proxy_stands_between_a_run_and_its_scheduler(project: Project, settings: Settings) -> None:
    ensure_scheduler(settings)
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    run = project.task("CreatePostgresTables", no_proxy="", NO_PROXY="", **proxies, **variables(settings))
    assert (run.code, run.output.count("WARNING")) == (0, 0), run.output
    assert list(tasks(settings, "DONE")) == ["CreatePostgresTables"]


class Foreign(http.server.BaseHTTPRequestHandler):
    """Another program's pages, which it shows for every address."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")


@pytest.mark.parametrize(
    ("is_silent", "told"),
    [(False, "what answers at {} is not luigid"), (True, "luigid ({}) does not answer")],
)
def test_a_run_does_without_what_is_no_scheduler(project: Project, is_silent: bool, told: str) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        if not is_silent:  # otherwise connections are taken, by the system, and never served
            thread.start()
        port = server.server_port
        begun = time.monotonic()
        run = project.task("CreatePostgresTables", LUIGID_HOST="127.0.0.1", LUIGID_PORT=str(port))
        assert time.monotonic() - begun < 60
        if not is_silent:
            server.shutdown()
    assert (run.code, run.ran) == (0, ["CreatePostgresTables"])
    assert f"warning: {told.format(f'127.0.0.1:{port}')}; this run does without\n" in run.output
    assert "visualizer" not in run.output


def test_a_scheduler_that_is_killed_costs_seconds(project: Project, settings: Settings, tmp_path: Path) -> None:
    write_all(project)
    ensure_scheduler(settings)
    output = tmp_path / "output"
    with output.open("wb") as file:
        command = [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll", "--date", DAY]
        env = {**project.env, **variables(settings)}
        process = subprocess.Popen(command, cwd=project.env["PROJECT_ROOT"], env=env, stderr=file)
    assert project.wait_for_task(process, "LoadCsvToPostgres")
    os.kill(running(settings)["luigid"], signal.SIGKILL)
    assert process.wait(60) == 40
    told = output.read_text()
    assert "Traceback" not in told
    [line] = [line for line in told.splitlines() if "ERROR" in line]
    assert "the connection to Luigi's scheduler is lost" in line
    assert line.endswith("run again: what is complete stays")
    project.must_run()
    assert_loaded(project, expected(project.raw))


def test_up_starts_it_and_the_runs_of_the_project_find_it(project: Project, embedded: Path) -> None:
    settings = settings_in(embedded)
    try:
        up = project.pipeline("up")
        assert up.code == 0, up.output
        assert project.task("CreatePostgresTables").code == 0
        assert list(tasks(settings, "DONE")) == ["CreatePostgresTables"]
        assert f"Luigi       {ensure_scheduler(settings)}\n" in up.answer
    finally:
        scheduler.server(settings).stop()

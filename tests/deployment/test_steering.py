"""Who may steer Luigi's scheduler, and what a run heeds of it: it has no login."""

from __future__ import annotations

import http.client
import http.server
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser

from pipeline.servers import central
from pipeline.servers.central import CentralScheduler
from pipeline.servers.embedded import ensure_scheduler, scheduler_address, stop
from pipeline.settings import Settings
from tests.project import Project
from tests.small_input import ANN, BOB, write_all, write_users

AS_FORM = {"Content_Type": "application/x-www-form-urlencoded"}
ADDED = {"task_id": "Added_1", "worker": "somebody", "family": "Added"}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a scheduler of the test's own."""
    settings = Settings(_env_file=None, embedded_path=tmp_path / "embedded")  # type: ignore[call-arg]
    ensure_scheduler(settings)
    address = scheduler_address(settings)
    assert address is not None
    yield address[1]
    stop(settings)


def send(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
    """Send a request as a browser would; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, named)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def ask(port: int, method: str, **arguments: Any) -> Any:
    """Return what the scheduler's API answers to a program."""
    status, body = send(port, "POST", f"/api/{method}", urlencode({"data": json.dumps(arguments)}), **AS_FORM)
    assert status == 200, body
    return json.loads(body)["response"]


def known_tasks(port: int, status: str = "PENDING") -> dict[str, Any]:
    """Return the tasks of a status that the scheduler knows, by id."""
    found = ask(port, "task_list", status=status, upstream_status="")
    assert isinstance(found, dict)
    return found


ADDING = f"/api/add_task?data={quote(json.dumps(ADDED))}"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/visualiser/index.html", {"Host": "evil.example:{port}"}),
        ("/metrics", {"Host": "evil.example"}),
        (ADDING, {"Host": "evil.example:{port}", "X_Requested_With": "XMLHttpRequest"}),
        (ADDING, {"Origin": "http://evil.example", "X_Requested_With": "XMLHttpRequest"}),
        (ADDING, {"Origin": "null", "X_Requested_With": "XMLHttpRequest"}),
        (ADDING, {"Origin": "http://127.0.0.1:1", "X_Requested_With": "XMLHttpRequest"}),
        (ADDING, {}),
    ],
)
def test_foreign_requests_get_nothing(port: int, path: str, headers: dict[str, str]) -> None:
    headers = {name: value.format(port=port) for name, value in headers.items()}
    assert send(port, "GET", path, **headers) == (404, "")
    if headers:
        data = urlencode({"data": json.dumps(ADDED)})
        assert send(port, "POST", "/api/add_task", data, **AS_FORM, **headers) == (404, "")
    assert known_tasks(port) == {}


def test_the_page_and_programs_get_answers(port: int) -> None:
    own = {"Origin": f"http://127.0.0.1:{port}", "X_Requested_With": "XMLHttpRequest"}
    assert send(port, "GET", "/api/task_list", **own)[0] == 200
    assert send(port, "GET", "/static/visualiser/index.html", Host=f"localhost:{port}")[0] == 200
    assert send(port, "GET", "/metrics", Host=f"[::1]:{port}")[0] == 200
    ask(port, "add_task", **ADDED)
    assert list(known_tasks(port)) == ["Added_1"]


ATTACK = """
<img src="{api}/add_task?data={data}"><iframe src="{api}/add_task?data={data}"></iframe>
<iframe name="sent"></iframe>
<form method="post" target="sent" action="{api}/add_task"><input name="data" value='{raw}'></form>
<a href="{api}/add_task?data={data}">a link</a>
<script>
document.forms[0].submit()
const tries = [fetch("{api}/add_task?data={data}", {{mode: "no-cors"}}),
    fetch("{api}/add_task", {{mode: "no-cors", method: "POST", body: new URLSearchParams({{data: '{raw}'}})}})]
Promise.allSettled(tries).then(() => document.title = "tried")
</script>
"""


@contextmanager
def site_with(page: str) -> Iterator[str]:
    """Serve a page at every address of a site; yield its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_web_page_cannot_steer_it(port: int, browser: Browser) -> None:
    raw = json.dumps(ADDED)
    attack = ATTACK.format(api=f"http://127.0.0.1:{port}/api", data=quote(raw), raw=raw)
    page = browser.new_page()
    answers: list[tuple[str, int]] = []
    page.on("response", lambda answer: answers.append((answer.request.resource_type, answer.status)))
    with site_with(attack) as address:
        page.goto(address, wait_until="networkidle")
        page.wait_for_function("document.title === 'tried'")
        with page.expect_event("response"):
            page.get_by_text("a link").click()
    page.close()
    refused = sorted(kind for kind, status in answers if status == 404)
    assert refused == ["document", "document", "document", "fetch", "fetch", "image"]
    assert known_tasks(port) == {}


def test_pausing_is_off(port: int) -> None:
    ask(port, "pause")
    assert ask(port, "is_paused") == {"paused": False}


EVIL = """
import luigi, pathlib
pathlib.Path({mark!r}).touch()
class Added(luigi.Task):
    pass
"""


def test_an_added_task_is_not_done(project: Project, port: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    write_all(project)
    env = {"LUIGID_HOST": "127.0.0.1", "LUIGID_PORT": str(port)}
    project.must_run(**env)
    write_users(project, ANN, BOB.replace("41", "42"))
    mark = tmp_path / "imported"
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(mark)))
    known = len(project.logged())
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE raw.users IN SHARE MODE")
        process = project.start(PYTHONPATH=str(tmp_path), **env)
        request.addfinalizer(process.kill)
        assert project.wait_for_task(process, "LoadCsvToPostgres", known)
        [worker] = {task["worker_running"] for task in known_tasks(port, "RUNNING").values()}
        chosen = {"worker": worker, "priority": 10_000, "retry_policy_dict": {"retry_count": 99}}
        ask(port, "add_task", task_id="Added_1", family="Added", module="evil", params={}, **chosen)
        ask(
            port,
            "add_task",
            task_id="W",
            family="WithdrawCsv",
            module="pipeline",
            params={"path": "users.csv"},
            **chosen,
        )
        cursor.execute("ROLLBACK")
    assert process.wait(120) == 0
    assert not mark.exists()
    assert project.rows("SELECT age FROM processed.users ORDER BY user_id") == [(30,), (42,)]
    assert set(known_tasks(port, "DISABLED")) == {"Added_1", "W"}
    told = project.logged()[known:]
    assert told.count("in Luigi's scheduler: it is not in the plan, not done") == 1


@pytest.fixture
def run(port: int, monkeypatch: pytest.MonkeyPatch) -> CentralScheduler:
    """The scheduler as a run sees it that waits for no while, and has planned one task that waits for another."""
    monkeypatch.setattr(central, "SECONDS_WITHOUT_WORK", 0.0)
    run = CentralScheduler(f"http://127.0.0.1:{port}")
    run.add_task(worker="ours", task_id="Ours_1", family="Ours", deps=["Never_1"])
    return run


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_run_without_work_says_so_once(run: CentralScheduler, port: int, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert run.get_work(worker="ours", host="here")["task_id"] is None
    assert said(caplog) == [
        f"Luigi's scheduler (http://127.0.0.1:{port}) gives this run no work: 1 tasks are pending, nobody is at work; "
        "is it meant to wait? --local-scheduler runs without"
    ]


def test_a_run_says_which_other_run_it_waits_for(run: CentralScheduler, port: int, caplog: Any) -> None:
    ask(port, "add_task", worker="theirs", task_id="Never_1", family="Never")
    assert ask(port, "get_work", worker="theirs", host="there")["task_id"] == "Never_1"
    run.add_task(worker="ours", task_id="Never_1", family="Never")
    run.get_work(worker="ours", host="here")
    [line] = said(caplog)
    assert line.endswith("1 tasks are pending, at work is another run: Never (theirs); it goes on after that")


def test_a_run_that_is_ended_by_the_scheduler_says_so(run: CentralScheduler, port: int, caplog: Any) -> None:
    ask(port, "disable_worker", worker="ours")
    assert run.get_work(worker="ours", host="here")["worker_state"] == "disabled"
    assert said(caplog) == ["Luigi's scheduler was told to give this run no more work: it ends early"]


def test_no_batch_and_no_number_of_workers_is_taken_over(run: CentralScheduler, port: int) -> None:
    for name in ("B_1", "B_2"):
        ask(port, "add_task", worker="ours", task_id=name, family="B", params={"x": name}, batchable=True)
    ask(port, "add_task_batcher", worker="ours", task_family="B", batched_args=["x"])
    ask(port, "set_worker_processes", worker="ours", n=1000)
    work = run.get_work(worker="ours", host="here")
    assert (work["task_id"], "batch_id" in work) == (None, False)
    assert run.ping(worker="ours") == {"rpc_messages": []}

"""Watching a run: on a terminal, in a pipe, in the log for programs, by webhook."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.watching import alerts
from pipeline.watching.alerts import notify
from pipeline.watching.record import FAILED, NOT_RUN, RAN, Outcome
from pipeline.watching.summary import print_summary
from tests.in_process import attempt, settings_of
from tests.project import DAY, Project, Run
from tests.small_input import ANN, BOB, USER_COLUMNS, movie, session, write_sessions, write_users

ESCAPE = "\x1b"
PASSWORD = "q7-very-secret"
TOO_OLD = "U3,300,Peru,Basic,2023-01-01,1"


class Webhook(HTTPServer):
    """A server that keeps the messages it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.received: list[dict[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{PASSWORD}"


class _Answer(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> tuple[Project, Run]:
    """A project that was loaded once, with one bad row, and that run."""
    project = Project(tmp_path_factory.mktemp("watched"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    write_users(project, ANN, BOB, TOO_OLD)
    write_sessions(project, session(1), session(2, user="U9"))
    project.write_titles(movies=[movie("M1")])
    return project, project.must_run(DATA_ANALYST_PASSWORD=PASSWORD)


def on_terminal(
    project: Project,
    *arguments: str,
    until: Callable[[bytes], object] = lambda _: False,
    then: Callable[[subprocess.Popen[bytes]], object] = lambda _: None,
    **env: str,
) -> str:
    """Run a Luigi task with standard error on a terminal of 80 columns; return what it showed there.

    As soon as what it showed is such that `until` holds, `then` is done.
    """
    reader, terminal = pty.openpty()
    command = [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll", "--date", DAY, *arguments]
    process = subprocess.Popen(
        command,
        cwd=project.env["PROJECT_ROOT"],
        env={**project.env, "COLUMNS": "80", "TERM": "xterm-256color", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(reader, 65536):
            shown += block
            if until(shown):
                then(process)
                until = lambda _: False  # noqa: E731
    except OSError:  # the terminal has no writer any more
        pass
    os.close(reader)
    process.wait()
    return shown.decode()


def table(output: str) -> dict[str, list[str]]:
    """Return the cells of the summary by task."""
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Task "))
    rows = {}
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        cells = re.split(r" {2,}", line.strip())
        rows[cells[0]] = cells[1:]
    return rows


def test_the_summary_of_a_run(loaded: tuple[Project, Run]) -> None:
    project, run = loaded
    rows = {name: " ".join(cells).split() for name, cells in table(run.output).items()}
    assert rows["LoadUsers"][:-1] == ["ran", "3", "2", "1", "0"]
    assert rows["LoadViewingSessions"][:-1] == ["ran", "2", "1", "0", "1"]
    assert rows["LoadCsvToPostgres (2)"][:-1] == ["ran", "5", "5", "0", "0"]
    assert "  users.csv record 3: age '300': out of range: 0 to 120" in run.output
    assert f"file://{project.folder}/reports/{DAY}/index.html" in run.output
    assert "Luigi Execution Summary" not in run.output


def test_records_that_are_newly_rejected_are_shown_first(project: Project) -> None:
    write_users(project, ANN, *(f"U{number},{number},,,," for number in range(200, 204)))
    first = project.must_run().output
    assert "\n4 rejected, such as\n  users.csv record 5: age '203': out of range: 0 to 120\n" in first
    write_users(project, ANN.replace("30", "forty"), *(f"U{number},{number},,,," for number in range(200, 204)))
    again = project.must_run().output
    assert "\n5 rejected, 1 of them new, such as\n  users.csv record 1: age 'forty': not a number\n" in again
    lines = map(json.loads, (project.folder / "logs/pipeline.jsonl").read_text(encoding="utf-8").splitlines())
    causes = {(line["task"], line.get("file")): line["cause"] for line in lines if line.get("event") == "load"}
    assert re.fullmatch("content ....… → ....…", causes["LoadCsvToPostgres", "users.csv"])
    assert causes["LoadUsers", None] == "upstream: users.csv changed"


def test_lines_tell_when_tasks_begin_and_end_without_escape_codes(loaded: tuple[Project, Run]) -> None:
    _, run = loaded
    told = re.findall(r"^\d\d:\d\d:\d\d (LoadUsers.*)$", run.output, re.MULTILINE)
    assert told[0] == "LoadUsers: started"
    assert re.fullmatch(r"LoadUsers raw\.users: 3 read, 2 loaded, 1 rejected \(.+ s\)", told[1])
    assert ESCAPE not in run.output + run.log


def test_the_log_for_programs(loaded: tuple[Project, Run]) -> None:
    project, _ = loaded
    text = (project.folder / "logs/pipeline.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "run", "message"} <= line.keys() for line in lines)
    first = [line for line in lines if line["run"] == lines[0]["run"]]
    loads = {(line["task"], line.get("file")): line for line in first if line.get("event") == "load"}
    users = loads["LoadUsers", None]
    assert users["rows"] == {"read": 3, "loaded": 2, "rejected": 1, "superseded": 0, "waiting": 0}
    assert users["seconds"] > 0
    assert users["cause"] == "not loaded before"
    assert users["batch"] == project.value("SELECT max(batch_id) FROM etl.batches WHERE task = 'LoadUsers'")
    assert loads["LoadCsvToPostgres", "users.csv"]["rows"]["read"] == 3
    assert PASSWORD not in text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_terminal_shows_what_runs(loaded: tuple[Project, Run], workers: str) -> None:
    project, _ = loaded
    project.pipeline("redo", "BuildReport", "--date", DAY)
    shown = on_terminal(project, "--workers", workers)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"^\r*BuildReport  0:0\d\r", plain, re.MULTILINE), "the report takes long enough for a line"
    ended = r"\x1b\[J\d\d:\d\d:\d\d BuildReport[^\r]* \(\d\.\d s\)\r\n"
    assert re.search(ended, shown), "it is printed above, in place of the line"
    assert shown.rindex("\x1b[J") < shown.index("Task "), "no line is left"
    assert table(plain)["LoadUsers"] == ["complete"]
    assert all(len(line) <= 80 for line in plain[plain.index("Task  ") :].splitlines() if "/" not in line)


def test_a_terminal_that_takes_no_codes_gets_none(loaded: tuple[Project, Run]) -> None:
    project, _ = loaded
    project.pipeline("redo", "CheckQuality", "--date", DAY)
    shown = on_terminal(project, TERM="dumb")
    assert "CheckQuality: started" in shown
    assert ESCAPE not in shown


def test_two_stages_are_shown_at_once(project: Project) -> None:
    write_users(project, ANN)
    write_sessions(project, session(1))
    attempt(project)
    write_users(project, ANN, BOB)
    write_sessions(project, session(1), session(2))
    both = re.compile(
        rb"\x1b\[J(LoadCsvToPostgres (users|viewing_sessions)\.csv  [^\r]*0:0\d\r\n){1}"
        rb"LoadCsvToPostgres (users|viewing_sessions)\.csv  [^\r]*0:0\d\r\x1b\[1A"
    )
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE raw.users, raw.viewing_sessions IN SHARE MODE")
        shown = on_terminal(project, until=both.search, then=lambda _: cursor.execute("ROLLBACK"))
    assert "LoadViewingSessions raw.viewing_sessions: " in shown


def test_ctrl_c_leaves_no_line_behind(project: Project) -> None:
    write_users(project, ANN)
    attempt(project)
    write_users(project, ANN, BOB)
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE raw.users IN SHARE MODE")
        shown = on_terminal(
            project,
            until=re.compile(rb"J(LoadCsvToPostgres users\.csv [^\r]*)\r\r\x1b\[J\1").search,
            then=lambda run: os.killpg(run.pid, signal.SIGINT),
        )
    assert "SIGINT: what is not committed is rolled back; run again to go on\r\n" in shown
    after = shown.rpartition("\x1b[J")[2]
    assert "LoadCsvToPostgres users.csv  " not in after
    assert "Traceback" not in shown


def test_a_failed_run_says_why_last_and_tells_the_webhook_once(loaded: tuple[Project, Run], webhook: Webhook) -> None:
    project, _ = loaded
    project.write_rows("users-2.csv", [USER_COLUMNS.replace("user_id", "user"), ANN])
    try:
        run = project.run_all(FAILURE_WEBHOOK_URL=webhook.url)
    finally:
        (project.raw / "users-2.csv").unlink()
    assert run.code == 30
    reason = "users-2.csv: declared columns are missing: user_id."
    assert f"LoadCsvToPostgres users-2.csv was refused:\n  {reason}" in run.output
    assert re.search(r"^LoadCsvToPostgres users-2\.csv +refused ", run.output, re.MULTILINE)
    [message] = webhook.received
    causes = {(each["task"], each["file"]): each for each in message["failed"]}
    refused = causes["LoadCsvToPostgres", "users-2.csv"]
    assert refused["cause"].startswith(reason)
    assert "declared columns are missing: user_id" in Path(refused["log"]).read_text()
    assert "users-2.csv" in message["text"]
    assert PASSWORD not in run.output + run.log


def test_a_failing_webhook(
    loaded: tuple[Project, Run], webhook: Webhook, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = loaded
    failed = [Outcome("LoadUsers", None, FAILED, cause="no server")]
    webhook.status = 503
    for url in (webhook.url, "http://127.0.0.1:1/hook/" + PASSWORD):
        monkeypatch.setitem(project.env, "FAILURE_WEBHOOK_URL", url)
        with settings_of(project):
            notify(failed, project.folder / "logs/luigi.log")
    assert [record.getMessage() for record in caplog.records if record.name == "pipeline"] == [
        "FAILURE_WEBHOOK_URL refused the message: status 503",
        "FAILURE_WEBHOOK_URL could not be told of the failure: ConnectError",
    ]
    assert len(webhook.received) == 1
    assert PASSWORD not in caplog.text


class Terminal(io.StringIO):
    """A text that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", ["80", "60", "40"])
def test_no_number_is_cut(loaded: tuple[Project, Run], columns: str) -> None:
    project, _ = loaded
    numbers = {"read": 5_020_017, "loaded": 5_018_013, "rejected": 1_234_567, "waiting": 2_345_678}
    outcomes = [
        Outcome("LoadNormalizedJsonsToPostgres", None, NOT_RUN),
        Outcome("LoadViewingSessions", None, RAN, rows=numbers, seconds=12345.6),
    ]
    with settings_of(project, COLUMNS=columns, TERM="xterm"):
        print_summary(outcomes, [], shown := Terminal())
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())
    for word in (
        "Task",
        "LoadViewing",
        "Rejected",
        "Waiting",
        "Seconds",
        *(f"{number:,}" for number in numbers.values()),
        "12345.6",
    ):
        assert word in plain
    before_steps = plain[: plain.index("12345.6")]
    assert "…" not in before_steps
    if columns == "80":
        assert all(len(line) <= 80 for line in before_steps.splitlines())


def test_every_file_stands_in_the_summary(project: Project) -> None:
    write_users(project, ANN)
    write_users(project, BOB, name="users-2.csv")
    project.write_titles(movies=[movie("M1")], films=[movie("F1")])
    project.write_rows("ratings.csv", ["a,b", "1,2"])
    project.write("notes.xlsx", b"PK")
    (project.raw / "loop").symlink_to(project.raw)
    first = project.must_run().output
    assert "\nFiles: 4 loaded, 1 in no declared table, 1 passed over, 1 not read\n" in first
    (project.raw / "users-2.csv").unlink()
    project.write_rows("users-3.csv", ["one,two", "1,2"])
    again = project.run_all()
    assert again.code == 30
    assert (
        "\nFiles: 3 unchanged, 1 withdrawn, 1 refused, 1 in no declared table, 1 passed over, 1 not read\n"
    ) in again.output
    assert "\nwarning: content.json: unknown collection 'films' passed over (documents in it: 1);" in again.output


def test_a_webhook_that_never_ends_its_answer(
    loaded: tuple[Project, Run], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = loaded
    over, said = threading.Event(), threading.Event()

    def drip(listening: socket.socket) -> None:
        with listening, listening.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not over.wait(0.01):
                connection.sendall(b"x")
                said.set()

    listening = socket.create_server(("127.0.0.1", 0))
    dripping = threading.Thread(target=drip, args=(listening,))
    dripping.start()
    monkeypatch.setattr(alerts, "SECONDS_TO_ANSWER", 1)
    monkeypatch.setitem(project.env, "FAILURE_WEBHOOK_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
    try:
        with settings_of(project):
            notify([Outcome("LoadUsers", None, FAILED, cause="no server")], project.folder / "logs/luigi.log")
        assert said.is_set()
        assert caplog.messages == ["FAILURE_WEBHOOK_URL did not answer within 1 s"]
    finally:
        over.set()
        dripping.join()

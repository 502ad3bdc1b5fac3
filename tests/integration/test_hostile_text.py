"""Names and values that are commands to a terminal, a log, a chat or a spreadsheet."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from tests.comparing import assert_same_rows, table_rows
from tests.in_process import ask, attempt
from tests.integration.test_watching import Webhook, on_terminal, webhook
from tests.oracle import expected
from tests.project import DAY, Project
from tests.small_input import ANN, USER_COLUMNS, movie

__all__ = ["webhook"]

ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b1A<!channel>"
FORGED = "12:00:00 ERROR forged"
# Colours, and what takes the lines away of what runs: all that a run itself sends to a terminal.
OWN_CODES = re.compile(r"\r+(?=[\r\x1b\n])|\x1b\[[0-9;]*[AJm]")


def write_hostile(project: Project) -> None:
    """Write files whose names, headers, keys and values are no plain text; one of them is refused."""
    project.write_rows("users.csv", [f"{USER_COLUMNS},new{ATTACK}", f"{ANN},x", f"U{ATTACK},old{ATTACK},,,,,x"])
    project.write_rows(f"users-\n{FORGED}\n{ATTACK}.csv", [f"one{ATTACK},two", "1,2"])
    project.write_titles(
        movies=[movie("M1", **{f"key{ATTACK}\n{FORGED}": "1"}), movie(f"M{ATTACK}\n{FORGED}", rating="x")]
    )


def assert_plain(text: str) -> None:
    """Assert that nothing in a text is a command, nor a line of its own that came with the data."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", text.replace("\r\n", "\n"))
    assert re.search(r"\\(x|u00)1b", text), "it is shown for what it is"
    assert not re.search("^.{0,9}ERROR forged", text, re.MULTILINE)


def test_terminals_logs_and_chats_get_plain_text(project: Project, webhook: Webhook) -> None:
    write_hostile(project)
    shown = on_terminal(project, FAILURE_WEBHOOK_URL=webhook.url, COLUMNS="400")
    assert_plain(OWN_CODES.sub("", shown))
    assert_plain(project.logged())
    assert r"new column new\x1b]0;owned\x07" in project.logged()
    records = (project.folder / "logs/pipeline.jsonl").read_text(encoding="utf-8")
    assert_plain(records)
    assert any(ATTACK in json.loads(line)["message"] for line in records.splitlines()), "programs get it as it came"
    for command in (["status"], ["rejects"], ["explain", "--date", DAY]):
        assert_plain(project.pipeline(*command).output)
    [message] = webhook.received
    assert "&lt;!channel&gt;" in message["text"]
    assert_plain(message["text"])
    assert "<!channel>" not in message["text"]


FORMULA = '=HYPERLINK("http://evil.example")'
BAD = [
    f'"{FORMULA.replace(chr(34), chr(34) * 2)}",300,Peru,Basic,2024-05-01,1,-5',
    "'=2+2,300,+1 2,@x,2024-05-01,1,=3",
    "-7,300,Peru,Basic,2024-05-01,-1.5,'x",
    "=4,1",
]


def reject_file(project: Project) -> Path:
    [path] = (project.folder / "rejected").iterdir()
    return path


def test_rejected_rows_hold_no_formula_and_come_back_as_they_were(project: Project) -> None:
    project.write_rows("users.csv", [f"{USER_COLUMNS},=cmd", f"{ANN},x", *BAD])
    run = attempt(project, MAX_REJECT_RATIO="1")
    assert run.code == 0, run.output
    path = reject_file(project)
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header[6] == "'=cmd"
    assert [row[:7] for row in rows[:3]] == [
        [f"'{FORMULA}", "300", "Peru", "Basic", "2024-05-01", "1", "-5"],
        ["''=2+2", "300", "'+1 2", "'@x", "2024-05-01", "1", "'=3"],
        ["-7", "300", "Peru", "Basic", "2024-05-01", "-1.5", "'x"],
    ]
    assert rows[3][-1] == "'=4,1"
    for cells in csv.reader(ask(project, "rejects", "--csv").output.splitlines()):
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells)

    project.write(path.name, path.read_text().replace(",300,", ",30,").replace("-1.5", "1.5"))
    run = attempt(project, MAX_REJECT_RATIO="1")
    assert run.code == 0, run.output
    assert set(project.rows("SELECT user_id, country, subscription_type FROM processed.users")) == {
        (FORMULA, "Peru", "Basic"),
        ("'=2+2", "+1 2", "@x"),
        ("-7", "Peru", "Basic"),
        ("=4", None, None),  # the line that was too short has all its separators now
        ("U1", "Peru", "Basic"),
    }
    kept = project.rows('SELECT user_id, "=cmd" FROM raw.users WHERE "=cmd" <> %s ORDER BY _row', "x")
    assert {row[0]: row[1] for row in kept} == {FORMULA: "-5", "'=2+2": "=3", "-7": "'x"}
    assert_same_rows(table_rows(project, "processed.users"), expected(project.raw).users, "users")

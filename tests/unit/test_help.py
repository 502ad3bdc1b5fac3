"""The help of the commands, and what is said to wrong words; and the shared logs."""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline import logs
from pipeline.__main__ import app
from pipeline.settings import get_settings

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
RUNNER = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_that_names_it(name: str) -> None:
    told = RUNNER.invoke(app, [name, "--help"])
    assert told.exit_code == 0
    assert re.search(rf"Example: .*python -m pipeline {name}\b", told.output)
    assert all(getattr(parameter, "help", None) for parameter in COMMANDS[name].params), "every parameter is explained"


def test_the_help_names_every_command() -> None:
    told = RUNNER.invoke(app, ["--help"]).output
    assert all(name in told for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["sttus"], "status"), (["status", "--jsn"], "--json"), (["dsn", "--role", "analist"], "analyst")],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(words: list[str], meant: str) -> None:
    told = RUNNER.invoke(app, words)
    assert told.exit_code == 2
    assert meant in told.output


def test_shells_complete_commands_and_tasks() -> None:
    environment = {"_PIPELINE_COMPLETE": "complete_bash", "COMP_WORDS": "pipeline redo LoadU", "COMP_CWORD": "2"}
    told = RUNNER.invoke(app, [], env=environment, prog_name="pipeline")
    assert told.output.split() == ["LoadUsers"]


def test_many_processes_rotate_one_log_and_lose_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGS_PATH", str(tmp_path))
    monkeypatch.setattr(logs, "LOG_BYTES", 50_000)
    get_settings.cache_clear()
    try:
        handler = logs.JsonLogHandler()
        handler.setFormatter(logs.JsonLineFormatter())
        context = multiprocessing.get_context("fork")
        writers = [context.Process(target=write, args=(handler, number)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        handler.close()
    finally:
        get_settings.cache_clear()
    files = sorted(tmp_path.glob("pipeline.jsonl*"))
    assert len(files) > 1
    messages = [json.loads(line)["message"] for file in files for line in file.read_text().splitlines()]
    assert sorted(messages) == sorted(f"{writer} {line}" for writer in range(4) for line in range(200))


def write(handler: logging.Handler, writer: int) -> None:
    for line in range(200):
        handler.handle(logging.LogRecord("pipeline", logging.INFO, "", 0, "%s %s", (writer, line), None))

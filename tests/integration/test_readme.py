"""The README: every command of it, from top to bottom, in a fresh clone."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project import OWN_SETTINGS, REPOSITORY

# The first test waits for all commands.
pytestmark = pytest.mark.timeout(600)

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
# A block of commands, and the output that is shown right after it, if any.
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
ENDED = "-- ended with "


@dataclass(frozen=True)
class Block:
    """Commands of the README as they were run: exit code, all they printed, and what the README shows of it."""

    commands: str
    code: int
    output: str
    shown: str


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Return an empty folder whose parents the embedded PostgreSQL may enter, as pytest's own deny it."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-readme-"))
    folder.chmod(0o755)
    yield folder
    clone = folder / "pipeline"
    subprocess.run([sys.executable, "-m", "pipeline", "down"], cwd=clone, env=environment(folder), check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def blocks(place: Path) -> list[Block]:
    """Run all commands of the README in one shell."""
    commit(place / "origin")
    script = []
    for number, (commands, _) in enumerate(BLOCK.findall(README)):
        script += [f"(exit 0)\n{{ {commands}\n}} > {place}/{number} 2>&1", f'echo "{ENDED}$?" >> {place}/{number}']
        if "git clone" in commands:
            script[-2] = script[-2].replace("make run", f"{prepare(place)}\nmake run")
    shell = ["bash", "-c", "\n".join(script)]
    subprocess.run(shell, cwd=place, env=environment(place), stdin=subprocess.DEVNULL, timeout=560, check=False)
    found = []
    for number, (commands, shown) in enumerate(BLOCK.findall(README)):
        output, _, code = (place / str(number)).read_text(encoding="utf-8").rpartition(ENDED)
        found.append(Block(commands, int(code), output, shown))
    return found


def commit(folder: Path) -> None:
    """Make a repository of the files as they are, committed or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All"]):
        subprocess.run([*git, *command], cwd=folder, check=True)


def prepare(place: Path) -> str:
    """Return commands that give the clone the requirements installed here, which would take minutes."""
    links = [f"ln -s {Path(sys.prefix) / name} .venv/{name}" for name in ("bin", "lib", "pyvenv.cfg")]
    return "\n".join(["mkdir .venv", *links, "touch .venv/.installed"])


def environment(place: Path) -> dict[str, str]:
    """Return an environment without settings of this machine, in which the clone's code is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*OWN_SETTINGS, "GIT_"))}
    return {
        **kept,
        "REPOSITORY": str(place / "origin"),
        "PYTHONPATH": str(place / "pipeline"),
    }


def test_every_command_succeeds(blocks: list[Block]) -> None:
    assert len(blocks) >= 10
    failed = [(block.commands, block.output) for block in blocks if block.code != 0]
    assert failed == []


def test_what_is_shown_is_what_is_printed(blocks: list[Block]) -> None:
    """Numbers and times differ from run to run, and so do the widths of columns."""
    shown = [block for block in blocks if block.shown]
    assert len(shown) >= 2
    for block in shown:
        printed = [shape(line) for line in block.output.splitlines()]
        for line in block.shown.splitlines():
            assert any(shape(line) in each for each in printed), f"{line}\nis not in\n{block.output}"


def shape(line: str) -> str:
    return " ".join(re.sub(r"\d+", "0", line).split())


def test_the_recipes_do_what_they_say(blocks: list[Block], place: Path) -> None:
    by_command = {command: block.output for block in blocks for command in block.commands.splitlines()}
    explained = by_command[".venv/bin/python -m pipeline explain"]
    assert re.search(r"LoadCsvToPostgres users\.csv +will run: content ", explained)
    assert "users.csv record 510: age '300': out of range: 0 to 120" in explained, "the run names the bad row"
    ratings = by_command[".venv/bin/python -m pipeline psql --role pipeline -c 'TABLE processed.ratings'"]
    assert re.search(r"\n U000001 +\| M0001 +\| +5 \|.*\n\(1 row\)", ratings)
    assert re.search(r"16\+ +\| +1 \|", by_command[".venv/bin/python -m pipeline psql -c 'TABLE age_ratings'"])
    clone = place / "pipeline"
    rejected = list(csv.DictReader((clone / "rejected.csv").open(newline="")))
    assert rejected[-1]["reason"] and {"table", "source", "record", "value"} <= rejected[-1].keys()
    assert re.search(r"^postgresql://analyst@\S+$", blocks[1].output, re.MULTILINE)
    assert {"loads", "files", "waiting", "findings"} <= json.loads((clone / "status.json").read_text()).keys()
    assert json.loads((clone / "explain.json").read_text())[0]["state"] == "complete"


def test_the_first_run_ends_with_the_table_of_the_readme(blocks: list[Block]) -> None:
    """The capture: tasks and what is read, loaded, rejected and waiting, all but the seconds."""
    captures = re.findall(r"^```text\n(.*?)^```\n", README, re.DOTALL | re.MULTILINE)
    capture = next(text for text in captures if text.startswith("Task"))
    rows = {line.split("  ")[0]: line.split() for line in blocks[0].output.splitlines()}
    for line in capture.partition("…")[0].splitlines()[1:]:
        assert rows[line.split("  ")[0]][:-1] == line.split()[:-1]

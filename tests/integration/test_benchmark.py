"""The benchmark measures the same work on both sides: floor and pipeline end with the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.project import REPOSITORY


def test_the_floor_ends_with_the_same_rows(tmp_path: Path, embedded: Path) -> None:
    command = ["--sessions", "2000", "--files", "3", "--repeat", "1", "--parts", "floors,ours"]
    folders = ["--folder", str(embedded.with_name(f"{embedded.name}-bench")), "--json", str(tmp_path / "figures.json")]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *command, *folders, "--embedded", str(embedded)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["differs from the floor"] == []
    assert figures["views that differ from the floor"] == []
    assert figures["ours"]["first load"] > 0 < figures["load floor"]
    assert "first load / load floor" in ended.stdout

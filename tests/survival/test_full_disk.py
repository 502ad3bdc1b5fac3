"""A disk that fills while a run writes to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sample import write_sample
from tests.project import Project
from tests.survival.aftermath import assert_right

pytestmark = pytest.mark.survival

SIZE = 2 << 20
TASK_FAILED = 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two mebibytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("free", [0, 40_000])
def test_a_full_disk(project: Project, small_disk: Path, free: int) -> None:
    write_sample(project.raw, sessions=3000, seed=8)
    folders = {"DATA_PROCESSED_PATH": "processed", "DATA_REJECTED_PATH": "rejected", "REPORTS_PATH": "reports"}
    project.env |= {name: str(small_disk / folder) for name, folder in {**folders, "LOGS_PATH": "logs"}.items()}
    for folder in (*folders.values(), "logs"):
        (small_disk / folder).mkdir()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(SIZE - free - (64 << 10)))
    stopped = project.run_all()
    assert stopped.code == 30, stopped.output
    assert f"no space left on {small_disk}" in stopped.output
    assert "Traceback" not in stopped.output
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert_right(project)


def test_a_file_that_is_larger_than_the_disk(project: Project, small_disk: Path) -> None:
    project.write("users.csv", "user_id,age\n" + "U1,30\n" * SIZE)
    process = project.start(TMPDIR=str(small_disk))
    assert process.wait() == TASK_FAILED
    told = project.logged()
    assert "users.csv: to land it takes 13 MB and more, and 2 MB are free on" in told
    assert "make room and run again" in told
    assert project.rows("SELECT count(*) FROM raw.users") == [(0,)]

"""Runs that are killed at any moment: one more run makes everything right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from pipeline.sample import write_sample
from tests.comparing import assert_loaded
from tests.oracle import expected
from tests.project import DAY, Project

KILLS = int(os.environ.get("KILLS", "15"))
A_RUN_SECONDS = 5.0  # about as long as a run of this size takes

pytestmark = pytest.mark.survival


def kill_at_random(project: Project, rng: random.Random, *, whole_group: bool, workers: int) -> None:
    """Start the main job and kill it with SIGKILL after a random time, its workers too or left as orphans."""
    process = subprocess.Popen(
        [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll", "--date", DAY, "--workers", str(workers)],
        cwd=project.env["PROJECT_ROOT"],
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(rng.uniform(0.3, A_RUN_SECONDS))
    except subprocess.TimeoutExpired:
        if whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


@pytest.mark.timeout(60 + 20 * KILLS)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_killed_at_any_moment_loses_and_doubles_nothing(project: Project, workers: int) -> None:
    rng = random.Random(KILLS * workers)
    write_sample(project.raw, sessions=3000, seed=workers)
    for attempt in range((KILLS + 1) // 2):
        kill_at_random(project, rng, whole_group=attempt % 2 == 0, workers=workers)
        # Something to do for the next run as well.
        users = project.raw / "users.csv"
        users.write_text(users.read_text() + f"U9000{attempt},40,Peru,Basic,2024-01-01,1\n")
    project.must_run()
    assert_loaded(project, expected(project.raw))
    assert project.rows("SELECT * FROM etl.batches WHERE status = 'running'") == []
    assert project.must_run().ran == []


def test_a_run_that_is_terminated_ends_with_an_error_and_leaves_nothing_half_done(project: Project) -> None:
    write_sample(project.raw, sessions=3000, seed=5)
    process = subprocess.Popen(
        [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll", "--date", DAY],
        cwd=project.env["PROJECT_ROOT"],
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not project_has_batches(project) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    project.must_run()
    assert_loaded(project, expected(project.raw))


def project_has_batches(project: Project) -> bool:
    [(exists,)] = project.rows("SELECT to_regclass('etl.batches') IS NOT NULL")
    return bool(exists) and bool(project.rows("SELECT * FROM etl.batches LIMIT 1"))

"""Runs that are killed inside every task: one more run makes everything right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline.sample import write_sample
from tests.project import DAY, Project
from tests.scheduler import central_scheduler
from tests.small_input import USER_COLUMNS, movie
from tests.survival.aftermath import assert_right

KILLS = int(os.environ.get("KILLS", "15"))
TASKS = (
    "CreatePostgresTables",
    "CreateMongodbCollections",
    "LoadCsvToPostgres",
    "LoadJsonToMongo",
    "ExtractMongoToCsv",
    "LoadNormalizedJsonsToPostgres",
    "LoadUsers",
    "LoadViewingSessions",
    "CheckQuality",
    "PublishTrusted",
    "BuildReport",
    "WithdrawCsv",
)

pytestmark = pytest.mark.survival


def make_due(project: Project, task: str, turn: int) -> None:
    """See to it that the next run has a task to do: by a change of the input, or by asking for it."""
    if task == "LoadCsvToPostgres":
        users = project.raw / "users.csv"
        users.write_text(users.read_text() + f"U9000{turn},40,Peru,Basic,2024-01-01,1\n")
    elif task == "LoadJsonToMongo":
        project.write_titles(f"late-{turn}.json", movies=[movie(f"late-{turn}")])
    elif task == "WithdrawCsv":
        project.write("users-late.csv", f"{USER_COLUMNS}\nU9{turn},41,Chile,Basic,2024-01-01,{turn}\n")
        while project.value("SELECT count(*) FROM etl.table_updates WHERE update_id LIKE '%users-late.csv'") == 0:
            project.must_run()
        (project.raw / "users-late.csv").unlink()
    else:
        assert project.pipeline("redo", task, "--date", DAY).code == 0


def end(process: subprocess.Popen[bytes], way: str) -> None:
    """End a run: with all its workers, leaving them as orphans, or politely."""
    if way == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif way == "orphans":
        process.kill()
    else:
        process.terminate()
    process.wait(60)


@pytest.mark.timeout(120 + 30 * KILLS)
def test_runs_killed_inside_every_task_lose_and_double_nothing(project: Project, tmp_path: Path) -> None:
    rng = random.Random(KILLS)
    write_sample(project.raw, sessions=3000, seed=1)
    killed: Counter[str] = Counter()
    with central_scheduler(tmp_path / "scheduler") as central:
        for turn in range(KILLS):
            task = TASKS[turn % len(TASKS)]
            make_due(project, task, turn)
            known = len(project.logged())
            way = rng.choice(["group", "orphans", "politely"])
            env = central if turn % 3 == 2 else {}
            process = project.start("--workers", rng.choice(["1", "4"]), **env)
            while not project.wait_for_task(process, task, known):
                # The last run was killed so late that nothing was left to do, or its orphans still do it.
                known = len(project.logged())
                make_due(project, task, turn)
                process = project.start("--workers", "1")
            time.sleep(rng.uniform(0, 0.3))
            if process.poll() is None:
                end(process, way)
                killed[task] += 1
    assert_right(project)
    print(f"killed {killed.total()} times: {dict(killed)}")


def test_a_run_that_is_terminated_ends_with_an_error_and_leaves_nothing_half_done(project: Project) -> None:
    write_sample(project.raw, sessions=3000, seed=5)
    process = project.start()
    assert project.wait_for_task(process, "LoadCsvToPostgres")
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert [*project.folder.glob("processed/.*"), *project.folder.glob("reports/.*")] == []
    assert_right(project)


@pytest.mark.parametrize("seed", [1, 2])
def test_of_two_runs_that_began_together_one_goes_on_when_the_other_is_killed(project: Project, seed: int) -> None:
    write_sample(project.raw, sessions=3000, seed=7)
    runs = [project.start(), project.start()]
    assert project.wait_for_task(runs[0], random.Random(seed).choice(TASKS[2:10]))
    end(runs[seed % 2], "group")
    assert runs[1 - seed % 2].wait(120) == 0, project.logged()[-3000:]
    assert_right(project)

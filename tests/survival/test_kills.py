"""Runs that are killed inside every task: one more run makes everything right.

`KILLS=1000 python -m pytest -n 2 -rP tests/survival/test_kills.py -k every_task` is the long version; its
end says what was killed where.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from pipeline.cli.markers import void
from pipeline.sample import write_sample
from pipeline.tasks.land_csv import LoadCsvsToPostgres
from tests.in_process import settings_of, settle
from tests.project import DAY, REPOSITORY, Project
from tests.scheduler import central_scheduler
from tests.small_input import USER_COLUMNS, movie
from tests.survival.aftermath import assert_right

KILLS = int(os.environ.get("KILLS", "12"))
ATTEMPTS = 10  # runs in which a task that is made due may turn out to be done already
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


def make_due(project: Project, task: str, turn: str) -> None:
    """See to it that the next run has a task to do: by a change of the input, or by asking for it."""
    if task == "LoadCsvToPostgres":
        users = project.raw / "users.csv"
        users.write_text(users.read_text() + f"U9000{turn},40,Peru,Basic,2024-01-01,1\n")
    elif task == "LoadJsonToMongo":
        project.write_titles(f"late-{turn}.json", movies=[movie(f"late-{turn}")])
    elif task == "WithdrawCsv":
        late = project.write("users-late.csv", f"{USER_COLUMNS}\nU9{turn},41,Chile,Basic,2024-01-01,1\n")
        settle(project, only=LoadCsvsToPostgres)
        late.unlink()
    else:
        with settings_of(project):
            void(task, date.fromisoformat(DAY), with_downstream=False)  # one that never ran is due anyway


def start_and_wait_for(project: Project, task: str, turn: int, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
    """Start runs until one begins the task.

    What the last run did before it was killed, or what its orphans still do, may leave nothing to do. But a run
    that ends by itself has to end well: nothing that was killed may block it.
    """
    for attempt in range(ATTEMPTS):
        make_due(project, task, f"{turn}-{attempt}")
        project.log.unlink(missing_ok=True)
        process = project.start(*arguments, **env)
        if project.wait_for_task(process, task):
            return process
        assert process.wait() == 0, f"blocked at {task}: {project.logged()[-5000:]}"
    raise AssertionError(f"{task} was not begun in {ATTEMPTS} runs: {project.logged()[-5000:]}")


def end(process: subprocess.Popen[bytes], way: str) -> None:
    """End a run: with all its workers, leaving them as orphans, or politely."""
    if way == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif way == "orphans":
        process.kill()
    else:
        process.terminate()
    process.wait(60)


@pytest.mark.parametrize("scheduler", ["local", "luigid"])
@pytest.mark.timeout(120 + 15 * KILLS)
def test_runs_killed_inside_every_task_lose_and_double_nothing(
    project: Project, tmp_path: Path, scheduler: str
) -> None:
    rng = random.Random(f"{KILLS} {scheduler}")
    write_sample(project.raw, sessions=600, seed=1)
    killed: Counter[str] = Counter()
    with central_scheduler(tmp_path / "scheduler") as central:
        for turn in range(KILLS // 2):
            # Of the two tests, one begins with the first half of the tasks, one with the second.
            task = TASKS[(turn + (len(TASKS) // 2 if scheduler == "luigid" else 0)) % len(TASKS)]
            workers = rng.choice(["1", "4"])
            env = central if scheduler == "luigid" else {}
            process = start_and_wait_for(project, task, turn, "--workers", workers, **env)
            time.sleep(rng.uniform(0, 0.3))  # anywhere in the task
            if process.poll() is None:
                end(process, rng.choice(["group", "orphans", "politely"]))
                killed.update([task, f"{workers} workers, {scheduler}"])
            else:
                assert process.returncode == 0, f"blocked after {task}: {project.logged()[-5000:]}"
    assert_right(project)
    print(f"killed, with no run blocked: {dict(sorted(killed.items()))}")


def test_a_terminated_run_rolls_back(project: Project) -> None:
    write_sample(project.raw, sessions=600, seed=5)
    process = project.start()
    assert project.wait_for_task(process, "LoadCsvToPostgres")
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert [*project.folder.glob("processed/.*"), *project.folder.glob("reports/.*")] == []
    assert_right(project)


ENDED_AS_A_RESULT_IS_TOLD = """
import os
import signal
from multiprocessing import queues

from luigi.cmdline import luigi_run

import pipeline

finalize = queues.Finalize


def end_here(of, callback, *arguments, **options):
    if callback is queues.Queue._finalize_close:
        os.kill(os.getpid(), signal.SIGTERM)
    return finalize(of, callback, *arguments, **options)


queues.Finalize = end_here
luigi_run(["--module", "pipeline", "RunAll", "--local-scheduler", "--workers", "1"])
"""


def test_a_run_that_is_terminated_as_it_tells_its_first_result_ends(project: Project) -> None:
    write_sample(project.raw, sessions=600, seed=5)
    command = [sys.executable, "-c", ENDED_AS_A_RESULT_IS_TOLD]
    with subprocess.Popen(command, env=project.env, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.wait(60) == 128 + signal.SIGTERM
        finally:
            process.kill()
    assert_right(project)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_of_two_runs_is_killed(project: Project, seed: int) -> None:
    write_sample(project.raw, sessions=600, seed=7)
    runs = [project.start(), project.start()]
    assert project.wait_for_task(runs[0], random.Random(seed).choice(TASKS[2:10]))
    end(runs[seed % 2], "group")
    assert runs[1 - seed % 2].wait(120) == 0, project.logged()[-3000:]
    assert_right(project)

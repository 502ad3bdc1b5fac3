"""A central scheduler of Luigi's, for runs that are to use one."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.project import REPOSITORY, Project


@contextmanager
def central_scheduler(project: Project, folder: Path) -> Iterator[dict[str, str]]:
    """Start `luigid` on a free port; yield the environment with which a run uses it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "luigi.cfg"
    text = (REPOSITORY / "luigi.cfg").read_text()
    assert "scheduler_port = 8082" in text
    config.write_text(text.replace("scheduler_port = 8082", f"scheduler_port = {port}"))
    env = {"LUIGI_CONFIG_PATH": str(config)}
    command = "from luigi.cmdline import luigid; luigid()"
    with (folder / "luigid.log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-c", command, "--address", "127.0.0.1", "--port", str(port)],
            cwd=REPOSITORY,
            env={**project.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(port)
        yield env
    finally:
        daemon.terminate()
        daemon.wait(30)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.1)
        else:
            return

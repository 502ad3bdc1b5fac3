"""`python -m pipeline airflow`: a local Airflow, for this machine alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.deployment.servers import free_port
from tests.project import Project

pytestmark = pytest.mark.timeout(600)
SECRET = "https://127.0.0.1/hook-of-the-chat"


@pytest.fixture
def airflow(project: Project, tmp_path: Path) -> Iterator[tuple[psutil.Process, list[str]]]:
    """The command, once Airflow is up, and what it printed; it is ended as by Ctrl-C."""
    project.copy_code()
    project.env |= {"EMBEDDED_PATH": str(tmp_path / "embedded"), "LUIGID_PORT": str(free_port())}
    command = [sys.executable, "-m", "pipeline", "airflow", "--port", str(free_port())]
    started = subprocess.Popen(
        command,
        cwd=project.env["PROJECT_ROOT"],
        env={**project.env, "PIPELINE_SCHEDULE": "none", "FAILURE_WEBHOOK_URL": SECRET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert started.stdout
    said = []
    try:
        for line in started.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        yield psutil.Process(started.pid), said
    finally:
        started.send_signal(signal.SIGINT)
        started.communicate()
        project.pipeline("down")


def test_a_local_airflow_is_for_this_machine_alone(airflow: tuple[psutil.Process, list[str]]) -> None:
    command, said = airflow
    assert "Ctrl-C" in said[-1], "".join(said)
    parts = command.children(recursive=True)
    listening = {
        each.laddr.ip for part in parts for each in part.net_connections("tcp") if each.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    told = {" ".join(part.cmdline()[2:3]) for part in command.children() if SECRET in part.environ().values()}
    assert told == {"scheduler"}
    os.kill(command.pid, signal.SIGINT)
    command.wait(60)
    psutil.wait_procs(parts, timeout=30)
    assert not [part for part in parts if part.is_running()]

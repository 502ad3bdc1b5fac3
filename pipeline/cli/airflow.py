"""A local Airflow with the pipeline's DAG, its home below the project.

What `airflow standalone` starts, but for its servers of logs: they listen to the whole network, and whoever is on this
machine reads the logs without them.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import PipelineError
from pipeline.scheduling import bypass_proxies
from pipeline.servers.embedded import accepts, ensure_scheduler, tail
from pipeline.settings import PACKAGE_ROOT, Settings, get_settings, without_secrets

HOST = "127.0.0.1"
START_TIMEOUT = 300.0
"""Seconds until all components must be healthy; the first start makes Airflow's database."""

COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
STOP_TIMEOUT = 30.0
AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


class AirflowError(PipelineError):
    """The local Airflow did not start; the message says why and what to do."""


def airflow(
    port: Annotated[int, typer.Option(min=1, max=65535, envvar="AIRFLOW_PORT", help="where its page is")] = 8080,
) -> None:
    """Run a local Airflow with the pipeline's DAG, until Ctrl-C.

    Example: python -m pipeline airflow --port 8090
    """
    settings = get_settings()
    home = settings.project_root / "data/airflow"
    program = Path(sys.executable).with_name("airflow")
    if not program.exists():
        raise AirflowError(f"{program} is missing: make install")
    if accepts(port):
        raise AirflowError(f"port {port} is taken by another program; choose one with AIRFLOW_PORT")
    home.mkdir(parents=True, exist_ok=True)
    bypass_proxies(HOST, "localhost")  # Airflow's parts speak with each other there
    password = _password(home / "passwords.json")
    tasks = ensure_scheduler(settings)
    log = home / "standalone.log"
    print(f"Starting Airflow (the first time, this takes a minute); its log is {log}", flush=True)
    started: dict[str, subprocess.Popen[bytes]] = {}

    def start(*words: str, secrets: bool = False) -> subprocess.Popen[bytes]:
        env = environment(settings, home, port)
        with log.open("ab") as output:
            started[words[0]] = subprocess.Popen(
                [str(program), *words],
                cwd=settings.project_root,
                env=env if secrets else without_secrets(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return started[words[0]]

    # No run is going on in this process that would have to be rolled back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    log.unlink(missing_ok=True)
    try:
        if start("db", "migrate").wait():
            raise AirflowError(f"Airflow's database was not made; {log} ends:\n{tail(log)}")
        del started["db"]
        start("api-server")
        start("dag-processor")
        start("triggerer", "--skip-serve-logs")
        start("scheduler", "--skip-serve-logs", secrets=True)  # it runs the tasks
        _wait_until_healthy(started, port, log)
        print(f"  Airflow   http://{HOST}:{port}/dags/video_streaming_pipeline   login: admin / {password}")
        print(f"  tasks     {tasks}")
        print("  stop      Ctrl-C", flush=True)
        while not (ended := _ended(started)):
            time.sleep(0.5)
        raise AirflowError(f"Airflow's {ended} has ended; {log} ends:\n{tail(log)}")
    except KeyboardInterrupt:
        pass
    finally:
        _stop([*started.values()])


def environment(settings: Settings, home: Path, port: int) -> dict[str, str]:
    """Return the environment of a local Airflow with the project's DAG alone, loaded and not paused."""
    return {
        **os.environ,
        # Airflow starts its components by name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PROJECT_ROOT": str(settings.project_root),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PACKAGE_ROOT / "pipeline/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__AUTH_MANAGER": AUTH_MANAGER,
        "AIRFLOW__CORE__PARALLELISM": "2",  # a worker process each; the DAG has one task
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    }


def _password(file: Path) -> str:
    """Return the password of the user `admin`, made at the first start."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
    return str(json.loads(file.read_text())["admin"])


def _ended(started: Mapping[str, subprocess.Popen[bytes]]) -> str | None:
    """Return which component has ended, if one has."""
    return next((name for name, process in started.items() if process.poll() is not None), None)


def _wait_until_healthy(started: Mapping[str, subprocess.Popen[bytes]], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _is_healthy(port):
        if _ended(started) or time.monotonic() > deadline:
            raise AirflowError(f"Airflow did not start; {log} ends:\n{tail(log)}")
        time.sleep(0.5)


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=10) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return False
    return all(health[name]["status"] == "healthy" for name in COMPONENTS)


def _stop(started: Collection[subprocess.Popen[bytes]]) -> None:
    """End Airflow as Ctrl-C in its own terminal would, and what is left of its process groups."""
    deadline = time.monotonic() + STOP_TIMEOUT
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

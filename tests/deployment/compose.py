"""docker-compose.yml run without Docker: its commands, environment, mounts and health checks as processes here."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from tests.project import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"
# ${NAME}, ${NAME:-default}, and $$ for a dollar.
VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::-([^}]*))?\})")


def interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a part of the file with its variables put in, by the rules of Compose."""

    def put_in(match: re.Match[str]) -> str:
        dollar, name, default = match.groups()
        return "$" if dollar else variables.get(name) or default or ""

    if isinstance(value, dict):
        return {key: interpolate(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, variables) for each in value]
    return VARIABLE.sub(put_in, value) if isinstance(value, str) else value


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the services as Compose would see them."""
    services = interpolate(yaml.safe_load(FILE.read_text()), variables)["services"]
    assert isinstance(services, dict)
    return services


class Site:
    """The folder that containers see as /opt/pipeline, and the processes of services started on it.

    Args:
        folder: for the site and all it writes.
        secrets: what the files of `secrets` would hold.
        replaced: what is written in the file to what it is here: addresses of other containers, ports.
        environment: variables that services have here beyond, or instead of, those of the file.
    """

    def __init__(
        self, folder: Path, secrets: Mapping[str, str], replaced: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        self.folder = folder / "site"
        self.services = read({})
        self.replaced = {**replaced, "/opt/pipeline": str(self.folder), "/run/secrets": str(folder / "secrets")}
        self.own_environment = environment
        self.home = folder / "airflow"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "secrets").mkdir()
        for name, secret in secrets.items():
            (folder / "secrets" / name).write_text(f"{secret}\n")
        for mount in self.services["airflow-scheduler"]["volumes"]:
            here, there = mount.removesuffix(":ro").split(":")
            place = Path(there.replace("/opt/pipeline", str(self.folder)))
            place.parent.mkdir(parents=True, exist_ok=True)
            if mount.endswith(":ro"):
                place.symlink_to(REPOSITORY / here)
            else:
                place.mkdir()

    def adapted(self, text: str) -> str:
        """Return a text of the file with what is different here."""
        for written, here in self.replaced.items():
            text = text.replace(written, here)
        return text

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment of a service: its own, and nothing of the test's but what programs need."""
        given = {name: self.adapted(str(value)) for name, value in self.services[service]["environment"].items()}
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "HOSTNAME": os.uname().nodename,
            "AIRFLOW_HOME": str(self.home),
            **given,
            **self.own_environment,
        }

    def command(self, service: str) -> list[str]:
        """Return what the container runs; a bare word is for `airflow`, as the image's entry point has it."""
        told = self.services[service]["command"]
        words = shlex.split(told) if isinstance(told, str) else told
        words = [*map(self.adapted, [*self.services[service].get("entrypoint", []), *words])]
        return words if words[0] in ("bash", "python") else ["airflow", *words]

    def run(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends, and wait for it."""
        return subprocess.run(
            self.command(service),
            cwd=self.folder,
            env=self.environment(service),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, service: str) -> None:
        """Start a service in a process group of its own; its output goes to a file."""
        with self.log(service).open("wb") as output:
            self.processes[service] = subprocess.Popen(
                self.command(service),
                cwd=self.folder,
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, service: str) -> Path:
        """Return the file with what a service printed."""
        return self.folder.with_name(f"{service}.log")

    def is_healthy(self, service: str) -> bool:
        """Run the health check of a service once."""
        kind, *words = (self.adapted(word) for word in self.services[service]["healthcheck"]["test"])
        command = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        ended = subprocess.run(
            command, cwd=self.folder, env=self.environment(service), capture_output=True, check=False
        )
        return ended.returncode == 0

    def wait_until_healthy(self, service: str, seconds: float = 120) -> None:
        """Wait until the health check of a started service succeeds."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy(service):
            assert self.processes[service].poll() is None, self.log(service).read_text()
            assert time.monotonic() < deadline, self.log(service).read_text()
            time.sleep(0.5)

    def stop(self) -> None:
        """End all that was started, with all its processes."""
        for number, seconds in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
            for process in self.processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            deadline = time.monotonic() + seconds
            for process in self.processes.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0, deadline - time.monotonic()))

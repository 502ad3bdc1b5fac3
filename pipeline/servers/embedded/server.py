"""A server process in a folder of its own, known by a lock that the process itself holds.

`server.pid` in the folder names the process and its port. The server inherits the open file, locked, so the lock is
free as soon as it and its children have ended, however they did: neither a recycled pid nor, in a copy of the
folder, the original's server is taken for ours. `server.log` has what the server prints.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.servers.embedded.process import (
    HOST,
    SECONDS_BETWEEN_LOOKS,
    Account,
    EmbeddedServerError,
    accepts,
    is_locked,
    locked,
    tail,
)

LOCK_TIMEOUT = 300.0
"""Seconds to wait while another process starts or stops the same server (crash recovery may take long)."""

# Through a shell that ends at once: the server is nobody's child, so it leaves no zombie and survives the caller.
_LAUNCH = 'exec 3>&0; "$@" </dev/null & echo "$! $0" >&3'


@dataclass(frozen=True)
class Running:
    """The process of a server, and the port it was given (0: none)."""

    pid: int
    port: int


@dataclass(frozen=True)
class Server:
    """A server that may run in `folder`; `signals` end it, each with the seconds it is given."""

    name: str
    folder: Path
    signals: Sequence[tuple[int, float]]
    seconds_to_start: float

    def exclusively(self) -> AbstractContextManager[IO[str]]:
        """Be the only process that starts or stops this server."""
        return locked(self.folder.with_name(f"{self.folder.name}.lock"), LOCK_TIMEOUT)

    def running(self) -> Running | None:
        """The process that runs, ready or not; None if none does."""
        try:
            with (self.folder / "server.pid").open() as file:
                return _remembered(file.read()) if is_locked(file) else None
        except OSError:
            return None

    def launch(self, command: list[str], port: int = 0, account: Account | None = None) -> None:
        """Start the process, as soon as nothing is left of one that was killed."""
        log = self.folder / "server.log"
        with locked(self.folder / "server.pid", self.seconds_to_start) as held, log.open("ab") as output:
            held.truncate(0)
            (account or Account()).run(["sh", "-c", _LAUNCH, str(port), *command], self.folder, output, stdin=held)

    def ensure_on_a_port(
        self,
        preferred: int,
        command: Callable[[int], list[str]],
        is_prepared: Callable[[], bool] = lambda: True,
        prepare: Callable[[int], None] = lambda _: None,
    ) -> Running:
        """Make sure that the process runs and listens: at the port of last time, the preferred one or any that is free.

        Args:
            preferred: a port; 0 for any.
            command: called with the port if the process is to be started, with the lock held.
            is_prepared: whether nothing is left to be done before the process may be used.
            prepare: called, with the port of what runs, to do that; what runs unprepared is ended before.

        Raises:
            EmbeddedServerError: it did not start.
        """
        if is_prepared() and (known := self.running()) and accepts(known.port):
            return known
        with self.exclusively():
            if not is_prepared():
                self.end()
            elif self.running():
                return self.wait_until_up()
            file = self.folder / "server.pid"
            known = _remembered(file.read_text()) if file.exists() else None
            port = _free_port(known.port if known else preferred, preferred, 0)
            self.launch(command(port), port)
            try:
                self.wait_until_up()
            except EmbeddedServerError:  # another project's, started at the same moment, may have taken the port
                port = _free_port(0)
                self.launch(command(port), port)
            known = self.wait_until_up()
            if not is_prepared():
                prepare(known.port)
            return known

    def wait_until_up(self, answers: Callable[[Running], bool] | None = None) -> Running:
        """Wait until the process answers, by itself on its port if it is not said how.

        Raises:
            EmbeddedServerError: it ended or took too long; the message has the last lines of its log.
        """
        deadline = time.monotonic() + self.seconds_to_start
        while (known := self.running()) and time.monotonic() < deadline:
            if (answers or _listens)(known):
                return known
            time.sleep(SECONDS_BETWEEN_LOOKS)
        log = self.folder / "server.log"
        raise EmbeddedServerError(f"{self.name} did not start; {log} ends:\n{tail(log)}")

    def end(self, signals: Sequence[tuple[int, float]] = ()) -> Running | None:
        """End the process, if one runs, by its signals or those given; return which it was.

        Raises:
            EmbeddedServerError: it does not end, or belongs to another user.
        """
        known = self.running()
        if known is None:
            return None
        for number, seconds in signals or self.signals:
            try:
                os.kill(known.pid, number)
            except ProcessLookupError:
                pass  # its children are about to end, too
            except PermissionError:
                raise EmbeddedServerError(f"process {known.pid} is another user's: stop it as that user") from None
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self.running() is None:
                    return known
                time.sleep(SECONDS_BETWEEN_LOOKS)
        raise EmbeddedServerError(f"process {known.pid} ({self.name}) does not end")

    def stop(self) -> Running | None:
        """End the process as `end` does, once nobody is starting it."""
        if not self.folder.exists():
            return None
        with self.exclusively():
            return self.end()


def _remembered(told: str) -> Running | None:
    match told.split():
        case [pid, port]:
            return Running(int(pid), int(port))
    return None


def _listens(known: Running) -> bool:
    """Whether the process itself listens on its port: another's answer says nothing of it."""
    import psutil

    try:
        connections = psutil.Process(known.pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == known.port for each in connections)


def _free_port(*wanted: int) -> int:
    for port in wanted:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the servers do it: connections of the last run that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedServerError(f"no free port on {HOST}")

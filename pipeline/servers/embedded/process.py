"""What all embedded servers need of the system: locks between processes, commands, sockets, logs."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from pipeline.errors import PipelineError

HOST = "127.0.0.1"
SECONDS_BETWEEN_LOOKS = 0.05
_PROBE_SECONDS = 5
_LAST_LINES = 12
# Not the caller's secrets, nor variables by which a server would find what is meant for others.
_KEPT_VARIABLES = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ")


class EmbeddedServerError(PipelineError):
    """An embedded server cannot be used; the message says why and what to do."""


class Address(NamedTuple):
    """Where a server answers; the host of PostgreSQL is the directory of its socket, as libpq takes it."""

    host: str
    port: int


@dataclass(frozen=True)
class Account:
    """The system user who runs a server: another one than the caller if `uid` is given."""

    name: str = ""
    uid: int | None = None
    gid: int | None = None

    def run(
        self,
        command: list[str],
        folder: Path,
        output: IO[bytes],
        env: Mapping[str, str] | None = None,
        stdin: IO[str] | int = subprocess.DEVNULL,
    ) -> int:
        """Run a command in a session of its own, which the caller's Ctrl-C does not reach; return its exit code."""
        return subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=env or environment(),
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        ).returncode


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a server."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8", **more}


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[IO[str]]:
    """Hold a file locked, made where it is missing; the system frees it when its holders die, however they do.

    Nobody else may open it: whoever can read a file can lock it.

    Raises:
        EmbeddedServerError: it is not free within `seconds`, or its folder cannot be written.
    """
    deadline = time.monotonic() + seconds
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", opener=_open_for_ourselves)  # noqa: SIM115 (Path.open takes no opener)
        if os.fstat(file.fileno()).st_uid == os.geteuid():
            os.fchmod(file.fileno(), 0o600)  # an earlier version's
    except OSError as error:
        raise EmbeddedServerError(f"cannot write to {path.parent}: {error.strerror}; set EMBEDDED_PATH") from None
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(f"another process holds {path} for more than {seconds:.0f} s") from None
                time.sleep(SECONDS_BETWEEN_LOOKS)
        yield file


def _open_for_ourselves(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def is_locked(file: IO[str]) -> bool:
    """Whether a process that lives holds an open file locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def accepts(address: Path | int) -> bool:
    """Whether something listens: on a Unix socket, or on a port of 127.0.0.1."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect((HOST, address) if isinstance(address, int) else str(address))
        except OSError:
            return False
    return True


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"  ({log}: {error.strerror})"
    return "\n".join(f"  {line}" for line in lines[-_LAST_LINES:]) or "  (nothing logged)"

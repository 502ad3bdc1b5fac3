"""What both embedded servers need: a lock between processes, and telling our process from a recycled pid."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError

LOCK_TIMEOUT = 300.0
"""Seconds to wait while another process starts or stops the same server (crash recovery may take long)."""

_POLL = 0.05
_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()  # Linux; elsewhere psutil answers, at the price of its import


class EmbeddedServerError(PipelineError):
    """An embedded server cannot be used; the message says why and what to do."""


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold the lock file `lock`; the system releases it when its holder dies, however it dies.

    Raises:
        EmbeddedServerError: the lock is not free within `LOCK_TIMEOUT`, or its folder cannot be written.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        # Never inherited (O_CLOEXEC), or a server would hold the lock for as long as it lives.
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        reason = f"cannot write to {lock.parent}: {error.strerror}; set EMBEDDED_PATH"
        raise EmbeddedServerError(reason) from None
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"another process holds {lock} for more than {LOCK_TIMEOUT:.0f} s"
                    raise EmbeddedServerError(message) from None
                time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def birth(pid: int) -> str | None:
    """When the process was created, as an opaque text; None if there is no such process (or a zombie).

    Together with the pid it names one process: a recycled pid has another birth.
    """
    if _HAS_PROC:
        try:
            # The name, in parentheses, may hold anything: count the fields behind it.
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        # Of a killed process with threads, the first may be a zombie while others still hold its files.
        over = fields[0] in {"Z", "X"} and int(fields[17]) <= 1
        return None if over else fields[19]
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def works_in(pid: int, folder: Path) -> bool | None:
    """Whether the working directory of the process is `folder`, under whatever name the folder has now.

    Returns:
        None when the system does not tell: root in a container may not look at other users' processes.
    """
    if _HAS_PROC:
        try:
            return (_PROC / str(pid) / "cwd").samefile(folder)
        except PermissionError:
            return None
        except OSError:
            return False
    import psutil

    try:
        return Path(psutil.Process(pid).cwd()).samefile(folder)
    except psutil.AccessDenied:
        return None
    except (psutil.Error, OSError):
        return False


def accepts(address: Path | int) -> bool:
    """Whether something listens: on a Unix socket, or on a port of 127.0.0.1."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
        except OSError:
            return False
    return True


def listens(pid: int, port: int) -> bool:
    """Whether the process itself listens on the port; another's answer says nothing of it."""
    import psutil

    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)


def end(pid: int, *signals: tuple[int, float]) -> None:
    """Send each (signal, seconds to wait) in turn until the process is gone.

    Raises:
        EmbeddedServerError: it is still there after the last one.
    """
    born = birth(pid)
    for number, seconds in signals:
        if born is None or birth(pid) != born:
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            reason = f"process {pid} belongs to another user: stop it as that user"
            raise EmbeddedServerError(reason) from None
        deadline = time.monotonic() + seconds
        while birth(pid) == born and time.monotonic() < deadline:
            time.sleep(_POLL)
    if birth(pid) == born:
        raise EmbeddedServerError(f"process {pid} does not end")


def tail(log: Path, start: int = 0, lines: int = 12) -> str:
    """The last lines of a log, indented, from byte `start` on (what this start wrote)."""
    try:
        with log.open("rb") as stream:
            stream.seek(start)
            text = stream.read().decode(errors="replace")
    except OSError as error:
        return f"  ({log}: {error.strerror})"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (nothing logged)"


def size(log: Path) -> int:
    """Bytes in the file now; 0 if there is none."""
    return log.stat().st_size if log.exists() else 0

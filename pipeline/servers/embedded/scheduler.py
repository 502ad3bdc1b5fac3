"""The central scheduler of Luigi, `luigid`: who runs what, and the page that shows it.

It is started for a project without `LUIGID_HOST`, below `EMBEDDED_PATH/luigid`: `state.pickle` (what it
knows, written when it ends), `luigi.cfg`, `server.log` and `server.json`. It has no login, so it listens on
127.0.0.1 only: at `LUIGID_PORT`, or at any port if another program (another project's luigid) has that.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from pipeline.servers.embedded import daemon as local_daemon
from pipeline.servers.embedded.daemon import HOST, Daemon
from pipeline.servers.embedded.process import EmbeddedServerError, accepts, end, exclusive, listens, size, tail
from pipeline.settings import Settings

START_TIMEOUT = 60.0
"""Seconds until the scheduler must answer."""

_ATTEMPTS = 3
_SHUTDOWN = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
# Read beside the project's own luigi.cfg: only warnings are logged, not every request of every run.
_OWN_CONFIGURATION = "[core]\nno_configure_logging = true\n"


def home(settings: Settings) -> Path:
    """The folder of the scheduler's state and log."""
    return settings.embedded_path / "luigid"


def page(host: str, port: int) -> str:
    """The address of the page that shows the tasks."""
    return f"http://{host}:{port}/static/visualiser/index.html"


def address(settings: Settings) -> tuple[str, int] | None:
    """Where runs of these settings find a scheduler; None if they schedule themselves."""
    if settings.luigid_host is not None:
        return settings.luigid_host, settings.luigid_port
    known = local_daemon.running(home(settings))
    return (HOST, known.port) if known else None


def ensure(settings: Settings) -> str:
    """Make sure that the project's scheduler runs, unless `LUIGID_HOST` names another; return its page.

    Raises:
        EmbeddedServerError: it did not start; the message has what it logged.
    """
    if settings.luigid_host is not None:
        return page(settings.luigid_host, settings.luigid_port)
    with exclusive(_lock(settings)):
        known = local_daemon.running(home(settings))
        if not (known and accepts(known.port)):
            known = _start(settings)
    return page(HOST, known.port)


def stop(settings: Settings) -> Daemon | None:
    """Stop the project's scheduler, which then keeps what it knows; which one it was, None if none ran.

    Raises:
        EmbeddedServerError: it does not end, or belongs to another user.
    """
    if not home(settings).exists():
        return None
    with exclusive(_lock(settings)):
        known = local_daemon.running(home(settings))
        if known:
            end(known.pid, *_SHUTDOWN)
        return known


def _lock(settings: Settings) -> Path:
    return settings.embedded_path / "luigid.lock"


def _start(settings: Settings) -> Daemon:
    """Start the scheduler; on another port if the chosen one was taken meanwhile."""
    folder = home(settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "luigi.cfg").write_text(_OWN_CONFIGURATION)
    log = folder / "server.log"
    log_start = size(log)
    for _ in range(_ATTEMPTS):
        started = _launch(settings, local_daemon.choose_port(folder, settings.luigid_port))
        if _answers(started):
            return started
        end(started.pid, *_SHUTDOWN)
        if "Address already in use" not in tail(log, log_start):
            break
    raise EmbeddedServerError(f"luigid did not start; {log} ends:\n{tail(log, log_start)}")


def _launch(settings: Settings, port: int) -> Daemon:
    program = "from luigi.cmdline import luigid; luigid()"
    command = [sys.executable, "-c", program, "--address", HOST, "--port", str(port), "--state-path", "state.pickle"]
    variables = {"LUIGI_CONFIG_PATH": str(settings.project_root / "luigi.cfg")}
    return local_daemon.launch(home(settings), port, command, variables)


def _answers(started: Daemon) -> bool:
    """Wait until the scheduler answers; False if it ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT
    while started.alive and time.monotonic() < deadline:
        # Another project's, started at the same moment, may have taken the port: then ours is about to end.
        if listens(started.pid, started.port):
            return True
        time.sleep(0.05)
    return False

"""The central scheduler of Luigi, `luigid`, guarded: who runs what, and the page that shows it.

It is started for a project without `LUIGID_HOST`, below `EMBEDDED_PATH/luigid`: `state.pickle` (what it knows, written
when it ends), `luigi.cfg`, `server.log` and `server.pid`. It has no login, so it listens on 127.0.0.1 only: at
`LUIGID_PORT`, or at any port if another program (another project's luigid) has that.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from pipeline.servers.embedded.process import HOST
from pipeline.servers.embedded.server import Server
from pipeline.settings import Settings

START_TIMEOUT = 60.0
"""Seconds until the scheduler must answer."""

_PROGRAM = Path(__file__).parents[1] / "luigid.py"
_SHUTDOWN = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
# Read beside the project's own luigi.cfg: only warnings are logged, not every request of every run.
_OWN_CONFIGURATION = "[core]\nno_configure_logging = true\n"


def server(settings: Settings) -> Server:
    """The scheduler below the settings' folder."""
    return Server("luigid", settings.embedded_path / "luigid", _SHUTDOWN, START_TIMEOUT)


def page(host: str, port: int) -> str:
    """The address of the page that shows the tasks."""
    return f"http://{host}:{port}/static/visualiser/index.html"


def address(settings: Settings) -> tuple[str, int] | None:
    """Where runs of these settings find a scheduler; None if they schedule themselves."""
    if settings.luigid_host is not None:
        return settings.luigid_host, settings.luigid_port
    known = server(settings).running()
    return (HOST, known.port) if known else None


def ensure(settings: Settings) -> str:
    """Make sure that the project's scheduler runs, unless `LUIGID_HOST` names another; return its page.

    Raises:
        EmbeddedServerError: it did not start; the message has what it logged.
    """
    if settings.luigid_host is not None:
        return page(settings.luigid_host, settings.luigid_port)
    ours = server(settings)

    def command(port: int) -> list[str]:
        ours.folder.mkdir(exist_ok=True)
        (ours.folder / "luigi.cfg").write_text(_OWN_CONFIGURATION)
        variable = f"LUIGI_CONFIG_PATH={settings.project_root / 'luigi.cfg'}"
        program = [sys.executable, "-P", str(_PROGRAM)]
        return ["env", variable, *program, "--address", HOST, "--port", str(port), "--state-path", "state.pickle"]

    return page(HOST, ours.ensure_on_a_port(settings.luigid_port, command).port)

"""A server process of a folder of its own: `server.json` there remembers it, `server.log` has what it prints.

The folder is the process's working directory, by which it is recognised: neither a recycled pid nor (in a
copy of the folder) the original's server is taken for ours.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.servers.embedded.process import EmbeddedServerError, birth, works_in

HOST = "127.0.0.1"
# Parts of the names of variables that hold secrets; a local server needs none of them.
SECRETS = ("PASSWORD", "SECRET", "TOKEN", "_URI", "_KEY", "_CONN")


@dataclass(frozen=True)
class Daemon:
    """One server process: its pid, its port, and its birth, by which a recycled pid is told apart."""

    pid: int
    port: int
    birth: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return birth(self.pid) == self.birth


def running(folder: Path) -> Daemon | None:
    """The server that runs in the folder; None if none does."""
    known = _remembered(folder)
    if known is None or not known.alive:
        return None
    return None if works_in(known.pid, folder) is False else known


def launch(folder: Path, port: int, command: list[str], variables: Mapping[str, str] | None = None) -> Daemon:
    """Start the process and remember it, before it is known whether it comes up."""
    # Through a shell that ends at once: the server is nobody's child, so it leaves no zombie and
    # survives the caller; a session of its own keeps the caller's Ctrl-C away.
    shell = ["sh", "-c", '"$@" </dev/null >>server.log 2>&1 & echo $!', "sh", *command]
    kept = {name: value for name, value in os.environ.items() if not any(part in name for part in SECRETS)}
    environment = {**kept, **(variables or {})}
    pid = int(subprocess.check_output(shell, cwd=folder, env=environment, start_new_session=True))
    started = Daemon(pid, port, birth(pid) or "")
    new = folder / "server.json.new"
    new.write_text(json.dumps(asdict(started)))
    new.rename(folder / "server.json")
    return started


def bypass_proxies(*hosts: str) -> None:
    """Have this process and its children reach hosts directly, whatever proxies the environment names."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [known, *hosts]))


def choose_port(folder: Path, preferred: int = 0) -> int:
    """The port of last time if it is free, else the preferred one if that is, else any that is.

    Raises:
        EmbeddedServerError: there is none.
    """
    known = _remembered(folder)
    wanted = [known.port if known else 0, preferred]
    for port in (*filter(None, wanted), 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server does it: connections of the last run that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedServerError(f"no free port on {HOST}")


def _remembered(folder: Path) -> Daemon | None:
    """What `server.json` says, whether or not it still runs; None if there is none or it is damaged."""
    try:
        return Daemon(**json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None

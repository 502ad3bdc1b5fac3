"""PostgreSQL with SCRAM passwords and TLS, MongoDB with logins and TLS: reached by settings alone."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from pipeline.servers import mongo, postgres
from pipeline.servers.libpq import Role
from tests.comparing import assert_loaded
from tests.deployment.conftest import PASSWORDS, RealServers
from tests.in_process import settings_of
from tests.oracle import expected
from tests.project import Project

SECRETS = [
    PASSWORDS[name] for name in ("POSTGRES_PASSWORD", "DATA_ANALYST_PASSWORD", "REPORT_PASSWORD", "MONGO_PASSWORD")
]


@pytest.fixture(scope="package")
def loaded(remote: Project) -> Project:
    """The project after a run; what the run printed is in its log."""
    remote.must_run()
    return remote


def test_a_run_by_settings_alone_loads_what_the_files_hold(loaded: Project) -> None:
    assert_loaded(loaded, expected(loaded.raw))
    facts = "SELECT rolname, rolsuper, ssl FROM pg_stat_ssl, pg_roles WHERE pid = pg_backend_pid() AND rolname = user"
    assert loaded.rows(facts) == [("pipeline", False, True)]
    assert loaded.rows(facts, role="analyst") == [("analyst", False, True)]


def test_no_password_reaches_a_log_or_a_marker(loaded: Project) -> None:
    kept = (loaded.folder / "logs/luigi.log").read_text()
    kept += str(loaded.rows("SELECT m, b FROM etl.table_updates m, etl.batches b"))
    assert "viewing_sessions" in kept
    assert not [secret for secret in SECRETS if secret in kept or quote(secret, safe="") in kept]


def test_a_uri_means_the_same_server_as_its_parts(loaded: Project, real_servers: RealServers) -> None:
    known = real_servers.settings
    login = f"pipeline:{quote(known['MONGO_PASSWORD'], safe='')}"
    ca = quote(known["MONGO_TLS_CA_FILE"], safe="")
    options = f"authSource=video_streaming&tls=true&tlsCAFile={ca}"
    uri = f"mongodb://{login}@127.0.0.1:{known['MONGO_PORT']}/video_streaming?{options}"
    parts = {name: "" for name in known if name.startswith("MONGO_")}
    run = loaded.run_all(**parts, MONGO_URI=uri)
    assert (run.code, run.ran) == (0, []), run.output
    assert not [secret for secret in SECRETS if secret in run.output or quote(secret, safe="") in run.output]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"POSTGRES_PASSWORD": "wrong"}, ["refused the login of pipeline", "password authentication failed"]),
        ({"POSTGRES_PASSWORD": ""}, ["refused the login of pipeline", "no password supplied"]),
        ({"POSTGRES_DB": "elsewhere"}, ["no such database for pipeline", "elsewhere", "init-postgres.sh"]),
        ({"POSTGRES_DB": "postgres"}, ["no such database for pipeline", "permission denied", "init-postgres.sh"]),
        ({"POSTGRES_SSLMODE": "disable"}, ["wants TLS", "POSTGRES_SSLMODE=require"]),
        ({"POSTGRES_SSLROOTCERT": "OTHER_CA"}, ["no TLS connection", "certificate verify failed", "POSTGRES_SSLROOT"]),
        ({"POSTGRES_PORT": "CLOSED"}, ["no connection to PostgreSQL (127.0.0.1:1/", "refused"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_why_postgres_cannot_be_used_is_told_apart(
    remote: Project, real_servers: RealServers, changed: dict[str, str], told: list[str]
) -> None:
    message = refusal_of_postgres(remote, real_servers, changed)
    assert [part for part in told if part not in message] == [], message
    assert "\n" not in message
    assert not [secret for secret in SECRETS if secret in message]


def test_a_report_without_its_login_says_what_to_run(remote: Project, real_servers: RealServers) -> None:
    # As on a server that an earlier version prepared.
    message = refusal_of_postgres(remote, real_servers, {"REPORT_USER": "nobody_yet"}, "report")
    assert "refused the login of nobody_yet" in message
    assert message.endswith(
        "check REPORT_USER and REPORT_PASSWORD; an administrator makes the login, and sets its password,"
        " by running init-postgres.sh"
    )


def refusal_of_postgres(
    remote: Project, real_servers: RealServers, changed: dict[str, str], role: Role = "pipeline"
) -> str:
    """Return what is said when PostgreSQL is to be reached with some settings changed."""
    stand_ins = {"OTHER_CA": str(real_servers.authority.other_ca), "CLOSED": "1"}
    different = Project.__new__(Project)
    different.env = remote.env | {name: stand_ins.get(value, value) for name, value in changed.items()}
    # Whether a server that is starting is waited for is another test's matter.
    connect = postgres._connect.__wrapped__
    with (
        settings_of(different),
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(postgres.PostgresError) as caught,
    ):
        patch.setattr(postgres, "_connect", connect)
        postgres.connect(role)
    return str(caught.value)


def test_a_right_that_is_lacking_is_told_apart(loaded: Project) -> None:
    analyst = {"POSTGRES_USER": "analyst", "POSTGRES_PASSWORD": PASSWORDS["DATA_ANALYST_PASSWORD"]}
    told = loaded.pipeline("status", **analyst)
    assert told.code == 1
    assert "does not permit this to analyst: permission denied for schema etl" in told.output
    assert "Traceback" not in told.output


def test_a_server_that_is_too_old_is_told_apart(remote: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "MINIMUM_VERSION", 990000)
    monkeypatch.setattr(mongo, "MINIMUM_VERSION", (99, 0))
    with settings_of(remote):
        with pytest.raises(postgres.PostgresError, match=r"PostgreSQL 17 or later is needed; .* is version 18"):
            postgres.connect()
        with pytest.raises(mongo.MongoError, match=r"MongoDB 6 or later is needed; 127\.0\.0\.1.* is version"):
            mongo.database().__enter__()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"MONGO_PASSWORD": "wrong"}, ["refused the login of pipeline", "MONGO_AUTH_SOURCE"]),
        ({"MONGO_AUTH_SOURCE": "admin"}, ["refused the login of pipeline", "MONGO_AUTH_SOURCE"]),
        ({"MONGO_USER": ""}, ["does not permit this to nobody (MONGO_USER is not set)", "authentication"]),
        (
            {"MONGO_USER": "reader", "MONGO_PASSWORD": "of-reader"},
            ["does not permit this to reader", "readWrite and dbAdmin on video_streaming"],
        ),
        ({"MONGO_TLS_CA_FILE": "OTHER_CA"}, ["no TLS connection", "certificate verify failed", "MONGO_TLS_CA_FILE"]),
        ({"MONGO_TLS": "", "MONGO_TLS_CA_FILE": ""}, ["no connection", "if the server wants TLS, set MONGO_TLS=true"]),
        ({"MONGO_PORT": "1"}, ["no connection to MongoDB (127.0.0.1:1/", "refused"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_why_mongodb_cannot_be_used_is_told_apart(
    remote: Project,
    real_servers: RealServers,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    told: list[str],
) -> None:
    monkeypatch.setattr(mongo, "WAIT_FOR_SERVER_SECONDS", 1)  # a server that is starting is not waited for here
    different = Project.__new__(Project)
    ca = str(real_servers.authority.other_ca)
    different.env = remote.env | {name: ca if value == "OTHER_CA" else value for name, value in changed.items()}
    with settings_of(different), pytest.raises(mongo.MongoError) as caught, mongo.database() as db:
        db["probe"].insert_one({"_id": 1})
    message = str(caught.value)
    assert [part for part in told if part not in message] == [], message
    assert not [secret for secret in SECRETS if secret in message]

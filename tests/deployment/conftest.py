"""Real servers, and the services of docker-compose.yml on them: started once for all tests of this folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from playwright.sync_api import Browser, sync_playwright

from pipeline.sample import write_sample
from pipeline.settings import without_secrets
from tests.deployment import servers
from tests.deployment.compose import Site
from tests.deployment.servers import Authority
from tests.project import Project

PASSWORDS = {
    "POSTGRES_SUPERUSER_PASSWORD": servers.ADMIN_PASSWORD,
    "POSTGRES_PASSWORD": "of the pipeline: é'\"$\\",
    "DATA_ANALYST_PASSWORD": "of the analyst /?#@",
    "REPORT_PASSWORD": "of the report %20",
    "MONGO_ROOT_PASSWORD": servers.ROOT_PASSWORD,
    "MONGO_PASSWORD": "of the pipeline @:/",
    "AIRFLOW_DB_PASSWORD": "of-airflow",
    "AIRFLOW_ADMIN_PASSWORD": "of the admin \"'$",
    "AIRFLOW_FERNET_KEY": "4P7tKuf2vIyXmZg8vD0CkH0Qn3sHnbgEbzB2wS7mT1Q=",
    "AIRFLOW_SECRET_KEY": "secret-of-the-page",
    "AIRFLOW_JWT_SECRET": "secret-of-the-tokens-of-the-tasks-0123456789",
}


@dataclass(frozen=True)
class RealServers:
    """Where the servers are, and the settings with which the pipeline reaches them."""

    authority: Authority
    postgres_port: int
    mongo_port: int

    @property
    def settings(self) -> dict[str, str]:
        """All that a pipeline needs to be told."""
        return {
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(self.postgres_port),
            "POSTGRES_USER": "pipeline",
            "POSTGRES_PASSWORD": PASSWORDS["POSTGRES_PASSWORD"],
            "POSTGRES_DB": "video_streaming",
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(self.authority.ca),
            "DATA_ANALYST_PASSWORD": PASSWORDS["DATA_ANALYST_PASSWORD"],
            "REPORT_PASSWORD": PASSWORDS["REPORT_PASSWORD"],
            "MONGO_HOST": "127.0.0.1",
            "MONGO_PORT": str(self.mongo_port),
            "MONGO_USER": "pipeline",
            "MONGO_PASSWORD": PASSWORDS["MONGO_PASSWORD"],
            "MONGO_DB": "video_streaming",
            "MONGO_AUTH_SOURCE": "video_streaming",
            "MONGO_TLS": "true",
            "MONGO_TLS_CA_FILE": str(self.authority.ca),
        }


@pytest.fixture(scope="package")
def place() -> Iterator[Path]:
    """A folder that the user of PostgreSQL may reach."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def real_servers(place: Path) -> Iterator[RealServers]:
    """PostgreSQL with SCRAM and TLS, prepared twice by an administrator, and the MongoDB server with logins and TLS."""
    authority = servers.make_authority(place)
    users = {"pipeline": (PASSWORDS["MONGO_PASSWORD"], ["readWrite", "dbAdmin"]), "reader": ("of-reader", ["read"])}
    with (
        servers.postgres(place / "postgres", authority) as postgres_port,
        servers.mongo(place / "mongodb", authority, "video_streaming", users) as mongo_port,
    ):
        roles = {name: PASSWORDS[name] for name in ("POSTGRES_PASSWORD", "DATA_ANALYST_PASSWORD", "REPORT_PASSWORD")}
        first = servers.run_init_script(postgres_port, authority, **roles)
        assert servers.run_init_script(postgres_port, authority, **roles) == first
        yield RealServers(authority, postgres_port, mongo_port)


@contextmanager
def administrator(real_servers: RealServers) -> Iterator[Any]:
    """Yield a cursor of PostgreSQL's administrator, each of whose statements commits by itself."""
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=real_servers.postgres_port,
        user="postgres",
        password=servers.ADMIN_PASSWORD,
        sslmode="verify-full",
        sslrootcert=str(real_servers.authority.ca),
    )
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


@pytest.fixture(scope="package")
def remote(place: Path, real_servers: RealServers) -> Project:
    """A project on the real servers, by settings alone, with a small sample."""
    project = Project(place / "project", place / "embedded", "video_streaming")
    project.env |= real_servers.settings
    write_sample(project.raw, sessions=600, seed=4)
    return project


@pytest.fixture(scope="package")
def site(place: Path, real_servers: RealServers) -> Iterator[Site]:
    """The services of docker-compose.yml: luigid and Airflow's, prepared and started in the order of the file."""
    roles = {name: PASSWORDS[name] for name in ("POSTGRES_PASSWORD", "DATA_ANALYST_PASSWORD", "REPORT_PASSWORD")}
    servers.run_init_script(real_servers.postgres_port, real_servers.authority, POSTGRES_DB="site", **roles)
    with administrator(real_servers) as cursor:
        cursor.execute("CREATE ROLE airflow LOGIN PASSWORD %s", (PASSWORDS["AIRFLOW_DB_PASSWORD"],))
        cursor.execute("CREATE DATABASE airflow OWNER airflow TEMPLATE template0")
    page, luigid, health, logs, triggers = (str(servers.free_port()) for _ in range(5))
    site = Site(
        place,
        PASSWORDS,
        replaced={
            "airflow-db:5432": f"127.0.0.1:{real_servers.postgres_port}",
            "airflow-api-server:8080": f"127.0.0.1:{page}",
            "localhost:8080": f"127.0.0.1:{page}",
            "--port 8080": f"--port {page}",
            "localhost:8082": f"127.0.0.1:{luigid}",
            "8082": luigid,
            "0.0.0.0": "127.0.0.1",  # noqa: S104
            "localhost:8974": f"127.0.0.1:{health}",
            "/var/lib/luigid": str(place),
            "/tmp/airflow-passwords.json": str(place / "airflow-passwords.json"),  # noqa: S108
        },
        environment={
            **without_secrets(real_servers.settings),
            "POSTGRES_DB": "site",
            "LUIGID_HOST": "127.0.0.1",
            "LUIGID_PORT": luigid,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": health,
            "PIPELINE_RETRIES": "1",
            "PIPELINE_RETRY_DELAY_MINUTES": "0",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": logs,
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": triggers,
        },
    )
    write_sample(site.folder / "data/raw", sessions=600, seed=4)
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        servers.missing("chromium")
    with sync_playwright() as playwright:
        # Its sandbox does not work for root, nor in most containers; it opens pages of our own alone.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()

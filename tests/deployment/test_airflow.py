"""The services of docker-compose.yml, started as processes: Airflow runs the pipeline, and both pages show it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.comparing import assert_loaded
from tests.deployment.compose import Site
from tests.deployment.conftest import PASSWORDS, RealServers, administrator
from tests.oracle import expected
from tests.project import REPOSITORY, Project

pytestmark = pytest.mark.timeout(600)
DAG_FILE = REPOSITORY / "pipeline/dags/video_streaming_pipeline.py"
DAG = "/api/v2/dags/video_streaming_pipeline"


@dataclass(frozen=True)
class Api:
    """Airflow's public API, with a login."""

    page: str
    token: str = ""

    def ask(self, path: str, **body: Any) -> Any:
        """Return the answer to a GET, or to a POST if there is a body."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        content = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(self.page + path, content, headers), timeout=60) as answer:
            return json.load(answer)

    def run_ended(self, run_id: str, seconds: float = 240) -> dict[str, Any]:
        """Wait for the end of a run."""
        deadline = time.monotonic() + seconds
        while (run := self.ask(f"{DAG}/dagRuns/{run_id}"))["state"] not in ("success", "failed"):
            assert time.monotonic() < deadline, run
            time.sleep(0.5)
        return dict(run)


@pytest.fixture(scope="module")
def prepared(site: Site, real_servers: RealServers) -> Site:
    """Airflow's database as airflow-init leaves it, and a copy of it for `dag.test()`."""
    done = site.run("airflow-init")
    assert done.returncode == 0, done.stdout + done.stderr
    with administrator(real_servers) as cursor:
        cursor.execute("CREATE DATABASE dag_test OWNER airflow TEMPLATE airflow")
    return site


@pytest.fixture(scope="module")
def api(prepared: Site) -> Iterator[Api]:
    """Everything started, as Compose would, and the first scheduled run ended."""
    for service in ("luigid", "airflow-api-server", "airflow-dag-processor", "airflow-triggerer"):
        prepared.start(service)
    for service in ("luigid", "airflow-api-server"):
        prepared.wait_until_healthy(service)
    prepared.start("airflow-scheduler")
    prepared.wait_until_healthy("airflow-scheduler")
    page = f"http://{prepared.replaced['localhost:8080']}"
    login = {"username": "admin", "password": PASSWORDS["AIRFLOW_ADMIN_PASSWORD"]}
    api = Api(page, Api(page).ask("/auth/token", **login)["access_token"])
    deadline = time.monotonic() + 120
    while not (runs := api.ask("/api/v2/dags/~/dagRuns")["dag_runs"]):
        assert time.monotonic() < deadline, prepared.log("airflow-dag-processor").read_text()
        time.sleep(0.5)
    api.run_ended(runs[0]["dag_run_id"])
    yield api


def test_the_dag_file_needs_airflow_alone(tmp_path: Path) -> None:
    program = f"""
import json, runpy, sys
runpy.run_path({str(DAG_FILE)!r})
heavy = ("pipeline", "luigi", "pandas", "numpy", "matplotlib", "psycopg2", "pymongo", "pydantic_settings.sources")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    env = {"PATH": "", "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": ""}
    alone = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert alone.returncode == 0, alone.stderr
    assert json.loads(alone.stdout.splitlines()[-1]) == []


def test_the_dag_runs_by_itself_green_and_red(prepared: Site, real_servers: RealServers, place: Path) -> None:
    env = prepared.environment("airflow-scheduler")
    connection = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"]
    env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"] = connection.replace("/airflow|", "/dag_test|")
    env |= {"PIPELINE_RETRIES": "0", "PIPELINE_TIMEZONE": "Asia/Tokyo"}
    ended = subprocess.run(
        [sys.executable, str(REPOSITORY / "tests/deployment/dag_runs.py")],
        cwd=prepared.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    (prepared.folder / "data/raw/users-broken.csv").unlink(missing_ok=True)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    assert json.loads(ended.stdout.splitlines()[-1]) == {
        "import errors": {},
        "good files": {"run": "success", "task": "success"},
        "a bad file": {"run": "failed", "task": "failed"},
    }
    days = prepared.folder / "data/processed"
    assert sorted(day.name for day in days.iterdir() if day.is_dir()) == ["2026-03-02", "2026-03-03"]
    assert "users-broken.csv: " in output
    assert "non-zero exit code 30" in output


def test_every_service_is_healthy_and_the_dag_has_no_import_errors(api: Api, prepared: Site) -> None:
    health = api.ask("/api/v2/monitor/health")
    assert {name: part["status"] for name, part in health.items()} == {
        "metadatabase": "healthy",
        "scheduler": "healthy",
        "triggerer": "healthy",
        "dag_processor": "healthy",
    }
    assert prepared.is_healthy("airflow-dag-processor")
    assert prepared.is_healthy("airflow-triggerer")
    assert api.ask("/api/v2/importErrors")["import_errors"] == []
    dag = api.ask(DAG + "/details")
    assert (dag["is_paused"], dag["catchup"], dag["max_active_runs"]) == (False, False, 1)
    assert "exit code" in dag["doc_md"]


def test_a_triggered_run_loads_what_the_files_hold(
    api: Api, prepared: Site, real_servers: RealServers, place: Path
) -> None:
    asked = api.ask(DAG + "/dagRuns", logical_date=None, conf={})
    assert api.run_ended(asked["dag_run_id"])["state"] == "success"
    states = [run["state"] for run in api.ask(DAG + "/dagRuns")["dag_runs"]]
    assert states == ["success", "success"]

    # Without a logical date it is the day on which it was started.
    day = datetime.fromisoformat(asked["run_after"]).date()
    assert (prepared.folder / f"data/reports/{day}/index.html").exists()
    loaded = Project(place / "as-loaded", place / "embedded", "site")
    loaded.env |= {**real_servers.settings, **prepared.own_environment, "LUIGID_HOST": ""}
    assert_loaded(loaded, expected(prepared.folder / "data/raw"))


def test_airflows_page_shows_the_run_green(api: Api, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{api.page}/dags/video_streaming_pipeline/runs")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORDS["AIRFLOW_ADMIN_PASSWORD"])
    page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="scheduled__")
    expect(row.get_by_text("Success", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Import Error")).to_have_count(0)
    page.close()


def test_luigis_scheduler_is_told_of_the_run(api: Api, prepared: Site) -> None:
    address = f"http://{prepared.replaced['localhost:8082']}"
    query = urllib.parse.urlencode({"data": json.dumps({"status": "DONE", "upstream_status": ""})}).encode()
    with urllib.request.urlopen(f"{address}/api/task_list", query, timeout=60) as answer:
        done = json.load(answer)["response"]
    [extraction] = [task for name, task in done.items() if name.startswith("ExtractMongoToCsv")]
    assert re.match(r"[\d,]+ read, [\d,]+ loaded", extraction["status_message"])

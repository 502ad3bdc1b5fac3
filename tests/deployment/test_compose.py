"""docker-compose.yml, the image and what they are told: what can be checked without running anything."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from pipeline.settings import Settings
from tests.deployment.compose import FILE, VARIABLE, interpolate, read
from tests.deployment.conftest import PASSWORDS
from tests.project import REPOSITORY

AIRFLOW = ["airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"]
# What services need to know of the pipeline's servers, and its secrets.
DAG_FILE = REPOSITORY / "pipeline/dags/video_streaming_pipeline.py"
CREDENTIALS = {"POSTGRES_PASSWORD", "REPORT_PASSWORD", "MONGO_PASSWORD"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return read({})


def check_schema(text: str, tmp_path: Any) -> subprocess.CompletedProcess[str]:
    """Check a file against the published schema of Compose, which check-jsonschema carries."""
    (tmp_path / "docker-compose.yml").write_text(text)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*command, str(tmp_path / "docker-compose.yml")], capture_output=True, text=True, check=False)


def test_the_file_keeps_to_the_published_schema(tmp_path: Any) -> None:
    text = FILE.read_text()
    assert (checked := check_schema(text, tmp_path)).returncode == 0, checked.stdout
    misspelt = check_schema(text.replace("start_period:", "startperiod:"), tmp_path)
    assert misspelt.returncode == 1
    assert "startperiod" in misspelt.stdout


def test_every_secret_is_a_file(services: dict[str, Any]) -> None:
    declared = yaml.safe_load(FILE.read_text())["secrets"]
    assert declared == {name: {"file": f"./secrets/{name}"} for name in PASSWORDS}
    for name, service in services.items():
        given = service.get("environment", {})
        told = [*map(str, given.values()), *map(str, [service.get("command", "")])]
        used = set(re.findall(r"/run/secrets/(\w+)", " ".join(told)))
        assert used == set(service.get("secrets", [])), name
        plain = {variable for variable in given if re.search(r"PASSWORD|SECRET|FERNET|CONN$", variable)}
        assert {variable for variable in plain if not variable.endswith(("_FILE", "_CMD"))} == set(), name
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert {".env", "secrets/"} <= set(ignored)


def test_the_readme_makes_every_secret() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    recipe = readme[readme.index("install -d -m 700 secrets") : readme.index("chmod 444 secrets/*")]
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", recipe)) == set(PASSWORDS)


def test_an_admins_variables_are_all_in_the_example() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    named = set(re.findall(r"^# ?(\w+)=", example, re.MULTILINE))
    used = {name for _, name, _ in VARIABLE.findall(FILE.read_text()) if name}
    schedule = set(re.findall(r'"(PIPELINE_(?!LUIGI)\w+)"', DAG_FILE.read_text()))
    assert named == used | schedule | {name.upper() for name in Settings.model_fields}


def test_ports_are_open_to_this_machine_alone(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {
        "warehouse": ["127.0.0.1:5432:5432"],
        "mongodb": ["127.0.0.1:27017:27017"],
        "luigid": ["127.0.0.1:8082:8082"],
        "airflow-api-server": ["127.0.0.1:8080:8080"],
    }


def test_what_is_mounted_exists_and_code_is_read_only(services: dict[str, Any]) -> None:
    declared = set(yaml.safe_load(FILE.read_text())["volumes"])
    for name, service in services.items():
        for mount in service.get("volumes", []):
            source, target = mount.split(":")[:2]
            if source.startswith("./"):
                assert (REPOSITORY / source).exists(), mount
                assert mount.endswith(":ro") or target.endswith(("/data", "/logs")), mount
            else:
                assert source in declared, (name, mount)


def test_every_service_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].split(":")[0] not in ("", "root", "0"), name
        assert re.fullmatch(r"\dg", service["mem_limit"]), name
        assert service["pids_limit"] == 2048, name
    writable = {name for name, service in services.items() if not service.get("read_only")}
    assert writable == {*AIRFLOW, "airflow-init"}


def test_data_and_logs_are_where_they_are_needed(services: dict[str, Any]) -> None:
    def with_mount(target: str) -> set[str]:
        mounts = {name: " ".join(service.get("volumes", [])) for name, service in services.items()}
        return {name for name, mounted in mounts.items() if target in mounted}

    assert with_mount(":/opt/pipeline/data") == {"airflow-init", "airflow-scheduler"}
    assert with_mount(":/opt/pipeline/logs") == {*AIRFLOW, "airflow-init", "luigid"}
    assert with_mount(":/opt/pipeline/sql") == {"airflow-scheduler"}


def test_only_the_scheduler_gets_the_credentials_of_the_pipeline(services: dict[str, Any]) -> None:
    holders = {
        name for name in ("luigid", *AIRFLOW, "airflow-init") if CREDENTIALS & set(services[name].get("secrets", []))
    }
    assert holders == {"airflow-scheduler"}
    assert set(services["airflow-scheduler"]["secrets"]) >= CREDENTIALS
    given = set(services["airflow-scheduler"]["environment"])
    assert given >= {"POSTGRES_HOST", "MONGO_HOST", "LUIGID_HOST", *(f"{name}_FILE" for name in CREDENTIALS)}


def test_health_checks_and_order_of_services(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["airflow-init"]
    for name in AIRFLOW:
        assert services[name]["depends_on"]["airflow-init"] == {"condition": "service_completed_successfully"}
    needs = services["airflow-scheduler"]["depends_on"]
    healthy = {name for name, how in needs.items() if how == {"condition": "service_healthy"}}
    assert healthy == {"warehouse", "mongodb", "luigid", "airflow-api-server"}


def test_the_image_has_the_airflow_that_the_tests_run_with() -> None:
    [base] = re.findall(
        r"^FROM apache/airflow:slim-([\d.]+)-python3\.\d+$", (REPOSITORY / "Dockerfile").read_text(), re.M
    )
    [locked] = re.findall(r"^apache-airflow==([\d.]+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert base == locked


def test_further_packages_are_honoured() -> None:
    told = read({"_PIP_ADDITIONAL_REQUIREMENTS": "polars"})
    assert told["airflow-scheduler"]["environment"]["_PIP_ADDITIONAL_REQUIREMENTS"] == "polars"


def test_variables_are_put_in_as_compose_does_it() -> None:
    given = {"A": "1", "EMPTY": ""}
    assert interpolate("${A}-${B:-2}-${EMPTY:-3}-$$HOME-${B}", given) == "1-2-3-$HOME-"

"""Settings from the environment and from `.env`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.servers.mongo import mongo_parameters, server_name
from pipeline.settings import PACKAGE_ROOT, SettingsError, get_settings


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Read the settings anew, for an empty project folder, and let the next test do so too."""
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_relative_folders_count_from_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_RAW_PATH", "in/here")
    monkeypatch.setenv("LOGS_PATH", "/var/log/here")
    monkeypatch.chdir("/")
    settings = get_settings()
    assert settings.data_raw_path == tmp_path / "in/here"
    assert settings.data_processed_path == tmp_path / "data/processed"
    assert settings.logs_path == Path("/var/log/here")


def test_the_environment_wins_over_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_DB=from_file\nMONGO_DB=from_file\n")
    monkeypatch.setenv("MONGO_DB", "from_environment")
    settings = get_settings()
    assert (settings.postgres_db, settings.mongo_db) == ("from_file", "from_environment")


def test_a_dotenv_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("MAX_REJECT_RATIO=0.5\n".encode("utf-8-sig"))
    assert get_settings().max_reject_ratio == 0.5


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("MAX_REJECT_RATIO=0.5\n".encode("utf-16"), "line 1, byte 1: this is UTF-16; save the file as UTF-8"),
        ("MONGO_DB=a\n".encode("utf-16-le"), "line 1, byte 2: a NUL byte, as in UTF-16; save it as UTF-8"),
        ("A=1\n# café\n".encode("latin-1"), "line 2, byte 6: 0xe9 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_dotenv_file_in_another_encoding_is_refused_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        get_settings()
    assert str(caught.value) == f"{file}, {told}"


def test_an_empty_value_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOST", "")
    monkeypatch.setenv("POSTGRES_PORT", "")
    settings = get_settings()
    assert (settings.postgres_host, settings.postgres_port) == (None, 5432)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_REJECT_RATIO", "7"),
        ("POSTGRES_PORT", "many"),
        ("MONGO_PORT", "70000"),
        ("SPARK_MASTER", "http://127.0.0.1:8080"),
        ("SPARK_MASTER", "spark://127.0.0.1"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        get_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert f"'{value}'" in message
    assert "\n" not in message


def test_a_lake_that_spark_would_take_for_a_pattern_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_PATH", "/mnt/lake [new]")
    get_settings()
    monkeypatch.setenv("SPARK_MASTER", "yarn")
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=r"^LAKE_PATH: Spark takes \[ for part of a pattern"):
        get_settings()


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "hunter2")
    assert "hunter2" not in repr(get_settings())


def test_the_example_names_every_setting() -> None:
    example = (PACKAGE_ROOT / ".env.example").read_text()
    names = {line.lstrip("# ").split("=")[0] for line in example.splitlines() if "=" in line}
    assert names >= {name.upper() for name in type(get_settings()).model_fields}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"POSTGRES_SSLMODE": "full"}, ["POSTGRES_SSLMODE: ", "verify-full"]),
        ({"POSTGRES_SSLROOTCERT": "nowhere/ca.pem"}, ["POSTGRES_SSLROOTCERT: ", "nowhere/ca.pem"]),
        ({"MONGO_TLS_CA_FILE": "nowhere/ca.pem"}, ["MONGO_TLS_CA_FILE: ", "nowhere/ca.pem"]),
        ({"MONGO_URI": "user:hunter2@host"}, ["MONGO_URI: ", "begin with mongodb://"]),
        ({"MONGO_URI": "mongodb://u:hunter2@host/db", "MONGO_HOST": "other"}, ["MONGO_URI: ", "MONGO_HOST"]),
    ],
)
def test_what_leads_to_real_servers_is_checked(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: list[str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        get_settings()
    message = str(caught.value)
    assert [part for part in told if part not in message] == []
    assert "hunter2" not in message
    assert "\n" not in message


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_secret_may_be_the_content_of_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str) -> None:
    (tmp_path / "secret").write_text("hunter2 é \n", encoding="utf-8")
    (tmp_path / "uri").write_text("mongodb://u:p@host/streaming\n")
    if where == "environment":
        monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(tmp_path / "secret"))
        monkeypatch.setenv("MONGO_URI_FILE", "uri")
    else:
        (tmp_path / ".env").write_text(f"POSTGRES_PASSWORD_FILE={tmp_path}/secret\nMONGO_URI_FILE=uri\n")
    settings = get_settings()
    assert settings.postgres_password.get_secret_value() == "hunter2 é "
    assert settings.mongo_uri is not None
    assert settings.mongo_uri.get_secret_value() == "mongodb://u:p@host/streaming"
    assert settings.mongo_db == "streaming"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "DATA_ANALYST_PASSWORD_FILE: secret cannot be read: No such file or directory"),
        (
            {"DATA_ANALYST_PASSWORD": "hunter2"},
            "DATA_ANALYST_PASSWORD and DATA_ANALYST_PASSWORD_FILE are both set; unset one of them",
        ),
    ],
)
def test_a_secret_that_is_not_there_or_there_twice(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in {"DATA_ANALYST_PASSWORD_FILE": "secret", **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        get_settings()
    assert str(caught.value) == told


def test_certificates_are_found_from_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    monkeypatch.setenv("MONGO_TLS_CA_FILE", "ca.pem")
    monkeypatch.setenv("POSTGRES_SSLROOTCERT", "system")
    monkeypatch.chdir("/")
    settings = get_settings()
    assert (settings.mongo_tls_ca_file, settings.postgres_sslrootcert) == (tmp_path / "ca.pem", "system")


@pytest.mark.parametrize(
    ("uri", "database", "server"),
    [
        (
            "mongodb://u:p%40ss@one:27017,two:27018/streaming?replicaSet=rs",
            "streaming",
            "one:27017,two:27018/streaming",
        ),
        ("mongodb+srv://u:p@cluster.example.net", "video_streaming", "cluster.example.net/video_streaming"),
    ],
)
def test_a_uri_names_servers_and_database(
    monkeypatch: pytest.MonkeyPatch, uri: str, database: str, server: str
) -> None:
    monkeypatch.setenv("MONGO_URI", uri)
    settings = get_settings()
    assert (settings.mongo_db, settings.mongo_is_embedded) == (database, False)
    assert server_name(settings) == server
    assert mongo_parameters(settings) == {"host": uri}
    assert "p%40ss" not in repr(settings)

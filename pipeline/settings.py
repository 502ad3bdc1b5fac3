"""Settings from the environment and from `.env`, read and checked in one place."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, FilePath, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import PipelineError

PACKAGE_ROOT = Path(__file__).resolve().parent.parent


# Files that may be left out; relative ones count from the project root.
CERTIFICATES = (
    "postgres_sslrootcert",
    "postgres_sslcert",
    "postgres_sslkey",
    "mongo_tls_ca_file",
    "mongo_tls_certificate_key_file",
)


class SettingsError(PipelineError):
    """A setting is wrong or missing; the message names the variable and what to do."""


class Settings(BaseSettings):
    """Everything that differs between installations.

    `postgres_host` is None when the embedded PostgreSQL is to be used, `mongo_host` and `mongo_uri` are None
    when the embedded MongoDB server is, `luigid_host` is None when the project's own scheduler is. All paths
    are absolute, and links in the raw folder lead out of it only with `data_raw_outside_links`;
    `max_reject_ratio` is a share (0.05 = 5 %); `max_file_gb` is what a file may hold, unpacked
    (10^9 bytes); `lock_timeout_seconds` is how long a load waits for another run, or for readers of what it replaces;
    `pipeline_timezone` is the zone whose day today is. Without `spark_master` nothing is computed by Spark; with it,
    `lake_path` is a folder that Luigi's machine and all of the cluster see, `sessions_in_postgres_days` is of how many
    days sessions are in PostgreSQL all the same, and `spark_wait_seconds` is how long a job waits for free cores. A
    secret may instead be the content of the file that `<name>_file` names.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    postgres_host: str | None = None
    postgres_port: int = Field(5432, ge=1, le=65535)
    postgres_user: str = "pipeline"
    postgres_password: SecretStr = SecretStr("")
    postgres_db: str = "video_streaming"
    postgres_password_file: Path | None = None
    data_analyst_user: str = "analyst"
    data_analyst_password: SecretStr = SecretStr("")
    data_analyst_password_file: Path | None = None
    report_user: str = "pipeline_report"
    report_password: SecretStr = SecretStr("")
    report_password_file: Path | None = None
    # TLS, as libpq names it; without a mode libpq prefers TLS and checks nothing.
    postgres_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None
    postgres_sslrootcert: Literal["system"] | FilePath | None = None
    postgres_sslcert: FilePath | None = None
    postgres_sslkey: FilePath | None = None

    mongo_host: str | None = None
    mongo_port: int = Field(27017, ge=1, le=65535)
    mongo_user: str | None = None
    mongo_password: SecretStr = SecretStr("")
    mongo_password_file: Path | None = None
    mongo_db: str = "video_streaming"
    mongo_auth_source: str = "admin"
    mongo_tls: bool = False
    mongo_tls_ca_file: FilePath | None = None
    mongo_tls_certificate_key_file: FilePath | None = None
    mongo_uri: SecretStr | None = None  # instead of host, port, user and password
    mongo_uri_file: Path | None = None

    luigid_host: str | None = None
    luigid_port: int = Field(8082, ge=1, le=65535)

    project_root: Path = PACKAGE_ROOT
    data_raw_path: Path = Path("data/raw")
    data_raw_outside_links: bool = False
    data_processed_path: Path = Path("data/processed")
    data_rejected_path: Path = Path("data/rejected")
    reports_path: Path = Path("data/reports")
    logs_path: Path = Path("logs")
    embedded_path: Path = Path("data/embedded")

    failure_webhook_url: SecretStr | None = None  # such addresses let anyone write who knows them
    failure_webhook_url_file: Path | None = None

    max_reject_ratio: float = Field(0.05, ge=0, le=1)
    max_file_gb: float = Field(100, gt=0)
    lock_timeout_seconds: int = Field(1800, ge=1)
    pipeline_timezone: str = "UTC"

    spark_master: str | None = None
    lake_path: Path = Path("data/lake")
    sessions_in_postgres_days: int = Field(0, ge=0)
    spark_wait_seconds: int = Field(600, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _anchor_paths(cls, values: dict[str, object]) -> dict[str, object]:
        """Make every path absolute: relative ones count from the project root, not the working directory."""
        root = Path(str(values.get("project_root", PACKAGE_ROOT))).expanduser().resolve()
        anchored = dict(values, project_root=root)
        for name, field in cls.model_fields.items():
            if field.annotation is Path and name != "project_root":
                anchored[name] = root / Path(str(values.get(name, field.default))).expanduser()
            elif name in CERTIFICATES and values.get(name) not in (None, "system"):
                anchored[name] = root / Path(str(values[name])).expanduser()
        return anchored

    @model_validator(mode="before")
    @classmethod
    def _take_database_from_uri(cls, values: dict[str, object]) -> dict[str, object]:
        """Use the database that `MONGO_URI` names, where `MONGO_DB` names none."""
        named = urlsplit(secret_text(values.get("mongo_uri"))).path.strip("/")
        return {"mongo_db": unquote(named), **values} if named else values

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, object]) -> dict[str, object]:
        """Take secrets from the files that are named for them; it runs first, as the last validator of its kind."""
        root = Path(str(values.get("project_root", PACKAGE_ROOT))).expanduser()
        kept = dict(values)
        for name in cls.model_fields:
            if f"{name}_file" in cls.model_fields and (file := kept.pop(f"{name}_file", None)):
                if secret_text(kept.get(name)):
                    raise SettingsError(f"{name.upper()} and {name.upper()}_FILE are both set; unset one of them")
                try:
                    kept[name] = (root / Path(str(file)).expanduser()).read_text(encoding="utf-8-sig").rstrip("\r\n")
                except (OSError, UnicodeDecodeError) as error:
                    reason = getattr(error, "strerror", None) or "it is not UTF-8"
                    raise SettingsError(f"{name.upper()}_FILE: {file} cannot be read: {reason}") from None
        return kept

    @field_validator("mongo_uri")
    @classmethod
    def _check_uri(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Accept a URI only alone: which of two servers was meant nobody could tell."""
        if value is None:
            return None
        if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("it must begin with mongodb:// or mongodb+srv://")
        also = [name.upper() for name in ("mongo_host", "mongo_user") if info.data.get(name)]
        if also:
            raise ValueError(f"it says which server and user, so {' and '.join(also)} must not be set too")
        return value

    @field_validator("pipeline_timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("there is no such time zone; names are like UTC or Europe/Madrid") from None
        return value

    @field_validator("spark_master")
    @classmethod
    def _check_master(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"spark://.+:\d+|k8s://.+|yarn$|local(\[(\d+|\*)(, ?\d+)?\])?$", value):
            raise ValueError("it must be like spark://host:7077, yarn, k8s://https://host:6443 or local[2]")
        return value

    @field_validator("lake_path")
    @classmethod
    def _check_lake(cls, value: Path, info: ValidationInfo) -> Path:
        if info.data.get("spark_master") is not None and (found := re.search(r"[][{}*?\\]", str(value))):
            raise ValueError(f"Spark takes {found[0]} for part of a pattern; name the folder otherwise")
        return value

    @property
    def mongo_is_embedded(self) -> bool:
        """Whether the embedded MongoDB server is to be used."""
        return self.mongo_host is None and self.mongo_uri is None

    @property
    def sql_path(self) -> Path:
        """The folder of the SQL files."""
        return self.project_root / "sql"


def secret_text(value: object) -> str:
    """Return a setting's text, whether or not it is wrapped as a secret; nothing for None."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a process that needs no secret: without the variables that may also be files."""
    secrets = {name.upper() for name in Settings.model_fields if f"{name}_file" in Settings.model_fields}
    return {name: value for name, value in environment.items() if name.upper() not in secrets}


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read the settings once per process.

    Raises:
        SettingsError: a value or the locale is wrong, or `.env` cannot be read; one line names the variable or the
            place, the value and the reason.
    """
    root = Path(os.environ.get("PROJECT_ROOT") or PACKAGE_ROOT).expanduser()
    _check_file_names()
    _check_text(root / ".env")
    try:
        return Settings(_env_file=root / ".env", _env_file_encoding="utf-8-sig")  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        shown = "" if "PASSWORD" in name or name == "MONGO_URI" else f" (it is {str(first['input'])!r})"
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {reason}{shown}; set it in the environment or in .env") from None


def _check_file_names() -> None:
    """Refuse a locale in which names of files would be others than before: their rows would leave, or come twice."""
    encoding = sys.getfilesystemencoding()
    if encoding.lower() != "utf-8":
        raise SettingsError(f"LC_ALL, LANG or PYTHONUTF8: names of files would be read as {encoding}; set PYTHONUTF8=1")


def _check_text(file: Path) -> None:
    """Refuse a file of settings that is not UTF-8 (with or without a byte order mark), if there is one."""
    try:
        content = file.read_bytes() if file.exists() else b""
        content.decode()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        place = _place(content, error.start)
        what = "this is UTF-16" if is_utf_16 else f"0x{content[error.start]:02x} is not UTF-8"
        raise SettingsError(f"{file}, {place}: {what}; save the file as UTF-8") from None
    if b"\0" in content:
        raise SettingsError(f"{file}, {_place(content, content.index(0))}: a NUL byte, as in UTF-16; save it as UTF-8")


def _place(content: bytes, offset: int) -> str:
    line_start = content.rfind(b"\n", 0, offset) + 1
    line = content.count(b"\n", 0, offset) + 1
    return f"line {line}, byte {offset - line_start + 1}"

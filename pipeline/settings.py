"""Settings from the environment and from `.env`, read and checked in one place."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import PipelineError

PACKAGE_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(PipelineError):
    """A setting is wrong or missing; the message names the variable and what to do."""


class Settings(BaseSettings):
    """Everything that differs between installations.

    `postgres_host` and `mongo_host` are None when the embedded servers are to be used. All paths are
    absolute; `max_reject_ratio` is a share (0.05 = 5 %); `lock_timeout_seconds` is how long a load waits for
    another run, or for readers of what it replaces.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    postgres_host: str | None = None
    postgres_port: int = Field(5432, ge=1, le=65535)
    postgres_user: str = "pipeline"
    postgres_password: SecretStr = SecretStr("")
    postgres_db: str = "video_streaming"
    data_analyst_password: SecretStr = SecretStr("")

    mongo_host: str | None = None
    mongo_port: int = Field(27017, ge=1, le=65535)
    mongo_user: str | None = None
    mongo_password: SecretStr = SecretStr("")
    mongo_db: str = "video_streaming"

    project_root: Path = PACKAGE_ROOT
    data_raw_path: Path = Path("data/raw")
    data_processed_path: Path = Path("data/processed")
    data_rejected_path: Path = Path("data/rejected")
    reports_path: Path = Path("data/reports")
    logs_path: Path = Path("logs")
    embedded_path: Path = Path("data/embedded")

    max_reject_ratio: float = Field(0.05, ge=0, le=1)
    lock_timeout_seconds: int = Field(1800, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _anchor_paths(cls, values: dict[str, object]) -> dict[str, object]:
        """Make every path absolute: relative ones count from the project root, not the working directory."""
        root = Path(str(values.get("project_root", PACKAGE_ROOT))).expanduser().resolve()
        anchored = dict(values, project_root=root)
        for name, field in cls.model_fields.items():
            if field.annotation is Path and name != "project_root":
                anchored[name] = root / Path(str(values.get(name, field.default))).expanduser()
        return anchored

    @property
    def sql_path(self) -> Path:
        """The folder of the SQL files."""
        return self.project_root / "sql"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read the settings once per process.

    Raises:
        SettingsError: a value is wrong; one line names the variable, the value and the reason.
    """
    root = Path(os.environ.get("PROJECT_ROOT") or PACKAGE_ROOT).expanduser()
    try:
        return Settings(_env_file=root / ".env")  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        shown = "" if "PASSWORD" in name else f" (it is {first['input']!r})"
        raise SettingsError(f"{name}: {first['msg']}{shown}; set it in the environment or in .env") from None

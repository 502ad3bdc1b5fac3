"""What other users of the machine may read, lock or call: nothing of what the pipeline writes and runs."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.privacy import keep_private, open_secrets
from pipeline.settings import Settings
from tests.in_process import ask
from tests.integration.test_embedded import as_user, interpreter_for
from tests.project import Project
from tests.small_input import write_all

OURS = ("DATA_RAW_PATH", "DATA_PROCESSED_PATH", "DATA_REJECTED_PATH", "REPORTS_PATH", "LOGS_PATH")
AS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Begin with the umask that most people have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Return what others may with a folder and all that is in it, by name; empty if nothing."""
    found = [folder, *folder.rglob("*")]
    return {str(each): mode for each in found if (mode := stat.S_IMODE(each.lstat().st_mode) & 0o077)}


@pytest.fixture
def cloned(project: Project) -> Project:
    """A project whose folders are where `git clone` leaves them, open to all, with input in them."""
    code = project.copy_code()
    for name in OURS:
        del project.env[name]
    project.raw = code / "data/raw"
    for folder in ("data", "data/raw", "logs"):
        (code / folder).mkdir(mode=0o755)
    write_all(project)
    project.write("users-2.csv", "user_id,age\nU9,many\n")
    return project


def test_others_can_read_nothing_that_a_run_wrote(cloned: Project) -> None:
    run = cloned.command("luigi", "--module", "pipeline", "RunAll", "--date", "2026-03-02")
    assert run.code == 0, run.output
    code = Path(cloned.env["PROJECT_ROOT"])
    written = [path for path in (code / "data").rglob("*") if path.is_file()]
    assert {path.relative_to(code).parts[1] for path in written} == {"processed", "raw", "rejected", "reports"}
    raw = {str(path) for path in cloned.raw.iterdir()}
    assert {name: mode for name, mode in modes(code / "data").items() if name not in raw} == {}
    assert modes(code / "logs") == {}
    locks = [path for path in (code / "logs").iterdir() if path.name.startswith(".__")]
    assert locks
    if AS_ROOT:
        nobody = pwd.getpwnam("nobody")
        for path in (*locks, *written):
            found = subprocess.run(["flock", "-n", path, "true"], user=nobody.pw_uid, capture_output=True, check=False)
            assert found.returncode != 0, path


@pytest.mark.skipif(not AS_ROOT, reason="needs to become another user")
def test_another_user_is_told_in_one_line() -> None:
    with tempfile.TemporaryDirectory(prefix="vs-") as place:
        root = Path(place)
        root.chmod(0o755)
        for folder in ("data/raw", "logs"):
            (root / folder).mkdir(parents=True)
        keep_private(Settings(_env_file=None, project_root=root))  # type: ignore[call-arg]
        os.umask(0o022)
        (root / "data").chmod(0o700)  # as after `down`
        nobody = pwd.getpwnam("nobody")
        code = (
            "from pathlib import Path; from pipeline.privacy import check_folders, close_folders;"
            "from pipeline.servers.embedded import ensure_postgres; from pipeline.settings import Settings\n"
            f"settings = Settings(_env_file=None, project_root={place!r}); close_folders(settings)\n"
            "for step in (check_folders, ensure_postgres):\n"
            "    try: step(settings)\n    except Exception as error: print(type(error).__name__, error)"
        )
        told = as_user(nobody, interpreter_for(nobody), code)
        assert told.stdout.splitlines() == [
            f"ClosedFolderError {root}/data/raw is closed to this user: run as the user to whom it belongs,"
            " or set DATA_RAW_PATH to another folder",
            f"EmbeddedServerError {root}/data/embedded/postgres/data belongs to another user (as after a run as root):"
            " run as the same user as before, or set EMBEDDED_PATH to another folder",
        ], told.stderr


def test_folders_elsewhere_stay_as_they_were_made(tmp_path: Path) -> None:
    for name in ("project/logs", "project/data", "incoming"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "project/data/raw").symlink_to(tmp_path / "incoming")
    settings = Settings(_env_file=None, project_root=tmp_path / "project", data_rejected_path=tmp_path / "incoming")  # type: ignore[call-arg]
    keep_private(settings)
    names = ("project", "project/logs", "project/data", "incoming")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names] == [
        0o755,
        0o700,
        0o701 if AS_ROOT else 0o700,
        0o755,
    ]


@pytest.mark.parametrize(
    ("content", "mode", "named"),
    [
        ("POSTGRES_PASSWORD=hunter2\n", 0o644, "POSTGRES_PASSWORD"),
        ("LOGS_PATH=logs\nAIRFLOW_FERNET_KEY=abc\n", 0o640, "AIRFLOW_FERNET_KEY"),
        ("POSTGRES_PASSWORD=hunter2\n", 0o600, None),
        ("POSTGRES_PASSWORD=\nMONGO_PASSWORD_FILE=secret\nLOGS_PATH=logs\n", 0o644, None),
    ],
)
def test_secrets_that_others_can_read_are_named(tmp_path: Path, content: str, mode: int, named: str | None) -> None:
    file = tmp_path / ".env"
    file.write_text(content)
    file.chmod(mode)
    told = f"others can read {named} in {file} (mode {mode:04o}): chmod 600 {file}" if named else None
    assert open_secrets(file) == told
    assert open_secrets(tmp_path / "none") is None


def test_a_command_warns_of_an_open_env_file(cloned: Project) -> None:
    file = Path(cloned.env["PROJECT_ROOT"]) / ".env"
    file.write_text("FAILURE_WEBHOOK_URL=https://127.0.0.1/secret\n")
    file.chmod(0o644)
    run = cloned.pipeline("gc")
    assert f"warning: others can read FAILURE_WEBHOOK_URL in {file} (mode 0644): chmod 600 {file}\n" in run.output
    assert "127.0.0.1" not in run.output


def test_programs_that_are_started_get_no_secrets(project: Project, tmp_path: Path) -> None:
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\necho 'psql (PostgreSQL) 99.1'; env\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    secret = "https://127.0.0.1/hook"
    given = {"FAILURE_WEBHOOK_URL": secret, "PGPASSWORD": "hunter1", "POSTGRES_PASSWORD": "hunter2"}
    told = project.pipeline("psql", "-c", "TABLE x", PATH=path, DATA_ANALYST_PASSWORD="of-the-analyst", **given)
    assert told.answer.startswith("psql (PostgreSQL) 99.1\n")
    assert "PGPASSWORD=of-the-analyst\n" in told.answer
    assert not [text for text in (secret, "hunter1", "hunter2") if text in told.answer]


def test_up_prints_no_password(project: Project) -> None:
    told = ask(project, "up", "--no-luigid", DATA_ANALYST_PASSWORD="hunter2")
    assert told.code == 0, told.output
    assert "postgresql://analyst@/" in told.output
    assert "hunter2" not in told.output
    assert "hunter2" in ask(project, "dsn", "--role", "analyst", DATA_ANALYST_PASSWORD="hunter2").output

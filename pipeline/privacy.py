"""Keeping what the pipeline writes from other users of the machine."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

from dotenv import dotenv_values

from pipeline.errors import PipelineError
from pipeline.settings import Settings

FOLDERS = (
    "data_raw_path",
    "data_processed_path",
    "data_rejected_path",
    "reports_path",
    "logs_path",
    "embedded_path",
    "lake_path",
)
ALL_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Of names in `.env`: what docker-compose.yml reads there is a secret, too.
SECRET = re.compile(r"PASSWORD|SECRET|_KEY|_URI|WEBHOOK", re.IGNORECASE)


class ClosedFolderError(PipelineError):
    """A folder of the settings is another user's; the message says what to do."""


def keep_private(settings: Settings) -> None:
    """Have this process write for its own user alone, close the project's folders to others, and warn of `.env`."""
    os.umask(ALL_OF_OTHERS)
    close_folders(settings, on_the_way=stat.S_IXOTH if os.geteuid() == 0 else 0)
    if warning := open_secrets(settings.project_root / ".env"):
        print(f"warning: {warning}", file=sys.stderr)


def close_folders(settings: Settings, on_the_way: int = 0) -> None:
    """Take from others what they may in the project's folders, as `git clone` and earlier versions left them.

    Folders elsewhere, those behind links and those of other users stay as they are: somebody meant them to be so.

    Args:
        settings: they name the folders.
        on_the_way: rights that stay on the way to the embedded servers, of which one may be another user's.
    """
    kept = dict.fromkeys((settings.embedded_path, *settings.embedded_path.parents), on_the_way)
    for folder in (settings.project_root / "data", *(getattr(settings, name) for name in FOLDERS)):
        try:
            info = folder.lstat()
        except OSError:  # it is not there yet, or it is another user's
            continue
        if settings.project_root not in folder.parents:
            continue
        mode = stat.S_IMODE(info.st_mode)
        closed = mode & ~ALL_OF_OTHERS | mode & kept.get(folder, 0)
        if stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and closed != mode:
            folder.chmod(closed)


def check_folders(settings: Settings) -> None:
    """See that the folders that are there may be used, before a run begins.

    Raises:
        ClosedFolderError: one is closed to this user.
    """
    for name in FOLDERS:
        folder = getattr(settings, name)
        try:
            is_open = not folder.exists() or os.access(folder, os.R_OK | os.X_OK)
        except PermissionError:  # one on the way to it is closed
            is_open = False
        if not is_open:
            raise ClosedFolderError(
                f"{folder} is closed to this user: run as the user to whom it belongs,"
                f" or set {name.upper()} to another folder"
            )


def open_secrets(file: Path) -> str | None:
    """Return what to say of a file of settings that holds secrets and that others can read; None if it is closed."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return None
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    names = [name for name, value in dotenv_values(file).items() if value and SECRET.search(name)]
    secrets = [name for name in names if not name.upper().endswith("_FILE")]
    return f"others can read {secrets[0]} in {file} (mode {mode:04o}): chmod 600 {file}" if secrets else None

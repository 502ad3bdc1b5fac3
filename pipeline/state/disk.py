"""A disk without space, told in words that help."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.settings import get_settings

FULL = {errno.ENOSPC, errno.EDQUOT}
LOW_BYTES = 1 << 20


class DiskFullError(PipelineError):
    """There is no space left where something had to be written."""


def require_space(what: str, size: int) -> None:
    """Make sure that a number of bytes is free where files are landed, as far as that is on this machine.

    Raises:
        DiskFullError: names the disk, and what is to be landed.
    """
    settings = get_settings()
    is_ours = settings.postgres_host is None or settings.mongo_is_embedded
    folders = [Path(tempfile.gettempdir()), *([settings.embedded_path] if is_ours else [])]
    for folder in folders:
        if folder.exists() and (free := shutil.disk_usage(folder).free) < size:
            raise DiskFullError(
                f"{what}: to land it takes {size / 1e6:,.0f} MB and more, and {free / 1e6:,.0f} MB are free on"
                f" {folder}; make room and run again"
            )


def full_place(error: OSError) -> str | None:
    """Return where a disk is full, or a quota used up, if an error says so.

    That is those of the folders written to on whose disk less than a mebibyte is free, else the file of the error.
    """
    if error.errno not in FULL:
        return None
    settings = get_settings()
    folders = (
        settings.data_processed_path,
        settings.data_rejected_path,
        settings.reports_path,
        settings.logs_path,
        settings.lake_path,
        Path(tempfile.gettempdir()),
    )
    full = [folder for folder in folders if folder.exists() and shutil.disk_usage(folder).free < LOW_BYTES]
    return ", ".join(map(str, full)) or error.filename or "a disk"

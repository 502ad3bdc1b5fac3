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
        Path(tempfile.gettempdir()),
    )
    full = [folder for folder in folders if folder.exists() and shutil.disk_usage(folder).free < LOW_BYTES]
    return ", ".join(map(str, full)) or error.filename or "a disk"

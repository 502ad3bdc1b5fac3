"""Raw files, read with the limits of the settings, while progress is told and the disks are looked at."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from pipeline import progress
from pipeline.records.files import Care, open_file
from pipeline.settings import get_settings
from pipeline.state.disk import require_space


def open_raw(folder: Path, name: str, digest: str | None = None) -> AbstractContextManager[IO[bytes]]:
    """Open a raw file for reading: unpacked, whatever its name says, and in UTF-8 if it was UTF-16.

    Args:
        folder: the raw folder.
        name: path of the file relative to it.
        digest: the digest the file had when the run began; checked when the block that reads it ends.

    Raises:
        UnreadableFileError: it is not there any more, or cannot be read.
        FileRefusedError: it is packed and cut short or corrupt, it is no text, or it is larger than `MAX_FILE_GB`.
        DiskFullError: there is not as much space as it takes.
        ChangedWhileReadError: the content is not the one with the digest.
    """
    return open_file(folder, name, digest, Care(most_bytes(), progress.stage, require_space))


def most_bytes() -> int:
    """Return how many bytes a file may have, unpacked."""
    return int(get_settings().max_file_gb * 1e9)

"""The digest of content, and files as it is read from."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import IO

DIGEST_SIZE = 16  # bytes: enough that two inputs never share a digest by chance
READ_SIZE = 1 << 20


def new_digest() -> hashlib.blake2b:
    """Return the hash that all digests of this project use."""
    return hashlib.blake2b(digest_size=DIGEST_SIZE)


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading.

    Raises:
        OSError: it cannot be opened, or is none: to read a named pipe would last for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")

"""What a generator yields, read like a file."""

from __future__ import annotations

import io
from collections.abc import Iterator


class Chunks(io.RawIOBase):
    """Lets COPY read what a generator yields. The driver hides what goes wrong meanwhile: that is in `error`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = memoryview(b"")
        self.error: Exception | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if not self._left:
            try:
                self._left = memoryview(next(self._chunks, b""))
            except Exception as error:
                self.error = error
                raise
        block, self._left = self._left[:size], self._left[size:]
        return bytes(block)

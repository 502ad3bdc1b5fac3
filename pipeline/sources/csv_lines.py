"""The physical lines of a CSV file, many at a time, in bounded memory."""

from __future__ import annotations

import re
from collections import deque
from typing import IO

BLOCK_SIZE = 1 << 20
# Beyond this an open quote counts as one that was forgotten; it also bounds the memory a record can take.
MAX_RECORD_BYTES = 64 << 20
# A line that is longer and holds a NUL byte is not collected to its end: a broken disk fills files with them.
LONG_LINE_BYTES = 1 << 20
KEPT_BYTES = 40_000  # of a line that is not collected
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")
LINE_END = re.compile(rb"\r\n|\n|\r")


class CutLine(bytes):
    """The beginning of a line that was passed over: `reason` says why it is no record, `size` counts its bytes."""

    reason: str
    size: int


def nul_reason(position: int) -> str:
    """Say that a record holds a NUL byte, at a position from 0."""
    return f"a NUL byte at byte {position + 1} of the record"


class LineBlocks:
    """A file in blocks of whole physical lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._carry = b""

    def next(self) -> bytes:
        """Return at least one line; nothing at the end of the file. A `CutLine` comes alone."""
        block, self._carry = self._carry or self._file.read(BLOCK_SIZE), b""
        parts: list[bytes] = []
        size = 0
        has_nul = False
        while block:
            if parts and parts[-1].endswith(b"\r"):
                # The line ended there; this may be the other half of its end.
                cut = 1 if block.startswith(b"\n") else 0
            else:
                # A carriage return at the very end may be half of a line end.
                cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
                if not cut:
                    parts.append(block)
                    size += len(block)
                    has_nul = has_nul or b"\0" in block
                    if size > MAX_RECORD_BYTES or (has_nul and size > LONG_LINE_BYTES):
                        return self._pass_over(parts, size, has_nul=has_nul)
                    block = self._file.read(BLOCK_SIZE)
                    continue
            self._carry = block[cut:]
            parts.append(block[:cut])
            break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _pass_over(self, parts: list[bytes], size: int, *, has_nul: bool) -> CutLine:
        """Read to the end of the line that `parts` begin, and keep its beginning alone."""
        begun = b"".join(parts)
        parts.clear()
        line = CutLine(begun[:KEPT_BYTES])
        line.reason = nul_reason(begun.index(0)) if has_nul else f"longer than {MAX_RECORD_BYTES >> 20} MiB"
        del begun
        while block := self._file.read(BLOCK_SIZE):
            if end := LINE_END.search(block):
                self._carry = block[end.end() :]
                size += end.start()
                break
            size += len(block)
        line.size = size
        return line


def lines_of(block: bytes) -> deque[bytes]:
    """Return the lines of a block, each with its end."""
    return deque([block] if isinstance(block, CutLine) else filter(None, LINE.findall(block)))

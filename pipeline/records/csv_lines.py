"""The physical lines of a CSV file, many at a time, in bounded memory."""

from __future__ import annotations

import re
from collections import deque
from typing import IO

BLOCK_SIZE = 1 << 20
PIECE_SIZE = 1 << 12  # of a block that is looked at again, so that few lines are taken apart for one that is bad
# Beyond this an open quote counts as one that was forgotten; it also bounds the memory a record can take.
MAX_RECORD_BYTES = 64 << 20
# A longer line comes alone and is never copied as a whole. One that holds a NUL byte is not collected to its end:
# a broken disk fills files with them.
LONG_LINE_BYTES = 1 << 20
KEPT_BYTES = 40_000  # of a line that is not collected
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")
LINE_END = re.compile(rb"\r\n|\n|\r")


class CutLine(bytes):
    """The beginning of a line that was passed over: `reason` says why it is no record, `size` counts its bytes."""

    reason: str
    size: int


class LongLine(bytearray):
    """A whole line of more than `LONG_LINE_BYTES`, with its end."""


Line = bytes | LongLine


def cut_line(begun: bytes | bytearray, size: int, reason: str) -> CutLine:
    """Return the beginning of a line or record that is rejected, of which `size` bytes were read."""
    line = CutLine(begun[: min(size, KEPT_BYTES)])
    line.size, line.reason = size, reason
    return line


def nul_reason(position: int) -> str:
    """Say that a record holds a NUL byte, at a position from 0."""
    return f"a NUL byte at byte {position + 1} of the record"


class LineBlocks:
    """A file in blocks of whole physical lines, which can be given back to be read once more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._carry = b""
        self._back = bytearray()
        self._cut: CutLine | None = None  # what follows on `_back`

    def next(self) -> Line:
        """Return at least one line; nothing at the end of the file. A `CutLine` or a `LongLine` comes alone."""
        block, self._carry = self._carry or self._read(), b""
        if not block and self._cut is not None:
            cut_off, self._cut = self._cut, None
            return cut_off
        parts: list[bytes] = []
        size = 0
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
                    if size > LONG_LINE_BYTES and not block.endswith(b"\r"):
                        return self._long_line(parts)
                    block = self._read()
                    continue
            self._carry = block[cut:]
            parts.append(block[:cut])
            break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def give_back(self, content: bytearray, lines: deque[Line]) -> None:
        """Take back what comes next: content, which ends where a line does, then lines; `lines` is empty then.

        It comes again in blocks that are smaller.
        """
        while lines:
            line = lines.popleft()
            if isinstance(line, CutLine):
                self._cut = line
            else:
                content += line
        content += self._carry
        content += self._back
        self._carry, self._back = b"", content

    def _read(self) -> bytes:
        if self._back:
            block = bytes(self._back[:PIECE_SIZE])
            del self._back[:PIECE_SIZE]
            return block
        return b"" if self._cut is not None else self._file.read(BLOCK_SIZE)

    def _long_line(self, parts: list[bytes]) -> Line:
        """Read to the end of the line that `parts` begin."""
        line = LongLine()
        for part in parts:
            line += part
        parts.clear()
        has_nul = line.find(0) >= 0
        block = b"" if has_nul else self._read()
        while block:
            if line.endswith(b"\r"):
                cut = 1 if block.startswith(b"\n") else 0
            else:
                end = LINE_END.search(block)
                is_half = end is not None and end[0] == b"\r" and end.end() == len(block)
                cut = end.end() if end and not is_half else -1
            if cut >= 0:
                line += block[:cut]
                self._carry = block[cut:]
                return line
            line += block
            has_nul = b"\0" in block
            if (has_nul or len(line) > MAX_RECORD_BYTES) and not block.endswith(b"\r"):
                return self._pass_over(line, has_nul=has_nul)
            block = self._read()
        return self._pass_over(line, has_nul=True) if has_nul else line

    def _pass_over(self, begun: LongLine, *, has_nul: bool) -> CutLine:
        """Read to the end of the line that is begun, and keep its beginning alone."""
        reason = nul_reason(begun.index(0)) if has_nul else f"longer than {MAX_RECORD_BYTES >> 20} MiB"
        line = cut_line(begun, len(begun), reason)
        begun.clear()
        while block := self._read():
            if end := LINE_END.search(block):
                self._carry = block[end.end() :]
                line.size += end.start()
                break
            line.size += len(block)
        return line


def lines_of(block: Line) -> deque[Line]:
    """Return the lines of a block, each with its end."""
    return deque([block] if isinstance(block, CutLine | LongLine) else filter(None, LINE.findall(block)))

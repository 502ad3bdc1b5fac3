"""Packed files as a stream: gzip, bzip2, xz; and text of UTF-16 as UTF-8."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from typing import cast

from pipeline.records.digests import READ_SIZE

# What a corrupt stream makes the readers raise; others than `UnpackError` come from gzip.
UNPACK_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


# An xz file says itself how much it takes to unpack, up to 1.5 GB; as packed by `xz -9`, that is 65 MB.
MOST_MEMORY = 80 << 20
# What follows on a stream is copied for each, and there may be thousands in a block.
PACKED_BYTES = 1 << 16


class UnpackError(EOFError):
    """A file is cut short or corrupt."""


class TooMuchMemoryError(UnpackError):
    """A file takes more than `MOST_MEMORY` to unpack."""


def as_utf8(stream: io.BufferedReader, encoding: str) -> io.BufferedReader:
    """Return the text of a UTF-16 file as UTF-8; halves of characters become bytes that are none.

    Reading raises `UnpackError` where the file ends within a character.

    Args:
        stream: the file, from its byte order mark on.
        encoding: Python's name of the encoding without that.
    """
    return io.BufferedReader(_Utf8(stream, encoding), READ_SIZE)


def unpacked(stream: io.BufferedReader, packing: str) -> io.BufferedReader:
    """Return what is in a file that was packed with `gzip`, `bzip2` or `xz`.

    Reading raises one of `UNPACK_ERRORS` where it is cut short or corrupt.
    """
    if packing == "gzip":
        return cast(io.BufferedReader, gzip.GzipFile(fileobj=stream))
    return io.BufferedReader(_Unpacked(stream, packing), READ_SIZE)


class _Unpacked(io.RawIOBase):
    """What is in a bzip2 or xz file of one stream or several; other than those of the library, it lets none pass."""

    def __init__(self, stream: io.BufferedReader, packing: str) -> None:
        super().__init__()
        self._stream = stream
        self._is_bzip2 = packing == "bzip2"
        self._unpacker = self._new()

    def _new(self) -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
        return bz2.BZ2Decompressor() if self._is_bzip2 else lzma.LZMADecompressor(memlimit=MOST_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = b""
        while not block:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0") or self._stream.read(PACKED_BYTES).lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not (packed := self._stream.read(PACKED_BYTES)):
                raise UnpackError("it ends before its end is marked")
            try:
                block = self._unpacker.decompress(packed, len(buffer))
            except (OSError, lzma.LZMAError) as error:
                kind = TooMuchMemoryError if "Memory usage limit" in str(error) else UnpackError
                raise kind(error) from error
        buffer[: len(block)] = block
        return len(block)


class _Utf8(io.RawIOBase):
    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        super().__init__()
        self._stream = stream
        self._stream.read(2)  # the byte order mark
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            block = self._stream.read(READ_SIZE)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise UnpackError("it ends within a character") from error
            self._left = text.encode("utf-8", "surrogatepass")
            if not block:
                break
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

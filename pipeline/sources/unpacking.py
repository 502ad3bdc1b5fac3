"""Packed files as a stream: gzip, bzip2, xz; and text of UTF-16 as UTF-8."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from typing import cast

from pipeline.state.fingerprints import READ_SIZE

# What a corrupt stream makes the readers raise; others than `UnpackError` come from gzip.
UNPACK_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


class UnpackError(EOFError):
    """A file is cut short or corrupt."""


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
        self._new = bz2.BZ2Decompressor if packing == "bzip2" else lzma.LZMADecompressor
        self._unpacker = self._new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = b""
        while not block:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0") or self._stream.read(READ_SIZE).lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not (packed := self._stream.read(READ_SIZE)):
                raise UnpackError("it ends before its end is marked")
            try:
                block = self._unpacker.decompress(packed, len(buffer))
            except (OSError, lzma.LZMAError) as error:
                raise UnpackError(error) from error
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

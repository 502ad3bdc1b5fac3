"""Raw files, plain or packed, read as a stream while their content is checked against a digest."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from pipeline.errors import PipelineError, RefusedInputError
from pipeline.records.digests import READ_SIZE, new_digest, open_regular
from pipeline.records.file_kinds import START_BYTES, encoding_of, fault_of, packing_of
from pipeline.records.unpacking import MOST_MEMORY, UNPACK_ERRORS, TooMuchMemoryError, as_utf8, unpacked

BYTES_BETWEEN_LOOKS = 64 << 20  # of what a packed file unpacks to, until the disks are looked at again
SPACE_LEFT = 256 << 20  # bytes that stay free meanwhile


class FileRefusedError(RefusedInputError):
    """A whole file cannot be loaded; the message names it, says why and what to do."""


class UnreadableFileError(FileRefusedError):
    """A file cannot be read, or is there no more; what it brought before stays."""


class FileEmptiedError(FileRefusedError):
    """A file has no records any more; it is taken with `--allow-empty` only."""

    noted: ClassVar = {"emptied": True}


class ChangedWhileReadError(PipelineError):
    """A file is not the one whose content was fingerprinted before the run; the next run takes it up."""


@dataclass(frozen=True)
class Care:
    """What is looked after while a file is read.

    `most_bytes` is what it may hold, unpacked. `stage` is given the name, the unit and the size of the file, and gives
    a block what takes the bytes read since its last call. `require_space` is given the name and the bytes that have to
    be free, and raises an error if they are not.
    """

    most_bytes: int
    stage: Callable[[str, str, int], AbstractContextManager[Callable[[int], None]]] = lambda *_: nullcontext(_ignored)
    require_space: Callable[[str, int], None] = lambda *_: None


def _ignored(_: int) -> None:
    """Take what nobody wants to know."""


def table_of(name: str) -> str:
    """Return the table or collection that a file belongs to.

    Args:
        name: path relative to the raw folder. A file in a folder belongs to the folder's table, another one
            to its own name up to the first `.` or `-`.
    """
    folder, _, base = name.rpartition("/")
    if folder:
        return folder.split("/")[0].lower()
    return base.split(".")[0].split("-")[0].lower()


def why_unreadable(error: OSError) -> str:
    """Return what to say of a file or folder that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return "was gone before it was read; the next run takes the folder as it is then"
    if isinstance(error, PermissionError):
        return "cannot be read (permission denied); let the user of the pipeline read it"
    return f"cannot be read ({error.strerror or error})"


class _DigestingFile(io.RawIOBase):
    """Passes a file through and computes the digest of what went by."""

    def __init__(self, file: IO[bytes], name: str, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.file = file
        self.name = name
        self.advance = advance
        self.digest = new_digest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _named_if_unreadable(self.name):
            block = self.file.read(len(buffer))
        self.digest.update(block)
        self.advance(len(block))
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def open_file(folder: Path, name: str, digest: str | None, care: Care) -> Iterator[IO[bytes]]:
    """Open a raw file for reading: unpacked, whatever its name says, and in UTF-8 if it was UTF-16.

    Args:
        folder: the raw folder.
        name: path of the file relative to it.
        digest: the digest the file had when the run began, if that is known; checked when the block that reads it ends.
        care: the limits, and whom to tell.

    Raises:
        UnreadableFileError: it is not there any more, or cannot be read.
        FileRefusedError: it is packed and cut short or corrupt, it is no text, or it holds more than it may.
        ChangedWhileReadError: the content is not the one with the digest.
    """
    with _named_if_unreadable(name):
        opened = open_regular(folder / name)
    size = os.fstat(opened.fileno()).st_size
    if size > care.most_bytes:
        raise _too_large(name, care.most_bytes)
    care.require_space(name, size)
    with opened as file, care.stage(name, "bytes", size) as advance:
        digesting = _DigestingFile(file, name, advance)
        stream: io.BufferedReader = io.BufferedReader(cast(Any, digesting), READ_SIZE)
        packing = packing_of(stream.peek(START_BYTES)[:START_BYTES])
        refusal = None
        try:
            yield _text(_bounded(unpacked(stream, packing), name, care) if packing else stream, name)
        except FileRefusedError as error:
            refusal = error
        except TooMuchMemoryError:
            refusal = FileRefusedError(
                f"{name}: it takes more than {MOST_MEMORY >> 20} MB of memory to unpack; pack it again, by xz -9 at"
                " most"
            )
        except UNPACK_ERRORS as error:
            kind = packing or "UTF-16"
            refusal = FileRefusedError(f"{name}: the {kind} file is cut short or corrupt ({error}); deliver it again")
        while stream.read(READ_SIZE):
            pass  # what the reader left, so that the digest covers the whole file
        if digest is not None and digesting.digest.hexdigest() != digest:
            # Before any refusal: a file that is still being written may seem corrupt.
            raise ChangedWhileReadError(f"{name}: changed while it was read; the next run loads it")
        if refusal:
            raise refusal


def _too_large(name: str, most_bytes: int) -> FileRefusedError:
    return FileRefusedError(
        f"{name}: it holds more than the {most_bytes / 1e9:g} GB that MAX_FILE_GB allows; split it, or raise that"
    )


class _Bounded(io.RawIOBase):
    """Passes on what a file unpacks to, as long as that is not too much for the limit or for the disks."""

    def __init__(self, stream: io.BufferedReader, name: str, care: Care) -> None:
        super().__init__()
        self._stream, self._name, self._care = stream, name, care
        self._size, self._looked_at = 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = self._stream.readinto(buffer)
        self._size += size
        if self._size > self._care.most_bytes:
            raise _too_large(self._name, self._care.most_bytes)
        if self._size - self._looked_at > BYTES_BETWEEN_LOOKS:
            self._looked_at = self._size
            self._care.require_space(self._name, SPACE_LEFT)
        return size


def _bounded(stream: io.BufferedReader, name: str, care: Care) -> io.BufferedReader:
    return io.BufferedReader(_Bounded(stream, name, care), READ_SIZE)


@contextmanager
def _named_if_unreadable(name: str) -> Iterator[None]:
    """Say of which file the system has something to say."""
    try:
        yield
    except OSError as error:
        raise UnreadableFileError(f"{name}: {why_unreadable(error)}") from error


def _text(stream: io.BufferedReader, name: str) -> io.BufferedReader:
    start = stream.peek(START_BYTES)[:START_BYTES]
    if fault := fault_of(start):
        raise FileRefusedError(f"{name}: {fault}")
    encoding = encoding_of(start)
    return as_utf8(stream, encoding) if encoding else stream

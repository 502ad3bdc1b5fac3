"""What lies in the raw folder: input with its digests, what cannot be read, and what is never read."""

from __future__ import annotations

import logging
import os
import stat
from functools import cache
from pathlib import Path

from pipeline.records.files import why_unreadable
from pipeline.settings import get_settings
from pipeline.sources.names import COMPRESSIONS, CSV_SUFFIXES, JSON_SUFFIXES, is_source
from pipeline.state.fingerprints import DigestCache

logger = logging.getLogger("pipeline")

SHOWN_NAMES = 5
RECOVERED = "lost+found"  # in the root of a disk, and root's alone
WHAT_IS_READ = (
    f"{', '.join(CSV_SUFFIXES + JSON_SUFFIXES)} are, plain or with {', '.join(COMPRESSIONS)} behind: unpack archives,"
    " save workbooks as CSV, export dumps as JSON"
)
KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Inventory:
    """The raw folder as it was when this process first looked at it.

    `digests` holds the digest of each CSV and JSON file, `unreadable` why a file, link or folder cannot be read and
    what to do, `passed_over` why a link or file is left out that takes no rows along, and `unread` the files whose
    names are not those of input; each by its path relative to the raw folder, which is "" itself. What is hidden,
    and a disk's `lost+found`, counts as not there.
    """

    def __init__(self, folder: Path, digests: DigestCache, *, outside_links: bool) -> None:
        """Look at everything below `folder`, which need not exist; read the files whose digest is not known."""
        self.digests: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}
        self.passed_over: dict[str, str] = {}
        self.unread: list[str] = []
        self._digests = digests
        self._outside_links = outside_links
        self._root = os.path.realpath(folder)
        if folder.exists():
            self._list(folder, "", ())
        # In the order of folders and names, which says which of two files is the later one.
        self.digests = {name: self.digests[name] for name in sorted(self.digests, key=lambda name: name.split("/"))}
        self.unread.sort()
        digests.save(self.digests)

    def _list(self, folder: Path, name: str, above: tuple[tuple[int, int], ...]) -> None:
        """Look at what is in a folder, unless a link led back to one that is being looked at."""
        try:
            itself = folder.stat()
            identity = (itself.st_dev, itself.st_ino)
            if identity in above:
                self.passed_over[name] = "it leads back to a folder that it is in"
                return
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.unreadable[name] = why_unreadable(error)
            return
        for entry in found:
            if not entry.name.startswith(".") and entry.name != RECOVERED:
                self._look_at(entry, f"{name}/{entry.name}".removeprefix("/"), (*above, identity))

    def _look_at(self, entry: os.DirEntry[str], name: str, above: tuple[tuple[int, int], ...]) -> None:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode(errors="backslashreplace").decode()
            self.passed_over[shown] = "its name is not UTF-8; rename it"
            return
        try:
            if entry.is_symlink() and (target := self._outside(entry.path)):
                self.unreadable[name] = (
                    f"leads out of the raw folder, to {target}; put the file or folder itself there, or set"
                    " DATA_RAW_OUTSIDE_LINKS=true"
                )
                return
            mode = entry.stat().st_mode
            if stat.S_ISDIR(mode):
                if is_source(name):
                    self.unreadable[name] = "is a folder, but named like a file; rename it"
                else:
                    self._list(Path(entry.path), name, above)
            elif not is_source(name):
                self.unread.append(name)
            elif not stat.S_ISREG(mode):
                kind = KINDS.get(stat.S_IFMT(mode), "something else")
                self.unreadable[name] = f"is {kind}, not a file; put a file there"
            else:
                self.digests[name] = self._digests.digest(Path(entry.path), name)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError) and entry.is_symlink()
            self.unreadable[name] = (
                f"is a broken link, {_target(entry.path)} is not there; restore that, or remove the link"
                if gone
                else why_unreadable(error)
            )

    def _outside(self, path: str) -> str | None:
        """Return where a link leads, if it exists outside the raw folder and that is not allowed."""
        target = Path(os.path.realpath(path))
        if self._outside_links or target.is_relative_to(self._root) or not target.exists():
            return None
        return str(target)

    def why_unreadable(self, name: str) -> str | None:
        """Say why a file cannot be read: itself, or a folder it is in; None if nothing is known against it."""
        parts = name.split("/")
        for count in range(len(parts), 0, -1):
            if reason := self.unreadable.get("/".join(parts[:count])):
                return reason if count == len(parts) else f"is in {'/'.join(parts[:count])}, which {reason}"
        return self.unreadable.get("")


def _target(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return "what it leads to"


@cache
def inventory() -> Inventory:
    """Look at the raw folder, once per process."""
    settings = get_settings()
    digests = DigestCache(settings.logs_path / ".digests.json")
    found = Inventory(settings.data_raw_path, digests, outside_links=settings.data_raw_outside_links)
    for name, reason in found.passed_over.items():
        logger.warning("%s: passed over, %s", name, reason, extra={"event": "warning"})
    if found.unread:
        named = ", ".join(found.unread[:SHOWN_NAMES])
        more = f" and {len(found.unread) - SHOWN_NAMES:,} more" if len(found.unread) > SHOWN_NAMES else ""
        logger.warning(
            "not read, since their names are not those of input: %s%s; %s",
            named,
            more,
            WHAT_IS_READ,
            extra={"event": "warning"},
        )
    return found


def raw_files() -> dict[str, str]:
    """Return the digest of every CSV and JSON file below the raw folder, by its path relative to it."""
    return inventory().digests

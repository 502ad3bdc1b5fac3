"""Digests of what a task depends on: files and SQL.

Digests are read once per process and then frozen, so that one run decides on one picture of its inputs;
worker processes inherit the picture by fork.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from pipeline.records.digests import READ_SIZE, new_digest, open_regular
from pipeline.settings import get_settings

# A file changed again within the tick of its clock keeps its mtime, so a digest this young is not kept.
SETTLED_AFTER_SECONDS = 2


def digest_bytes(content: bytes) -> str:
    """Return the digest of `content` in hexadecimal."""
    digest = new_digest()
    digest.update(content)
    return digest.hexdigest()


def digest_file(path: Path) -> str:
    """Return the digest of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    digest = new_digest()
    with open_regular(path) as file:
        while block := file.read(READ_SIZE):
            digest.update(block)
    return digest.hexdigest()


def combine(inputs: Mapping[str, str]) -> str:
    """Return the fingerprint over named inputs, whatever their order."""
    return digest_bytes(json.dumps(dict(inputs), sort_keys=True, ensure_ascii=True).encode())


def replace_text(path: Path, text: str) -> None:
    """Write a file of a cache in one step, so that nobody reads half of it; a failure only costs time later."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)


class DigestCache:
    """Digests of files by path, size and times, kept in a JSON file between runs.

    Inode and change time are part of the key: a file moved over another one may bring an old mtime along. Without it,
    a run with nothing to do takes a second more for each gigabyte of input.
    """

    def __init__(self, store: Path) -> None:
        """Use `store` as the cache's file; it need not exist."""
        self.store = store
        self.changed = False
        try:
            self.known: dict[str, list[object]] = {
                name: [digest, *key] for name, (digest, *key) in json.loads(store.read_text()).items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            self.known = {}  # absent or damaged: everything is read again

    def digest(self, path: Path, name: str) -> str:
        """Return the digest of the file at `path`, known in the cache as `name`.

        Raises:
            OSError: the file cannot be read.
        """
        facts = path.stat()
        key = [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]
        entry = self.known.get(name)
        if entry is not None and entry[1:] == key:
            return str(entry[0])
        digest = digest_file(path)
        if time.time() - max(facts.st_mtime, facts.st_ctime) > SETTLED_AFTER_SECONDS:
            self.known[name] = [digest, *key]
            self.changed = True
        return digest

    def save(self, names: Iterable[str]) -> None:
        """Write the cache for `names` if anything changed; a failure only costs time later."""
        if not self.changed:
            return
        replace_text(self.store, json.dumps({name: self.known[name] for name in names if name in self.known}))
        self.changed = False


@cache
def sql_digests(patterns: tuple[str, ...]) -> dict[str, str]:
    """Return the digest of every SQL file that matches a pattern below `sql/`, by its path there."""
    folder = get_settings().sql_path
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return {path.relative_to(folder).as_posix(): digest_bytes(path.read_bytes()) for path in paths}

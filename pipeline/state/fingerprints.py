"""Digests of what a task depends on: files, SQL and Python modules.

Digests are read once per process and then frozen, so that one run decides on one picture of its inputs;
worker processes inherit the picture by fork.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import stat
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import IO

from pipeline.settings import get_settings

DIGEST_SIZE = 16  # bytes: enough that two inputs never share a digest by chance
READ_SIZE = 1 << 20
MAX_KNOWN_SOURCES = 200
# A file changed again within the tick of its clock keeps its mtime, so a digest this young is not kept.
SETTLED_AFTER_SECONDS = 2


def new_digest() -> hashlib.blake2b:
    """Return the hash that all digests of this project use."""
    return hashlib.blake2b(digest_size=DIGEST_SIZE)


def digest_bytes(content: bytes) -> str:
    """Return the digest of `content` in hexadecimal."""
    digest = new_digest()
    digest.update(content)
    return digest.hexdigest()


def combine(inputs: Mapping[str, str]) -> str:
    """Return the fingerprint over named inputs, whatever their order."""
    return digest_bytes(json.dumps(dict(inputs), sort_keys=True, ensure_ascii=True).encode())


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


class DigestCache:
    """Digests of files by path, size and times, kept in a JSON file between runs.

    Inode and change time are part of the key: a file moved over another one may bring an old mtime along.
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
        digest = new_digest()
        with open_regular(path) as file:
            while block := file.read(READ_SIZE):
                digest.update(block)
        if time.time() - max(facts.st_mtime, facts.st_ctime) > SETTLED_AFTER_SECONDS:
            self.known[name] = [digest.hexdigest(), *key]
            self.changed = True
        return digest.hexdigest()

    def save(self, names: Iterable[str]) -> None:
        """Write the cache for `names` if anything changed; a failure only costs time later."""
        if not self.changed:
            return
        kept = {name: self.known[name] for name in names if name in self.known}
        partial = self.store.with_name(f"{self.store.name}.{os.getpid()}")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(kept))
            partial.replace(self.store)
        except OSError:
            partial.unlink(missing_ok=True)
        self.changed = False


@cache
def sql_digests(patterns: tuple[str, ...]) -> dict[str, str]:
    """Return the digest of every SQL file that matches a pattern below `sql/`, by `sql <path>`."""
    folder = get_settings().sql_path
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return {f"sql {path.relative_to(folder).as_posix()}": digest_bytes(path.read_bytes()) for path in paths}


@cache
def module_digest(module: str) -> str:
    """Return the digest of a Python module by what it does, without importing it.

    Comments, docstrings and layout do not count, and the result is the same on every Python version this
    project runs on.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    return _code_digests().digest(_source_file(module).read_text(encoding="utf-8"))


def _source_file(module: str) -> Path:
    """Return the file of a module; to find it by `find_spec` alone would import the packages it is in."""
    package, *names = module.split(".")
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent.joinpath(*names)
        for file in (path.with_suffix(".py"), path / "__init__.py") if names else (Path(spec.origin),):
            if file.is_file():
                return file
    raise ModuleNotFoundError(f"a task declares the module {module}, which does not exist")


class _CodeDigests:
    """Digests of source code, kept between runs: to take modules apart is a quarter of a run with nothing to do.

    They are known by the text itself and by the text of this module, so no entry is ever out of date.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.way = Path(__file__).read_bytes()
        try:
            self.known = {str(text): str(digest) for text, digest in json.loads(store.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            self.known = {}

    def digest(self, source: str) -> str:
        text = digest_bytes(self.way + source.encode())
        if text not in self.known:
            self.known[text] = source_digest(source)
            # Old entries go as soon as there are many.
            kept = dict(list(self.known.items())[-MAX_KNOWN_SOURCES:])
            partial = self.store.with_name(f"{self.store.name}.{os.getpid()}")
            with contextlib.suppress(OSError):
                partial.parent.mkdir(parents=True, exist_ok=True)
                partial.write_text(json.dumps(kept))
                partial.replace(self.store)
        return self.known[text]


@cache
def _code_digests() -> _CodeDigests:
    return _CodeDigests(get_settings().logs_path / ".digests-of-code.json")


def source_digest(source: str) -> str:
    """Return the digest of Python source code by what it does (see `module_digest`)."""
    return digest_bytes(json.dumps(_meaning(ast.parse(source)), ensure_ascii=True).encode())


def _meaning(node: object) -> object:
    """Reduce a syntax tree to nested lists that all Python versions agree on.

    `ast.dump` will not do: newer versions add fields and leave out empty ones.
    """
    if isinstance(node, ast.JoinedStr):
        return [type(node).__name__, *map(_meaning, _parts_of_text(node))]
    if isinstance(node, ast.AST):
        fields = [[name, _meaning(getattr(node, name, None))] for name in node._fields if name != "kind"]
        return [type(node).__name__, *(field for field in fields if field[1] not in (None, []))]
    if isinstance(node, list):
        return [_meaning(item) for item in node if not _is_bare_text(item)]
    if node is None or isinstance(node, (bool, int, str)):
        return node
    return [type(node).__name__, repr(node)]


def _parts_of_text(node: ast.JoinedStr) -> list[ast.expr | str]:
    """Return the parts of an f-string, adjacent texts joined: Python 3.12 adds empty ones and splits others."""
    parts: list[ast.expr | str] = []
    for part in node.values:
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            parts.append(part)
        elif parts and isinstance(parts[-1], str):
            parts[-1] += part.value
        elif part.value:
            parts.append(part.value)
    return parts


def _is_bare_text(node: object) -> bool:
    """Tell whether a statement is a docstring or another string without effect."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

"""Digests of code: what a task's result depends on, found by following imports from the module that does its work.

Only the rooms that data passes through are followed. What only schedules, connects, keeps markers or tells people
(tasks, servers, state, watching, cli, the modules at the top) changes no result.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pipeline.settings import PACKAGE_ROOT, get_settings
from pipeline.state.fingerprints import digest_bytes, replace_text

ROOMS = tuple(
    f"pipeline.{room}."
    for room in ("records", "contract", "sources", "documents", "warehouse", "lake", "spark", "report")
)
# They write what people are told of a load, whether it is refused, and have the cluster work: the rows are the same.
AUDIT = (
    *(f"pipeline.warehouse.{module}" for module in ("rejects", "reject_files", "reject_limit")),
    "pipeline.lake.runner",
    "pipeline.lake.shipped",
)
SQL_FILE = re.compile(r"[\w*]+(/[\w*]+)+\.sql")
MAX_KNOWN_SOURCES = 300


@dataclass(frozen=True)
class Source:
    """What a module does (a digest), the names it imports of this package, and the SQL files it names."""

    digest: str
    imports: list[str]
    sql: list[str]


@cache
def modules_behind(module: str) -> dict[str, Source]:
    """Return a module and all that it imports, directly or not, of the rooms that data passes through, by name.

    Imports inside functions count; those for type checkers do not.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    found: dict[str, Source] = {}
    ahead = [module]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found[name] = source_of(name)
        imported = (_module(each) for each in found[name].imports)
        ahead += [each for each in imported if f"{each}.".startswith(ROOMS) and each not in AUDIT]
    _sources().save()
    return dict(sorted(found.items()))


def code_digests(*modules: str) -> dict[str, str]:
    """Return the digests of modules and of all that they import, by name."""
    return {name: source.digest for each in modules for name, source in modules_behind(each).items()}


@cache
def sql_named_in(*modules: str) -> tuple[str, ...]:
    """Return the SQL files, or patterns of them, that modules and those they import name in full."""
    return tuple(sorted({file for each in modules for source in modules_behind(each).values() for file in source.sql}))


@cache
def _module(name: str) -> str:
    """Return the module that an imported name is, or is in."""
    with contextlib.suppress(ModuleNotFoundError):
        _file(name)
        return name
    return name.rpartition(".")[0]


@cache
def _file(module: str) -> Path:
    """Return the file of a module; `find_spec` would import the packages it is in."""
    path = PACKAGE_ROOT.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    raise ModuleNotFoundError(f"there is no module {module}")


class _Sources:
    """What source files hold, kept between runs: to take modules apart is a sixth of a run with nothing to do.

    They are known by the text itself and by the text of this module, so no entry is ever out of date.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.way = Path(__file__).read_bytes()
        self.changed = False
        try:
            self.known = {str(text): Source(**facts) for text, facts in json.loads(store.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.known = {}

    def look(self, file: Path) -> Source:
        content = file.read_bytes()
        text = digest_bytes(self.way + content)
        if text not in self.known:
            self.known[text] = read_source(content.decode())
            self.changed = True
        return self.known[text]

    def save(self) -> None:
        """Keep what was taken apart since the last time; old entries go as soon as there are many."""
        if self.changed:
            kept = {text: asdict(source) for text, source in [*self.known.items()][-MAX_KNOWN_SOURCES:]}
            replace_text(self.store, json.dumps(kept))
            self.changed = False


@cache
def source_of(module: str) -> Source:
    """Return what a module does, imports and names."""
    return _sources().look(_file(module))


@cache
def _sources() -> _Sources:
    return _Sources(get_settings().logs_path / ".digests-of-code.json")


def read_source(text: str) -> Source:
    """Take the source code of a module apart."""
    tree = ast.parse(text)
    unseen = {
        id(below)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for below in ast.walk(statement)
    }
    imports, sql = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if id(node) not in unseen:
                imports |= {f"{module}.{each.name}" for each in names if module.split(".")[0] == "pipeline"}
            case ast.Import(names=names) if id(node) not in unseen:
                imports |= {each.name for each in names if each.name.startswith("pipeline.")}
            case ast.Constant(value=str(value)) if SQL_FILE.fullmatch(value):
                sql.add(value)
    return Source(source_digest(tree), sorted(imports), sorted(sql))


def source_digest(tree: ast.Module) -> str:
    """Return the digest of a module's code by what it does.

    Comments, docstrings and layout do not count, and the result is the same on every Python version this project
    runs on.
    """
    return digest_bytes(json.dumps(_meaning(tree), ensure_ascii=True).encode())


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

"""Generic code names no table: what there is, the declarations say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.project import REPOSITORY

TABLES = [path.stem for path in (REPOSITORY / "sql/processed").glob("[a-z]*.sql")]
COLLECTIONS = [path.stem for path in (REPOSITORY / "sql/collections").glob("*.toml")]
# What is in a file is its content too.
WORDS = [name for name in [*TABLES, *COLLECTIONS, "user_id", "session_id", "content_id"] if name != "content"]
NAMES = re.compile(rf"\b({'|'.join([*WORDS, 'processed.content'])})\b")
# Sums over sessions are no generic code; two loads have a command of their own, and one an old name; MongoDB's logins
# are in a collection of that name.
NAMING = {
    "pipeline/servers/embedded/mongo.py": {"users"},
    "pipeline/tasks/load.py": {"users", "viewing_sessions", "processed.content"},
    "pipeline/warehouse/rollups.py": {"users", "viewing_sessions"},
    "sql/publish/column_comments.sql": {"users"},
}
ROOMS = ("tasks", "records", "contract", "sources", "documents", "warehouse", "state", "servers", "watching")
MODULES = sorted(path for room in ROOMS for path in (REPOSITORY / "pipeline" / room).rglob("*.py"))
STATEMENTS = sorted(
    path for room in ("merge", "documents", "publish") for path in (REPOSITORY / "sql" / room).glob("*.sql")
)


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def names_in(program: str) -> set[str]:
    """Return the tables that a program names in its texts and identifiers; docstrings may have examples."""
    tree = ast.parse(program)
    nodes = list(ast.walk(tree))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    said: list[object] = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    said += [node.id for node in nodes if isinstance(node, ast.Name)]
    said += [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return {name for text in said if isinstance(text, str) for name in NAMES.findall(text)}


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_a_generic_module_names_no_table(module: Path) -> None:
    assert names_in(module.read_text(encoding="utf-8")) - NAMING.get(relative(module), set()) == set()


@pytest.mark.parametrize("file", STATEMENTS, ids=relative)
def test_a_generic_statement_names_no_table(file: Path) -> None:
    assert set(NAMES.findall(file.read_text(encoding="utf-8"))) - NAMING.get(relative(file), set()) == set()


def test_a_name_is_found() -> None:
    assert names_in('"""users"""\nquery = "SELECT age FROM processed.users"\nrow.content_id') == {"users", "content_id"}

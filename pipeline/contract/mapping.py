"""Mappings of collections to tables: the files in `sql/collections`, one for each collection of MongoDB.

    tables = ["content", "movie_details"]    # what a document fills; the key of the first is the document's
    values = { type = "movie" }              # the same in every document
    [lists.genre]                            # a list, by the path of its field, that becomes rows of a table
    table = "genres"
    column = "genre"                         # of a list of single values: the column that they go to
    count = "…"                              # the column of the enclosing row that holds its length, if not given
    instead_of = "…"                         # the list of documents that it stands in for

A field goes to the column of its name. A row of a list takes the columns that refer to the enclosing row from there;
what is left of its key is a field too, or else its position, from 1.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError
from pipeline.settings import get_settings

if TYPE_CHECKING:
    from pipeline.contract.table import Reference, Table

EXTRA = "extra"
"""The column for the fields that have none of their own."""
REMOVED_AT = "removed_at"
"""The column that says since when a row's document is gone."""
NOT_FIELDS = frozenset({EXTRA, REMOVED_AT})
_KEYWORDS = {"tables": list, "values": dict, "lists": dict}
_LIST_KEYWORDS = {"table", "column", "count", "instead_of"}


class MappingError(PipelineError):
    """A mapping cannot be used; the message names the file and says what is wrong."""


@dataclass(frozen=True)
class ListMapping:
    """A list that becomes rows; `path` is that of its field, such as `seasons.episodes`."""

    path: str
    table: str
    column: str | None = None
    count: str | None = None
    instead_of: str | None = None

    @property
    def parent(self) -> str:
        """The path of the list that it is in; empty at the top of a document."""
        return self.path.rpartition(".")[0]

    @property
    def field(self) -> str:
        """The name of its field."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class CollectionMapping:
    """How the documents of a collection become rows."""

    collection: str
    tables: tuple[str, ...]
    values: Mapping[str, str]
    lists: tuple[ListMapping, ...]

    @property
    def main(self) -> str:
        """The table whose key is the document's."""
        return self.tables[0]

    @property
    def all_tables(self) -> tuple[str, ...]:
        """All tables that it fills, each once."""
        return tuple(dict.fromkeys([*self.tables, *(each.table for each in self.lists)]))

    def enclosing(self, path: str) -> str:
        """Return the table of the rows that a list is in, by the path of that list."""
        return next((each.table for each in self.lists if each.path == path), self.main)

    def fail(self, problem: str) -> MappingError:
        """Return the error for a problem."""
        return MappingError(f"sql/collections/{self.collection}.toml: {problem}")


@cache
def mappings() -> dict[str, CollectionMapping]:
    """Return the mapping of each collection, in the order of the names; the same throughout the run.

    Raises:
        MappingError: a file is no mapping. Whether its tables and columns exist is looked at by `checked`.
    """
    folder = get_settings().sql_path / "collections"
    return {path.stem: _read(path.stem, path.read_bytes()) for path in sorted(folder.glob("*.toml"))}


def document_tables() -> frozenset[str]:
    """Return the names of the tables that documents fill."""
    return frozenset(table for mapping in mappings().values() for table in mapping.all_tables)


def columns_of(table: Table) -> list[str]:
    """Return the columns of a table that documents fill, in the order of the cells of a row."""
    return [name for name in table.column_names if name not in NOT_FIELDS or name == EXTRA]


def reference_to(mapping: CollectionMapping, child: Table, parent: str) -> Reference:
    """Return the foreign key by which rows of a list refer to the rows that they are in.

    Raises:
        MappingError: there is none.
    """
    for reference in child.references:
        if reference.parent == parent:
            return reference
    raise mapping.fail(f"the table {child.name} has no foreign key to {parent}, to whose rows its own belong")


def number_column(mapping: CollectionMapping, each: ListMapping, child: Table) -> str | None:
    """Return the column that tells the rows of a list apart, if not by the list's single values.

    Raises:
        MappingError: the key has more columns than can be filled.
    """
    reference = reference_to(mapping, child, mapping.enclosing(each.parent))
    left = [name for name in child.key if name not in (*reference.columns, each.column)]
    if len(left) > 1:
        raise mapping.fail(f"lists.{each.path}: the key of {child.name} has more columns than one beside its parent's")
    return left[0] if left else None


def checked(mapping: CollectionMapping, tables: Mapping[str, Table]) -> CollectionMapping:
    """Return the mapping if its tables and columns are declared.

    Raises:
        MappingError: they are not; the message names what is missing.
    """
    for name in mapping.all_tables:
        if name not in tables:
            raise mapping.fail(f"unknown table {name!r}; declare it in sql/processed/{name}.sql")
    main = tables[mapping.main]
    if len(main.key) != 1:
        raise mapping.fail(f"the key of {main.name} must be one column, which is the key of a document")
    filled = [tables[name] for name in mapping.all_tables]
    for child, parent in ((table.name, each.parent) for table in filled for each in table.references):
        if parent not in mapping.all_tables:
            raise mapping.fail(
                f"{child} must not refer to {parent}, which documents of the collection do not fill: they do not"
                " wait for other rows"
            )
    for name in mapping.values:
        if not any(name in tables[each].column_names for each in mapping.tables):
            raise mapping.fail(f"values.{name}: no such column in {', '.join(mapping.tables)}")
    for name in mapping.tables[1:]:
        reference = reference_to(mapping, tables[name], mapping.main)
        if reference.columns != tables[name].key:
            raise mapping.fail(f"the key of {name} must be its foreign key to {mapping.main}: one row for a document")
    for each in mapping.lists:
        _check_list(mapping, each, tables)
    return mapping


def _check_list(mapping: CollectionMapping, each: ListMapping, tables: Mapping[str, Table]) -> None:
    if each.column and each.column not in tables[each.table].column_names:
        raise mapping.fail(f"lists.{each.path}.column: {each.table} has no column {each.column!r}")
    owners = mapping.tables if not each.parent else (mapping.enclosing(each.parent),)
    if each.count and not any(each.count in tables[owner].column_names for owner in owners):
        raise mapping.fail(f"lists.{each.path}.count: no column {each.count!r} in {', '.join(owners)}")
    number_column(mapping, each, tables[each.table])


def _read(collection: str, content: bytes) -> CollectionMapping:
    nothing = CollectionMapping(collection, (), {}, ())
    try:
        found: dict[str, Any] = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise nothing.fail(f"not TOML: {error}") from None
    for name, value in found.items():
        if name not in _KEYWORDS or not isinstance(value, _KEYWORDS[name]):
            raise nothing.fail(f"{name!r} is not expected here; a mapping has {', '.join(_KEYWORDS)}")
    if not found.get("tables"):
        raise nothing.fail("'tables' must name at least one table")
    lists = []
    for path, entry in found.get("lists", {}).items():
        if not isinstance(entry, dict) or not entry.keys() <= _LIST_KEYWORDS or "table" not in entry:
            raise nothing.fail(f"lists.{path} must name its table; else it may have column, count, instead_of")
        lists.append(ListMapping(path, **entry))
    paths = {each.path: each for each in lists}
    for each in lists:
        if each.parent and (each.parent not in paths or paths[each.parent].column):
            raise nothing.fail(f"lists.{each.path}: {each.parent!r} is no list of documents that becomes rows")
        if each.instead_of and (each.instead_of not in paths or paths[each.instead_of].column or not each.column):
            raise nothing.fail(f"lists.{each.path}.instead_of: {each.instead_of!r} is no list of documents")
    return CollectionMapping(collection, tuple(found["tables"]), found.get("values", {}), tuple(lists))

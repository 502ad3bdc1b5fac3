"""From a document to rows of text, by the mapping of its collection: a pure function.

What a value may be is not looked at here: the rows are typed where those of CSV files are. Here is told what has the
wrong shape (a list where one value belongs), what the mapping does not know, which is kept in the column `extra` as a
document of the same shape that holds the unknown fields only, and what could only be read with good will.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from pipeline.contract.mapping import (
    EXTRA,
    NOT_FIELDS,
    CollectionMapping,
    ListMapping,
    columns_of,
    number_column,
    reference_to,
)
from pipeline.contract.table import Column, Table
from pipeline.documents.cells import NEW_FIELD, Cell, Drift, Flattened, Problem, cell_of, float_text, id_text, kind_of
from pipeline.documents.extended_json import extended_json_cleaned, shown
from pipeline.records.text_rules import trim


class Flattener:
    """Flattens the documents of a collection."""

    def __init__(self, mapping: CollectionMapping, tables: Mapping[str, Table]) -> None:
        self._document = _Level(mapping, tables, "", mapping.tables)
        self._key = tables[mapping.main].key[0]
        self._key_place = self._document.places[self._key]
        self._extra_place = self._document.places.get(EXTRA)

    def __call__(self, content: Mapping[str, Any], number: int = 0) -> Flattened:
        """Flatten a document; `number` is what its rows are to be known by."""
        flat = Flattened(number)
        level = self._document
        cells, lists, unknown = level.read(content, "", flat)
        if cells[self._key_place] is None and content.get(self._key) is None:
            cells[self._key_place] = id_text(content.get("_id"))
        unknown.pop("_id", None)
        unknown = level.descend(cells, lists, unknown, "", flat)
        if unknown and self._extra_place is not None:
            try:
                cells[self._extra_place], is_cleaned = extended_json_cleaned(unknown)
            except ValueError as error:
                flat.problems.append(Problem("", shown(unknown), str(error)))
            else:
                if is_cleaned:
                    flat.drift.append(Drift(EXTRA, "text cleaned", shown(cells[self._extra_place])))
        for table, pick in level.pick:
            flat.rows.setdefault(table, []).append((number, "", *pick(cells)))
        return flat


_Field = tuple[int, bool, bool, str]
"""The place of a field, whether text and whether numbers go there as they are, and the kind of its column."""


class _Level:
    """What becomes of the fields of a document, or of one that is embedded in a list.

    A level has one cell for each column of its tables, by name.
    """

    def __init__(
        self, mapping: CollectionMapping, tables: Mapping[str, Table], path: str, own: tuple[str, ...]
    ) -> None:
        columns: dict[str, Column] = {}
        for name in own:
            columns |= {column.name: column for column in tables[name].columns if column.name not in columns}
        self.path = f"{path}." if path else ""
        self.places = {name: place for place, name in enumerate(columns)}
        self.pick = [(name, self._picker(mapping, tables[name], own[0])) for name in own]
        self.template: list[Cell] = [mapping.values.get(name) if not path else None for name in columns]
        self.fields = {name: _field(self.places[name], column) for name, column in columns.items()}
        for name in (*NOT_FIELDS, *(() if path else mapping.values)):
            self.fields.pop(name, None)
        # Those that stand in for another list come after it.
        lists = sorted(mapping.lists, key=lambda each: each.instead_of is not None)
        self.lists = {
            each.field: _ListPlan(each, self, mapping, tables, columns) for each in lists if each.parent == path
        }

    def _picker(self, mapping: CollectionMapping, table: Table, main: str) -> itemgetter[Any]:
        """Return what takes the cells of a table's row from those of the level."""
        places = dict(self.places)
        if table.name != main:
            reference = reference_to(mapping, table, main)
            places |= {
                own: self.places[theirs]
                for own, theirs in zip(reference.columns, reference.parent_columns, strict=True)
            }
        chosen = [places[name] for name in columns_of(table)]
        return itemgetter(slice(chosen[0], chosen[0] + 1)) if len(chosen) == 1 else itemgetter(*chosen)

    def read(
        self, content: Mapping[str, Any], path: str, flat: Flattened
    ) -> tuple[list[Cell], dict[str, Any], dict[str, Any]]:
        """Return the cells of the fields, the fields that are lists, and the unknown ones."""
        cells, fields, lists = self.template.copy(), self.fields, self.lists
        given, unknown = dict[str, Any](), dict[str, Any]()
        for name, value in content.items():
            known = fields.get(name)
            if known is not None:
                place, takes_text, takes_numbers, kind = known
                if type(value) is str and takes_text and value.isascii() and "\0" not in value:
                    cells[place] = value
                elif type(value) is int and takes_numbers:
                    cells[place] = str(value)
                elif type(value) is float and takes_numbers:
                    cells[place] = float_text(value)
                elif value is not None:
                    cells[place] = cell_of(value, kind, path + name, self.path + name, flat)
            elif name in lists:
                given[name] = value
            else:
                unknown[name] = value
                if name != "_id" or path:
                    flat.drift.append(Drift(self.path + shown(name), NEW_FIELD, shown(value)))
        return cells, given, unknown

    def descend(
        self, cells: list[Cell], given: dict[str, Any], unknown: dict[str, Any], path: str, flat: Flattened
    ) -> dict[str, Any]:
        """Add the rows of the lists; return the unknown fields, with those of the lists."""
        for name, plan in self.lists.items():
            value = given.get(name)
            if value is None:
                if plan.counts_missing and plan.count is not None and cells[plan.count] is None:
                    cells[plan.count] = "0"
            elif plan.instead_of is not None and isinstance(given.get(plan.instead_of), list):
                if plan.disagrees(value, flat):
                    unknown[name] = value
                    flat.drift.append(Drift(self.path + name, "not used", shown(value)))
            elif parts := plan.add_rows(value, cells, path + name, flat):
                unknown[name] = parts
        return unknown


class _ListPlan:
    """What becomes of a list: rows of its table, which take cells of the enclosing row."""

    def __init__(
        self,
        each: ListMapping,
        parent: _Level,
        mapping: CollectionMapping,
        tables: Mapping[str, Table],
        columns: Mapping[str, Column],
    ) -> None:
        table = tables[each.table]
        reference = reference_to(mapping, table, mapping.enclosing(each.parent))
        self.table, self.path, self.instead_of = each.table, each.path, each.instead_of
        self.count = parent.places[each.count] if each.count else None
        self.level = _Level(mapping, tables, each.path, (each.table,))
        self.inherited = [
            (self.level.places[own], parent.places[theirs])
            for own, theirs in zip(reference.columns, reference.parent_columns, strict=True)
        ]
        for name in reference.columns:
            self.level.fields.pop(name, None)
        self.number = number_column(mapping, each, table)
        self.number_place = self.level.places[self.number] if self.number else 0
        self.single = _field(self.level.places[each.column], table.column(each.column)) if each.column else None
        self.single_place = columns_of(table).index(each.column) + 2 if each.column else 0
        self.is_label = each.column in table.key
        self.counts_missing = each.count is not None and each.count in columns and columns[each.count].required
        [(_, self.pick)] = self.level.pick

    def add_rows(self, value: Any, cells: list[Cell], path: str, flat: Flattened) -> list[dict[str, Any]]:
        """Add the rows of a list; return what its documents hold of unknown fields, each with its number."""
        if self.single is not None:
            self._add_single_values(value, cells, path, flat)
            return []
        if isinstance(value, list):
            if self.count is not None and cells[self.count] is None:
                cells[self.count] = str(len(value))
            return self._add_documents(value, cells, path, flat)
        if self.count is None or isinstance(value, Mapping):
            flat.problems.append(Problem(path, shown(value), "not a list"))
        else:
            cells[self.count] = cell_of(value, "number", path, self.path, flat)
        return []

    def _add_documents(self, items: list[Any], parent: list[Cell], path: str, flat: Flattened) -> list[dict[str, Any]]:
        level, number, place = self.level, self.number, self.number_place
        rows = flat.rows.setdefault(self.table, [])
        parts = []
        for position, content in enumerate(items):
            at = f"{path}.{position}."
            if not isinstance(content, Mapping):
                reason = f"{at[:-1]} is missing" if content is None else "not a document"
                flat.problems.append(Problem(at[:-1], None if content is None else shown(content), reason))
                continue
            cells, given, unknown = level.read(content, at, flat)
            for own, theirs in self.inherited:
                cells[own] = parent[theirs]
            if number is not None and cells[place] is None and content.get(number) is None:
                cells[place] = str(position + 1)
            if level.lists:
                unknown = level.descend(cells, given, unknown, at, flat)
            if unknown:
                known = {number: position + 1 if content.get(number) is None else content[number]} if number else {}
                parts.append(known | unknown)
            rows.append((flat.number, at, *self.pick(cells)))
        return parts

    def _add_single_values(self, value: Any, parent: list[Cell], path: str, flat: Flattened) -> None:
        assert self.single is not None  # noqa: S101 (for the types)
        place, takes_text, _, kind = self.single
        if isinstance(value, str) and kind == "text":
            flat.drift.append(Drift(self.path, "type changed", shown(value)))
            value = [value]
        if not isinstance(value, list):
            flat.problems.append(Problem(path, shown(value), "not a list"))
            return
        rows, known = flat.rows.setdefault(self.table, []), set[str]()
        cells = self.level.template.copy()
        for own, theirs in self.inherited:
            cells[own] = parent[theirs]
        for position, each in enumerate(value):
            at = f"{path}.{position}"
            if self.is_label:
                label = trim(each).casefold() if isinstance(each, str) else "" if each is None else shown(each)
                if not label or label in known:
                    continue
                known.add(label)
            elif each is None:
                flat.problems.append(Problem(at, None, f"{at} is missing"))
                continue
            is_plain = type(each) is str and takes_text and each.isascii() and "\0" not in each
            cells[place] = each if is_plain else cell_of(each, kind, at, self.path, flat)
            if self.number is not None:
                cells[self.number_place] = str(position + 1)
            rows.append((flat.number, at, *self.pick(cells)))

    def disagrees(self, value: Any, flat: Flattened) -> bool:
        """Tell whether single values say something else than the rows of the documents that are there instead."""
        found = [row[self.single_place] for row in flat.rows.get(self.table, ())]
        return not isinstance(value, list) or list(map(str, value)) != found


def _field(place: int, column: Column) -> _Field:
    kind = kind_of(column)
    return place, kind not in {"number", "json"}, kind == "number", kind

"""The collections of MongoDB: their validators and indexes, which follow from the tables that documents fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.contract.collections import collections, key_column
from pipeline.contract.mapping import EXTRA, CollectionMapping, ListMapping, columns_of
from pipeline.contract.register import tables
from pipeline.documents.cells import kind_of

if TYPE_CHECKING:
    from pymongo.database import Database

    from pipeline.contract.table import Column, Table

_TYPES = {
    "text": ["string"],
    "number": ["int", "long", "double", "decimal", "string"],
    "date": ["string", "date"],
    "timestamp": ["string", "date"],
    "boolean": ["bool", "string"],
}


def create_collections(db: Database[dict[str, Any]]) -> dict[str, int]:
    """Create the collections, or give existing ones the present validator and index; no document is touched.

    Returns:
        The collections that must exist from now on, each with 0, since none need hold a document.
    """
    existing = set(db.list_collection_names())
    for name, mapping in collections().items():
        # Documents of other programs are rejected when they are loaded, with a reason; MongoDB itself only warns.
        rules: dict[str, Any] = {
            "validator": {"$jsonSchema": validator_of(mapping, tables())},
            "validationLevel": "moderate",
            "validationAction": "warn",
        }
        if name in existing:
            db.command("collMod", name, **rules)
        else:
            _create(db, name, rules)
        # Partial, since documents may carry only `_id`. With `$gt` rather than `$exists` a search can use it.
        key = key_column(name)
        kinds = {"key": ""} | ({"number_key": float("-inf")} if kind_of(key) == "number" else {})
        for suffix, lowest in kinds.items():
            partial = {key.name: {"$gt": lowest}}
            db[name].create_index(key.name, name=f"{key.name}_{suffix}", unique=True, partialFilterExpression=partial)
    return dict.fromkeys(collections(), 0)


def validator_of(mapping: CollectionMapping, tables: Mapping[str, Table]) -> dict[str, Any]:
    """Return the `$jsonSchema` of a collection: the fields of its mapping, as the columns are declared.

    It is never stricter than the load: what can be loaded passes, also numbers as text and documents with only `_id`.
    Meant for `validationAction: warn`, so that no other program's document is lost.
    """
    main = tables[mapping.main]
    [key] = main.key
    schema = _object(mapping, tables, "", mapping.tables)
    schema["properties"][key] = _field(main.column(key), is_required=False)
    required = [name for name in main.required if name != key and name not in mapping.values]
    return {**schema, **({"required": required} if required else {})}


def _object(mapping: CollectionMapping, tables: Mapping[str, Table], path: str, own: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in reversed(own):
        table = tables[name]
        inherited = {column for each in table.references for column in each.columns}
        skipped = inherited if path else {*mapping.values, EXTRA}
        fields |= {
            column: _field(table.column(column), is_required=column in table.required and not path)
            for column in columns_of(table)
            if column not in skipped
        }
    for each in mapping.lists:
        if each.parent == path:
            fields[each.field] = _list(mapping, tables, each)
    return {"bsonType": "object", "properties": fields}


def _list(mapping: CollectionMapping, tables: Mapping[str, Table], each: ListMapping) -> dict[str, Any]:
    if each.instead_of:
        return {}  # passed over where the other list is there
    if not each.column:
        items = _object(mapping, tables, each.path, (each.table,))
        return {"bsonType": ["array", "null", *(_TYPES["number"] if each.count else [])], "items": items}
    column = tables[each.table].column(each.column)
    types = ["array", "null", *(["string"] if kind_of(column) == "text" else [])]
    return {"bsonType": types, "items": _field(column, is_required=False)}


def _field(column: Column, *, is_required: bool) -> dict[str, Any]:
    types = _TYPES.get(kind_of(column))
    described = {"description": column.comment} if column.comment else {}
    if types is None:
        return described
    if is_required and types == _TYPES["text"]:
        return {"bsonType": "string", **described}
    return {"bsonType": [*types, "null"], **described}


def _create(db: Database[dict[str, Any]], name: str, rules: dict[str, Any]) -> None:
    from pymongo.errors import CollectionInvalid, OperationFailure

    namespace_exists = 48
    try:
        db.create_collection(name, check_exists=False, **rules)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != namespace_exists:
            raise
        db.command("collMod", name, **rules)  # another run was faster

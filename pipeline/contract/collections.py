"""The declared collections: their mappings, and what the tables say of the documents in them."""

from __future__ import annotations

from functools import cache

from pipeline.contract.mapping import NOT_FIELDS, CollectionMapping, checked, document_tables, mappings
from pipeline.contract.register import tables
from pipeline.contract.table import Column


@cache
def collections() -> dict[str, CollectionMapping]:
    """Return the mapping of each collection, in the order in which they are loaded: that of their names.

    Raises:
        MappingError: a mapping names what is not declared.
    """
    return {name: checked(mapping, tables()) for name, mapping in mappings().items()}


def declaration_files() -> tuple[str, ...]:
    """Return the files below `sql/` that say what becomes of documents, as patterns."""
    return ("collections/*.toml", *(f"processed/{name}.sql" for name in sorted(document_tables())))


def key_column(collection: str) -> Column:
    """Return the column whose field is the key of a collection's documents."""
    main = tables()[collections()[collection].main]
    return main.column(main.key[0])


@cache
def identity_fields() -> frozenset[str]:
    """Return the fields by which a document of any collection is told from other objects: keys and required ones."""
    mains = [(mapping, tables()[mapping.main]) for mapping in collections().values()]
    required = {name for mapping, table in mains for name in table.required if name not in mapping.values}
    return frozenset({"_id", *required, *(table.key[0] for _, table in mains)})


@cache
def document_fields() -> frozenset[str]:
    """Return the fields that a document of any collection may have and that are known."""
    fields = set(identity_fields())
    for mapping in collections().values():
        for name in mapping.tables:
            fields.update(set(tables()[name].column_names) - NOT_FIELDS - mapping.values.keys())
        fields.update(each.path for each in mapping.lists)
    return frozenset(fields)

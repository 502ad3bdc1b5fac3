"""The declaration of a table as plain JSON: all that executors know of it."""

from __future__ import annotations

from typing import Literal, TypedDict

Kind = Literal["text", "whole", "number", "date", "boolean", "float"]


class DeclaredColumn(TypedDict):
    """A column: its type as PostgreSQL prints it, and what its values have to be.

    `required` columns are NOT NULL; `is_key` ones are part of the key or refer to another table. Values lie from `low`
    to `high`. `precision` and `scale` are those of a decimal number, `length` is that of a text, in characters;
    `listed` holds the only values there may be, and `listed_reason` says what is wrong with others.
    """

    name: str
    kind: Kind
    type: str
    required: bool
    is_key: bool
    low: str | None
    high: str | None
    precision: int | None
    scale: int | None
    length: int | None
    listed: list[str] | None
    listed_reason: str | None


class DeclaredReference(TypedDict):
    """A foreign key: columns of the table, the name of its parent, and the columns there."""

    columns: list[str]
    parent: str
    parent_columns: list[str]


class Declared(TypedDict):
    """A table: the columns of its key, all columns in their order, what it refers to."""

    name: str
    key: list[str]
    columns: list[DeclaredColumn]
    references: list[DeclaredReference]


class TableNames(TypedDict):
    """The names of a table's columns, and those of them that are NOT NULL."""

    columns: list[str]
    required: list[str]

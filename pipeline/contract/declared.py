"""The declaration of a table for executors, which have no PostgreSQL: its types and checks as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pipeline.contract.ranges import Bound, list_of, range_of, reason_of
from pipeline.contract.register import children
from pipeline.contract.table import Check, Column, Table
from pipeline.errors import PipelineError
from pipeline.records.declaration import Declared, DeclaredColumn, Kind, TableNames

KINDS: dict[str, Kind] = {
    "text": "text",
    "character varying": "text",
    "character": "text",
    "smallint": "whole",
    "integer": "whole",
    "bigint": "whole",
    "numeric": "number",
    "date": "date",
    "boolean": "boolean",
    "double precision": "float",
    "real": "float",
}
LISTED_KINDS = {"text", "whole", "number"}
TYPE = re.compile(r"(?P<name>[a-z ]+?)(?:\((?P<first>[0-9]+)(?:,(?P<second>-?[0-9]+))?\))?")
MAX_PRECISION = 38  # digits of a decimal number in Parquet and Spark
TAKEN = {"rejected", "others"}  # columns of the files of landed records


class UnsupportedDeclarationError(PipelineError):
    """A declaration says what only PostgreSQL can judge or hold; the message names it and says what to do."""


def declared(table: Table) -> Declared:
    """Return the declaration of a table as plain JSON.

    Raises:
        UnsupportedDeclarationError: a type or a check is not among those that are known outside PostgreSQL.
    """
    for check in table.checks:
        if len(check.columns) != 1:
            raise _unsupported(table, ", ".join(check.columns) or "the row", f"CHECK {check.definition}")
    return {
        "name": table.name,
        "key": list(table.key),
        "columns": [_column(table, column) for column in table.columns],
        "references": [
            {"columns": list(each.columns), "parent": each.parent, "parent_columns": list(each.parent_columns)}
            for each in table.references
        ],
    }


def require_no_children(table: Table) -> None:
    """See that no other table refers to one whose rows are to be kept outside PostgreSQL.

    Raises:
        UnsupportedDeclarationError: one does.
    """
    if refer := children(table.name):
        raise UnsupportedDeclarationError(
            f"{refer[0].processed} refers to {table.processed}, whose rows Spark keeps where no foreign key reaches;"
            " unset SPARK_MASTER, or leave the reference out"
        )


def column_names(tables: Iterable[Table]) -> dict[str, TableNames]:
    """Return the names of tables' columns, by which it is judged for which of them a file is meant."""
    return {each.name: {"columns": list(each.column_names), "required": list(each.required)} for each in tables}


def _column(table: Table, column: Column) -> DeclaredColumn:
    match = TYPE.fullmatch(column.type)
    kind = KINDS.get(match["name"]) if match else None
    if match is None or kind is None or column.name in TAKEN:
        raise _unsupported(table, column.name, "name" if column.name in TAKEN else f"type {column.type}")
    first, second = (int(match[part]) if match[part] else None for part in ("first", "second"))
    if kind == "number" and (first is None or first > MAX_PRECISION or not 0 <= (second or 0) <= first):
        raise _unsupported(table, column.name, f"type {column.type}")
    limits, left = range_of(column, [check for check in table.checks if check.columns == (column.name,)])
    listed, reason = _listed(table, column, kind, left)
    return {
        "name": column.name,
        "kind": kind,
        "type": column.type,
        "required": column.required,
        "is_key": column.name in table.key_like,
        "low": _text(limits.low) if limits else None,
        "high": _text(limits.high) if limits else None,
        "precision": first if kind == "number" else None,
        "scale": second if kind == "number" else None,
        "length": first if kind == "text" else None,
        "listed": listed,
        "listed_reason": reason,
    }


def _listed(table: Table, column: Column, kind: Kind, checks: Sequence[Check]) -> tuple[list[str] | None, str | None]:
    """Return the values that a column may have and what to say of others; None if there is no list."""
    listed = None
    for number, check in enumerate(checks):
        listed = list_of(check) if kind in LISTED_KINDS and not number else None
        if listed is None:
            raise _unsupported(table, column.name, f"CHECK {check.definition}")
    return listed, reason_of(checks[0]) if checks else None


def _text(bound: Bound | None) -> str | None:
    if bound is None:
        return None
    return format(bound, "f") if isinstance(bound, Decimal) else bound.isoformat()


def _unsupported(table: Table, column: str, what: str) -> UnsupportedDeclarationError:
    return UnsupportedDeclarationError(
        f"{table.processed}.{column}: its {what} can be judged in PostgreSQL only; keep the table there (unset"
        " SPARK_MASTER), or declare it otherwise"
    )

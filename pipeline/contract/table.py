"""A declared table: what its `CREATE TABLE` says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql

LINEAGE = ("_batch_id", "_row")
"""Columns that the pipeline adds to a table that CSV files fill: which raw row a row was made of."""

VERDICT = ("valid", "problems")
"""Columns that a view of typed rows has beside those of its table."""


@dataclass(frozen=True)
class Column:
    """A column: `type` as PostgreSQL prints it, such as `numeric(10,2)`; `required` if it is NOT NULL."""

    name: str
    type: str
    required: bool
    comment: str = ""


@dataclass(frozen=True)
class Check:
    """A CHECK: the columns it looks at and its expression, as PostgreSQL prints it."""

    name: str
    columns: tuple[str, ...]
    definition: str
    comment: str = ""


@dataclass(frozen=True)
class Reference:
    """A foreign key: columns of the table, the name of its parent in `processed`, and the columns there."""

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table of `processed`, without what the pipeline adds to it (see `LINEAGE`).

    `indexes` holds the statements that make its further indexes.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str = ""
    indexes: tuple[str, ...] = ()

    def has_index(self, columns: tuple[str, ...]) -> bool:
        """Tell whether a declared index begins with columns, so that rows are found by them."""
        beginning = ", ".join(columns)
        indexed = (index.partition(" USING btree (")[2] for index in self.indexes)
        return any(each.startswith((f"{beginning},", f"{beginning})")) for each in indexed)

    @property
    def raw(self) -> str:
        """Qualified name in `raw`."""
        return f"raw.{self.name}"

    @property
    def processed(self) -> str:
        """Qualified name in `processed`."""
        return f"processed.{self.name}"

    @property
    def processed_sql(self) -> sql.Identifier:
        """Qualified and quoted name in `processed`."""
        return sql.Identifier("processed", self.name)

    @property
    def raw_sql(self) -> sql.Identifier:
        """Qualified and quoted name in `raw`."""
        return sql.Identifier("raw", self.name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that are NOT NULL."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def key_like(self) -> frozenset[str]:
        """The columns that are part of the key, or refer to that of another table."""
        return frozenset(self.key).union(*(reference.columns for reference in self.references))

    def column(self, name: str) -> Column:
        """Return a column by its name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

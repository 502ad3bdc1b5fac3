"""What row checks read: of which tables, and by which columns a row leads to those that it is judged with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from pipeline.contract.register import tables
from pipeline.contract.table import Table

READS = """
    SELECT relnamespace::regnamespace::text, relname, array_agg(DISTINCT attname::text)
    FROM pg_depend
    INNER JOIN pg_rewrite ON pg_rewrite.oid = objid
    INNER JOIN pg_class ON pg_class.oid = refobjid
    LEFT JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid AND refobjsubid > 0
    WHERE ev_class = 'pg_temp.judging'::regclass AND refclassid = 'pg_class'::regclass AND refobjid <> ev_class
    GROUP BY 1, 2
"""


@dataclass(frozen=True)
class RowCheck:
    """A query of the offending rows of a table, which returns their key.

    `by_day` says that its findings may end as days pass, while none begins; `digest` is of all that it does.
    """

    name: str
    query: str
    by_day: bool
    digest: str


@dataclass(frozen=True)
class Way:
    """Columns of a table, and those of a table that its checks read, which hold the same values."""

    own: tuple[str, ...]
    read: str
    theirs: tuple[str, ...]


def note_reads(cursor: Cursor, table: Table, checks: Sequence[RowCheck]) -> None:
    """Have the triggers note from now on what the row checks of a table read, and only that.

    Raises:
        ValueError: a check does not return the key, or reads what no reference leads to.
    """
    watched: dict[Way, set[str]] = {}
    for check in checks:
        for read, columns in _reads(cursor, table, check).items():
            for way in _ways(table, read, check):
                watched.setdefault(way, set()).update(columns)
    cursor.execute("DELETE FROM etl.check_reads WHERE table_name = %s", (table.name,))
    for way, columns in watched.items():
        cursor.execute(
            "INSERT INTO etl.check_reads VALUES (%s, %s, %s, %s, %s)",
            (table.name, list(way.own), way.read, list(way.theirs), sorted(columns)),
        )


def _reads(cursor: Cursor, table: Table, check: RowCheck) -> dict[Table, set[str]]:
    """Return the tables that a check reads, with the columns, as PostgreSQL knows them of a view."""
    cursor.execute(f"CREATE TEMP VIEW judging AS {check.query}")
    cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'pg_temp.judging'::regclass AND attnum > 0")
    returned = {name for (name,) in cursor.fetchall()}
    cursor.execute(READS)
    read = cursor.fetchall()
    cursor.execute("DROP VIEW judging")
    if missing := [name for name in table.key if name not in returned]:
        raise ValueError(f"sql/checks/{check.name}.sql: judges rows, but does not return {', '.join(missing)}")
    found = {}
    for schema, name, columns in read:
        if schema != "processed" or name not in tables():
            raise _unrelated(check, f"{schema}.{name}")
        declared = tables()[name]
        found[declared] = set(declared.column_names) if None in columns else set(columns)
    return found


def _ways(table: Table, read: Table, check: RowCheck) -> list[Way]:
    """Return how rows of a table and of one that its check reads belong together: by a reference, or by a parent."""
    if read == table:
        return [Way(table.key, read.name, table.key)]
    ways = []
    for own in table.references:
        if own.parent == read.name:
            ways.append(Way(own.columns, read.name, own.parent_columns))
        ways += [Way(own.columns, read.name, other.columns) for other in read.references if other.parent == own.parent]
    ways += [
        Way(other.parent_columns, read.name, other.columns) for other in read.references if other.parent == table.name
    ]
    if not ways:
        raise _unrelated(check, read.processed)
    return ways


def _unrelated(check: RowCheck, read: str) -> ValueError:
    return ValueError(
        f"sql/checks/{check.name}.sql: judges rows, but reads {read}, to which no reference leads; let it say"
        " '-- judges: table'"
    )

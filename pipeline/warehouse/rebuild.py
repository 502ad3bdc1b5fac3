"""Bringing a live table along with a declaration that changed more than the table can be altered in place.

The table is made anew, to be filled from `raw` or from documents in the same transaction. What depends on it (views,
foreign keys of its children, rights) is put back afterwards: readers may wait for the commit, but never miss a view.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.differences import differences
from pipeline.contract.register import live, tables
from pipeline.contract.table import Reference, Table
from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.state import markers
from pipeline.warehouse.definitions import forget_rollups
from pipeline.warehouse.merge_rows import withdraw_children
from pipeline.warehouse.retire import forget_objects
from pipeline.warehouse.statements import identifiers, lock_out_readers
from pipeline.warehouse.tables import bring_along

# Views that read a table, or one of those, each with the statements that make it again.
VIEWS = """
    WITH RECURSIVE readers AS (
        SELECT %(table)s::regclass::oid AS oid, 0 AS depth
        UNION
        SELECT view, depth + 1 FROM readers INNER JOIN etl.view_reads ON source = readers.oid
    )

    SELECT
        view.oid::regclass::text,
        CASE view.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
        pg_get_viewdef(view.oid),
        array(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = view.oid ORDER BY indexrelid)
            || array(
                SELECT format(
                    'COMMENT ON %%s %%s%%s IS %%L',
                    CASE
                        WHEN objsubid > 0 THEN 'COLUMN'
                        WHEN view.relkind = 'm' THEN 'MATERIALIZED VIEW'
                        ELSE 'VIEW'
                    END,
                    view.oid::regclass, '.' || quote_ident(attname), description
                )
                FROM pg_description LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
                WHERE objoid = view.oid AND classoid = 'pg_class'::regclass
            )
    FROM (SELECT oid, max(depth) AS depth FROM readers WHERE depth > 0 GROUP BY oid) AS found
    INNER JOIN pg_class AS view ON view.oid = found.oid
    ORDER BY depth, 1
"""
GRANTS = """
    SELECT format(
        'GRANT %%s ON %%s TO %%s',
        privilege_type, oid::regclass, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
    )
    FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
    WHERE oid = %(table)s::regclass AND grantee <> relowner
"""


ORPHANS = """
    CREATE TEMP TABLE orphans ON COMMIT DROP AS
    SELECT DISTINCT {parent_key} FROM {child} AS child
    WHERE NOT EXISTS (SELECT FROM {table} AS parent WHERE ({theirs}) = ({own}))
"""
REFER = "ALTER TABLE {child} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {table} ({key})"


class DependentViewError(PipelineError):
    """A view reads what the declaration of a table has no more."""


@dataclass(frozen=True)
class View:
    """A view that has to make way: its qualified name, `VIEW` or `MATERIALIZED VIEW`, and how to make it again."""

    name: str
    kind: str
    query: str
    further: list[str]

    def make(self, cursor: Cursor) -> None:
        """Make it again, with its indexes, comments and rights."""
        cursor.execute(f"CREATE {self.kind} {self.name} AS {self.query}")
        for statement in self.further:
            cursor.execute(statement)


@contextmanager
def brought_along(cursor: Cursor, table: Table, *, is_changed: bool) -> Iterator[bool]:
    """Make a live table what its declaration says, let it be filled, and put back what depends on it.

    Args:
        cursor: the load's.
        table: the declaration.
        is_changed: whether the declaration changed since the table was loaded last: what the live table has beyond
            it goes then, and otherwise was made by hand and stays.

    Yields:
        Whether the table was made anew and is empty.

    Raises:
        DependentViewError: a view reads what is not there any more, and its file does so too.
    """
    found = differences(table, live(cursor, [table.name]).get(table.name))
    if not (found.rebuild or (is_changed and found.surplus)):
        yield False
        return
    views, rights = _views(cursor, table), _grants(cursor, table.processed)
    references = [
        (child, reference)
        for child in live(cursor, _children(cursor, table)).values()
        for reference in child.references
        if reference.parent == table.name
    ]
    objects = markers.objects_of(cursor, table.processed)
    drops = [f"DROP {view.kind} {view.name}" for view in reversed(views)]
    drops += [
        f'ALTER TABLE {child.processed_sql.as_string(cursor)} DROP CONSTRAINT "{reference.name}"'
        for child, reference in references
    ]
    drops.append(f"DROP TABLE {table.processed_sql.as_string(cursor)}")
    lock_out_readers(cursor, lambda: cursor.execute("; ".join(drops)))
    forget_rollups(cursor)
    bring_along(cursor, table)
    yield True
    for child, reference in references:
        _refer_again(cursor, table, child, reference)
    for statement in rights:
        cursor.execute(statement)
    for view in views:
        _make_view(cursor, view, table)
    forget_objects(cursor, set(objects) - set(markers.objects_of(cursor, table.processed)))


def _children(cursor: Cursor, table: Table) -> list[str]:
    """Return the live tables that refer to a table."""
    cursor.execute(
        "SELECT DISTINCT relname FROM pg_constraint INNER JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE contype = 'f' AND confrelid = %s::regclass AND conrelid <> confrelid",
        (table.processed_sql.as_string(cursor),),
    )
    return [name for (name,) in cursor.fetchall()]


def _views(cursor: Cursor, table: Table) -> list[View]:
    cursor.execute(VIEWS, {"table": table.processed_sql.as_string(cursor)})
    found = [View(*row) for row in cursor.fetchall()]
    for view in found:
        view.further.extend(_grants(cursor, view.name))
    return found


def _grants(cursor: Cursor, relation: str) -> list[str]:
    cursor.execute(GRANTS, {"table": relation})
    return [statement for (statement,) in cursor.fetchall()]


def _refer_again(cursor: Cursor, table: Table, child: Table, reference: Reference) -> None:
    """Have a child refer to the table again; rows whose parent did not come again go back to waiting.

    A child that differs from its own declaration is made anew by its own load.
    """
    declared = tables().get(child.name)
    if declared is None or (found := differences(declared, child)).rebuild or found.surplus:
        return
    parent_key = [
        sql.SQL("{} AS {}").format(sql.Identifier("child", own), sql.Identifier(theirs))
        for own, theirs in zip(reference.columns, reference.parent_columns, strict=True)
    ]
    parts = {
        "parent_key": sql.SQL(", ").join(parent_key),
        "child": child.processed_sql,
        "table": table.processed_sql,
        "own": identifiers(reference.columns, "child"),
        "theirs": identifiers(reference.parent_columns, "parent"),
        "columns": identifiers(reference.columns),
        "key": identifiers(reference.parent_columns),
        "name": sql.Identifier(reference.name),
    }
    cursor.execute(sql.SQL(ORPHANS).format(**parts))
    withdraw_children(cursor, table, "orphans")
    cursor.execute("DROP TABLE orphans")
    cursor.execute(sql.SQL(REFER).format(**parts))


def _make_view(cursor: Cursor, view: View, table: Table) -> None:
    """Make a view again as it was, or as its file says now, if what it read is not there any more."""
    cursor.execute("SAVEPOINT before_view")
    try:
        view.make(cursor)
    except psycopg2.Error as error:
        cursor.execute("ROLLBACK TO SAVEPOINT before_view")
        file = get_settings().sql_path / f"{view.name.replace('.', '/')}.sql"
        try:
            if not file.is_file():
                raise
            cursor.execute(file.read_text(encoding="utf-8"))
        except psycopg2.Error:
            raise DependentViewError(
                f"{table.processed}: its declaration changed, and {view.name} cannot be made any more:"
                f" {error.diag.message_primary}; change sql/{view.name.replace('.', '/')}.sql"
            ) from error

"""Merging incoming rows into a table of `processed`, row by row: deduplicated, upserted, waiting for their parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline import progress
from pipeline.contract.register import children, csv_tables
from pipeline.contract.table import Reference, Table
from pipeline.contract.typing import FENCE, define_staging
from pipeline.state.lake_files import is_in_lake
from pipeline.warehouse.statements import by_index, execute_file, fetch_value, identifiers

Parts = dict[str, sql.Composable]

# Which share of the merge of 500,000 sessions was over then, by the clock.
AT_TYPED, AT_WINNERS, AT_MERGED = 0.25, 0.42, 0.8


def as_text(names: Iterable[str], alias: str) -> sql.Composable:
    """Return columns as an array of texts, as `etl.held_rows` keeps keys."""
    return sql.SQL("ARRAY[{}]").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(alias, name)) for name in names)
    )


def parts_of(table: Table, *, by_key: bool = False) -> Parts:
    """Return what the SQL files of a merge leave open, by name: what follows from the declaration of the table.

    Args:
        table: the declaration.
        by_key: have rows looked up one by one, by index; else the planner may read whole tables.
    """
    columns, key = table.column_names, table.key
    fence = sql.SQL(FENCE if by_key else "")
    return {
        "name": sql.Literal(table.name),
        "raw": table.raw_sql,
        "target": table.processed_sql,
        "columns": identifiers(columns),
        "key": identifiers(key),
        "key_text": as_text(key, "staged"),
        **{f"columns_{alias}": identifiers(columns, alias) for alias in ("staged", "target", "excluded")},
        **{
            f"key_{alias}": identifiers(key, alias)
            for alias in ("target", "deleted", "removed", "winners", "affected", "one")
        },
        "by_key": fence,
        **_parents(table, fence if by_key else None),
    }


def _parents(table: Table, fence: sql.SQL | None) -> Parts:
    """Return the parts that join the rows `staged` to their parents, and say which of these is missing first."""
    joins, has_parents, waits_for, parent_key = [], [], [], []
    for number, reference in enumerate(table.references):
        parent = f"parent_{number}"
        found = sql.SQL("{} IS NOT NULL").format(sql.Identifier(parent, reference.parent_columns[0]))
        nullable = [name for name in reference.columns if not table.column(name).required]
        missing = [sql.SQL("{} IS NULL").format(sql.Identifier(parent, reference.parent_columns[0]))]
        missing += [sql.SQL("{} IS NOT NULL").format(sql.Identifier("staged", name)) for name in nullable]
        absent = [sql.SQL("{} IS NULL").format(sql.Identifier("staged", name)) for name in nullable]
        join = "LEFT JOIN processed.{table} AS {parent} ON ({theirs}) = ({own})"
        if fence:
            one_by_one = (
                "LEFT JOIN LATERAL (SELECT * FROM processed.{table} AS {parent} WHERE ({theirs}) = ({own}) {fence})"
            )
            join = f"{one_by_one} AS {{parent}} ON true"
        joins.append(
            sql.SQL(join).format(
                table=sql.Identifier(reference.parent),
                parent=sql.Identifier(parent),
                theirs=identifiers(reference.parent_columns, parent),
                own=identifiers(reference.columns, "staged"),
                fence=fence or sql.SQL(""),
            )
        )
        has_parents.append(sql.SQL(" AND ({})").format(sql.SQL(" OR ").join([found, *absent])))
        condition = sql.SQL("WHEN {} THEN ").format(sql.SQL(" AND ").join(missing))
        waits_for.append(condition + sql.Literal(reference.parent))
        parent_key.append(condition + as_text(reference.columns, "staged"))
    return {
        "parent_joins": sql.SQL("\n").join(joins),
        "has_parents": sql.SQL("").join(has_parents),
        "waits_for": _case(waits_for, "text"),
        "parent_key": _case(parent_key, "text[]"),
    }


def _case(branches: list[sql.Composed], type_name: str) -> sql.Composable:
    if not branches:
        return sql.SQL(f"NULL::{type_name}")
    return sql.SQL("CASE {} END").format(sql.SQL(" ").join(branches))


def merge_rows(cursor: Cursor, table: Table, incoming: str, parts: Parts, enforce_limits: Callable[[], None]) -> None:
    """Merge incoming raw rows, and held rows whose turn has come; children of rows that leave go back to waiting.

    Args:
        cursor: the load's, in which the temporary tables of `sql/merge/batches.sql` are.
        table: the table.
        incoming: temporary table or view of the raw rows.
        parts: what `parts_of` returns.
        enforce_limits: looks at the rejected rows before anything is merged.
    """
    if incoming != "incoming_rows":
        cursor.execute("DROP VIEW stg_incoming; DROP VIEW incoming_rows")
        cursor.execute(sql.SQL("CREATE TEMP VIEW incoming_rows AS SELECT * FROM {}").format(sql.Identifier(incoming)))
        define_staging(cursor, table, "stg_incoming", "incoming_rows")
    execute_file(cursor, "merge/candidates.sql", parts=parts)
    define_staging(cursor, table, "stg_invalid", "invalid_rows")
    execute_file(cursor, "merge/reject.sql", parts=parts)
    progress.reach(AT_TYPED)
    enforce_limits()
    define_staging(cursor, table, "stg_reconsidered", "reconsidered_rows")
    execute_file(cursor, "merge/winners.sql", parts=parts)
    progress.reach(AT_WINNERS)
    withdraw_children(cursor, table, "deleted_keys")
    with by_index(cursor, wanted=parts["by_key"] != sql.SQL("")):
        execute_file(cursor, "merge/upsert.sql", parts=parts)
    progress.reach(AT_MERGED)


def withdraw_children(cursor: Cursor, parent: Table, leaving: str, depth: int = 0) -> None:
    """Send the rows that refer to leaving rows back to waiting, at any depth; rows of documents follow theirs.

    Args:
        cursor: the load's.
        parent: the table that loses rows.
        leaving: temporary table of them, or of their keys.
        depth: how many parents further up lose rows.
    """
    if not fetch_value(cursor, sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(leaving))):
        return
    for child in children(parent.name):
        for reference in child.references:
            if reference.parent == parent.name and child.name in csv_tables():
                _withdraw(cursor, child, reference, leaving, depth)


def _withdraw(cursor: Cursor, child: Table, reference: Reference, leaving: str, depth: int) -> None:
    if is_in_lake(cursor, child.name):
        # What is here are its last days; all its rows are judged anew where they are kept.
        delete = "DELETE FROM {child} WHERE ({own}) IN (SELECT {theirs} FROM {leaving})"
        names = {"own": identifiers(reference.columns), "theirs": identifiers(reference.parent_columns)}
        cursor.execute(sql.SQL(delete).format(child=child.processed_sql, leaving=sql.Identifier(leaving), **names))
        return
    removed = f"removed_{depth}"
    cursor.execute(
        sql.SQL(
            "CREATE TEMP TABLE {removed} ON COMMIT DROP AS"
            " SELECT * FROM {child} WHERE ({own}) IN (SELECT {theirs} FROM {leaving})"
        ).format(
            removed=sql.Identifier(removed),
            child=child.processed_sql,
            own=identifiers(reference.columns),
            theirs=identifiers(reference.parent_columns),
            leaving=sql.Identifier(leaving),
        )
    )
    withdraw_children(cursor, child, removed, depth + 1)
    parts = {
        **parts_of(child),
        "removed": sql.Identifier(removed),
        "parent": sql.Literal(reference.parent),
        "parent_key": as_text(reference.columns, "staged"),
    }
    execute_file(cursor, "merge/withdraw_children.sql", parts=parts)
    cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(removed)))

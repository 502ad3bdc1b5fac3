"""Loading the tables that documents fill from an extraction into `processed`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.collections import collections
from pipeline.contract.mapping import REMOVED_AT, columns_of, document_tables
from pipeline.contract.register import tables
from pipeline.contract.table import Table
from pipeline.contract.typing import define_staging
from pipeline.documents.extended_json import shown
from pipeline.errors import PipelineError
from pipeline.state import markers
from pipeline.state.spec import Load
from pipeline.warehouse.checks import run_checks
from pipeline.warehouse.document_staging import reject_documents, stage_documents
from pipeline.warehouse.merge_rows import withdraw_children
from pipeline.warehouse.rebuild import brought_along
from pipeline.warehouse.reject_limit import enforce_limit
from pipeline.warehouse.statements import execute_file, fetch_value, identifiers, table_columns

logger = logging.getLogger("pipeline")

SHOWN_KEYS = 3


class EmptyCatalogueError(PipelineError):
    """A collection that held documents is empty; that is more likely a fault than meant."""


def catalogue_tables() -> dict[str, Table]:
    """Return the tables that documents fill, parents first."""
    return {name: table for name, table in tables().items() if name in document_tables()}


def load_catalogue(load: Load, folder: Path, manifest: dict[str, Any], *, allow_empty: bool) -> None:
    """Bring the tables that documents fill to the state of an extraction.

    Rows that are the same are not rewritten. Rows whose document is gone keep their place where their table has a
    column `removed_at`; elsewhere they go.

    Args:
        load: the load in progress.
        folder: the files of the extraction.
        manifest: its manifest.
        allow_empty: accept that a collection which had documents has none any more.

    Raises:
        TooManyRejectsError: too many documents of the extraction were rejected.
        EmptyCatalogueError: a collection has become empty.
        CheckFailedError: an `error` check has findings.
    """
    filled, counts = catalogue_tables(), manifest["collections"]
    stage_documents(load.cursor, folder, counts, filled)
    load.cursor.execute(
        """
        DELETE FROM etl.rejected_rows USING etl.batches
        WHERE batches.batch_id = rejected_rows.batch_id AND batches.task = %s
        """,
        (load.spec.task,),
    )
    rejected = reject_documents(load, folder, counts)
    load.rows_read, load.rows_rejected = sum(counts.values()), sum(rejected.values())
    load.rows_loaded = load.rows_read - load.rows_rejected
    if load.batch_id is not None:
        enforce_limit(load.cursor, "load", None, "MongoDB", load.batch_id, load.rows_read, load.rows_rejected)
    loaded = {collection: count - rejected[collection] for collection, count in counts.items()}
    if not allow_empty:
        _refuse_emptied(load, loaded)
    last = load.previous
    is_changed = last is not None and last.inputs.facts.get("declaration") != load.spec.inputs.facts["declaration"]
    with ExitStack() as stack:
        kept = [table for table in filled.values() if _set_aside_removed(load.cursor, table)]
        # Children first: the references of those that stay as they are must be there when they are compared.
        made_anew = [
            table
            for table in reversed(filled.values())
            if stack.enter_context(brought_along(load.cursor, table, is_changed=is_changed))
        ]
        for table in kept:
            if table in made_anew:
                _put_back_removed(load.cursor, table)
        for table in filled.values():
            execute_file(load.cursor, "documents/upsert.sql", parts=_parts(table))
        # After the others, since a row may have gone over from a parent that leaves to another one.
        for table in reversed(filled.values()):
            _remove(load.cursor, table)
    for name in filled:
        run_checks(load, name, anew=last is None or last.voided)
    documents: dict[str, int] = {}
    for collection, count in loaded.items():
        main = collections()[collection].main
        documents[main] = documents.get(main, 0) + count
    load.details |= {
        "drift": manifest["drift"],
        "extraction": manifest["batch_id"],
        "documents": documents,
        "collections": loaded,
    }
    load.holds = {table.processed: _count(load.cursor, table) for table in filled.values()}
    load.objects = tuple(name for table in filled.values() for name in markers.objects_of(load.cursor, table.processed))


def _remove(cursor: Cursor, table: Table) -> None:
    """Remove or mark the rows that are in no document any more."""
    parts = _parts(table)
    if REMOVED_AT in table.column_names:
        execute_file(cursor, "documents/mark_removed.sql", parts=parts)
        _tell_removed(cursor, table)
        return
    execute_file(cursor, "documents/leaving.sql", parts=parts)
    withdraw_children(cursor, table, "leaving")
    execute_file(cursor, "documents/delete.sql", parts=parts)
    cursor.execute("DROP TABLE leaving")


def _parts(table: Table) -> Mapping[str, sql.Composable]:
    columns, key = columns_of(table), [*table.key]
    return {
        "table": table.processed_sql,
        "staged": sql.Identifier(f"staged_{table.name}"),
        "columns": identifiers(columns),
        "key": identifiers(key),
        **{f"columns_{alias}": identifiers(columns, alias) for alias in ("excluded", "staged", "target")},
        **{f"key_{alias}": identifiers(key, alias) for alias in ("leaving", "staged", "target")},
    }


def _set_aside_removed(cursor: Cursor, table: Table) -> bool:
    """Copy the rows that are marked as removed, as text: no document brings them back if the table is made anew."""
    present = table_columns(cursor, table.processed)
    if REMOVED_AT not in table.column_names or REMOVED_AT not in present:
        return False
    texts = sql.SQL(", ").join(sql.SQL("{0}::text AS {0}").format(sql.Identifier(name)) for name in present)
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {removed} ON COMMIT DROP AS SELECT {texts} FROM {table} WHERE {marked}").format(
            removed=sql.Identifier(f"removed_{table.name}"),
            texts=texts,
            table=table.processed_sql,
            marked=sql.SQL("removed_at IS NOT NULL"),
        )
    )
    return cursor.rowcount > 0


def _put_back_removed(cursor: Cursor, table: Table) -> None:
    """Put rows that were set aside into the table that was made anew, as far as they are what it declares."""
    removed, view = f"removed_{table.name}", f"stg_removed_{table.name}"
    define_staging(cursor, table, view, removed, carried=())
    has_parents = [
        sql.SQL(" AND ({}) IN (SELECT {} FROM processed.{})").format(
            identifiers([*each.columns]), identifiers([*each.parent_columns]), sql.Identifier(each.parent)
        )
        for each in table.references
    ]
    cursor.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {view} WHERE valid{parents} ON CONFLICT DO NOTHING"
        ).format(
            table=table.processed_sql,
            columns=identifiers([*table.column_names]),
            view=sql.Identifier(view),
            parents=sql.SQL("").join(has_parents),
        )
    )
    put_back = cursor.rowcount
    if lost := fetch_value(cursor, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(removed))) - put_back:
        logger.warning(
            "%s rows of %s that were marked as removed are not what it declares now, and are gone",
            f"{lost:,}",
            table.name,
        )


def _refuse_emptied(load: Load, loaded: Mapping[str, int]) -> None:
    """Refuse an extraction in which a collection has no document any more that rows are made of, and had some."""
    if load.previous is None:
        return
    load.cursor.execute(
        """
        SELECT each.key, each.value::bigint
        FROM etl.batches CROSS JOIN jsonb_each_text(details -> 'collections') AS each
        WHERE batch_id = %s
        ORDER BY 1
        """,
        (load.previous.batch_id,),
    )
    emptied = [
        f"{count:,} documents of {collection}"
        for collection, count in load.cursor.fetchall()
        if count and loaded.get(collection) == 0
    ]
    if emptied:
        raise EmptyCatalogueError(
            f"{' and '.join(emptied)} are loaded, but their collection in MongoDB has none any more; if that is"
            " meant, run with --allow-empty"
        )


def _tell_removed(cursor: Cursor, table: Table) -> None:
    """Warn of rows whose document left: MongoDB may have lost it."""
    cursor.execute(
        sql.SQL("SELECT {key} FROM {table} WHERE removed_at = now() ORDER BY 1").format(
            key=sql.Identifier(table.key[0]), table=table.processed_sql
        )
    )
    removed = [key for (key, *_) in cursor.fetchall()]
    if removed:
        more = f" and {len(removed) - SHOWN_KEYS:,} more" if len(removed) > SHOWN_KEYS else ""
        logger.warning(
            "%s rows of %s have no good document in MongoDB any more and are marked as removed: %s%s; if it lost them,"
            " deliver them again",
            f"{len(removed):,}",
            table.name,
            ", ".join(map(shown, removed[:SHOWN_KEYS])),
            more,
        )


def _count(cursor: Cursor, table: Table) -> int:
    return int(fetch_value(cursor, sql.SQL("SELECT count(*) FROM {}").format(table.processed_sql)))

"""Typing the rows of an extraction, and rejecting documents as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.contract.collections import collections, key_column
from pipeline.contract.mapping import CollectionMapping, columns_of, reference_to
from pipeline.contract.table import Table
from pipeline.contract.typing import define_staging
from pipeline.documents.cells import Problem
from pipeline.documents.extended_json import row_json
from pipeline.documents.extraction import CARRIED, PROBLEMS, dumped_documents
from pipeline.documents.storable import id_shown
from pipeline.state.spec import Load
from pipeline.warehouse.rejects import Rejects
from pipeline.warehouse.statements import execute_file, fetch_value, identifiers


def stage_documents(cursor: Cursor, folder: Path, counts: Mapping[str, int], tables: Mapping[str, Table]) -> None:
    """Make a temporary table `staged_<table>` of typed rows for each table, without those of documents to be rejected.

    What is wrong with these is in the temporary table `document_problems`. Of documents with the same key the first
    one keeps it.

    Args:
        cursor: the load's.
        folder: of the extraction.
        counts: its documents by collection, in their order.
        tables: those that documents fill, parents first.
    """
    execute_file(cursor, "documents/problems.sql")
    cursor.execute("CREATE TEMP TABLE document_collections (collection text, first_number bigint) ON COMMIT DROP")
    first = 1
    for collection, count in counts.items():
        if count:
            cursor.execute("INSERT INTO document_collections VALUES (%s, %s)", (collection, first))
        first += count
    _copy(cursor, folder / PROBLEMS, sql.SQL("document_problems (_document, _path, value, reason)"))
    for table in tables.values():
        _type_rows(cursor, folder, table)
    _drop_rejected(cursor, tables)
    for table in tables.values():
        _find_duplicates(cursor, table, tables)


def reject_documents(load: Load, folder: Path, counts: Mapping[str, int]) -> dict[str, int]:
    """Keep the documents with problems in `etl.rejected_rows`; return how many there are of each collection."""
    if load.batch_id is None:
        raise RuntimeError("the audit is missing; CreatePostgresTables comes first")
    load.cursor.execute(
        """
        SELECT _document, array_agg(ARRAY[_path, value, reason] ORDER BY place)
        FROM document_problems GROUP BY _document ORDER BY _document
        """
    )
    problems = {number: [Problem(*each) for each in found] for number, found in load.cursor.fetchall()}
    rejected = dict.fromkeys(counts, 0)
    rejects = Rejects(load.batch_id, "load")
    for (collection, content), found in zip(dumped_documents(folder, counts, problems), problems.values(), strict=True):
        rejected[collection] += 1
        by_path: dict[str, Problem] = {}
        for problem in found:
            path = _field_path(collections()[collection], content, problem.path)
            by_path.setdefault(path, problem._replace(path=path))
        told = [problem.told() for problem in by_path.values()]
        document_id = id_shown(content, key_column(collection).name)
        rejects.add(collection, f"MongoDB {collection}", None, told, row_json(content), document_id)
    rejects.write(load.cursor)
    return rejected


def _field_path(mapping: CollectionMapping, content: Any, path: str) -> str:
    """Return the path of the field that a column was filled from: a number in place of a list gives its count."""
    *steps, column = path.split(".")
    level = ".".join(step for step in steps if not step.isdecimal())
    counted = next((each for each in mapping.lists if each.parent == level and each.count == column), None)
    if counted is None:
        return path
    for step in steps:
        content = content[int(step)] if isinstance(content, list) else content[step]
    is_number_alone = counted.field in content and not isinstance(content[counted.field], list)
    return ".".join([*steps, counted.field]) if is_number_alone else path


def _type_rows(cursor: Cursor, folder: Path, table: Table) -> None:
    incoming, view, staged = f"in_{table.name}", f"stg_{table.name}", f"staged_{table.name}"
    columns = columns_of(table)
    names = {"incoming": sql.Identifier(incoming), "view": sql.Identifier(view), "staged": sql.Identifier(staged)}
    texts = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in columns)
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {incoming} (_document bigint, _path text, {texts}) ON COMMIT DROP").format(
            texts=texts, **names
        )
    )
    read = _copy(cursor, folder / f"{table.name}.csv", names["incoming"])
    define_staging(cursor, table, view, incoming, carried=CARRIED)
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {staged} ON COMMIT DROP AS SELECT {columns} FROM {view} WHERE valid").format(
            columns=identifiers([*columns, *CARRIED]), **names
        )
    )
    if cursor.rowcount != read:
        parts = {**names, "inherited": sql.Literal(_inherited(table))}
        execute_file(cursor, "documents/invalid.sql", parts=parts)
    cursor.execute(sql.SQL("DROP VIEW {view}; DROP TABLE {incoming}").format(**names))


def _inherited(table: Table) -> list[str]:
    """Return the columns of a table that every mapping takes from the enclosing row."""
    found: set[str] = set()
    for mapping in collections().values():
        if table.name in mapping.tables[1:]:
            found.update(reference_to(mapping, table, mapping.main).columns)
        for each in mapping.lists:
            if each.table == table.name:
                found.update(reference_to(mapping, table, mapping.enclosing(each.parent)).columns)
    return sorted(found)


def _find_duplicates(cursor: Cursor, table: Table, tables: Mapping[str, Table]) -> None:
    staged = sql.Identifier(f"staged_{table.name}")
    key = identifiers([*table.key])
    if fetch_value(
        cursor,
        sql.SQL("SELECT EXISTS (SELECT FROM {staged} GROUP BY {key} HAVING count(*) > 1)").format(
            staged=staged, key=key
        ),
    ):
        last = table.key[-1]
        parts = {"staged": staged, "key": key, "last_of_key": sql.Literal(last), "last_value": sql.Identifier(last)}
        execute_file(cursor, "documents/duplicates.sql", parts=parts)
        _drop_rejected(cursor, tables)


def _drop_rejected(cursor: Cursor, tables: Mapping[str, Table]) -> None:
    if fetch_value(cursor, "SELECT EXISTS (SELECT FROM document_problems)"):
        for name in tables:
            cursor.execute(
                sql.SQL("DELETE FROM {staged} WHERE _document IN (SELECT _document FROM document_problems)").format(
                    staged=sql.Identifier(f"staged_{name}")
                )
            )


def _copy(cursor: Cursor, path: Path, into: sql.Composable) -> int:
    with path.open("rb") as file:
        copy = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER, FORCE_NOT_NULL (_path))").format(into)
        cursor.copy_expert(copy.as_string(cursor), file)
    return cursor.rowcount

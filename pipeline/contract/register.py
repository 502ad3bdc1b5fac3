"""The register of declared tables: the files in `sql/processed`, as PostgreSQL understands them.

The files are executed as temporary tables in a transaction that is rolled back, and read from the catalogue. The
result is kept between runs under the digest of the files: a run with nothing to do executes none of them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg2
from psycopg2.errors import InsufficientPrivilege, UndefinedTable
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS
from psycopg2.extensions import cursor as Cursor
from pydantic import TypeAdapter, ValidationError

from pipeline.contract import schema
from pipeline.contract.mapping import document_tables
from pipeline.contract.schema import read_schema
from pipeline.contract.table import LINEAGE, VERDICT, Table
from pipeline.errors import PipelineError
from pipeline.records.text_rules import trim
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.state.fingerprints import digest_bytes, replace_text

# The name of the schema; texts, other quoted names, and comments are passed over.
IN_PROCESSED = re.compile(
    r"""(?:\b(?i:processed)|"processed")\s*\.
    |(\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/)""",
    re.DOTALL | re.VERBOSE,
)

MISSING = re.compile(r'relation "pg_temp\.(.+?)" does not exist')
# What a file may say, but a load cannot keep to: the column or constraint, and why.
CANNOT_BE_LOADED = """
    SELECT relname, format('%%s %%s', conname, pg_get_constraintdef(pg_constraint.oid)),
        'only the PRIMARY KEY tells rows apart; leave it out, a file in sql/checks can look for what comes twice'
    FROM pg_constraint INNER JOIN pg_class ON pg_class.oid = conrelid
    WHERE relnamespace = %(schema)s AND contype IN ('u', 'x')
    UNION ALL
    SELECT pg_class.relname, format('the UNIQUE index %%s', indexes.relname),
        'only the PRIMARY KEY tells rows apart; leave it out, a file in sql/checks can look for what comes twice'
    FROM pg_index
    INNER JOIN pg_class ON pg_class.oid = indrelid
    INNER JOIN pg_class AS indexes ON indexes.oid = indexrelid
    WHERE pg_class.relnamespace = %(schema)s AND indisunique
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
    UNION ALL
    SELECT relname, format('column %%s', attname),
        CASE
            WHEN attname = ANY (%(taken)s)
                THEN 'the name is taken by the pipeline; leave the column out, it stays in raw'
            WHEN typnamespace = %(schema)s
                THEN 'its type is made here; use a type of PostgreSQL, such as text with CHECK (… IN (…))'
            ELSE 'a column holds what the file says, or null; leave DEFAULT, GENERATED or serial out'
        END
    FROM pg_attribute
    INNER JOIN pg_class ON pg_class.oid = attrelid
    INNER JOIN pg_type ON pg_type.oid = atttypid
    WHERE relnamespace = %(schema)s AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
        AND (attname = ANY (%(taken)s) OR typnamespace = %(schema)s OR atthasdef OR attidentity <> '')
    ORDER BY 1, 2
"""


class DeclarationError(PipelineError):
    """A file in `sql/processed` declares no table that can be loaded; the message names it and says why."""


@dataclass(frozen=True)
class Register:
    """The declared tables, parents before children, and the digest of what they were read from."""

    digest: str
    tables: tuple[Table, ...]


@cache
def tables() -> dict[str, Table]:
    """Return every declared table by its name, parents before children; the same throughout the run.

    Raises:
        DeclarationError: see there.
        PostgresError: PostgreSQL cannot be used.
    """
    files = declarations()
    texts = {name: declaration_text(name) for name in files}
    code = b"".join(Path(module).read_bytes() for module in (__file__, schema.__file__))
    digest = digest_bytes(code + json.dumps(texts).encode())
    store = get_settings().logs_path / ".declarations.json"
    kept = TypeAdapter(Register)
    with contextlib.suppress(OSError, ValidationError):
        found = kept.validate_json(store.read_bytes())
        if found.digest == digest:
            return {table.name: table for table in found.tables}
    read = _read_declarations(texts)
    replace_text(store, kept.dump_json(Register(digest, tuple(read.values()))).decode())
    return read


def declarations() -> dict[str, Path]:
    """Return the files that declare a table, by its name."""
    return {path.stem: path for path in sorted((get_settings().sql_path / "processed").glob("*.sql"))}


def declaration_text(name: str) -> str:
    """Return what the file of a table says.

    Raises:
        DeclarationError: it is no text in UTF-8.
    """
    try:
        return declarations()[name].read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"sql/processed/{name}.sql: is no text in UTF-8 ({error.reason})") from error


def csv_tables() -> dict[str, Table]:
    """Return the declared tables that CSV files fill: all that no mapping of documents fills."""
    documents = document_tables()
    return {name: table for name, table in tables().items() if name not in documents}


def children(name: str) -> list[Table]:
    """Return the tables that refer to one, parents before children."""
    return [table for table in tables().values() if any(each.parent == name for each in table.references)]


def live(cursor: Cursor, names: Collection[str]) -> dict[str, Table]:
    """Return tables as they are in `processed` now, declared or not, in the same shape.

    Args:
        cursor: where to look.
        names: those to read; others may be replaced by another load meanwhile.
    """
    return read_schema(cursor, "to_regnamespace('processed')", names)


def _read_declarations(texts: dict[str, str]) -> dict[str, Table]:
    with session() as cursor:
        cursor.execute("BEGIN")
        try:
            order = _execute(cursor, texts)
            found = read_schema(cursor, "pg_my_temp_schema()")
            _refuse_what_cannot_be_loaded(cursor)
        finally:
            cursor.execute("ROLLBACK")
    for name in order:
        if name not in found:
            raise DeclarationError(f"sql/processed/{name}.sql: does not create the table processed.{name}")
        if not found[name].key:
            raise DeclarationError(
                f"sql/processed/{name}.sql: processed.{name} has no PRIMARY KEY, by which its rows are told apart"
            )
        for column in found[name].column_names:
            if column != trim(column).lower():
                raise DeclarationError(
                    f"sql/processed/{name}.sql: column {column}: names are in lower case, as those of files are read"
                )
        for reference in found[name].references:
            if reference.parent == name:
                raise DeclarationError(f"sql/processed/{name}.sql: processed.{name} must not refer to itself")
            if reference.parent in found and reference.parent_columns != found[reference.parent].key:
                raise DeclarationError(
                    f"sql/processed/{name}.sql: a reference to processed.{reference.parent} must be to its primary key"
                )
    if extra := found.keys() - texts.keys():
        raise DeclarationError(
            f"processed.{min(extra)}: declare it in a file of its own, sql/processed/{min(extra)}.sql"
        )
    return {name: found[name] for name in order}


def _execute(cursor: Cursor, texts: dict[str, str]) -> list[str]:
    """Execute declarations as temporary tables, each after its parents; return their names in that order."""
    order: list[str] = []
    waiting = list(texts)
    while waiting:
        failed: dict[str, psycopg2.Error] = {}
        for name in waiting:
            cursor.execute("SAVEPOINT declaration")
            try:
                cursor.execute(IN_PROCESSED.sub(lambda match: match[1] or "pg_temp.", texts[name]))
            except UndefinedTable as error:
                failed[name] = error
                cursor.execute("ROLLBACK TO SAVEPOINT declaration")
                continue
            except InsufficientPrivilege as error:
                raise DeclarationError(
                    f"sql/processed/{name}.sql: makes something that is not in the schema processed; it must begin with"
                    f" CREATE TABLE processed.{name}"
                ) from error
            except psycopg2.Error as error:
                raise _refusal(name, error) from error
            if cursor.connection.info.transaction_status != TRANSACTION_STATUS_INTRANS:
                raise DeclarationError(f"sql/processed/{name}.sql: ends the transaction; leave COMMIT and ROLLBACK out")
            order.append(name)
        if len(failed) == len(waiting):
            missing = {name: MISSING.search(str(error)) for name, error in failed.items()}
            for name, unresolved in failed.items():
                if not (found := missing[name]) or found[1] not in failed:
                    raise _refusal(name, unresolved) from unresolved
            raise DeclarationError(
                f"sql/processed/{waiting[0]}.sql: its references lead in a circle, by way of"
                f" {', '.join(f'processed.{name}' for name in waiting)}; leave one of them out"
            )
        waiting = list(failed)
    return order


def _refuse_what_cannot_be_loaded(cursor: Cursor) -> None:
    cursor.execute("SELECT pg_my_temp_schema()::oid")
    parameters = {"schema": cursor.fetchall()[0][0], "taken": [*LINEAGE, *VERDICT]}
    cursor.execute(CANNOT_BE_LOADED, parameters)
    for table, part, why in cursor.fetchall():
        raise DeclarationError(f"sql/processed/{table}.sql: {part}: {why}")


def _refusal(name: str, error: psycopg2.Error) -> DeclarationError:
    told = [error.diag.message_primary or str(error), *filter(None, [error.diag.message_detail])]
    message = ": ".join(told).replace("pg_temp.", "processed.")
    return DeclarationError(f"sql/processed/{name}.sql: {' '.join(message.split())}")

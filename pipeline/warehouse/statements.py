"""Statements on a connection to PostgreSQL: SQL files, values, lists of columns, locks that shut readers out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg2 import sql
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import cursor as Cursor
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from pipeline.settings import get_settings

logger = logging.getLogger("pipeline")

# Less than deadlock_timeout (one second, which only a superuser may change).
SHORT_LOCK_TIMEOUT_MS = 500


def lock_out_readers(cursor: Cursor, work: Callable[[], None]) -> None:
    """Do work whose statements lock tables or views against readers, without ever standing in a queue for long.

    Who waits for such a lock makes every later reader wait too, and may be part of a deadlock, in which the
    reader loses. So a lock that is not free within half a second is given up, with all that `work` has locked
    by then, and `work` starts afresh a second later.

    Args:
        cursor: in a transaction.
        work: executes the statements; may be called several times.

    Raises:
        psycopg2.errors.LockNotAvailable: readers were in the way for `LOCK_TIMEOUT_SECONDS`.
    """
    limit = get_settings().lock_timeout_seconds
    for attempt in Retrying(
        retry=retry_if_exception_type(LockNotAvailable),
        wait=wait_fixed(1),
        stop=stop_after_delay(limit),
        before_sleep=_announce_readers,
        reraise=True,
    ):
        with attempt:
            cursor.execute("SAVEPOINT before_locks")
            cursor.execute(f"SET LOCAL lock_timeout = '{SHORT_LOCK_TIMEOUT_MS}ms'")
            try:
                work()
            except LockNotAvailable:
                cursor.execute("ROLLBACK TO SAVEPOINT before_locks")
                raise
            cursor.execute(f"SET LOCAL lock_timeout = '{limit}s'")
            cursor.execute("RELEASE SAVEPOINT before_locks")


def _announce_readers(state: RetryCallState) -> None:
    """Say once that readers are waited for."""
    if state.attempt_number == 1:
        logger.warning("waiting for queries to end that read what is about to be replaced")


def execute_file(
    cursor: Cursor,
    file: str,
    parameters: Mapping[str, object] | None = None,
    parts: Mapping[str, sql.Composable] | None = None,
) -> None:
    """Execute a SQL file.

    Args:
        cursor: where to execute it.
        file: path below `sql/`.
        parameters: values of `%(name)s` in the file.
        parts: identifiers and expressions for `{name}` in the file; without any, braces are left alone.
    """
    text = (get_settings().sql_path / file).read_text(encoding="utf-8")
    query: str | sql.Composed = sql.SQL(text).format(**parts) if parts else text
    cursor.execute(query, parameters)


@contextmanager
def by_index(cursor: Cursor, *, wanted: bool = True) -> Iterator[None]:
    """Have statements that join a few rows with a large table find them there by index, whatever the planner expects.

    Args:
        cursor: in a transaction.
        wanted: False leaves the choice to the planner.
    """
    switches = ("enable_hashjoin", "enable_mergejoin")
    if wanted:
        cursor.execute("; ".join(f"SET LOCAL {switch} = off" for switch in switches))
    yield
    if wanted:
        cursor.execute("; ".join(f"SET LOCAL {switch} = on" for switch in switches))


def identifiers(names: Iterable[str], qualifier: str | None = None) -> sql.Composed:
    """Return a list of quoted column names, each qualified if a qualifier is given."""
    quoted = [sql.Identifier(qualifier, name) if qualifier else sql.Identifier(name) for name in names]
    return sql.SQL(", ").join(quoted)


def comment_on_columns(cursor: Cursor, schema: str, relation: str, comments: Mapping[str, str | None]) -> None:
    """Give columns of a table or view their comments, by name."""
    statements = [
        sql.SQL("COMMENT ON COLUMN {} IS {}").format(sql.Identifier(schema, relation, column), sql.Literal(text))
        for column, text in comments.items()
    ]
    cursor.execute(sql.SQL("; ").join(statements))


def fetch_value(cursor: Cursor, query: str | sql.Composable, parameters: object = None) -> Any:
    """Return the one value that a query gives."""
    cursor.execute(query, parameters)  # type: ignore[arg-type]
    rows = cursor.fetchall()
    return rows[0][0]


def table_columns(cursor: Cursor, table: str) -> list[str]:
    """Return the columns of a table in their order; empty if there is no such table.

    Args:
        cursor: where to look.
        table: its name as it is, unquoted; its schema, if given, before the first point.
    """
    cursor.execute(
        """
        SELECT attname FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
        """,
        (sql.Identifier(*table.split(".", 1)).as_string(cursor),),
    )
    return [name for (name,) in cursor.fetchall()]

"""The data dictionary: views and columns of `trusted` as the database describes them, and the example questions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline.report.tables import Column, Table
from pipeline.settings import get_settings

VIEWS = """
SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_class AS c
WHERE c.relnamespace = 'trusted'::regnamespace AND c.relkind IN ('v', 'm')
ORDER BY c.relname
"""
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute AS a
WHERE a.attrelid = format('trusted.%%I', %s::text)::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
COMMENT = re.compile(r"(?P<what>.*?)\s*(?:Grain: (?P<grain>.*?))?\s*(?:Example: (?P<example>.*))?", re.DOTALL)


@dataclass(frozen=True)
class View:
    """A view of `trusted`: what it holds, what a row is, a query that works as typed, and its columns."""

    name: str
    what: str
    grain: str
    example: str
    rows: int
    columns: Table


@dataclass(frozen=True)
class Question:
    """A question of the business, the SQL that answers it, and how to read the answer."""

    name: str
    question: str
    read: str
    sql: str
    views: tuple[str, ...]


def read_dictionary(cursor: Cursor) -> list[View]:
    """Ask the database for what it says about the views that analysts can read."""
    cursor.execute(VIEWS)
    views = []
    for name, comment in cursor.fetchall():
        parts = COMMENT.fullmatch(comment)
        told = {key: value or "" for key, value in parts.groupdict().items()} if parts else {"what": comment}
        cursor.execute(COLUMNS, (name,))
        columns = tuple(Column(each, numeric=False) for each in ("column", "type", "description"))
        rows = cursor.fetchall()
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("trusted", name)))
        [(count,)] = cursor.fetchall()
        grain = told.get("grain", "")
        views.append(
            View(
                name=name,
                what=told["what"],
                grain=grain[:1].upper() + grain[1:],
                example=told.get("example", ""),
                rows=count,
                columns=Table(f"columns-{name}", columns, rows, len(rows)),
            )
        )
    return views


def read_questions() -> list[Question]:
    """Read the example questions of `sql/examples`."""
    return [_question(path) for path in sorted((get_settings().sql_path / "examples").glob("*.sql"))]


def _question(path: Path) -> Question:
    text = path.read_text(encoding="utf-8").strip()
    comments = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        comments.append(line.removeprefix("--").strip())
    question, _, read = " ".join(comments).partition(" Read: ")
    views = tuple(sorted(set(re.findall(r"\btrusted\.(\w+)", text))))
    return Question(path.stem, question, read[:1].upper() + read[1:], text, views)

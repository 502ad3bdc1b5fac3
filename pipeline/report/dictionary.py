"""The data dictionary and the example queries: what the database says of its views, and `sql/examples`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.warehouse import View

COMMENT = re.compile(r"(?P<description>.*?)(?: Grain: (?P<grain>.*?))?(?: Example: (?P<example>.*))?", re.DOTALL)
QUESTION = re.compile(r"-- question: (?P<question>.+)\n-- shows: (?P<shows>.+)\n(?P<query>.+)", re.DOTALL)
CLAUSES = re.compile(r" (?=(?:FROM|WHERE|GROUP BY|ORDER BY|LIMIT|UNION|INNER JOIN|LEFT JOIN) )")


@dataclass(frozen=True)
class Entry:
    """A view as the dictionary shows it; `example` is a query that works as it stands."""

    name: str
    rows: int
    description: str
    grain: str
    example: str
    columns: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Question:
    """A question of the business, what its answer shows, and the query; `file` is its name in `sql/examples`."""

    file: str
    question: str
    shows: str
    query: str


def entry(view: View) -> Entry:
    """Read a view's description, grain and example from its comment; without an example, its first rows are one."""
    found = COMMENT.fullmatch(view.comment)
    parts = found.groupdict("") if found else {"description": view.comment, "grain": "", "example": ""}
    example = parts["example"] or f"TABLE trusted.{view.name} LIMIT 10"
    grain = parts["grain"][:1].upper() + parts["grain"][1:]
    columns = [(name, kind, comment or "") for name, kind, comment in view.columns]
    return Entry(view.name, view.rows, parts["description"], grain, CLAUSES.sub("\n", example) + ";", columns)


def questions(folder: Path) -> list[Question]:
    """Return the queries of `sql/examples` in the order of their names.

    Raises:
        ValueError: a file does not begin with its question and with what it shows.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = QUESTION.fullmatch(path.read_text(encoding="utf-8"))
        if match is None:
            raise ValueError(f"{path}: the first two lines must be '-- question: …' and '-- shows: …'")
        found.append(Question(path.name, match["question"], match["shows"], match["query"].strip()))
    return found

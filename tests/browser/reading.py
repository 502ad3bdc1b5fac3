"""Reading a page without a browser: its tables, and the figures at its head."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

Rows = list[tuple[str, ...]]


class Reader(HTMLParser):
    """Tables by name: their headings, and the exact values of their cells; figures by name; texts of drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, Rows] = {}
        self.figures: dict[str, list[str]] = {}
        self.drawn: dict[str, list[str]] = {}
        self._table = self._figure = self._article = ""
        self._exact: str | None = None
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        if tag == "table":
            self._table = given["data-name"]
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append(())
        elif tag == "article":
            self._article = given["id"]
        elif tag == "li" and "data-figure" in given:
            self._figure = given["data-figure"]
            self.figures[self._figure] = []
        if tag in {"td", "th", "text"} or given.get("class", "").split(" ")[0] in {"value", "change", "total"}:
            self._text, self._exact = [], given.get("data-value")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._text is None or tag not in {"td", "th", "text", "p", "span"}:
            return
        text = "".join(self._text).strip()
        value = text if self._exact is None else self._exact
        self._text = None
        if tag in {"td", "th"}:
            self.tables[self._table][-1] += (value,)
        elif tag == "text":
            self.drawn.setdefault(self._article, []).append(text)
        else:
            self.figures[self._figure].append(value)


def read(path: Path) -> Reader:
    """Read a page."""
    reader = Reader()
    reader.feed(path.read_text())
    return reader

"""Reading the analysts' page: its tables and figures, as a program that downloads them would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class PageTable:
    """A table of the page: names of its columns, and its rows as they are downloaded, None for nothing."""

    columns: list[str] = field(default_factory=list)
    rows: list[tuple[str | None, ...]] = field(default_factory=list)

    def column(self, name: str) -> list[str | None]:
        """Return the values of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


class Page(HTMLParser):
    """The page's data tables by name, its texts by what marks them, and the texts drawn in each panel."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tables: dict[str, PageTable] = {}
        self.figures: dict[str, list[str]] = {}
        self.drawn: dict[str, list[str]] = {}
        self._table: PageTable | None = None
        self._cells: list[str | None] = []
        self._value: str | None = None
        self._text: list[str] = []
        self._figure: str | None = None
        self._panel = ""
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table" and given.get("data-name"):
            self._table = self.tables.setdefault(str(given["data-name"]), PageTable())
        elif tag == "th" and self._table is not None:
            self._table.columns.append(str(given["data-column"]))
        elif tag == "td":
            self._value = given.get("data-v")
            self._text = []
        elif tag in ("article", "section"):
            self._panel = str(given.get("id")).removeprefix("plot-")
        elif tag in ("dd", "text", "summary"):
            self._text = []
        for mark in ("data-figure", "data-total", "data-quality"):
            if given.get(mark):
                self._figure = f"{mark.removeprefix('data-')} {given[mark]}"

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._text).strip()
        if tag == "td" and self._table is not None:
            self._cells.append((text if self._value is None else self._value) or None)
        elif tag == "tr" and self._table is not None and self._cells:
            self._table.rows.append(tuple(self._cells))
            self._cells = []
        elif tag == "table":
            self._table = None
        elif tag == "dd" and self._figure:
            self.figures.setdefault(self._figure, []).append(text)
        elif tag == "div":
            self._figure = None
        elif tag == "text":
            self.drawn.setdefault(self._panel, []).append(text)

    def rows_of_views(self) -> dict[str, int]:
        """Return the number of rows that the dictionary gives for each view."""
        found = re.findall(r"<summary><code>trusted\.(\w+)</code> <span[^>]*>([\d,]+) row", self.text)
        return {name: int(count.replace(",", "")) for name, count in found}

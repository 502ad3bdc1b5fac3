"""Parts of the analysts' page that need no database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from pipeline.report.dictionary import entry
from pipeline.report.figures.bars import Measure, bars
from pipeline.report.figures.graph import Node, layers
from pipeline.report.figures.style import compact, rounded, shortened
from pipeline.report.index import write_index
from pipeline.report.tables import Cell, cell
from pipeline.report.warehouse import View


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, Cell("–", "", is_null=True)),
        (1234567, Cell("1,234,567", "1234567", is_number=True)),
        (12, Cell("12", is_number=True)),
        (Decimal("1234.50"), Cell("1,234.50", "1234.50", is_number=True)),
        (True, Cell("yes", "true")),
        (date(2024, 5, 1), Cell("2024-05-01", is_time=True)),
        (
            datetime(2024, 5, 1, 10, 30, 5, tzinfo=UTC),
            Cell("2024-05-01 10:30", "2024-05-01T10:30:05+00:00", is_time=True),
        ),
        ("<b>", Cell("<b>")),
    ],
)
def test_values_are_shown_for_people_and_downloaded_for_programs(value: object, shown: Cell) -> None:
    assert cell(value) == shown


def test_labels_are_cut_by_the_room_they_take() -> None:
    assert shortened("a title", 7) == "a title"
    assert shortened("another title", 7) == "anothe…"
    assert shortened("W" * 300, 10) == "WWWWW…"
    assert shortened("日本語日本語", 6) == "日本…"
    assert shortened("two\nlines ", 20) == "two lines"
    assert shortened(None, 5) == "not known"


def test_numbers_in_drawings_are_rounded_half_up() -> None:
    assert [rounded(value, 1) for value in ("78.25", Decimal("78.35"), 1234)] == ["78.3", "78.4", "1,234.0"]
    assert [compact(value) for value in (0.5, 950, 1500, 20_000, 3_200_000)] == ["0.5", "950", "1.5k", "20k", "3.2M"]


def test_bars_of_nothing_but_nulls_and_zeros_are_drawn() -> None:
    data = pd.DataFrame({"name": ["none", "zero"], "mean": [None, Decimal(0)]}, dtype=object)
    svg = bars("bars", data, "name", [Measure("mean", "hours")])
    assert ">none</text>" in svg
    assert ">0.00</text>" in svg


def test_a_graph_is_layered_from_the_sources_to_the_ends() -> None:
    nodes = {
        "file": Node("file", "", is_source=True),
        "raw": Node("raw", ""),
        "table": Node("table", ""),
        "audit": Node("audit", ""),
        "view": Node("view", "", is_end=True),
        "history": Node("history", "", is_end=True),
    }
    edges = [("file", "raw"), ("raw", "table"), ("table", "view"), ("audit", "history")]
    assert [set(layer) for layer in layers(nodes, edges)] == [
        {"file"},
        {"raw"},
        {"table", "audit"},
        {"view", "history"},
    ]


def test_a_comment_tells_description_grain_and_example() -> None:
    view = View("days", "Viewing by day. Grain: one row for each day. Example: SELECT 1 FROM trusted.days", [], 3)
    described = entry(view)
    assert (described.description, described.grain) == ("Viewing by day.", "One row for each day.")
    assert described.example == "SELECT 1\nFROM trusted.days;"
    assert entry(View("days", "Viewing by day.", [], 3)).example == "TABLE trusted.days\nLIMIT 10;"


def test_the_list_of_days_names_those_that_have_a_page(tmp_path: Path) -> None:
    for day in ("2024-05-01", "2024-05-02", "2024-05-03", "not-a-day"):
        (tmp_path / day).mkdir()
        if day != "2024-05-03":
            (tmp_path / day / "index.html").touch()
    write_index(tmp_path)
    listed = (tmp_path / "index.html").read_text()
    assert listed.index("2024-05-02/index.html") < listed.index("2024-05-01/index.html")
    assert "2024-05-03" not in listed
    assert "not-a-day" not in listed
    assert [path.name for path in tmp_path.glob(".*")] == []

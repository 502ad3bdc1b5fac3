"""Mappings of collections: what a file may say, and what is said of one that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.contract.mapping import MappingError, checked, document_tables, mappings
from pipeline.contract.table import Column, Reference, Table
from pipeline.settings import get_settings

EVENTS = Table("events", (Column("event_id", "text", True), Column("name", "text", False)), ("event_id",))
ACTS = Table(
    "acts",
    (Column("event_id", "text", True), Column("act_number", "integer", True), Column("artist", "text", False)),
    ("event_id", "act_number"),
    (Reference("acts_fkey", ("event_id",), "events", ("event_id",)),),
)
LONELY = Table("lonely", (Column("id", "text", True),), ("id",))
PAIRS = replace(
    ACTS, name="pairs", references=(*ACTS.references, Reference("pairs_fkey", ("artist",), "lonely", ("id",)))
)
TABLES = {table.name: table for table in (EVENTS, ACTS, LONELY, PAIRS)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))
    get_settings.cache_clear()
    mappings.cache_clear()
    (tmp_path / "sql" / "collections").mkdir(parents=True)
    yield tmp_path / "sql" / "collections"
    monkeypatch.undo()
    get_settings.cache_clear()
    mappings.cache_clear()


def test_mappings_of_the_catalogue() -> None:
    assert list(mappings()) == ["movies", "series"]
    assert mappings()["series"].all_tables == ("content", "series_details", "genres", "seasons", "episodes")
    assert document_tables() == {"content", "movie_details", "series_details", "genres", "seasons", "episodes"}


def test_a_mapping_of_a_few_lines(folder: Path) -> None:
    (folder / "live.toml").write_text('tables = ["events"]\n[lists.acts]\ntable = "acts"\n')
    live = checked(mappings()["live"], TABLES)
    assert (live.main, live.all_tables, dict(live.values)) == ("events", ("events", "acts"), {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tables = [", "not TOML: "),
        ("tables = []", "'tables' must name at least one table"),
        ('tables = "events"', "'tables' is not expected here; a mapping has tables, values, lists"),
        ('tables = ["events"]\nkey = "id"', "'key' is not expected here; a mapping has tables, values, lists"),
        (
            'tables = ["events"]\n[lists.acts]\ntabel = "acts"',
            "lists.acts must name its table; else it may have column",
        ),
        ('tables = ["event"]', "unknown table 'event'; declare it in sql/processed/event.sql"),
        ('tables = ["acts"]', "the key of acts must be one column, which is the key of a document"),
        ('tables = ["events"]\nvalues = { kind = "a" }', "values.kind: no such column in events"),
        ('tables = ["events"]\n[lists.acts]\ntable = "lonely"', "the table lonely has no foreign key to events"),
        ('tables = ["events"]\n[lists.a]\ntable = "acts"\ncolumn = "b"', "lists.a.column: acts has no column 'b'"),
        ('tables = ["events"]\n[lists.a]\ntable = "acts"\ncount = "b"', "lists.a.count: no column 'b' in events"),
        ('tables = ["events"]\n[lists."a.b"]\ntable = "acts"', "lists.a.b: 'a' is no list of documents"),
        ('tables = ["events", "lonely"]', "the table lonely has no foreign key to events"),
        ('tables = ["events"]\n[lists.a]\ntable = "pairs"', "pairs must not refer to lonely, which documents of the"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_named(folder: Path, text: str, told: str) -> None:
    (folder / "live.toml").write_text(text)
    with pytest.raises(MappingError) as caught:
        checked(mappings()["live"], TABLES)
    assert str(caught.value).startswith(f"sql/collections/live.toml: {told}")

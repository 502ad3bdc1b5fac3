"""Names of files in the raw folder: which are input, and of which kind."""

from __future__ import annotations

import pytest

from pipeline.sources.names import is_csv, is_source


@pytest.mark.parametrize(
    "name",
    ["users.csv", "users/2024.CSV.gz", "users.tsv", "users.csv.bz2", "viewing_sessions-1.TSV.XZ", "a b.csv", "-rf.csv"],
)
def test_csv_files(name: str) -> None:
    assert is_source(name)
    assert is_csv(name)


@pytest.mark.parametrize("name", ["content.json", "content.jsonl", "movies.ndjson.bz2", "content.json.gz", "c.JSON.xz"])
def test_json_files(name: str) -> None:
    assert is_source(name)
    assert not is_csv(name)


@pytest.mark.parametrize(
    "name",
    [
        ".users.csv",
        ".partial/users.csv",
        "users.csv.tmp",
        "users.xlsx",
        "users.csv.zip",
        "users.csv.gz.xz",
        "users.csv.zst",
        "users.txt",
        "movies.bson",
        "readme",
    ],
)
def test_other_names_are_no_input(name: str) -> None:
    assert not is_source(name)

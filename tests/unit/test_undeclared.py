"""Hints for CSV files of no declared table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.records.files import table_of
from pipeline.tasks.undeclared import undeclared_line

FOLDER = Path("/raw files")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (
            "users (1).csv",
            "files of raw.users are named users-….csv: mv '/raw files/users (1).csv' '/raw files/users-1.csv'",
        ),
        ("users_2024.csv", "users-….csv: mv '/raw files/users_2024.csv' '/raw files/users-2024.csv'"),
        ("users_2024.csv", "if it is no typing error: python -m pipeline declare users_2024.csv"),
        ("Users 2024.CSV.gz", "mv '/raw files/Users 2024.CSV.gz' '/raw files/users-2024.CSV.gz'"),
        ("user.csv", "users-….csv: mv '/raw files/user.csv' '/raw files/users-1.csv'"),
        ("viewing_sessions2.csv", "viewing_sessions-….csv: mv "),
        ("usersets.csv", "is declared; if it is no typing error: python -m pipeline declare usersets.csv"),
        ("ratings-it's new.csv", """python -m pipeline declare 'ratings-it'"'"'s new.csv'"""),
        ("Top List (2).csv", "such as mv '/raw files/Top List (2).csv' '/raw files/top_list_2.csv'"),
        ("users 2024/a.csv", "files of raw.users are in a folder users/, or named users-….csv"),
        ("日本/a.csv", "its name must begin with that of a table: lower-case letters, digits and underscores"),
    ],
)
def test_what_to_do_with_a_file(path: str, hint: str) -> None:
    assert hint in undeclared_line(table_of(path), [path], ["users", "viewing_sessions"], FOLDER)


def test_many_files_of_a_table_are_one_line() -> None:
    line = undeclared_line("ratings", ["ratings-1.csv", "ratings-2.csv", "ratings-3.csv"], ["users"], FOLDER)
    assert line.startswith("ratings-1.csv and 2 more: in raw.ratings as text only, for no table ratings is declared; ")

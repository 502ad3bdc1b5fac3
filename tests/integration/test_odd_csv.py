"""CSV files as programs of other people write them: encodings, packings, delimiters, and what is no CSV at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from typing import Any

from tests.project import Project
from tests.small_input import ANN, USER_COLUMNS, write_users

REFUSED = 30
MOST_LOGGED = 300_000  # characters, for a few dozen files


def outcome(project: Project) -> dict[str, tuple[Any, ...]]:
    rows = project.rows(
        "SELECT source, rows_read, rows_loaded, rows_rejected, details -> 'blank_rows', details ->> 'delimiter'"
        " FROM etl.batches WHERE target_table = 'raw.users' AND status = 'loaded'"
    )
    return {source: tuple(counts) for source, *counts in rows}


def written(*ids: str, separator: str = ",") -> str:
    lines = [USER_COLUMNS, *(f"{each},30,Perú,Basic,2023-01-01,1.5" for each in ids)]
    return "".join(f"{line}\n" for line in lines).replace(",", separator)


def test_files_as_other_programs_write_them(project: Project) -> None:
    project.write("users-bom.csv", f"\ufeff\ufeff{written('bom')}")
    project.write("users-le.csv", f"\ufeff\ufeff{written('le', 'le2')}".encode("utf-16-le"))
    project.write("users-be.csv", f"\ufeff{written('be')}".encode("utf-16-be"))
    (project.raw / "users-plain.csv.gz").write_bytes(written("plain").encode())
    project.write("users-gzip.csv", gzip.compress(written("gzip").encode()))
    project.write("users-bzip2.csv.bz2", bz2.compress(written("bzip2").encode()))
    project.write("users-xz.csv", lzma.compress(written("xz").encode()))
    project.write("users-semicolon.csv", written("semicolon", separator=";").replace("1.5", "1,5", 1))
    project.write("users-told.csv", "sep=;\r\n" + written("told", separator=";"))
    project.write("users-tab.tsv", written("tab", separator="\t"))
    project.write("users-bar.csv", written("bar", separator="|"))
    blank_rows = [",,,,,", ' , ,"",,,', "\u00a0,,,,,\ufeff", "   ", ",,"]
    project.write_rows("users-blank.csv", ["", ",,,,,", *written("blank").splitlines(), *blank_rows * 4, ""])
    quoted = ['spaced, 30, "Perú" ,Basic,,', r'slash,1,"55\" TV",,,', r"slash2,1,55\" TV,,,", 'inch,1,55" TV,,,']
    write_users(project, *quoted, '"closed"x,1,,,,', name="users-quoted.csv")
    project.write("users-tail.csv", written("tail").encode() + bytes(70_000_000))
    run = project.task("LoadUsers")
    assert run.code == 0, run.output
    assert outcome(project) == {
        "users-bom.csv": (1, 1, 0, None, None),
        "users-le.csv": (2, 2, 0, None, None),
        "users-be.csv": (1, 1, 0, None, None),
        "users-plain.csv.gz": (1, 1, 0, None, None),
        "users-gzip.csv": (1, 1, 0, None, None),
        "users-bzip2.csv.bz2": (1, 1, 0, None, None),
        "users-xz.csv": (1, 1, 0, None, None),
        "users-semicolon.csv": (1, 1, 0, None, ";"),
        "users-told.csv": (1, 1, 0, None, ";"),
        "users-tab.tsv": (1, 1, 0, None, "\t"),
        "users-bar.csv": (1, 1, 0, None, "|"),
        "users-blank.csv": (1, 1, 0, 20, None),
        "users-quoted.csv": (5, 2, 3, None, None),
        "users-tail.csv": (2, 1, 1, None, None),
    }
    assert "users-blank.csv: 1 read, 1 loaded, 20 without any value passed over" in run.log
    assert "users-tab.tsv: its columns are separated by tabs" in run.log
    assert project.rows(
        "SELECT country, string_agg(user_id, ' ' ORDER BY user_id) FROM processed.users GROUP BY 1"
    ) == [
        ('55" TV', "inch"),
        ("Perú", "bar be blank bom bzip2 gzip le le2 plain spaced tab tail told xz"),
    ]
    assert project.rows("SELECT source, record, value, reason FROM etl.rejected_rows ORDER BY 1, 2") == [
        ("users-quoted.csv", 2, None, "text after a closing quote: a quote within quotes is written twice"),
        ("users-quoted.csv", 3, None, "a backslash before a quote: a quote is written twice, within quotes"),
        ("users-quoted.csv", 5, None, "text after a closing quote: a quote within quotes is written twice"),
        ("users-semicolon.csv", 1, "1,5", "not a number"),
        ("users-tail.csv", 2, None, "a NUL byte at byte 1 of the record"),
    ]
    assert project.value("SELECT max(length(row ->> '_reject_line')) FROM etl.rejected_rows") < 11_000
    assert len(run.output + run.log) < MOST_LOGGED


def test_files_that_are_none_are_refused_and_named(project: Project) -> None:
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    many = [[f"{name}_{number}" for number in range(900)] for name in "ab"]
    files: dict[str, tuple[str | bytes, str]] = {
        "workbook": (workbook.getvalue(), "it is an Excel workbook, not text; save it as CSV (UTF-8)"),
        "page": ("<!DOCTYPE html>\n<html>", "it is a web page"),
        "zero": (bytes(5_000_000), "it begins with NUL bytes only"),
        "utf16": (written("x").encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        "title": (f"Users of 2024\n\n{written('x')}", "the 2 lines above the header must be removed: 'Users of 2024'"),
        "comma": (written("x").replace("\n", ",\n"), "the header ends with ','"),
        "bare": (f"{ANN}\n", "The first line looks like a record ('30'): is the header missing?"),
        "unseen": (written("x").replace("_id", "\u200b_id"), "the file has:      user\\u200b_id, age, country"),
        "wide": (
            f"{USER_COLUMNS},{','.join(many[0])}\n{ANN},{','.join(['1' * 20] * 900)}\n",
            "PostgreSQL cannot take it: row is too big",
        ),
    }
    for name, (content, _) in files.items():
        project.write(f"users-{name}.csv", content)
    project.write_rows("users-trailing.csv", [USER_COLUMNS, *(f"U{n},30,Peru,Basic,,," for n in range(100))])
    write_users(project, ANN, name="users.csv")
    run = project.task("LoadCsvsToPostgres")
    assert run.code == REFUSED
    assert "Traceback" not in run.output
    errors = dict(project.rows("SELECT source, error FROM etl.batches WHERE status = 'failed'"))
    trailing = errors.pop("users-trailing.csv")
    assert "too many columns: 7 instead of 6, the line ends with ',' (100)" in trailing
    for name, (_, told) in files.items():
        error = errors.pop(f"users-{name}.csv")
        assert f"users-{name}.csv: " in error
        assert told in error
        assert len(error) < 1_000
    assert errors == {}
    assert project.rows("SELECT user_id FROM raw.users") == [("U1",)]
    assert len(run.output + run.log) < MOST_LOGGED


def test_more_columns_than_a_table_can_have(project: Project) -> None:
    for name in "ab":
        new = ",".join(f"{name}_{number}" for number in range(900))
        project.write(f"users-{name}.csv", f"{USER_COLUMNS},{new}\n{ANN}{',' * 900}\n")
    run = project.task("LoadCsvsToPostgres")
    assert run.code == REFUSED
    assert "PostgreSQL cannot take it: tables can have at most 1600 columns" in run.output
    assert "Traceback" not in run.output
    assert project.rows("SELECT user_id FROM raw.users") == [("U1",)]

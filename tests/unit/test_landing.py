"""A CSV file becomes typed Parquet, with the rejected records in it, and an account of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.declared import column_names, declared
from pipeline.contract.table import Check, Column, Table
from pipeline.records import limits
from pipeline.state.fingerprints import digest_bytes

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet

from pipeline.records import landing
from pipeline.records.landing import Outcome, Spec, land

VISITS = Table(
    "visits",
    (
        Column("id", "text", required=True),
        Column("day", "date", required=True),
        Column("until", "date", required=False),
        Column("minutes", "smallint", required=False),
        Column("guests", "integer", required=False),
        Column("steps", "bigint", required=False),
        Column("price", "numeric(6,2)", required=False),
        Column("paid", "boolean", required=False),
        Column("weight", "double precision", required=False),
        Column("plan", "text", required=False),
        Column("note", "character varying(40)", required=False),
    ),
    ("id",),
    checks=(
        Check("minutes_check", ("minutes",), "(minutes >= 0)"),
        Check("plan_check", ("plan",), "(plan = ANY (ARRAY['a'::text, 'b'::text]))"),
    ),
)
HEADER = "id,day,until,minutes,guests,steps,price,paid,weight,plan,note"
ROW = "V1,2024-05-01,2024-05-02,10,2,9000000000,12.345,yes,1.5,a,fine"
VALUES = {
    "id": "V1",
    "day": date(2024, 5, 1),
    "until": date(2024, 5, 2),
    "minutes": 10,
    "guests": 2,
    "steps": 9_000_000_000,
    "price": Decimal("12.35"),
    "paid": True,
    "weight": 1.5,
    "plan": "a",
    "note": "fine",
}


@dataclass
class Folder:
    """A raw folder, and one for what is landed."""

    raw: Path
    landed: Path

    def land(self, content: str | bytes, name: str = "visits.csv", **facts: Any) -> Outcome:
        """Write a file and land it."""
        stored = content.encode() if isinstance(content, str) else content
        (self.raw / name).write_bytes(stored)
        spec: Spec = {
            "folder": str(self.raw),
            "path": name,
            "digest": digest_bytes(stored),
            "declared": declared(VISITS),
            "max_reject_ratio": 0.05,
            "max_file_bytes": 10**9,
            "is_correction": False,
            "target": str(self.landed / "visits/f"),
        }
        outcome = land({**spec, **facts})  # type: ignore[typeddict-item]
        if outcome["error"] is None:
            assert self.account(outcome) == outcome
        return outcome

    def table(self, outcome: Outcome) -> pa.Table:
        """Return the Parquet of a file."""
        return pyarrow.parquet.read_table(self.landed / "visits" / str(outcome["parquet"]))

    def rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        """Return the landed records in their order, without what is null."""
        found = sorted(self.table(outcome).to_pylist(), key=lambda row: row["_row"])
        return [{name: value for name, value in row.items() if value is not None} for row in found]

    def rejected(self, outcome: Outcome) -> dict[int, tuple[str, list[Mapping[str, Any]], dict[str, Any]]]:
        """Return the rejected records by number: stage, problems, row without nulls."""
        found = {}
        for row in self.rows(outcome):
            if "rejected" in row:
                assert row.keys() == {"_row", "rejected"}
                told = json.loads(row["rejected"])
                values = {name: value for name, value in told["row"].items() if value is not None}
                found[row["_row"]] = (told["stage"], told["problems"], values)
        return found

    def account(self, outcome: Outcome) -> Any:
        """Return the account that is kept beside the Parquet."""
        return json.loads((self.landed / "visits" / str(outcome["parquet"])).with_suffix(".json").read_text())

    @property
    def files(self) -> list[str]:
        """What there is, of whatever name."""
        return sorted(path.suffix for path in self.landed.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    raw, landed = tmp_path / "raw", tmp_path / "landed"
    raw.mkdir()
    return Folder(raw, landed)


def problem(column: str, value: str | None, reason: str) -> dict[str, str | None]:
    return {"column": column, "value": value, "reason": reason}


def no_row(reason: str, line: str, **row: str) -> tuple[str, list[Mapping[str, Any]], dict[str, Any]]:
    return "land", [{"column": None, "value": None, "reason": reason}], {**row, "_reject_line": line}


def test_a_file_becomes_typed_columns(folder: Folder) -> None:
    outcome = folder.land(f"{HEADER}\n{ROW}\nx\nV2 , 2024-06-30,,,,,,,,,\n,,,,,,,,,,\n")
    assert {**outcome, "parquet": None, "bytes": None} == {
        "path": "visits.csv",
        "digest": digest_bytes((folder.raw / "visits.csv").read_bytes()),
        "parquet": None,
        "bytes": None,
        "records": 3,
        "rows": 2,
        "land_rejected": 1,
        "load_rejected": 0,
        "blank_rows": 1,
        "delimiter": ",",
        "columns": HEADER.split(","),
        "is_reject_file": False,
        "corrects": None,
        "is_given_up": False,
        "examples": dict(zip(HEADER.split(","), ROW.split(","), strict=True)),
        "months": {"2024-05": 1, "2024-06": 1},
        "error": None,
    }
    assert folder.rows(outcome) == [
        {**VALUES, "_row": 1},
        {"_row": 2, "rejected": folder.rows(outcome)[1]["rejected"]},
        {"id": "V2", "day": date(2024, 6, 30), "_row": 3},
    ]
    assert folder.table(outcome).schema == pa.schema(
        {
            "id": pa.string(),
            "day": pa.date32(),
            "until": pa.date32(),
            "minutes": pa.int16(),
            "guests": pa.int32(),
            "steps": pa.int64(),
            "price": pa.decimal128(6, 2),
            "paid": pa.bool_(),
            "weight": pa.float64(),
            "plan": pa.string(),
            "note": pa.string(),
            "_row": pa.int64(),
            "rejected": pa.string(),
            "others": pa.map_(pa.string(), pa.string()),
        }
    )
    assert folder.files == [".json", ".parquet"]
    assert str(outcome["parquet"]).startswith("f-")
    assert outcome["bytes"] == (folder.landed / "visits" / str(outcome["parquet"])).stat().st_size


def test_a_file_that_is_landed_again_gets_another_name(folder: Folder) -> None:
    assert folder.land(f"{HEADER}\n{ROW}\n")["parquet"] != folder.land(f"{HEADER}\n{ROW}\n")["parquet"]
    assert folder.files == [".json", ".json", ".parquet", ".parquet"]


def test_bad_records_are_rejected_with_all_reasons(folder: Folder) -> None:
    lines = [
        ROW,
        "V2,2024-05-01,x",
        f"{ROW.replace('fine', 'line 1')}".replace("line 1", '"line 1\nline ""2"""'),
        ",2024-02-30,2024-05-01 10:00,-1,1.5,1e3,10000,maybe,1e999,c," + "x" * 41,
        "V5,,,32768,2147483648,9223372036854775808,-10000,,,,",
        "k" * 513 + ",2024-05-01,,,,,,,,,",
        f"{ROW},more",
    ]
    outcome = folder.land("\n".join([HEADER, *lines, "V9,\xe9"]).encode("latin-1"), max_reject_ratio=1.0)
    assert folder.rejected(outcome) == {
        2: no_row("too few columns: 3 instead of 11", lines[1], id="V2", day="2024-05-01", until="x"),
        4: (
            "load",
            [
                problem("id", None, "id is missing"),
                problem("day", "2024-02-30", "no such day"),
                problem("until", "2024-05-01 10:00", "a time where a date belongs"),
                problem("minutes", "-1", "out of range: 0 to 32767"),
                problem("guests", "1.5", "not a whole number"),
                problem("steps", "1e3", "not a number"),
                problem("price", "10000", "out of range: -9999.99 to 9999.99"),
                problem("paid", "maybe", "neither true nor false"),
                problem("weight", "1e999", "out of range"),
                problem("note", "x" * 41, "longer than 40 characters"),
                problem("plan", "c", "not one of: a, b"),
            ],
            dict(list(zip(HEADER.split(","), lines[3].split(","), strict=True))[1:]),
        ),
        5: (
            "load",
            [
                problem("day", None, "day is missing"),
                problem("minutes", "32768", "out of range: 0 to 32767"),
                problem("guests", "2147483648", "out of range: -2147483648 to 2147483647"),
                problem("steps", "9223372036854775808", "out of range: -9223372036854775808 to 9223372036854775807"),
                problem("price", "-10000", "out of range: -9999.99 to 9999.99"),
            ],
            {"id": "V5", "minutes": "32768", "guests": "2147483648", "steps": "9223372036854775808", "price": "-10000"},
        ),
        6: (
            "load",
            [problem("id", "k" * 513, "longer than 512 bytes")],
            {"id": "k" * 513, "day": "2024-05-01"},
        ),
        7: no_row(
            "too many columns: 12 instead of 11",
            lines[6],
            **dict(zip(HEADER.split(","), ROW.split(","), strict=True)),
        ),
        8: no_row("not UTF-8: byte 4 of the record is 0xe9", "V9,\\xe9", id="V9", day="\\xe9"),
    }
    good = [row for row in folder.rows(outcome) if "rejected" not in row]
    assert good == [{**VALUES, "_row": 1}, {**VALUES, "note": 'line 1\nline "2"', "_row": 3}]
    counts = ("records", "rows", "land_rejected", "load_rejected")
    assert [outcome[count] for count in counts] == [8, 5, 3, 3]  # type: ignore[literal-required]
    assert outcome["months"] == {"2024-05": 2}


def test_a_long_record_is_kept_as_postgresql_keeps_it(folder: Folder) -> None:
    long = "é" * 600_000
    outcome = folder.land(f"id,day,plan,other\nV1,2024-05-01,{long},x\nV2,2024-05-01,{'x' * 20_000},x\n")
    (_, [told], row), (_, _, whole) = folder.rejected(outcome).values()
    assert (told["value"], row["plan"]) == ("é" * 1000, "é" * 10_000 + "… (shortened: 600000 characters)")
    assert whole["plan"] == "x" * 20_000


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: content.decode().encode("utf-16")])
def test_a_packed_file_and_one_of_utf_16(folder: Folder, pack: Any) -> None:
    outcome = folder.land(pack(f"{HEADER.replace(',', ';')}\n{ROW.replace(',', ';')}\n".encode()))
    assert folder.rows(outcome) == [{**VALUES, "_row": 1}]
    assert outcome["delimiter"] == ";"


def test_columns_that_are_not_declared_and_columns_that_are_not_there(folder: Folder) -> None:
    outcome = folder.land(
        'mood,id,day,plan,Age\ngood,V1,2024-05-01,a,\n,V2,2024-05-01,,\n,V3,x,,7\n"a,\nb",V4,2024-05-01,b, 8\n'
    )
    plain = {"day": date(2024, 5, 1)}
    assert folder.rows(outcome) == [
        {"id": "V1", **plain, "plan": "a", "_row": 1, "others": [("mood", "good")]},
        {"id": "V2", **plain, "_row": 2},
        {"_row": 3, "rejected": folder.rows(outcome)[2]["rejected"]},
        {"id": "V4", **plain, "plan": "b", "_row": 4, "others": [("mood", "a,\nb"), ("age", " 8")]},
    ]
    assert folder.rejected(outcome)[3][2] == {"id": "V3", "day": "x", "age": "7"}
    assert outcome["columns"] == ["mood", "id", "day", "plan", "age"]
    assert outcome["examples"] == {"mood": "good", "id": "V1", "day": "2024-05-01", "plan": "a", "age": "7"}


def test_a_file_of_a_header_alone(folder: Folder) -> None:
    outcome = folder.land(f"{HEADER}\n")
    assert (outcome["records"], outcome["rows"], outcome["months"], outcome["examples"]) == (0, 0, {}, {})
    assert folder.rows(outcome) == []


USERS = Table("users", (Column("id", "text", required=True), Column("age", "text", required=False)), ("id",))


@pytest.mark.parametrize(
    ("content", "facts", "kind", "message"),
    [
        (
            b"",
            {},
            "refused",
            "visits.csv: the file is empty, it has no header; deliver it again\n  raw.visits needs: id, day",
        ),
        (
            b"PK\x03\x04",
            {},
            "refused",
            "visits.csv: it is a zip archive, not text; unpack it and deliver the files in it",
        ),
        (
            b"id,age\n1,2\n",
            {"tables": column_names([VISITS, USERS])},
            "refused",
            "visits.csv: declared columns are missing: day, until, minutes, guests, steps, price, paid, weight, plan,"
            " note. It looks like a file of users.\n"
            "  the file has:      id, age\n"
            "  raw.visits needs: id, day\n"
            "  and may have:      until, minutes, guests, steps, price, paid, weight, plan, note\n"
            "  Correct the header, or the name of the file if it is meant for another table.",
        ),
        (
            gzip.compress(HEADER.encode() + b"\n")[:-9],
            {},
            "refused",
            "visits.csv: the gzip file is cut short or corrupt (Compressed file ended before the end-of-stream marker"
            " was reached); deliver it again",
        ),
        (
            f"{HEADER}\n{ROW}\n".encode(),
            {"max_file_bytes": 50},
            "refused",
            "visits.csv: it holds more than the 5e-08 GB that MAX_FILE_GB allows; split it, or raise that",
        ),
        (
            f"{HEADER}\n{ROW}\n".encode(),
            {"path": "gone.csv"},
            "unreadable",
            "gone.csv: was gone before it was read; the next run takes the folder as it is then",
        ),
        (
            f"{HEADER}\n{ROW}\n".encode(),
            {"digest": digest_bytes(b"")},
            "changed",
            "visits.csv: changed while it was read; the next run loads it",
        ),
    ],
    ids=["empty", "another format", "columns missing", "cut short", "too large", "gone", "changed"],
)  # fmt: skip
def test_a_file_that_cannot_be_landed_leaves_nothing(
    folder: Folder, content: bytes, facts: dict[str, Any], kind: str, message: str
) -> None:
    outcome = folder.land(content, **facts)
    assert outcome["error"] == {"kind": kind, "message": message}
    assert (outcome["parquet"], outcome["records"]) == (None, 0)
    assert folder.files == []


def test_the_rest_of_a_hopeless_file_is_not_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GIVEN_UP_FROM", 150)
    content = "\n".join([HEADER, *["x"] * 200, *[ROW] * 50])
    outcome = folder.land(content)
    assert (outcome["is_given_up"], outcome["records"], outcome["land_rejected"], outcome["rows"]) == (
        True,
        150,
        150,
        0,
    )
    assert len(folder.rejected(outcome)) == 150
    for facts in ({"is_correction": True}, {"max_reject_ratio": 1.0}):
        whole = folder.land(content, **facts)
        assert (whole["is_given_up"], whole["records"], whole["land_rejected"], whole["rows"]) == (False, 250, 200, 50)


def test_a_corrected_reject_file(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GIVEN_UP_FROM", 1)
    header = "id,day,note,_reject_source,_reject_record,_reject_reason,_reject_line"
    lines = [",,,visits-1.csv,3,,", "V1,2024-05-01,'=1+1,visits-1.csv,4,why,", *["x"] * 200]
    outcome = folder.land("\n".join([header, *lines]), name="visits-rejected-1.csv")
    assert (outcome["is_reject_file"], outcome["corrects"], outcome["is_given_up"]) == (True, "visits-1.csv", False)
    assert outcome["columns"] == ["id", "day", "note"]
    assert folder.rows(outcome)[1] == {"id": "V1", "day": date(2024, 5, 1), "note": "=1+1", "_row": 2}
    plain = folder.land(f"{HEADER}\n{ROW}\n", name="visits-rejected-2.csv", is_correction=True)
    assert (plain["is_reject_file"], plain["corrects"]) == (False, "visits-rejected-2.csv")


def test_the_size_of_blocks_and_groups_makes_no_difference(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"V{number},2024-{number % 12 + 1:02}-01,{number},note {number}" for number in range(30_000)]
    for place in range(0, 30_000, 999):
        lines[place] = f'"V{place}",2024-05-01,7,"a\nb"' if place % 2 else "x"
        lines[place + 5] = f"V{place},2024-05-01,x,"
    lines[7] = f"V7,2024-05-01,1,{'long' * 700_000}"
    content = "\n".join(["id,day,guests,mood", *lines])
    whole = folder.land(content)
    for name, size in (("BLOCK_BYTES", 5_000), ("GROUP_ROWS", 2_000), ("REJECTED_AT_ONCE", 2)):
        monkeypatch.setattr(landing, name, size)
    parts = folder.land(content)
    assert folder.rows(parts) == folder.rows(whole)
    assert {**parts, "parquet": None, "bytes": None} == {**whole, "parquet": None, "bytes": None}
    groups = pyarrow.parquet.ParquetFile(folder.landed / "visits" / str(parts["parquet"])).num_row_groups
    assert groups > 10
    assert (whole["records"], whole["land_rejected"], whole["load_rejected"]) == (30_000, 16, 31)
    assert sum(whole["months"].values()) == 30_000 - 16 - 31

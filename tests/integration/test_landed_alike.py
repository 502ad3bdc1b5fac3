"""What lands as Parquet is what lands in PostgreSQL: typed values, rejected records with their reasons, counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.declared import column_names, declared
from pipeline.contract.register import csv_tables
from pipeline.contract.typing import define_staging
from pipeline.sample import write_sample
from pipeline.sources.inventory import raw_files
from pipeline.tasks.load import LoadViewingSessions
from tests.in_process import settings_of, settle
from tests.project import Project
from tests.small_input import SESSION_COLUMNS

ODD = [
    f"Mood;{SESSION_COLUMNS.replace(',', ';')}",
    "good; S1;U1\u00a0;M1;2024-05-01T00:00:00Z;50.0;33.335;Mobile;HD",
    '"a;\nb";S2;U1;M1;2024-05-02;;;"a ""b"", c";\u200b',
    ";;U1;M1;2024-02-30;-1;100.01;x;",
    f"bad;S3;{'U' * 513};M1;01.02.2024;1e3;NaN;'=1;",
    "bad;S4;U1;;2101-01-01;2147483648;-0.001;;",
    ";;;;;;;;",
    "bad;S5;U1;M1",
    'bad;"S6" x;U1;M1;2024-05-06;1;1;;',
    "S7\0;S7;U1;M1;2024-05-07;1;1;;",
    '";S8;U1;M1;2024-05-08;1;1;;',
    f"long;S9;U1;M1;2024-05-09;x;1;{'é' * 600_000};",
    ";S10;U1;M1;2024-05-10;007;5.;TV;4K",
    "",
]


@pytest.fixture
def dirty(project: Project) -> Project:
    """A project whose sessions are loaded from good and bad files."""
    write_sample(project.raw, sessions=1500, seed=3)
    project.write("viewing_sessions-odd.csv", "\r\n".join(ODD).encode() + b"\xff;S11\r\n")
    settle(project, only=LoadViewingSessions, MAX_REJECT_RATIO="1")
    return project


def land_all(project: Project, folder: Path) -> tuple[list[Any], list[dict[str, Any]]]:
    """Land the files of sessions as Parquet; return the outcomes, and the records with their files."""
    parquet = pytest.importorskip("pyarrow.parquet")
    from pipeline.records.landing import land

    outcomes: list[Any] = []
    records: list[dict[str, Any]] = []
    with settings_of(project):
        tables = csv_tables()
        for name, digest in raw_files().items():
            if not name.startswith("viewing_sessions"):
                continue
            outcome = land(
                {
                    "folder": str(project.raw),
                    "path": name,
                    "digest": digest,
                    "declared": declared(tables["viewing_sessions"]),
                    "max_reject_ratio": 1.0,
                    "max_file_bytes": 10**9,
                    "is_correction": False,
                    "target": str(folder / name),
                    "tables": column_names(tables.values()),
                }
            )
            assert outcome["error"] is None
            outcomes.append(outcome)
            rows = parquet.read_table(folder / str(outcome["parquet"])).to_pylist()
            records += ({"source": name, **row} for row in rows)
    return outcomes, records


def test_files_land_alike(dirty: Project, tmp_path: Path) -> None:
    outcomes, records = land_all(dirty, tmp_path)
    query = """
        SELECT source, record, stage, problems, jsonb_strip_nulls(row) FROM etl.rejected_rows
        WHERE table_name = 'viewing_sessions' ORDER BY source COLLATE "C", record
    """
    told = [(each["source"], each["_row"], json.loads(each["rejected"])) for each in records if each["rejected"]]
    by_parquet = [
        (
            source,
            row,
            each["stage"],
            each["problems"],
            {name: text for name, text in each["row"].items() if text is not None},
        )
        for source, row, each in sorted(told, key=lambda found: found[:2])
    ]
    assert by_parquet == dirty.rows(query)
    assert {len(each[3]) for each in by_parquet} == {1, 4}

    counts = """
        SELECT source, rows_read, rows_loaded, rows_rejected, coalesce((details ->> 'blank_rows')::int, 0),
            coalesce(details ->> 'delimiter', ',')
        FROM etl.batches WHERE target_table = 'raw.viewing_sessions' ORDER BY source COLLATE "C"
    """
    names = ("path", "records", "rows", "land_rejected", "blank_rows", "delimiter")
    assert sorted(tuple(each[name] for name in names) for each in outcomes) == dirty.rows(counts)
    assert sum(each["load_rejected"] for each in outcomes) == sum(each[2] == "load" for each in by_parquet) > 0

    with settings_of(dirty):
        table = csv_tables()["viewing_sessions"]
    with dirty.connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMP VIEW landed AS SELECT source, raw.* FROM raw.viewing_sessions AS raw
            INNER JOIN etl.batches ON batch_id = _batch_id
            """
        )
        define_staging(cursor, table, "staged", "landed", carried=("source", "_row", "mood"))
        cursor.execute(
            f"""
            SELECT source, _row, {", ".join(table.column_names)}, mood FROM staged WHERE valid
            ORDER BY source COLLATE "C", _row
            """
        )
        by_postgres = cursor.fetchall()
    assert by_postgres == [
        (each["source"], each["_row"], *map(each.get, table.column_names), dict(each["others"] or ()).get("mood"))
        for each in sorted(records, key=lambda each: (each["source"], each["_row"]))
        if each["rejected"] is None
    ]
    assert len(by_postgres) > 1500

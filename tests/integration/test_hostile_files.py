"""Files that are to exhaust memory, disk or database: they are refused or bounded, and the others go on."""

from __future__ import annotations

import contextlib
import gzip
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.records import limits
from tests.in_process import REFUSED, attempt, load_all, settle
from tests.project import Project
from tests.small_input import ANN, BOB, USER_COLUMNS, session, write_all, write_sessions

MB = 1 << 20
MOST_MB = 200  # of a process
REPORTER = re.compile(r"(\d+) pipeline: BuildReport: started")


def packed(path: Path, parts: Iterator[bytes]) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for part in parts:
            file.write(part)


def repeated(before: str, part: str, count: int, after: str) -> Iterator[bytes]:
    """A long run of one part, piece by piece."""
    yield before.encode()
    piece = part.encode() * 10_000
    for _ in range(count // 10_000):
        yield piece
    yield after.encode()


def peaks_of(process: subprocess.Popen[bytes]) -> dict[int, int]:
    """Wait for a process, and return the largest memory that it and each of its children ever had, in MB, by pid."""
    peaks, root = dict[int, int](), psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            for each in (root, *root.children(recursive=True)):
                with contextlib.suppress(OSError, ValueError):  # it ended
                    status = Path(f"/proc/{each.pid}/status").read_text().splitlines()
                    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
                    peaks[each.pid] = int(peak) >> 10
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    return peaks


def test_memory_stays_bounded_whatever_comes(project: Project) -> None:
    write_all(project)
    long = 50 * MB
    rows = {
        "line.csv.gz": ("", "a", 200 * MB, ""),
        "kept.csv.gz": ("a,b\n1,", "x", long, "\n"),
        "quoted.csv.gz": ('a,b\n1,"', '""', long // 2, '"\n'),
        "lines.csv.gz": ('a,b\n1,"', "x" * 99 + "\n", long // 100, '"\n'),
        "commas.csv.gz": ("a,b\n", ",", long, "x\n1,2\n"),
        "quotes.csv.gz": ("a,b\n", '"",', long // 3, "x\n1,2\n"),
        "users-2.csv.gz": (f"{USER_COLUMNS}\n{BOB.replace('U2', 'U3')}\nU4,", "y", long, ",Peru,Basic,,\n"),
        "movies-1.json.gz": ('[{"content_id": "M7", "title": "', "a", 200 * MB, '"}]'),
        "movies-2.json.gz": ('[{"content_id": "M8", "title": "x", "genre": [', "{},", 5 * MB, "{}]}]"),
        "movies-3.jsonl.gz": ('{"content_id": "M9", "title": "x", "z": ', "[", 100 * MB, ""),
        "movies-4.json.gz": ('[{"content_id": "M6", "title": "', "a", 15 * MB, '"}]'),
    }
    for name, (before, part, count, after) in rows.items():
        packed(project.raw / name, repeated(before, part, count, after))
    process = project.start()
    peaks = peaks_of(process)
    # The report reads no input, and its pandas takes more where pyarrow is installed.
    del peaks[int(REPORTER.findall(project.logged())[0])]
    assert max(peaks.values()) < MOST_MB
    assert process.returncode == REFUSED
    refused = project.rows("SELECT source FROM trusted.load_history WHERE status = 'failed' ORDER BY 1", role="analyst")
    assert [name for (name,) in refused] == [
        "line.csv.gz", "movies-1.json.gz", "movies-2.json.gz", "movies-3.jsonl.gz",
    ]  # fmt: skip
    size = long // 10_000 * 10_000
    assert project.rows("SELECT octet_length(b) FROM raw.kept") == [(size,)]
    assert project.rows("SELECT b = repeat('\"', %s) FROM raw.quoted", long // 2 // 10_000 * 10_000) == [(True,)]
    assert project.rows("SELECT octet_length(b) FROM raw.lines") == [(long // 100 // 10_000 * 1_000_000,)]
    for table in ("commas", "quotes"):
        assert project.rows(f"SELECT a, b, _row FROM raw.{table}") == [("1", "2", 2)]
    assert project.rows("SELECT user_id FROM processed.users ORDER BY 1") == [("U1",), ("U2",), ("U3",)]
    assert project.rows("SELECT content_id FROM processed.content ORDER BY 1") == [("M1",), ("M6",), ("T1",)]
    kept = project.rows(
        "SELECT reason, length(row::text) < 100000 FROM etl.rejected_rows WHERE source = 'users-2.csv.gz'"
    )
    assert kept == [("not a number", True)]


def test_what_a_file_unpacks_to_is_limited(project: Project) -> None:
    load_all(project)
    packed(project.raw / "users-2.csv.gz", repeated(f"{USER_COLUMNS}\n", f"{BOB}\n", 100_000, ""))
    packed(project.raw / "movies.json.gz", repeated("[", " ", 2_000_000, "]"))
    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    run = attempt(project, MAX_FILE_GB="0.001")
    assert run.code == REFUSED
    for name in ("users-2.csv.gz", "movies.json.gz"):
        assert f"{name}: it holds more than the 0.001 GB that MAX_FILE_GB allows; split it, or raise that" in run.output
    assert project.value("SELECT count(*) FROM trusted.session_details") == 4
    settle(project)


def test_a_file_of_nothing_but_rejects_is_not_read_to_its_end(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GIVEN_UP_FROM", 1000)
    load_all(project)
    good = [BOB.replace("U2", f"G{number}") for number in range(50_000)]
    project.write_rows("users-2.csv", [USER_COLUMNS, *["x"] * 1000, *good])
    project.write_rows("users-3.csv", [USER_COLUMNS, *good, *["x"] * 2000])
    packed(project.raw / "other.csv.gz", repeated("a,b\n1,2\n", "x\n", 1_000_000, ""))
    packed(project.raw / "movies-2.json.gz", repeated("[", "0,", 100_000, "0]"))
    run = attempt(project)
    assert run.code == REFUSED
    assert "movies-2.json.gz: 1,000 of the first 1,000 records were rejected" in run.output
    told = "rejected, more than the 5% that MAX_REJECT_RATIO allows: too few columns: 1 instead of"
    assert f"users-2.csv: 1,000 of the first 1,000 records were {told} 6 (1,000)" in run.output
    assert f"other.csv.gz: 1,000 of the first 1,001 records were {told} 2 (1,000)" in run.output
    kept = "SELECT source, count(*) FROM etl.rejected_rows GROUP BY 1 ORDER BY 1"
    assert project.rows(kept) == [
        ("movies-2.json.gz", 1000),
        ("other.csv.gz", 1000),
        ("users-2.csv", 1000),
        ("users-3.csv", 2000),
    ]
    assert project.value("SELECT count(*) FROM processed.users WHERE user_id LIKE 'G%'") == 50_000


def test_more_columns_than_a_table_takes_refuse_that_file(project: Project) -> None:
    load_all(project)
    wide = ",".join(f"c{number}" for number in range(1500))
    values = ",".join(["30 characters of some text ..."] * 1500)
    project.write_rows("users-2.csv", [f"{USER_COLUMNS},{wide}", f"{BOB},{values}"])
    write_sessions(project, session(4), name="viewing_sessions-3.csv")
    run = attempt(project)
    assert run.code == REFUSED
    assert "users-2.csv: PostgreSQL cannot take it: row is too big" in run.output
    assert project.value("SELECT count(*) FROM trusted.session_details") == 4

    for number in (2, 3):
        names = ",".join(f"n{number}_{place}" for place in range(1000))
        project.write_rows(f"users-{number}.csv", [f"{USER_COLUMNS},{names}", f"{ANN},{'1,' * 999}1"])
    write_sessions(project, session(5), name="viewing_sessions-4.csv")
    run = attempt(project)
    assert run.code == REFUSED
    assert run.output.count("PostgreSQL cannot take it: tables can have at most 1600 columns") == 1
    assert project.value("SELECT count(*) FROM trusted.session_details") == 5
    for number in (2, 3):
        (project.raw / f"users-{number}.csv").unlink()
    settle(project)


def columns(project: Project) -> list[str]:
    query = """
        SELECT attname FROM pg_attribute
        WHERE attrelid = 'raw.users'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    """
    return [name for (name,) in project.rows(query)]


def test_columns_that_no_file_has_any_more_go(project: Project) -> None:
    load_all(project)
    declared = columns(project)
    project.write_rows("users-1.csv", [f"{USER_COLUMNS},colour", f"{ANN},blue"])
    for version in range(3):
        names = [f"v{version}_{place}" for place in range(700)]
        project.write_rows("users-2.csv", [f"{USER_COLUMNS},{','.join(names)}", f"{BOB},{','.join(names)}"])
        settle(project)
        assert sorted(columns(project)) == sorted([*declared, "colour", *names])
        rows = project.rows(f"SELECT user_id, colour, {names[-1]} FROM raw.users ORDER BY 1, 2, 3")
        assert rows == [("U1", "blue", None), ("U1", None, None), ("U2", None, names[-1]), ("U2", None, None)]
        assert project.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'users' AND schemaname = 'raw'") == [
            ("users_record_idx",)
        ]
    (project.raw / "users-2.csv").unlink()
    settle(project)
    assert columns(project) == [*declared, "colour"]
    comment = "SELECT obj_description('raw.users'::regclass), col_description('raw.users'::regclass, 3)"
    assert project.rows(comment) == [(
        "Records of users.csv and users-*.csv as they came. Grain: one row for each record of a file.",
        "Natural key of the user.",
    )]  # fmt: skip
    assert settle(project) == []


def test_a_link_out_of_the_folder_shows_nothing_of_what_it_leads_to(project: Project) -> None:
    secret = project.folder / "secret"
    secret.write_text("password=hunter2\n")
    write_all(project)
    for name in ("users-2.csv", "movies.json", "other.csv"):
        (project.raw / name).symlink_to(secret)
    run = attempt(project)
    assert run.code == REFUSED
    told = project.rows("SELECT error FROM trusted.load_history WHERE status = 'failed'", role="analyst")
    assert len(told) == 3
    assert all("leads out of the raw folder" in error and "hunter2" not in error for (error,) in told)
    assert "hunter2" not in run.output

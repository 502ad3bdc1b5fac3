"""What becomes of bad CSV files and bad values: the real tasks on real servers, compared with literals."""

from __future__ import annotations

import csv
import gzip
import random
import re
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.tasks.load import LoadUsers
from tests.in_process import attempt
from tests.project import DAY, REPOSITORY, Project, Run
from tests.small_input import ANN, BOB, SESSION_COLUMNS, USER_COLUMNS, movie, session, write_sessions, write_users

REFUSED = 30  # exit code of a run in which a task failed
MIDNIGHTS = (
    "2024-05-01 00:00:00", "2024-05-01T00:00", "2024-05-01T00:00:00.000Z", "2024-05-01T00:00:00+02:00",
    "2024-05-01 00:00:00-1130", "2024-05-01 00:00:00.000000 +00",
)  # fmt: skip
NEEDS = "raw.users needs: user_id"


def land(project: Project, name: str = "users.csv", *arguments: str, **env: str) -> Run:
    return project.task("LoadCsvToPostgres", "--path", name, *arguments, **env)


def load_users(project: Project, **env: Any) -> Run:
    run = attempt(project, only=LoadUsers, **env)
    assert run.code == 0, run.output
    return run


def user_ids(project: Project, table: str = "processed.users") -> list[str]:
    return [user_id for (user_id,) in project.rows(f"SELECT user_id FROM {table} ORDER BY user_id")]


def rejected(project: Project) -> list[tuple[Any, ...]]:
    return project.rows(
        "SELECT source, record, column_name, value, reason FROM etl.rejected_rows ORDER BY source, record, reject_id"
    )


def audited(project: Project, target: str) -> list[tuple[Any, ...]]:
    return project.rows(
        """
        SELECT source, status, rows_read, rows_loaded, rows_rejected, rows_superseded, rows_waiting
        FROM etl.batches WHERE target_table = %s ORDER BY batch_id
        """,
        target,
    )


def reject_file(project: Project) -> Path:
    [path] = (project.folder / "rejected").glob("*.csv")
    return path


def users(count: int, **spoiled: str) -> list[str]:
    """Return the lines of users, those named in `spoiled` (by `line_<number>`) replaced."""
    lines = {f"line_{number}": f"U{number:03},30,Peru,Basic,2023-01-01,1.5" for number in range(1, count + 1)}
    return list((lines | spoiled).values())


# Files


def test_every_way_of_writing_a_file_loads(project: Project) -> None:
    reordered = " Country ,AGE,\tuser_id,SUBSCRIPTION_TYPE,Registration_Date,total_watch_time_hours"
    project.write("users-bom.csv", f"\ufeff{USER_COLUMNS}\r\nbom,1,Peru,Basic,2023-01-01,1.5\r\n")
    project.write("users-mixed.csv", f"{USER_COLUMNS}\rmixed1,1,,,,\nmixed2,2,,,,\r\n\n\rmixed3,3,,,,")
    project.write("users-reordered.csv", f"{reordered}\nChile,7,reordered,Premium,2023-02-01,20\n")
    project.write("users.csv.gz", f"{USER_COLUMNS}\npacked,1,,,,\n")
    project.write("users/2024/may.csv", f"{USER_COLUMNS}\nfolder,1,,,,\n")
    project.write('users-o\'neil; "x" %s {} Ωμέγα 日本.csv', f"{USER_COLUMNS}\nodd name,1,,,,\n")
    project.write("users-new.csv", f"{USER_COLUMNS}\n")
    quoted = '"com,ma","1","New\nYork","say ""hi""",2023-01-01,"1.5"\n"",1,,,,\n'
    project.write("users-quoted.csv", f"{USER_COLUMNS}\n{quoted}")
    load_users(project)
    assert user_ids(project) == [
        "bom", "com,ma", "folder", "mixed1", "mixed2", "mixed3", "odd name", "packed", "reordered",
    ]  # fmt: skip
    columns = "user_id, age, country, subscription_type, registration_date::text, total_watch_time_hours"
    assert project.rows(
        f"SELECT {columns} FROM processed.users WHERE user_id IN ('com,ma', 'reordered') ORDER BY 1"
    ) == [
        ("com,ma", 1, "New\nYork", 'say "hi"', "2023-01-01", Decimal("1.50")),
        ("reordered", 7, "Chile", "Premium", "2023-02-01", Decimal("20.00")),
    ]
    assert ("users-new.csv", "loaded", 0, 0, 0, 0, 0) in audited(project, "raw.users")
    assert rejected(project) == [("users-quoted.csv", 2, "user_id", None, "user_id is missing")]


def test_bad_records_are_rejected_alone_and_come_back_corrected(project: Project) -> None:
    lines: list[str | bytes] = [
        "few,30,Peru",
        "good1,30,Peru,Basic,2023-01-01,1.5",
        "many,30,Peru,Basic,2023-01-01,1.5,extra",
        b"latin,30,P\xe9rou,Basic,2023-01-01,1.5",
        "nul,30,Pe\0ru,Basic,2023-01-01,1.5",
        'open,30,"Peru,Basic,2023-01-01,1.5',
        "good2,30,Peru,Basic,2023-01-01,1.5",
        'open2,30,"Peru,Basic,2023-01-01,1.5',
        "good3,30,Peru,Basic,2023-01-01,1.5",
        r"escape,\u0000,Peru",
        "value,thirty,Peru,Basic,31/12/2023,1.5",
    ]
    body = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    project.write("users.csv", USER_COLUMNS.encode() + b"\n" + body + b"\n")
    load_users(project)
    found = rejected(project)
    assert found == [
        ("users.csv", 1, None, None, "too few columns: 3 instead of 6"),
        ("users.csv", 3, None, None, "too many columns: 7 instead of 6"),
        ("users.csv", 4, None, None, "not UTF-8: byte 11 of the record is 0xe9"),
        ("users.csv", 5, None, None, "a NUL byte at byte 10 of the record"),
        ("users.csv", 6, None, None, "a quote is never closed"),
        ("users.csv", 8, None, None, "a quote is never closed"),
        ("users.csv", 10, None, None, "too few columns: 3 instead of 6"),
        ("users.csv", 11, "age", "thirty", "not a number"),
    ]
    assert user_ids(project) == ["good1", "good2", "good3"]
    assert project.rows("SELECT _row, user_id FROM raw.users ORDER BY 1") == [
        (2, "good1"), (7, "good2"), (9, "good3"), (11, "value"),
    ]  # fmt: skip
    assert audited(project, "raw.users") == [("users.csv", "loaded", 11, 4, 7, 0, 0)]
    assert audited(project, "processed.users") == [("raw.users", "loaded", 4, 3, 1, 0, 0)]

    batch_id = project.value("SELECT DISTINCT batch_id FROM etl.rejected_rows")
    path = reject_file(project)
    assert path.name == f"users-rejected-{batch_id}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        kept = list(csv.DictReader(file))
    assert list(kept[0]) == [
        *USER_COLUMNS.split(","),
        "_reject_source",
        "_reject_record",
        "_reject_reason",
        "_reject_line",
    ]
    assert [(row["user_id"], row["_reject_record"]) for row in kept] == [
        ("few", "1"), ("many", "3"), ("latin", "4"), ("nul", "5"),
        ("open", "6"), ("open2", "8"), ("escape", "10"), ("value", "11"),
    ]  # fmt: skip
    assert kept[2]["_reject_line"] == r"latin,30,P\xe9rou,Basic,2023-01-01,1.5"
    assert kept[2]["country"] == r"P\xe9rou"
    assert kept[6]["_reject_line"] == r"escape,\u0000,Peru"
    assert kept[7]["_reject_reason"] == (
        "age 'thirty': not a number; registration_date '31/12/2023': not an ISO date (YYYY-MM-DD)"
    )

    for row in kept[:-1]:
        row |= {"age": "30", "country": "Perú", "registration_date": "2023-12-31"}
    kept[-1]["age"] = "still not"
    with (project.raw / path.name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    load_users(project)
    assert user_ids(project) == [
        "escape", "few", "good1", "good2", "good3", "latin", "many", "nul", "open", "open2",
    ]  # fmt: skip
    assert project.value("SELECT count(*) FROM processed.users WHERE country = 'Perú'") == 7
    assert project.rows("SELECT read, loaded, rejected FROM etl.file_outcomes WHERE source = %s", path.name) == [
        (8, 7, 1)
    ]


def test_refused_files_name_the_fault_and_the_others_land(project: Project) -> None:
    sessions = f"{SESSION_COLUMNS}\n{session(1)}\n"
    packed = gzip.compress(random.Random(1).randbytes(100).hex().encode() * 50_000)
    project.write("users-good.csv", f"{USER_COLUMNS}\n{ANN}\n")
    project.write("users-missing.csv", "age,country,subscription_type\n8,Peru,Basic\n")
    project.write("users-twice.csv", f"{USER_COLUMNS}, AGE\n{BOB},41\n")
    project.write("users-long.csv", f"{USER_COLUMNS},{'x' * 64}\n{BOB},1\n")
    project.write("users-system.csv", f"{USER_COLUMNS},ctid\n{BOB},1\n")
    project.write("users-empty.csv", "")
    project.write("users-other.csv", sessions)
    (project.raw / "users-start.csv.gz").write_bytes(packed[:30])
    rows = "".join(f"U{number},{random.Random(number).randbytes(20).hex()},,,,\n" for number in range(60_000))
    cut = gzip.compress(f"{USER_COLUMNS}\n{rows}".encode())
    (project.raw / "users-cut.csv.gz").write_bytes(cut[: len(cut) - 5000])
    run = project.task("LoadCsvsToPostgres")
    assert run.code == REFUSED
    assert project.rows("SELECT user_id FROM raw.users") == [("U1",)]
    assert user_ids(project) == []
    errors = dict(project.rows("SELECT source, error FROM etl.batches WHERE status = 'failed'"))
    assert set(errors) == {f"users-{name}.csv" for name in ("missing", "twice", "long", "system", "empty", "other")} | {
        "users-cut.csv.gz", "users-start.csv.gz",
    }  # fmt: skip
    assert errors["users-missing.csv"] == (
        "FileRefusedError: users-missing.csv: declared columns are missing: user_id, registration_date,"
        " total_watch_time_hours.\n"
        "  the file has:      age, country, subscription_type\n"
        f"  {NEEDS}\n"
        "  and may have:      age, country, subscription_type, registration_date, total_watch_time_hours\n"
        "  Correct the header, or the name of the file if it is meant for another table."
    )
    assert f"the file has:      {SESSION_COLUMNS.replace(',', ', ')}\n  {NEEDS}\n" in errors["users-other.csv"]
    listed = USER_COLUMNS.replace(",", ", ")
    assert errors["users-twice.csv"] == (
        "FileRefusedError: users-twice.csv: the column 'age' stands there twice; correct the header, which is:"
        f" {listed}, age\n  {NEEDS}"
    )
    assert f"the column name '{'x' * 64}' is longer than 63 bytes" in errors["users-long.csv"]
    assert "the column name 'ctid' is reserved; correct the header, which is: user_id" in errors["users-system.csv"]
    assert errors["users-empty.csv"] == (
        f"FileRefusedError: users-empty.csv: the file is empty, it has no header; deliver it again\n  {NEEDS}"
    )
    for name in ("users-start.csv.gz", "users-cut.csv.gz"):
        assert errors[name].startswith(f"FileRefusedError: {name}: the gzip file is cut short or corrupt")
        assert errors[name].endswith("deliver it again")
    for message in errors.values():
        assert message.splitlines()[0].partition(": ")[2] in run.output + run.log


def test_a_refused_delivery_leaves_the_last_one_as_it_was(project: Project) -> None:
    write_users(project, ANN, "U9,too old,,,,")
    load_users(project)
    kept = reject_file(project)
    content = kept.read_bytes()
    project.write("users.csv", "user_id,years\nU1,31\n")
    assert project.task("LoadUsers").code == REFUSED
    many = users(100, **{f"line_{number}": "short" for number in range(1, 7)})
    write_users(project, *many)
    assert project.task("LoadUsers").code == REFUSED
    assert project.rows("SELECT user_id, age FROM raw.users ORDER BY 1") == [("U1", "30"), ("U9", "too old")]
    assert user_ids(project) == ["U1"]
    assert kept.read_bytes() == content


def test_a_file_without_records_replaces_rows_only_on_request(project: Project) -> None:
    write_users(project, ANN, BOB)
    load_users(project)
    write_users(project)
    run = land(project)
    assert run.code == REFUSED
    error = project.value("SELECT error FROM etl.batches WHERE status = 'failed'")
    assert error == (
        "FileEmptiedError: users.csv: no records, but 2 rows of it are loaded; if it is meant to be empty, run with"
        " --allow-empty, otherwise deliver it again"
    )
    assert user_ids(project, "raw.users") == user_ids(project) == ["U1", "U2"]
    assert land(project, "users.csv", "--allow-empty").code == 0
    load_users(project)
    assert user_ids(project, "raw.users") == user_ids(project) == []


def test_columns_nobody_declared_are_kept_and_reported(project: Project) -> None:
    project.write("users-a.csv", f'{USER_COLUMNS},select,"a ""b""",x;y,two words,%s,{{}}\n{ANN},1,2,3,4,5,6\n')
    write_users(project, BOB)
    run = load_users(project)
    names = ["select", 'a "b"', "x;y", "two words", "%s", "{}"]
    for number, name in enumerate(names, start=1):
        assert f"users-a.csv: new column {name} in raw.users, such as {number}" in run.output + run.log
    assert project.rows(
        'SELECT user_id, "select", "a ""b""", "x;y", "two words", "%s", "{}" FROM raw.users ORDER BY 1'
    ) == [
        ("U1", "1", "2", "3", "4", "5", "6"),
        ("U2", None, None, None, None, None, None),
    ]
    drift = project.value("SELECT details -> 'drift' FROM etl.batches WHERE source = 'users-a.csv'")
    assert [(each["kind"], each["path"], each["example"]) for each in drift] == [
        ("new column", name, str(number)) for number, name in enumerate(names, start=1)
    ]
    assert user_ids(project) == ["U1", "U2"]


def test_a_new_column_in_two_files_at_once(project: Project) -> None:
    names = ("users-1.csv", "users-2.csv")
    for name in names:
        write_users(project, f"{name},1,,,,", name=name)
    assert project.task("LoadCsvsToPostgres").code == 0
    for name in names:
        project.write(name, f"{USER_COLUMNS},since\n{name},1,,,,,2024\n")
    with project.connection() as reader, reader.cursor() as cursor:
        # Both files get as far as deleting what they brought before, then they go on.
        cursor.execute("BEGIN; LOCK TABLE etl.rejected_rows")
        threading.Timer(4, cursor.execute, ["ROLLBACK"]).start()
        run = project.task("LoadCsvsToPostgres", "--workers", "2")
    assert run.code == 0, run.output
    assert project.rows("SELECT user_id, since FROM raw.users ORDER BY 1") == [(name, "2024") for name in names]


def test_files_that_are_not_loaded_are_named_in_the_summary(project: Project) -> None:
    write_users(project, ANN)
    for name in ("usres.csv", "users (1).csv", "users_2024.csv", "%s.csv", 'us;er\'s "日本".csv'):
        write_users(project, BOB, name=name)
    for name in ("users.xlsx", "users.zip", "users.csv.zst", "movies.bson", "users.txt", *map(str, range(1000))):
        project.write(name, "")
    run = project.task("LoadCsvsToPostgres")
    assert run.code == 0
    for table in ("usres", 'us;er\'s "日本"', "%s"):
        told = f"warning: {table}.csv: in raw.{table} as text only, for no table {table} is declared; "
        assert told in run.output
        quoted = table.replace('"', '""').replace("%", "%%")
        assert project.rows(f'SELECT user_id, age FROM raw."{quoted}" WHERE _row = %s', 1) == [("U2", "41")]
    assert "python -m pipeline declare usres.csv" in run.output
    unread = "warning: not read, since their names are not those of input: 0, 1, 10, 100, 101 and 1,000 more; .csv"
    assert run.output.count(unread) == 1
    assert user_ids(project, "raw.users") == ["U1"]

    # What it says to type works.
    for command in re.findall(r"warning: .*(mv .*)", run.output):
        subprocess.run(["/bin/sh", "-c", command.partition("; if")[0]], check=True)
    assert {path.name for path in project.raw.glob("*.csv")} == {
        "users.csv", "users-1.csv", "users-2024.csv", "s.csv", "us_er_s.csv",
    }  # fmt: skip


def test_a_value_of_50_megabytes(project: Project) -> None:
    long = "0123456789" * 5_000_000
    project.write("users.csv", f'{USER_COLUMNS}\nplain,30,{long},,,\nquoted,30,"{long[:-2]}\n,",,,\nU3,1,,,,\n')
    run = land(project)
    assert run.code == 0, run.output
    assert project.rows("SELECT user_id, octet_length(country) FROM raw.users ORDER BY 1") == [
        ("U3", None), ("plain", 50_000_000), ("quoted", 50_000_000),
    ]  # fmt: skip


CHANGE_WHILE_RUNNING = """
import sys
from pathlib import Path

import luigi

from pipeline.sources import inventory
from pipeline.start import begin_run
from pipeline.tasks.land_csv import LoadCsvToPostgres

begin_run()
inventory.inventory()
with Path(sys.argv[1]).open("a") as file:
    file.write("U2,31,,,,\\n")
sys.exit(0 if luigi.build([LoadCsvToPostgres(path="users.csv")], local_scheduler=True) else 30)
"""


def test_a_file_that_changes_in_a_run_fails(project: Project) -> None:
    path = project.write("users.csv", f"{USER_COLUMNS}\n{ANN}\n")
    command = [sys.executable, "-c", CHANGE_WHILE_RUNNING, str(path)]
    assert subprocess.run(command, cwd=REPOSITORY, env=project.env, check=False).returncode == REFUSED
    assert project.rows("SELECT DISTINCT status, error FROM etl.batches WHERE source = 'users.csv'") == [
        ("failed", "ChangedWhileReadError: users.csv: changed while it was read; the next run loads it")
    ]
    assert project.rows("SELECT * FROM raw.users") == []
    assert land(project).code == 0
    assert user_ids(project, "raw.users") == ["U1", "U2"]


# How much may be rejected


@pytest.mark.parametrize("stage", ["land", "load"])
def test_too_many_rejected_records_stop_the_load(project: Project, stage: str) -> None:
    bad = {"land": "short,1", "load": "U,old,,,,"}[stage]
    reason = {"land": "too few columns: 2 instead of 6", "load": "age not a number"}[stage]
    spoiled = {f"line_{number}": bad for number in range(1, 100, 17)}
    assert len(spoiled) == 6
    write_users(project, *users(100, **spoiled))
    run = project.task("LoadUsers")
    assert run.code == REFUSED
    batch_id = project.value("SELECT DISTINCT batch_id FROM etl.rejected_rows")
    message = (
        "users.csv: 6 of 100 records were rejected, more than the 5% that MAX_REJECT_RATIO allows:"
        f" {reason} (6). Correct them, or raise the limit; they are in {reject_file(project)}"
    )
    assert reject_file(project).name == f"users-rejected-{batch_id}.csv"
    assert message in run.output + run.log
    assert project.rows("SELECT task, error FROM etl.batches WHERE status = 'failed'") == [
        ("LoadCsvToPostgres", f"TooManyRejectsError: {message}")
    ]
    assert [record for _, record, *_ in rejected(project)] == [1, 18, 35, 52, 69, 86]
    assert user_ids(project) == []
    assert user_ids(project, "raw.users") == []

    load_users(project, MAX_REJECT_RATIO="0.06")
    assert len(user_ids(project)) == 94
    write_users(project, *users(100, line_1=bad, line_2=bad, line_3=bad, line_4=bad, line_5=bad))
    load_users(project)
    assert len(user_ids(project)) == 95


def test_small_files_load_whatever_their_share_of_bad_records(project: Project) -> None:
    write_users(project, *users(99, **{f"line_{number}": "short" for number in range(1, 91)}))
    load_users(project)
    assert len(user_ids(project)) == 9
    assert audited(project, "raw.users") == [("users.csv", "loaded", 99, 9, 90, 0, 0)]


def test_a_share_that_is_exactly_the_limit_is_allowed(project: Project) -> None:
    """0.29 * 100 is less than 29 in binary."""
    write_users(project, *users(100, **{f"line_{number}": "short" for number in range(1, 30)}))
    assert land(project, MAX_REJECT_RATIO="0.29").code == 0


# Values


def test_the_values_of_users(project: Project) -> None:
    long = "".join(random.Random(5).choices("abcdefghijklmnop🎬é", k=10_000))
    scripts = "🎬👩‍👩‍👧 مرحبا עברית e\u0301 日本語"
    good: list[tuple[str, str, tuple[Any, ...]]] = [
        ("blanks", " 30\t,\t Peru ,  Basic, 2023-01-01 , 1.5 ", (30, "Peru", "Basic", "2023-01-01", "1.50")),
        (
            "one end",
            "30\x0b,\x0cNew Zealand,\u00a0Basic,2023-01-01\t,\t1.5",
            (30, "New Zealand", "Basic", "2023-01-01", "1.50"),
        ),
        (
            "unseen\u00a0",
            "\ufeff30,\u200bPe ru\u3000,\u00a0\x1c,\u20282023-01-01,\x851.5",
            (30, "Pe ru", "\x1c", "2023-01-01", "1.50"),
        ),
        ("nulls", ',"", ,\u00a0,\t', (None, None, None, None, None)),
        ("texts", "1,NULL,NaN,,", (1, "NULL", "NaN", None, None)),
        ("texts2", r"1,\N,-,,", (1, r"\N", "-", None, None)),
        ("whole", "12.0,,,,", (12, None, None, None, None)),
        ("signs", "+12,,,,+1.5", (12, None, None, None, "1.50")),
        ("points", "12.00,,,,.5", (12, None, None, None, "0.50")),
        ("points2", "12,,,,5.", (12, None, None, None, "5.00")),
        ("zeros", "0000000012,,,,000.50", (12, None, None, None, "0.50")),
        ("limits", "0,,,1900-01-01,0", (0, None, None, "1900-01-01", "0.00")),
        ("limits2", "120,,,2100-12-31,99999999.99", (120, None, None, "2100-12-31", "99999999.99")),
        ("rounded", "1,,,2024-02-29,1.005", (1, None, None, "2024-02-29", "1.01")),
        *(
            (f"midnight{number}", f",,,{day},", (None, None, None, day[:10], None))
            for number, day in enumerate(MIDNIGHTS)
        ),
        (scripts, f"1,{scripts},vip,,", (1, scripts, "vip", None, None)),
        ("long", f"1,{long},,,", (1, long, None, None, None)),
        ("ID", "1,upper,,,", (1, "upper", None, None, None)),
        ("id", "1,lower,,,", (1, "lower", None, None, None)),
    ]
    bad = [
        (f"{value},,,,", "age", value, "not a number")
        for value in (r"\N", "NULL", "-", "NaN", "Infinity", "1e400", "abc", "1 2", "0x1F", "0b1", "1_0", "१२")
    ]
    bad += [
        ('"1,5",,,,', "age", "1,5", "not a number"),
        ("12.5,,,,", "age", "12.5", "not a whole number"),
        ("9223372036854775808,,,,", "age", "9223372036854775808", "out of range: 0 to 120"),
        ("121,,,,", "age", "121", "out of range: 0 to 120"),
        ("-1,,,,", "age", "-1", "out of range: 0 to 120"),
        (f"1{'0' * 70},,,,", "age", f"1{'0' * 70}", "out of range: 0 to 120"),
        (",,,,-0.01", "total_watch_time_hours", "-0.01", "out of range: 0 to 99999999.99"),
        (",,,,99999999.995", "total_watch_time_hours", "99999999.995", "out of range: 0 to 99999999.99"),
        (',,,,"1,5"', "total_watch_time_hours", "1,5", "not a number"),
    ]
    bad += [
        (f",,,,{value}", "total_watch_time_hours", value, "not a number")
        for value in (".", "1e3", "1_0", "0x1F", "NaN", "Infinity", "1.5.0")
    ]
    for value in (
        "31/12/2024",
        "12/31/2024",
        "2024-5-1",
        "20240501",
        "yesterday",
        "2024-05-01Z",
        "infinity",
        "2024-05-01 BC",
    ):
        bad.append((f",,,{value},", "registration_date", value, "not an ISO date (YYYY-MM-DD)"))
    for value in ("2024-02-30", "0000-00-00", "2023-02-29", "2024-13-01", "2024-02-30 00:00:00"):
        bad.append((f",,,{value},", "registration_date", value, "no such day"))
    for value in ("1899-12-31", "2101-01-01", "0001-01-01", "1899-12-31T00:00:00Z"):
        bad.append((f",,,{value},", "registration_date", value, "out of range: 1900-01-01 to 2100-12-31"))
    for value in ("2024-05-01T10:00:00", "2024-05-01 10:00:00+02:00", "2024-05-01T10:00Z"):
        bad.append((f",,,{value},", "registration_date", value, "a time where a date belongs"))
    write_users(project, *(f"{user_id},{line}" for user_id, line, _ in good))
    write_users(project, *(f"B{number},{line}" for number, (line, *_) in enumerate(bad)), name="users-bad.csv")
    keys = ["", '""', "  \t", "x" * 513, "y" * 512]
    write_users(project, *(f"{key},1,,,," for key in keys), name="users-keys.csv")
    load_users(project)
    columns = "age, country, subscription_type, registration_date::text, total_watch_time_hours::text"
    loaded = {row[0]: row[1:] for row in project.rows(f"SELECT user_id, {columns} FROM processed.users")}
    good = [(user_id.strip("\u00a0"), text, wanted) for user_id, text, wanted in good]
    assert loaded.pop("y" * 512) == (1, None, None, None, None)
    assert loaded == {user_id: wanted for user_id, _, wanted in good}
    found = rejected(project)
    assert found[: len(bad)] == [
        ("users-bad.csv", record, column, value, reason)
        for record, (_, column, value, reason) in enumerate(bad, start=1)
    ]
    assert found[len(bad) :] == [
        ("users-keys.csv", 1, "user_id", None, "user_id is missing"),
        ("users-keys.csv", 2, "user_id", None, "user_id is missing"),
        ("users-keys.csv", 3, "user_id", None, "user_id is missing"),
        ("users-keys.csv", 4, "user_id", "x" * 513, "longer than 512 bytes"),
    ]
    raw = project.rows("SELECT age, country FROM raw.users WHERE user_id = 'blanks'")
    assert raw == [(" 30\t", "\t Peru ")], "raw keeps the text as it came"
    batch_id = project.value("SELECT DISTINCT batch_id FROM etl.rejected_rows WHERE source = 'users-keys.csv'")
    kept = (project.folder / f"rejected/users-rejected-{batch_id}.csv").read_text(encoding="utf-8")
    assert kept.splitlines()[1] == ",1,,,,,users-keys.csv,1,user_id is missing,"


def test_the_values_of_sessions(project: Project) -> None:
    write_users(project, ANN, BOB, "u1,1,,,,")
    project.write_titles(movies=[movie("M1")])
    lines = [
        "S1,U1,M1,2024-05-01,50,50.5,Mobile,HD",
        " S2 , u1 , M1 , 2024-05-02 , 12.0 , 100 , NULL , ",
        "s2,U2,M1,2024-05-03,,,🎬,\\N",
        "S4,U1,M1,2024-05-01,0,0,,",
        "S5,U1,M1,2024-05-01,2147483647,33.335,,",
        "W1,U404,M1,2024-05-01,1,1,,",
        "W2,U1,M404,2024-05-01,1,1,,",
        "W3,U1,m1,2024-05-01,1,1,,",
        "twice,U1,M1,2024-05-01,1,1,first,",
        "twice,U1,M1,2024-05-01,2,2,second,",
        ",U1,M1,2024-05-01,1,1,,",
        "B1,,M1,2024-05-01,1,1,,",
        "B2,U1, ,2024-05-01,1,1,,",
        'B3,U1,M1,"",1,1,,',
        "B4,U1,M1,2024-05-01T10:00:00,1,1,,",
        "B5,U1,M1,2024-02-30,1,1,,",
        "B6,U1,M1,2024-05-01,-5,1,,",
        "B7,U1,M1,2024-05-01,12.5,1,,",
        "B8,U1,M1,2024-05-01,2147483648,1,,",
        "B9,U1,M1,2024-05-01,9223372036854775808,1,,",
        "B10,U1,M1,2024-05-01,1,100.01,,",
        "B11,U1,M1,2024-05-01,1,-0.1,,",
        "B12,U1,M1,2024-05-01,N/A,NaN,,",
    ]
    write_sessions(project, *lines)
    write_sessions(
        project, "across,U1,M1,2024-05-01,1,1,a,", "S1,U2,M1,2024-05-09,9,9,early,", name="viewing_sessions-a.csv"
    )
    write_sessions(project, "across,U1,M1,2024-05-01,1,1,b,", name="viewing_sessions-b.csv")
    run = project.task("LoadViewingSessions", "--date", DAY)
    assert run.code == 0, run.output
    query = """
        SELECT session_id, user_id, content_id, watch_date::text, watch_duration_minutes,
            completion_percentage::text, device_type, quality_level
        FROM processed.viewing_sessions ORDER BY session_id COLLATE "C"
    """
    assert project.rows(query) == [
        ("S1", "U1", "M1", "2024-05-01", 50, "50.50", "Mobile", "HD"),
        ("S2", "u1", "M1", "2024-05-02", 12, "100.00", "NULL", None),
        ("S4", "U1", "M1", "2024-05-01", 0, "0.00", None, None),
        ("S5", "U1", "M1", "2024-05-01", 2147483647, "33.34", None, None),
        ("across", "U1", "M1", "2024-05-01", 1, "1.00", "b", None),
        ("s2", "U2", "M1", "2024-05-03", None, None, "🎬", "\\N"),
        ("twice", "U1", "M1", "2024-05-01", 2, "2.00", "second", None),
    ]
    assert project.rows("SELECT key[1], status FROM etl.held_rows ORDER BY status, key") == [
        ("S1", "superseded"), ("across", "superseded"), ("twice", "superseded"),
        ("W1", "waiting"), ("W2", "waiting"), ("W3", "waiting"),
    ]  # fmt: skip
    duration = "watch_duration_minutes"
    assert [row[1:] for row in rejected(project)] == [
        (11, "session_id", None, "session_id is missing"),
        (12, "user_id", None, "user_id is missing"),
        (13, "content_id", None, "content_id is missing"),
        (14, "watch_date", None, "watch_date is missing"),
        (15, "watch_date", "2024-05-01T10:00:00", "a time where a date belongs"),
        (16, "watch_date", "2024-02-30", "no such day"),
        (17, duration, "-5", "out of range: 0 to 2147483647"),
        (18, duration, "12.5", "not a whole number"),
        (19, duration, "2147483648", "out of range: 0 to 2147483647"),
        (20, duration, "9223372036854775808", "out of range: 0 to 2147483647"),
        (21, "completion_percentage", "100.01", "out of range: 0 to 100"),
        (22, "completion_percentage", "-0.1", "out of range: 0 to 100"),
        (23, duration, "N/A", "not a number"),
    ]
    assert project.value("SELECT problems FROM etl.rejected_rows WHERE record = 23") == [
        {"column": duration, "value": "N/A", "reason": "not a number"},
        {"column": "completion_percentage", "value": "NaN", "reason": "not a number"},
    ]
    assert project.rows(
        "SELECT source, read, loaded, rejected, superseded, waiting FROM etl.file_outcomes ORDER BY 1"
    ) == [
        ("users.csv", 3, 3, 0, 0, 0),
        ("viewing_sessions-a.csv", 2, 0, 0, 2, 0),
        ("viewing_sessions-b.csv", 1, 1, 0, 0, 0),
        ("viewing_sessions.csv", 23, 6, 13, 1, 3),
    ]


def test_cells_are_typed_without_a_function_call_for_each(project: Project) -> None:
    assert project.task("CreatePostgresTables").code == 0
    calls = (
        "etl.clean(age)", "etl.key_problem(age)", "etl.problem('age', age, country)",
        "etl.plain_whole(age)", "etl.whole_problem(age, _row, 0, 120)", "etl.whole(age, _row)",
        "etl.plain_number(age)", "etl.numeric_problem(age, _row, 0, 120)", "etl.number(age, _row)",
        "etl.plain_date(age)", "etl.date_problem(age, NULL::date, '1900-01-01', '2100-12-31')",
            "etl.time_problem(age)", "etl.float_problem(age)", "etl.other_problem(age, 'boolean', 'no')",
    )  # fmt: skip
    for call in calls:
        plan = project.rows(f"EXPLAIN (VERBOSE) SELECT {call} FROM raw.users")
        assert "etl." not in str(plan), call

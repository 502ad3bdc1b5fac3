"""Python types the text of a value as PostgreSQL does: the same values, the same words for what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipeline.contract.declared import UnsupportedDeclarationError, declared
from pipeline.contract.schema import read_schema
from pipeline.contract.table import Table
from pipeline.contract.typing import define_staging
from pipeline.records.text_rules import BLANKS
from pipeline.records.typed_values import Typing, clean
from pipeline.tasks.create import CreatePostgresTables
from tests.in_process import settle
from tests.project import Project
from tests.small_input import ANN, write_users

DECLARATION = """
    CREATE TEMP TABLE parents (code text, day date, PRIMARY KEY (code, day));
    CREATE TEMP TABLE typed (
        id              text PRIMARY KEY,
        parent          varchar(600),
        parent_day      date,
        note            text,
        word            varchar(5) NOT NULL,
        endless         varchar,
        code            char(3),
        plan            text NOT NULL CHECK (plan IN ('Basic', 'it''s, so', '1')),
        short_plan      varchar(5) CONSTRAINT plan_known CHECK (short_plan IN ('a', 'b')),
        padded_plan     char(4) CHECK (padded_plan IN ('a', '2024')),
        tiny            smallint CHECK (tiny >= 0),
        stars           smallint CHECK (stars IN (1, 2, 5)),
        age             integer NOT NULL CHECK (age > -7 AND age < 120),
        count           bigint,
        price           numeric(6,2) CHECK (price > 0),
        share           numeric(5,2) CHECK (share BETWEEN 0 AND 100),
        half            numeric(3,1) CHECK (half IN (0.5, 1.5)),
        tenth           numeric(2,2),
        rounded         numeric(4),
        exact           numeric(38,10),
        day             date NOT NULL,
        old_day         date CHECK (old_day >= '0001-01-01' AND old_day < '2024-03-01'),
        active          boolean,
        weight          double precision,
        height          real,
        FOREIGN KEY (parent, parent_day) REFERENCES parents
    );
    COMMENT ON CONSTRAINT plan_known ON typed IS 'no plan of ours';
"""
# A row in which every column can be typed.
GOOD = {
    "id": "S1", "word": "w", "plan": "Basic", "age": "1", "day": "2024-05-01", "padded_plan": "a", "stars": "5",
    "half": "0.5", "short_plan": "a",
}  # fmt: skip
ODD = [
    "", " ", "\u200b", "\u0085x\u0085", "\u00a05\u00a0", "\ufeff", "x\u0000"[:1], "1 2", "1\n2", "1_0", "٣", "１",
    "x" * 512, "x" * 513, "é" * 256, "é" * 257, "x" * 1001, "x" * 600, "x" * 601, "abcde", "abcdef", "abcd  ", "ab c",
    "日本", "😀" * 5, "Basic", "basic", "it's, so", "a", "b", "c", "0", "-0", "+0", "00", "007", "5.", ".5", ".", "+",
    "-", "+-1", "--1", "1.0", "1.00", "1.10", "-1", "+1", "120", "119", "-7", "-6", "32767", "32768", "-32768",
    "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "9" * 9, "9" * 10, "9" * 28, "9" * 29, "9" * 60, "9" * 61, "9" * 1001, "0" * 61,
    "0" * 59 + "1", "0" * 60 + "1", "1" + "0" * 28, "9" * 28 + "." + "9" * 10, "-" + "9" * 28 + "." + "9" * 10,
    "9" * 28 + "." + "9" * 11, "0.005", "0.004", "0.015", "0.025", "-0.005", "0.995", "99.995", "100.00", "100.001",
    "9999.99", "9999.994", "9999.995", "9999.5", "9999.4", "0.99", "0.994", "0.995", "-0.994", "0.01", "0.009", "1e2",
    "1E2", "1,5", "1.5", "0.45", "0.46", "1.54", "1.55", "2", "2.0", "02", "3", "0x10", "0b1", "½", "1.",
    "9" * 1000 + "x", "1" * 999 + ".", "NaN", "nan", "inf", "Infinity", "-infinity", "infinity", "1e308", "1e309",
    "-1e309", "1e-300", "1e-323", "1e-324", "1e-400", "0e-400", "0.0e999", "3.4028235e38", "3.4028236e38", "1e38",
    "1e39", "1e-45", "1e-46", "7e-46", "8e-46", "16777217", "0.1", "1e", "e5", "1e+5", "1e-5", "1.e5", ".1e5",
    "0." + "0" * 1000 + "1", "0.5" + "0" * 2000, "1" * 1000 + "x", "1" * 1000 + "_1", "1.00000017881393432617187499",
    "1.00000017881393432617187500", "1.00000017881393432617187501", "2024-02-29", "2023-02-29", "2024-02-30",
    "2024-13-01", "2024-00-10", "2024-01-00", "0000-01-01", "0001-01-01", "1899-12-31", "1900-01-01", "2100-12-31",
    "2101-01-01", "9999-12-31", "10000-01-01", "99-01-08", "2024-1-5", "20240105", "2024/01/05", "01.02.2024",
    "January 8, 1999", "J2451187", "2024-05-01 BC", "0044-03-15 BC", "epoch", "today", "now", "2024-05-0x",
    "٢٠٢٤-٠١-٠١", "2024-٠1-01", "abcd-ef-gh", "2024-02-29 00:00", "2024-02-29T00:00:00", "2024-02-29T00:00:00.000",
    "2024-02-29T00:00:00Z", "2024-02-29 00:00:00 Z", "2024-02-29 00:00+02", "2024-02-29 00:00 -0730",
    "2024-02-29 00:00+15:59", "2024-02-29 00:00-15:59", "2024-02-29 00:00+16", "2024-02-29 00:00+15:60",
    "2024-02-29 00:00+0060", "2024-02-29 00:00+99:99", "2024-02-29 00:00z", "2024-02-29t00:00", "2024-02-29  00:00",
    "2024-02-29 24:00", "2024-02-29 00:01", "2024-02-29T12:30:00Z", "2024-02-29T0", "2024-02-29 x",
    "2024-02-30 00:00", "2101-01-01T00:00", "1899-12-31 00:00:00", "2024-02-29 00:00:00.001", "2024-02-29 00:00:00.",
    "2024-02-29T00:00:00." + "0" * 2000, "2024-02-29 00:00:00.0 UTC", "2024-02-29 00:00:60", "2024-02-29 00:00-00",
    *"tTyYnNfFoO10", "tr", "TRU", "true", "True", "ye", "yes", "YES", "no", "on", "oN", "of", "off", "offf", "fals",
    "false", "falsey", "truth", "01", "t rue", "ｔrue", "ſ", "K", "null", "NULL", "\\N", '"', "'", "%s", "{}", "\\",
    "missing",
    *(
        f"2024-02-29{between}00:00:00.{'0' * zeros}{zone}"
        for between in "T " for zeros in range(90, 130) for zone in ("", "Z", " Z", "+01", " -0130", "+01:30")
    ),
]  # fmt: skip
ZONE = "( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?"
blanks = st.text(BLANKS, max_size=2)
texts = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12),
    st.text("0123456789+-.eE ", max_size=14),
    st.from_regex(r"[+-]?[0-9]{0,40}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(rf"[0-9]{{4}}-[01][0-9]-[0-3][0-9]([T ]00:00(:00(\.0{{1,3}})?)?{ZONE})?", fullmatch=True),
    st.builds(lambda left, text, right: left + text + right, blanks, st.sampled_from(ODD), blanks),
)


@pytest.fixture
def typed(project: Project) -> Iterator[tuple[Cursor, Table]]:
    """A connection in which the table is declared."""
    write_users(project, ANN)
    settle(project, only=CreatePostgresTables)
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute(DECLARATION)
        table = read_schema(cursor, "pg_my_temp_schema()", ["typed"])["typed"]
        columns = ", ".join(f"{name} text" for name in table.column_names)
        cursor.execute(f"CREATE TEMP TABLE texts (_batch_id bigint, _row bigint, {columns})")
        define_staging(cursor, table, "staged", "texts")
        yield cursor, table


def by_postgres(cursor: Cursor, table: Table, rows: Iterable[dict[str, str]]) -> dict[int, Any]:
    names = table.column_names
    cursor.execute("TRUNCATE texts")
    values = [(number, *map(row.get, names)) for number, row in enumerate(rows)]
    execute_values(cursor, f"INSERT INTO texts (_row, {', '.join(names)}) VALUES %s", values, page_size=10_000)
    # As it is, and not as it is shown shortest.
    read = [f"{each.name}::float8" if each.type == "real" else each.name for each in table.columns]
    cursor.execute(f"SELECT _row, {', '.join(read)} FROM staged WHERE valid")
    found: dict[int, Any] = {row: tuple(values) for row, *values in cursor.fetchall()}
    cursor.execute("SELECT _row, problems FROM staged WHERE NOT valid")
    return found | dict(cursor.fetchall())


def by_python(table: Table, rows: Iterable[dict[str, str]]) -> dict[int, Any]:
    columns = declared(table)["columns"]
    typing = Typing(columns)
    found: dict[int, Any] = {}
    for number, row in enumerate(rows):
        values = tuple(typing.outcome(each["name"], clean(row.get(each["name"])))[0] for each in columns)
        found[number] = typing.problems(row) or values
    return found


def compare(cursor: Cursor, table: Table, rows: list[dict[str, str]]) -> None:
    postgres, python = by_postgres(cursor, table, rows), by_python(table, rows)
    assert len(postgres) == len(rows)
    different = [
        (set(row.items()) - set(GOOD.items()), postgres[number], python[number])
        for number, row in enumerate(rows)
        if postgres[number] != python[number] or [*map(type, postgres[number])] != [*map(type, python[number])]
    ]
    assert different[:5] == []


def test_values_and_reasons_are_those_of_postgresql(typed: tuple[Cursor, Table]) -> None:
    cursor, table = typed
    compare(cursor, table, [GOOD, {}, *({**GOOD, name: text} for name in table.column_names for text in ODD)])

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(texts, min_size=len(table.columns), max_size=100))
    def on_any_text(found: list[str]) -> None:
        all_odd = [dict(zip(table.column_names, found[start:], strict=False)) for start in range(len(found))]
        compare(cursor, table, [{**GOOD, name: text} for name in table.column_names for text in found] + all_odd)

    on_any_text()


UNSUPPORTED = {
    "at timestamptz": "at: its type timestamp with time zone",
    "tags text[]": "tags: its type text[]",
    "amount numeric": "amount: its type numeric",
    "amount numeric(40,2)": "amount: its type numeric(40,2)",
    "amount numeric(2,-1)": "amount: its type numeric(2,-1)",
    "rejected text": "rejected: its name",
    "code text CHECK (code ~ '^[A-Z]+$')": "code: its CHECK (code ~ '^[A-Z]+$'::text)",
    "code text CHECK (length(code) < 5)": "code: its CHECK (length(code) < 5)",
    "code text CHECK (code IN ('a', 'b')) CHECK (code <> 'a')": "code: its CHECK (code <> 'a'::text)",
    "size real CHECK (size > 0)": "size: its CHECK (size > (0)::double precision)",
    "amount numeric(4,1) CHECK (amount IN (1.5, 2))": "amount: its CHECK (amount = ANY (ARRAY[1.5, (2)::numeric]))",
    "low int, high int, CHECK (low < high)": "low, high: its CHECK (low < high)",
}


def test_what_python_cannot_judge_is_refused(project: Project) -> None:
    with project.connection() as connection, connection.cursor() as cursor:
        told = {}
        for column in UNSUPPORTED:
            cursor.execute(f"CREATE TEMP TABLE odd (id text PRIMARY KEY, {column})")
            with pytest.raises(UnsupportedDeclarationError) as refusal:
                declared(read_schema(cursor, "pg_my_temp_schema()", ["odd"])["odd"])
            told[column] = str(refusal.value)
            cursor.execute("DROP TABLE odd")
    assert told == {
        column: f"processed.odd.{named} can be judged in PostgreSQL only; keep the table there (unset SPARK_MASTER), or"
        " declare it otherwise"
        for column, named in UNSUPPORTED.items()
    }

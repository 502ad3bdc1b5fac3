"""CSV files as a stream: what is a record, what is rejected and why, whatever the size of the blocks."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.records import csv_lines, csv_records
from pipeline.records.csv_files import CsvStream, RejectedRecord
from pipeline.records.files import FileRefusedError
from pipeline.records.text_rules import BLANKS
from tests.oracle.csv_files import split_records

Row = tuple[int, list[str]]
BLOCK_SIZES = (1, 2, 3, 5, 8, 13, 64)


class Read:
    """All that a stream makes of a file: what COPY is given is read back with the csv module."""

    def __init__(
        self, data: bytes, block_size: int = 1 << 20, prefix: bytes = b"7,", declared: tuple[str, ...] = ()
    ) -> None:
        self.rejected: list[RejectedRecord] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_lines, "BLOCK_SIZE", block_size)
            patch.setattr(csv_lines, "PIECE_SIZE", block_size)
            stream = CsvStream(io.BytesIO(data), "users.csv", self.rejected.append, declared, declared)
            self.columns = stream.columns
            self.chunks = list(stream.lines(prefix))
        self.records = stream.records
        self.blank_rows = stream.blank_rows
        self.delimiter = stream.delimiter
        text = b"".join(self.chunks).decode("utf-8")
        emitted = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert all(batch == "7" for batch, *_ in emitted)
        self.rows: list[Row] = [(int(number), fields) for _, number, *fields in emitted]

    @property
    def said(self) -> tuple[object, ...]:
        return self.columns, self.delimiter, self.rows, self.rejected, self.blank_rows

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(each.record, each.reason) for each in self.rejected]


def in_blocks(data: bytes, block_size: int) -> list[Row]:
    """Return the records of a file as they come without their numbers."""
    rows: list[Row] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "BLOCK_SIZE", block_size)
        patch.setattr(csv_lines, "PIECE_SIZE", block_size)
        for block in CsvStream(io.BytesIO(data), "users.csv", lambda _: None).blocks():
            fields = list(csv.reader(io.StringIO(block.content.decode(), newline=""), strict=True))
            assert len(fields) == block.rows > 0
            rows += enumerate(fields, block.first)
    return rows


def read(data: bytes, *declared: str) -> Read:
    """Read a file, and make sure that the size of the blocks makes no difference."""
    whole = Read(data, declared=declared)
    for block_size in BLOCK_SIZES:
        parts = Read(data, block_size, declared=declared)
        assert parts.said == whole.said, block_size
    return whole


def refusal(data: bytes, *declared: str) -> str:
    messages = set()
    for block_size in (1 << 20, *BLOCK_SIZES):
        with pytest.raises(FileRefusedError) as refused:
            Read(data, block_size, declared=declared)
        messages.add(str(refused.value))
    [message] = messages
    return message


# What is accepted


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a,b\n1,2\n3,4\n", id="plain"),
        pytest.param(b"a,b\n1,2\n3,4", id="no newline at the end"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n", id="CRLF"),
        pytest.param(b"a,b\r1,2\r3,4\r", id="CR"),
        pytest.param(b"a,b\r1,2\n3,4\r\n", id="mixed line ends"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n3,4\n", id="byte order mark"),
        pytest.param(b'\xef\xbb\xbf"a",b\n"1","2"\n3,4\n', id="byte order mark before a quote"),
        pytest.param(b"\n\r\na,b\n\n1,2\n\n\r\n3,4\n\n", id="blank lines"),
        pytest.param(b" A ,\tB\t\n1,2\n3,4\n", id="capitals and blanks in the header"),
        pytest.param(b'"a","b"\n"1","2"\n"3","4"\n', id="quoted"),
    ],
)
def test_ways_of_writing_the_same_records(data: bytes) -> None:
    found = read(data)
    assert found.columns == ["a", "b"]
    assert found.rows == [(1, ["1", "2"]), (2, ["3", "4"])]
    assert found.rejected == []


def test_quoted_newlines_quotes_and_commas_are_part_of_the_value() -> None:
    found = read(b'a,b\n"x, y","say ""hi"""\n"two\nlines","three\r\nmore\rlines"\nlast,""\n')
    assert found.rows == [
        (1, ["x, y", 'say "hi"']),
        (2, ["two\nlines", "three\r\nmore\rlines"]),
        (3, ["last", ""]),
    ]
    assert found.rejected == []


def test_text_of_all_scripts_and_backslashes_pass_as_they_are() -> None:
    rows = [["🎬👩‍👩‍👧", "مرحبا"], ["e\u0301", "日本語"], ["\\N", "\\."], ["C:\\temp", "a\tb"]]
    found = read("\n".join(["name,value", *(",".join(row) for row in rows)]).encode())
    assert found.rows == list(enumerate(rows, start=1))


def test_blanks_of_a_value_stay() -> None:
    assert read(b"a,b\n  1 , 2\t\n").rows == [(1, ["  1 ", " 2\t"])]


def test_a_column_alone() -> None:
    found = read(b'a\n1\n\n""\n  \n2\n')
    assert found.blank_rows == 2
    assert found.rows == [(1, ["1"]), (2, ["2"])]


def test_a_header_alone_has_no_records() -> None:
    found = read(b"a,b\n")
    assert (found.columns, found.rows, found.rejected, found.records) == (["a", "b"], [], [], 0)


def test_columns_named_like_sql_or_with_special_characters_are_kept() -> None:
    found = read('select,"a ""b""",x;y,two words,naïve,%s,{}\n1,2,3,4,5,6,7\n'.encode())
    assert found.columns == ["select", 'a "b"', "x;y", "two words", "naïve", "%s", "{}"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n", '\ufeff"SEP={}"\r\n'])
def test_other_delimiters_are_told_by_the_declared_columns(delimiter: str, first: str) -> None:
    lines = ["A;b; c ", '1;"2;2";3', "4;5,5;", "6;7; 8", ";;", "9;10"]
    data = (first.format(delimiter) + "\n".join(lines).replace(";", delimiter)).encode()
    found = read(data, "c", "a")
    assert (found.columns, found.delimiter, found.blank_rows) == (["a", "b", "c"], delimiter, 1)
    assert found.rows == [(1, ["1", f"2{delimiter}2", "3"]), (2, ["4", "5,5", ""]), (3, ["6", "7", " 8"])]
    assert found.reasons == [(4, "too few columns: 2 instead of 3")]


def test_the_delimiter_of_a_table_that_nobody_declared() -> None:
    assert read(b"a;b\n1;2\n").rows == [(1, ["1", "2"])]
    assert read(b"a,b;c\n1,2\n").columns == ["a", "b;c"]
    assert read(b"a;b,c\n1,2\n", "c").columns == ["a;b", "c"]


def test_a_plain_file_with_other_delimiters_is_read_by_the_block() -> None:
    data = b"a;b\n" + b"1;2\n" * 1000
    assert len(Read(data).chunks) == 1
    assert len(Read(data).rows) == 1000


def test_a_value_as_long_as_several_blocks() -> None:
    long = "x" * 3_000_000
    found = Read(f'a,b\n1,{long}\n2,"{long}\n{long}"\n3,z\n'.encode(), block_size=1 << 16)
    assert found.rows == [(1, ["1", long]), (2, ["2", f"{long}\n{long}"]), (3, ["3", "z"])]


def test_the_columns_of_a_reject_file_are_left_out() -> None:
    data = b'a,_reject_record,b,_reject_reason,_reject_line\n1,17,2,"too few, they say","1,"\n3,18,4,,\n'
    found = read(data)
    assert found.columns == ["a", "b"]
    assert found.rows == [(1, ["1", "2"]), (2, ["3", "4"])]


def test_no_chunk_is_empty_since_copy_takes_that_for_the_end() -> None:
    data = b"a,b\n" + b"\n" * 50 + b"1,2\n" + b"3\n" * 20 + b'"5\n' + b"\n" * 50 + b"6,7\n"
    for block_size in BLOCK_SIZES:
        found = Read(data, block_size)
        assert all(found.chunks)
        assert [fields for _, fields in found.rows] == [["1", "2"], ["6", "7"]]


# What is rejected, alone


def test_too_few_and_too_many_columns() -> None:
    found = read(b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert found.rows == [(1, ["1", "2"]), (4, ["7", "8"])]
    assert found.reasons == [(2, "too few columns: 1 instead of 2"), (3, "too many columns: 3 instead of 2")]
    assert [each.row for each in found.rejected] == [
        {"_reject_line": "3", "a": "3"},
        {"_reject_line": "4,5,6", "a": "4", "b": "5"},
    ]


@pytest.mark.parametrize(
    "row", ["   ", ",", ",,,,", " , ", '"",""', '"  ",', "\ufeff", "\u00a0,\u200b", '"\n",""', "\t,\v\f"]
)
def test_rows_of_nothing_but_separators_are_passed_over_and_counted(row: str) -> None:
    for lines in ([row, "1,2", row, row, "3,4", row], [row, '1,"2"', "3,4", row, row, row]):
        for line_end in ("\n", "\r\n"):
            found = read(line_end.join(["a,b", *lines]).encode())
            assert found.rows == [(1, ["1", "2"]), (2, ["3", "4"])]
            assert (found.rejected, found.blank_rows, found.records) == ([], 4, 2)


@pytest.mark.parametrize("above", [b"", b"a,b\n"])
@pytest.mark.parametrize("row", [b"\n", b"\r\n", b"\r", b",\n", b" , \n"])
def test_millions_of_blank_lines_are_passed_over_by_the_block(
    above: bytes, row: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CsvStream, "_next", None)  # what takes a line by itself
    found = Read(above + row * 1_000_000 + (b"" if above else b"a,b\n") + b"1,2\n" + row * 1_000_000 + b"3,4")
    assert found.rows == [(1, ["1", "2"]), (2, ["3", "4"])]
    assert found.blank_rows == (0 if not row.strip() else 2_000_000 if above else 1_000_000)


def test_a_row_of_a_reject_file_without_values_is_none_of_nothing() -> None:
    found = read(b"a,b,_reject_record,_reject_reason\n,,17,a is missing\n,,,\n1,2,18,\n")
    assert found.rows == [(1, ["", ""]), (2, ["1", "2"])]
    assert found.blank_rows == 1


def test_bytes_that_are_not_utf8() -> None:
    found = read(b"a,b\n1,2\n3,caf\xe9\n4,\xc3\xa9\n")
    assert found.rows == [(1, ["1", "2"]), (3, ["4", "é"])]
    assert found.reasons == [(2, "not UTF-8: byte 6 of the record is 0xe9")]
    assert found.rejected[0].row == {"_reject_line": "3,caf\\xe9", "a": "3", "b": "caf\\xe9"}


def test_a_character_cut_short_at_the_end_of_the_file() -> None:
    assert read("a,b\n1,é".encode()[:-1]).reasons == [(1, "not UTF-8: byte 3 of the record is 0xc3")]


def test_surrogates_are_no_utf8() -> None:
    assert read(b"a,b\n1,\xed\xa0\x80\n").reasons == [(1, "not UTF-8: byte 3 of the record is 0xed")]


def test_a_nul_byte_is_rejected_with_its_offset_and_shown() -> None:
    found = read(b"a,b\n1,2\n3,4\x005\n6,7\n")
    assert found.rows == [(1, ["1", "2"]), (3, ["6", "7"])]
    assert found.reasons == [(2, "a NUL byte at byte 4 of the record")]
    assert found.rejected[0].row == {"_reject_line": "3,4\\x005", "a": "3", "b": "4\\x005"}


def test_a_bad_byte_in_a_record_of_several_lines() -> None:
    found = read(b'a,b\n1,"caf\xe9\nbar"\n2,"x\n\x00"\n3,4\n')
    assert found.reasons == [
        (1, "not UTF-8: byte 7 of the record is 0xe9"),
        (2, "a NUL byte at byte 6 of the record"),
    ]
    assert [each.row["b"] for each in found.rejected] == ["caf\\xe9\nbar", "x\n\\x00"]
    assert found.rows == [(3, ["3", "4"])]


# Quotes


def test_a_quote_never_closed_costs_its_own_line_only() -> None:
    found = read(b'a,b\n1,2\n3,"four\n5,6\n7,8\n')
    assert found.rows == [(1, ["1", "2"]), (3, ["5", "6"]), (4, ["7", "8"])]
    assert found.reasons == [(2, "a quote is never closed")]
    assert found.rejected[0].row == {"_reject_line": '3,"four', "a": "3", "b": "four"}


@pytest.mark.parametrize("second", [b'8,"nine\n', b'8,"nine"\n'])
def test_two_forgotten_quotes_do_not_swallow_the_records_between_them(second: bytes) -> None:
    found = read(b'a,b\n1,"two\n3,4\n5,6\n' + second + b"10,11\n")
    assert (1, "a quote is never closed") in found.reasons
    assert {("3", "4"), ("5", "6"), ("10", "11")} <= {tuple(fields) for _, fields in found.rows}


def test_a_stray_quote_costs_its_line() -> None:
    found = read(b'a,b\n1,"two\n3,4\n5,six",7\n8,9\n')
    assert found.reasons == [
        (1, "too many columns: 3 instead of 2, if its quote closes 2 lines below"),
        (3, "too many columns: 3 instead of 2"),
    ]
    assert found.rows == [(2, ["3", "4"]), (4, ["8", "9"])]


def test_a_quote_within_an_unquoted_value() -> None:
    found = read(b'a,b\n1,5" disk\n2,a "b" c\n3,4""\n4,5\n')
    assert found.reasons == []
    assert found.rows == [(1, ["1", '5" disk']), (2, ["2", 'a "b" c']), (3, ["3", '4""']), (4, ["4", "5"])]


def test_quotes_that_do_not_tell_the_value_are_rejected() -> None:
    found = read(b'a,b\n1,"x"y\n2,"TV \\"55\\""\n3,TV \\"55\\"\n4,"5""\n6,7\n8,"C:\\"\n9,"\\""9\\"""\n')
    after = "text after a closing quote: a quote within quotes is written twice"
    assert found.reasons == [
        (1, after), (2, after), (3, "a backslash before a quote: a quote is written twice, within quotes"),
        (4, "a quote is never closed"),
    ]  # fmt: skip
    assert found.rows == [(5, ["6", "7"]), (6, ["8", "C:\\"]), (7, ["9", '\\"9\\"'])]


def test_blanks_around_quotes_are_passed_over() -> None:
    found = read('a,b\n1, "sp"\n"2" , \ufeff\t"x, y"\u00a0\n3," z "\n'.encode())
    assert found.rows == [(1, ["1", "sp"]), (2, ["2", "x, y"]), (3, ["3", " z "])]


def test_a_quote_that_opens_after_a_stray_one_on_the_same_line() -> None:
    found = read(b'a,b\nx"y,"z\n1,2\n')
    assert found.reasons == [(1, "a quote is never closed")]
    assert found.rows == [(2, ["1", "2"])]


def test_a_quote_open_for_longer_than_a_record_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_BYTES", 1000)
    inside = b"".join(b"%d,%d\n" % (n, n) for n in range(500))
    found = read(b'a,b\nx,"y\n' + inside + b'z"\n1,2\n')
    assert found.reasons[0] == (1, "a quote is never closed")
    assert len(found.rows) == 501


def test_many_forgotten_quotes_are_read_in_one_pass() -> None:
    data = b"a,b\n" + b'1,"two\n' * 30_000 + b'a",b,"c\n' * 30_000
    began = time.process_time()
    found = Read(data)
    assert (found.records, len(found.rejected)) == (60_000, 60_000)
    assert time.process_time() - began < 10  # seconds; line by line to the end of the file would take hours


def test_a_line_filled_with_nul_bytes_is_one_short_reject() -> None:
    data = b"a,b\n1,2\n3," + bytes(30_000_000) + b",4\n5,6\n7" + bytes(30_000_000)
    tracemalloc.start()
    found = Read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.rows == [(1, ["1", "2"]), (3, ["5", "6"])]
    assert found.reasons == [(2, "a NUL byte at byte 3 of the record"), (4, "a NUL byte at byte 2 of the record")]
    assert found.rejected[1].row["_reject_line"].startswith("7\\x00\\x00")  # type: ignore[attr-defined]
    assert str(found.rejected[1].row["_reject_line"]).endswith("… (shortened: 30,000,001 bytes)")
    assert all(len(str(value)) < 11_000 for each in found.rejected for value in each.row.values())
    assert peak < 20_000_000


def test_a_record_that_is_too_long_is_rejected_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_lines, "MAX_RECORD_BYTES", 1 << 20)
    for line_end in (b"\n", b"\r\n", b"\r"):
        found = Read(line_end.join([b"a,b", b"1," + b"x" * 3_000_000, b"2,3", b"4," + b"x" * 3_000_000]), 1 << 16)
        assert found.rows == [(2, ["2", "3"])]
        assert found.reasons == [(1, "longer than 1 MiB"), (3, "longer than 1 MiB")]
        assert str(found.rejected[0].row["_reject_line"]).endswith("… (shortened: 3,000,002 bytes)")


# What is refused


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\r\n  \n"])
def test_a_file_without_a_header(data: bytes) -> None:
    assert refusal(data) == "users.csv: the file is empty, it has no header; deliver it again"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("a,,b", "column 2 has no name"),
        ("a,b,", "the header ends with ',': remove that, and from each line if all end so"),
        ("a,b, A ", "the column 'a' stands there twice"),
        ("a,b\0", "the name of column 2 holds a NUL character"),
        ("a,_row", "the column name '_row' is reserved"),
        ("_batch_id,a", "the column name '_batch_id' is reserved"),
        ("a,CTID", "the column name 'ctid' is reserved"),
        ("a," + "b" * 64, f"the column name '{'b' * 64}' is longer than 63 bytes"),
        ("é" * 32, f"the column name '{'é' * 32}' is longer than 63 bytes"),
    ],
)
def test_a_header_that_cannot_be_one(header: str, problem: str) -> None:
    names = ", ".join(name.strip().lower().replace("\0", "\\x00") for name in header.split(","))
    message = refusal(f"{header}\n1,2\n".encode())
    assert message == f"users.csv: {problem}; correct the header, which is: {names}"


def test_a_name_of_63_bytes_is_none_too_long() -> None:
    assert read(f"{'b' * 63}\n1\n".encode()).columns == ["b" * 63]


def test_a_header_that_is_not_utf8() -> None:
    for data in ("naïve,b\n1,2\n".encode("latin-1"), "a,b\n1,2\n".encode("utf-16")):
        assert "the header is not UTF-8" in refusal(data)
        assert "save the file as UTF-8" in refusal(data)


def test_a_header_with_an_open_quote() -> None:
    assert "a quote in the header is never closed" in refusal(b'a,"b\nc"\n1,2\n')


def test_a_title_above_the_header() -> None:
    header = "a,b\n1,2\n"
    assert refusal(b"Users\n" + header.encode(), "a", "b") == (
        "users.csv: the line above the header must be removed: 'Users'"
    )
    message = refusal(f"Users of\x07 2024,\n\nas of today,\n{header}".encode(), "b")
    assert message == "users.csv: the 3 lines above the header must be removed: 'Users of\\x07 2024,'"


def test_what_cannot_be_seen_in_a_header_is_shown() -> None:
    message = refusal("a\u200bb,a\u200bb\n1,2\n".encode())
    assert message == (
        "users.csv: the column 'a\\u200bb' stands there twice; correct the header, which is: a\\u200bb, a\\u200bb"
    )
    long = refusal(b"a," * 5000 + b"a\n")
    assert len(long) < 3000


def test_a_separator_that_is_none_of_those_known() -> None:
    assert "the line sep=x names what separates columns; that must be one of , ; tab |" in refusal(b"sep=x\naxb\n")


def test_more_columns_than_a_table_takes() -> None:
    header = ",".join(f"c{number}" for number in range(1_599))
    with pytest.raises(FileRefusedError, match="1,599 columns, more than the 1,598 of a table"):
        Read(header.encode())


def test_a_header_of_reject_columns_only() -> None:
    assert "no columns but those that reject files add" in refusal(b"_reject_record,_reject_line\n1,2\n")


def test_few_odd_records_among_many() -> None:
    bad = [b'"a', b"\xff,1", b"1", b"1,2,3", b"\0,1"]
    good = [b'"a ""b""",c', b'"x\ny\r\nz",2', b'"\n,1", ', b"k" * 3_000_000 + b',"1"']
    odd = [*bad, b",", *good]
    lines = [b"%d,%d" % (number, number) for number in range(30_000)]
    for place, line in enumerate([*odd, *odd[:-1]]):
        lines.insert(place * 1_500, line)
    data = b"a,b\n" + b"\r\n".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "PIECE_SIZE", 1 << 20)
        whole = Read(data)
    rows = Read(data).rows
    assert (rows, in_blocks(data, 1 << 20)) == (whole.rows, whole.rows)
    assert len(rows) == 30_007
    assert len(whole.rejected) == 10


# Whatever the bytes

SYNTAX = [b"a", b"1", b",", b",", b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b" ", b"\0", b"\\.", b"'"]
CHARACTERS = [character.encode() for character in "é日🎬’\u2028\x85\xa0\ufeff"]
NO_CHARACTERS = [b"\xe9", b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80", b"\xff"]
PIECES = st.sampled_from([*SYNTAX, *CHARACTERS, *NO_CHARACTERS])
BODIES = st.one_of(st.lists(PIECES, max_size=60).map(b"".join), st.binary(max_size=60))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(deadline=None, max_examples=400)
@given(body=BODIES, block_size=st.sampled_from(BLOCK_SIZES))
@example(body=b'1,"\r\n\r"\r\n2,3', block_size=1)
@example(body=b'1,"x\n\xe9"\n2,3', block_size=2)
def test_any_record_is_either_emitted_or_rejected(body: bytes, block_size: int) -> None:
    found = Read(b"a,b\n" + body, block_size)
    numbers = sorted([number for number, _ in found.rows] + [each.record for each in found.rejected])
    assert numbers == list(range(1, found.records + 1))
    assert all(len(fields) == 2 for _, fields in found.rows)
    assert all(found.chunks)
    for each in found.rejected:
        kept = "".join(map(str, each.row.values()))
        assert "\0" not in kept
        kept.encode("utf-8")
    whole = Read(b"a,b\n" + body)
    assert (whole.rows, whole.rejected) == (found.rows, found.rejected)
    assert in_blocks(b"a,b\n" + body, block_size) == found.rows


@settings(deadline=None, max_examples=300)
@given(data=BODIES, block_size=st.sampled_from(BLOCK_SIZES))
def test_any_file_is_read_or_refused(data: bytes, block_size: int) -> None:
    try:
        found = Read(data, block_size)
    except FileRefusedError as refused:
        assert str(refused).startswith("users.csv: ")
        assert "\0" not in str(refused)
        str(refused).encode("utf-8")
    else:
        assert len(set(found.columns)) == len(found.columns) > 0
        assert all(len(fields) == len(found.columns) for _, fields in found.rows)


@settings(deadline=None, max_examples=300)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=12),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    sizes=st.tuples(st.sampled_from(BLOCK_SIZES), st.sampled_from([25, 1 << 20])),
    reordered=st.booleans(),
)
def test_what_the_csv_module_writes_comes_through_field_by_field(
    rows: list[tuple[str, str, str]], line_end: str, quoting: int, sizes: tuple[int, int], reordered: bool
) -> None:
    out = io.StringIO(newline="")
    # Newlines of either kind are quoted, which Python 3.11 does only for those of its line end.
    writer = csv.writer(out, lineterminator="\r\n", quoting=quoting)  # type: ignore[arg-type]
    header = ["c", "_reject_line", "a"] if reordered else ["a", "b", "c"]
    writer.writerow(header)
    writer.writerows(rows)
    text = out.getvalue()
    if not any("\r" in value or "\n" in value for row in rows for value in row):
        text = text.replace("\r\n", line_end)
    block_size, long = sizes
    with pytest.MonkeyPatch.context() as patch:
        for module in (csv_lines, csv_records):
            patch.setattr(module, "LONG_LINE_BYTES", long)
        found = Read(text.encode("utf-8"), block_size)
    assert found.rejected == []
    kept = [0, 2] if reordered else [0, 1, 2]
    written = [row for row in rows if any(value.strip(BLANKS) for value in row)]
    assert found.rows == [(n, [row[position] for position in kept]) for n, row in enumerate(written, start=1)]
    assert found.blank_rows == len(rows) - len(written)


@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(st.tuples(TEXTS.filter(lambda text: text.strip(BLANKS)), TEXTS), min_size=1, max_size=8),
    bad=st.sampled_from([b"1", b"1,2,3", b"\xff,"]),
)
def test_a_bad_line_changes_nothing_for_the_others(rows: list[tuple[str, str]], bad: bytes) -> None:
    lines = []
    for row in rows:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerow(row)
        lines.append(out.getvalue().encode("utf-8"))
    found = Read(b"a,b\r\n" + b"".join(line + bad + b"\n" for line in lines))
    assert found.rows == [(2 * n - 1, list(row)) for n, row in enumerate(rows, start=1)]
    assert [each.record for each in found.rejected] == [2 * n for n in range(1, len(rows) + 1)]


@settings(deadline=None, max_examples=400)
@given(lines=st.lists(st.text('ab", \\', min_size=1, max_size=12), max_size=8))
def test_quotes_are_read_as_the_csv_module_reads_them_strictly(lines: list[str]) -> None:
    """But for what is rejected here and taken there, or the other way round: backslashes, and blanks around quotes."""
    found = Read("\n".join(["a,b", *lines]).encode())
    if any('\\"' in line or ' "' in line or '" ' in line for line in lines):
        return
    try:
        records = list(csv.reader(io.StringIO("\n".join(lines), newline=""), strict=True))
    except csv.Error:
        assert found.rejected
        return
    values = [fields for fields in records if any(value.strip() for value in fields)]
    if all(len(fields) == 2 for fields in records if fields):
        assert (found.rejected, [fields for _, fields in found.rows]) == ([], values)


def test_gzip_makes_no_difference() -> None:
    rejected: list[RejectedRecord] = []
    packed = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(b"a,b\n1,2\n3\n")))
    stream = CsvStream(packed, "users.csv.gz", rejected.append)  # type: ignore[arg-type]
    assert b"".join(stream.lines()) == b"1,1,2\n"
    assert [each.record for each in rejected] == [2]


@settings(deadline=None, max_examples=500)
@given(content=BODIES | st.text('a,"\\ \n', max_size=40).map(str.encode))
def test_records_are_those_of_the_oracle(content: bytes) -> None:
    found = Read(b"a,b\n" + content)
    body = content.decode("utf-8", "surrogateescape")
    wanted = []
    for fields in split_records(body, width=2):
        is_row = fields and len(fields) == 2 and not any(re.search("[\0\udc80-\udcff]", field) for field in fields)
        wanted.append(fields if is_row else None)
    rows = dict(found.rows)
    assert [rows.get(number) for number in range(1, found.records + 1)] == wanted


def test_blank_values_of_a_long_record_may_hold_its_delimiter() -> None:
    for delimiter in (b",", b"\t"):
        for blank in (b"\t", b" ", b"\v"):
            row = delimiter.join([b'"' + blank + b'"', b'"' + blank * (3 << 20) + b'"\n'])
            found = Read(delimiter.join([b"a", b"b\n"]) + row)
            assert (found.rows, found.rejected, found.blank_rows) == ([], [], 1)


def test_long_records_are_read_like_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    parts = ["a", "é", '"', '""', ",", ";", "\n", "\r\n", " ", "\u2003", '\\"', '","', ',"', '",', "\udcff", "xyz"]
    for _ in range(1500):
        text = "".join(rng.choices(parts, k=60)) + "\na,b,c\n"
        # Empty values between quotes in more columns than there are count as none in short records alone.
        lines = [line for line in text.split("\n") if line.strip('", ;\r\u2003')]
        data = ("a,b,c\n" + "\n".join(lines)).encode("utf-8", "surrogateescape")
        short = Read(data)
        with monkeypatch.context() as patch:
            for module in (csv_lines, csv_records):
                patch.setattr(module, "LONG_LINE_BYTES", 8)
            long = Read(data, 5)
        assert long.rows == short.rows, data
        assert [each.record for each in long.rejected] == [each.record for each in short.rejected], data

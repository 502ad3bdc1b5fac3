"""JSON files as documents: every form, the place of every fault, and what never costs the whole file."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records.files import FileRefusedError
from pipeline.sources.json_files import Document, Known, read_documents
from pipeline.sources.json_text import JsonText

KNOWN = Known(
    ("movies", "series"),
    identity=frozenset({"_id", "content_id", "title"}),
    fields=frozenset({"_id", "content_id", "title", "genre", "release_year", "rating", "seasons"}),
)
LONG = "x" * 200_000  # longer than what is read at once


class CountingFile(io.BytesIO):
    """Counts the bytes that were read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.taken += len(block)
        return block


class SlowFile(io.BytesIO):
    """Hands out a few bytes at a time, as a pipe may, so that every token is cut somewhere."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self.step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.step)


def read(content: str | bytes, name: str) -> list[Document]:
    raw = content if isinstance(content, bytes) else content.encode()
    return list(read_documents(io.BytesIO(raw), name, KNOWN))


def contents(content: str | bytes, name: str = "movies.json") -> list[Any]:
    return [document.content for document in read(content, name)]


def refusal(content: str | bytes, name: str = "movies.json") -> str:
    with pytest.raises(FileRefusedError) as caught:
        read(content, name)
    return str(caught.value)


# Forms


def test_an_envelope_holds_documents_of_both_collections() -> None:
    assert read('{"series": [{"a": 1}], "movies": [{"b": 2}, {"c": 3}]}', "content.json") == [
        Document("series", 1, {"a": 1}),
        Document("movies", 1, {"b": 2}),
        Document("movies", 2, {"c": 3}),
    ]


def test_a_collection_named_twice_in_an_envelope_goes_on() -> None:
    found = read('{"movies": [1], "series": [], "movies": [2]}', "content.json")
    assert [(each.number, each.content) for each in found] == [(1, 1), (2, 2)]


def test_an_array_belongs_to_the_collection_of_its_name() -> None:
    assert read('[{"a": 1}, {"b": 2}]', "series-2024.json") == [
        Document("series", 1, {"a": 1}),
        Document("series", 2, {"b": 2}),
    ]
    assert read("[1]", "movies/part-1.json") == [Document("movies", 1, 1)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_json_lines_are_numbered_by_their_lines(ends: str) -> None:
    content = ends.join(['{"a": 1}', "", '  {"b": 2}  ', '{"c": 3}'])
    found = [(each.number, each.content) for each in read(content, "movies.jsonl")]
    assert found == [(1, {"a": 1}), (3, {"b": 2}), (4, {"c": 3})]


@pytest.mark.parametrize("name", ["content.json", "movies.json"])
@pytest.mark.parametrize("empty", ['{"movies": []}', ' {\n"movies" : [ ] , "series":[]}\n'])
def test_an_envelope_may_hold_no_documents(name: str, empty: str) -> None:
    assert read(empty, name) == []


def test_an_array_may_hold_no_documents() -> None:
    assert read(" [ ] ", "movies.json") == []


@pytest.mark.parametrize(
    "line",
    [
        {"tags": ["a"], "content_id": "M1"},
        {"cast": [{"name": "A"}], "content_id": "M1"},
        {"genre": ["Drama"], "title": "A"},
        {"series": "Star Wars", "content_id": "M1"},
        {"movies": ["A"], "content_id": "M1"},
    ],
)
def test_json_lines_that_begin_with_a_list_are_no_envelope(line: dict[str, Any]) -> None:
    assert contents(json.dumps(line) + "\n" + json.dumps(line)) == [line, line]


def test_a_first_line_longer_than_one_read_is_told_from_an_envelope() -> None:
    line = {"seasons": [{"title": LONG}], "content_id": "S1"}
    assert contents(json.dumps(line) + "\n", "series.jsonl") == [line]
    envelope = {"movies": [{"content_id": "M1", "title": LONG}]}
    assert contents(json.dumps(envelope), "movies.json") == envelope["movies"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"movies": [{"a": "é"}]}', "content.json"),
        ('[{"a": "é"}]', "movies.json"),
        ('{"a": "é"}\n', "movies.jsonl"),
    ],
)
def test_a_byte_order_mark_is_skipped(content: str, name: str) -> None:
    assert contents(b"\xef\xbb\xbf" + content.encode(), name) == [{"a": "é"}]


def test_byte_order_marks_of_joined_json_lines_are_skipped() -> None:
    assert contents(b'{"a": 1}\n\xef\xbb\xbf{"b": 2}\n') == [{"a": 1}, {"b": 2}]


# Values


def test_extended_json_becomes_the_values_it_means() -> None:
    content = """[{
        "_id": {"$oid": "65f000000000000000000001"}, "views": {"$numberLong": "9007199254740993"},
        "rating": {"$numberDecimal": "4.50"}, "ratio": {"$numberDouble": "0.5"},
        "on": {"$date": "2024-05-01T10:00:00Z"}, "at": {"$date": {"$numberLong": "1714557600000"}},
        "raw": {"$binary": {"base64": "AQI=", "subType": "05"}},
        "like": {"$regularExpression": {"pattern": "^a", "options": "i"}},
        "nested": [{"$numberInt": "7"}], "escaped": {"\\u0024numberInt": "8"}
    }]"""
    [found] = contents(content)
    like = found.pop("like")
    assert isinstance(like, Regex)
    assert like.pattern == "^a"
    assert found == {
        "_id": ObjectId("65f000000000000000000001"),
        "views": Int64(9007199254740993),
        "rating": Decimal128("4.50"),
        "ratio": 0.5,
        "on": datetime(2024, 5, 1, 10, tzinfo=UTC),
        "at": datetime(2024, 5, 1, 10, tzinfo=UTC),
        "raw": Binary(b"\x01\x02", 5),
        "nested": [7],
        "escaped": 8,
    }


@pytest.mark.parametrize("written", [{"$numberLong": "100000000000000000"}, 10**17])
def test_dates_outside_the_years_of_python_stay_extended_json(written: object) -> None:
    found = contents(json.dumps([{"on": {"$date": written}}]))
    assert found == [{"on": {"$date": {"$numberLong": "100000000000000000"}}}]


@pytest.mark.parametrize(
    "malformed",
    [
        {"$oid": "zz"},
        {"$oid": 5},
        {"$date": "yesterday"},
        {"$numberDecimal": "abc"},
        {"$numberInt": "x"},
        {"$binary": {"base64": "AQI=", "subType": "zz"}},
        {"$uuid": "x"},
        {"$price": 5},
        {"$oid": "65f000000000000000000001", "title": "A"},
    ],
)
def test_malformed_marks_of_extended_json_stay_as_they_are(malformed: dict[str, Any]) -> None:
    assert contents(json.dumps([{"a": malformed}])) == [{"a": malformed}]


def test_a_repeated_name_in_a_document() -> None:
    assert contents('[{"title": "A", "title": "B"}]') == [{"title": "B"}]


def test_whole_numbers_of_any_length_are_read() -> None:
    assert contents("[{" + f'"a": {10**30}' + "}]") == [{"a": 10**30}]
    digits = "9" * 5000
    [found] = contents(f'[{{"a": {digits}, "b": 1}}]')
    assert found == {"a": Decimal(digits), "b": 1}


def test_nan_and_infinity_cost_no_more_than_their_document() -> None:
    for content, name in [
        ('[{"a": NaN}, {"a": -Infinity}, {"a": 1e400}, {"a": 1}]', "movies.json"),
        ('{"a": NaN}\n{"a": -Infinity}\n{"a": 1e400}\n{"a": 1}', "movies.jsonl"),
    ]:
        first, *others = [each["a"] for each in contents(content, name)]
        assert math.isnan(first)
        assert others == [-math.inf, math.inf, 1]


def test_bytes_that_are_not_utf8_cost_no_more_than_their_document() -> None:
    assert contents(b'[{"a": "caf\xe9"}, {"a": "b"}]') == [{"a": "caf\udce9"}, {"a": "b"}]
    assert contents(b'{"a": "caf\xe9"}\n{"a": "b"}\n') == [{"a": "caf\udce9"}, {"a": "b"}]


def test_lone_surrogates_are_not_replaced_in_silence() -> None:
    assert contents('[{"a": "\\ud800"}]') == [{"a": "\ud800"}]


def test_deep_nesting_is_read() -> None:
    nested = '{"n":' * 400 + "1" + "}" * 400
    [document] = contents(f"[{nested}]")
    depth = 0
    while isinstance(document, dict):
        document, depth = document["n"], depth + 1
    assert (depth, document) == (400, 1)
    [marked] = contents('[{"a": {"$numberInt": "1"}, "b": ' + nested + "}]")
    assert "b" in marked


def test_nesting_beyond_all_reason_refuses_the_file_at_the_document() -> None:
    bottomless = "[" * 200_000
    assert refusal('[{"a": 1},\n  {"a": ' + bottomless) == (
        "movies.json: a document is nested too deeply to be read; it begins at line 2, column 3; deliver it again"
    )


def test_a_line_nested_beyond_all_reason_is_rejected_alone() -> None:
    found = read('{"a": 1}\n' + "[" * 200_000 + '\n{"a": 2}', "movies.jsonl")
    assert [each.fault for each in found] == [None, "nested too deeply", None]


# Streaming


@pytest.mark.parametrize(
    ("opening", "separator", "closing", "name"),
    [('{"movies": [', ",", "]}", "a.json"), ("[", ",\n", "]", "movies.json"), ("", "\n", "\n", "movies.jsonl")],
)
def test_documents_come_before_the_file_is_read_to_its_end(
    opening: str, separator: str, closing: str, name: str
) -> None:
    document = json.dumps({"content_id": "M1", "title": "x" * 1000})
    file = CountingFile((opening + separator.join([document] * 5000) + closing).encode())
    stream = read_documents(file, name, KNOWN)
    next(stream)
    assert file.taken < 200_000
    assert sum(1 for _ in stream) == 4999
    assert file.taken == len(file.getvalue())


def test_memory_does_not_grow_with_the_file() -> None:
    import tracemalloc

    class Endless(io.RawIOBase):
        """100 MB of documents that are nowhere held together."""

        left = 100_000

        def read(self, size: int = -1) -> bytes:
            if self.left == 0:
                return b""
            self.left -= 50
            last = b"]" if self.left == 0 else b","
            first = b"[" if self.left == 99_950 else b""
            return first + b",".join([b'{"a": "' + b"x" * 1000 + b'"}'] * 50) + last

    tracemalloc.start()
    try:
        count = sum(1 for _ in read_documents(Endless(), "movies.json", KNOWN))  # type: ignore[arg-type, misc]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 2_000_000


def test_one_document_longer_than_many_reads_is_read() -> None:
    long = {"a": "é" * 1_000_000, "b": list(range(100_000))}
    for content, name in [
        (json.dumps([long, long], ensure_ascii=False), "movies.json"),
        (json.dumps({"movies": [long, long]}), "content.json"),
        (json.dumps(long) + "\n" + json.dumps(long), "movies.jsonl"),
    ]:
        assert contents(content, name) == [long, long]


# Faults and their places


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[{"a": 1}\n,{"a": }]', "not JSON (Expecting value) at line 2, column 8"),
        ('[{"a": 1}\n {"a": 2}]', "not JSON, expecting ',' or ']' at line 2, column 2"),
        ('[{"a": 1},\n]', "not JSON (Expecting value) at line 2, column 1"),
        ('[{"a": 1}]\n\n {"b": 2}', "not JSON, something follows the end of the list or object at line 3, column 2"),
        ('[{"a": "x\ny"}]', "not JSON (Invalid control character at) at line 1, column 10"),
        ('[{"é": 1, b: 2}]', "not JSON (Expecting property name enclosed in double quotes) at line 1, column 11"),
        ('[{"a": 01}]', "not JSON (Expecting ',' delimiter) at line 1, column 9"),
        ('[{"a": "\\x"}]', "not JSON (Invalid \\escape) at line 1, column 9"),
        ("[/* all */ 1]", "not JSON (Expecting value) at line 1, column 2"),
        ("[1]\x00", "not JSON, something follows the end of the list or object at line 1, column 4"),
        ("[", "cut short, expecting a value at line 1, column 2"),
        ("[1", "cut short, expecting ',' or ']' at line 1, column 3"),
        ("[1,\n", "cut short, expecting a value at line 2, column 1"),
        ('[{"a": 1', "cut short (Expecting ',' delimiter) at line 1, column 9"),
        ('[\n{"a": "xyz', "cut short (Unterminated string starting at column 7) at line 2, column 11"),
    ],
)
def test_the_place_of_a_fault_is_told(content: str, told: str) -> None:
    assert refusal(content) == f"movies.json: {told}; deliver it again"
    blanks = " \n" * 100_000
    line = int(told.rpartition("line ")[2].split(",")[0])
    moved = told.replace(f"line {line}", f"line {line + 100_000}")
    assert refusal(blanks + content) == f"movies.json: {moved}; deliver it again"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("<html>", "not JSON, expecting '{' at line 1, column 1"),
        ('\n{"movies": [{"a": 1}], "series" [1]}', "not JSON, expecting ':' at line 2, column 33"),
        ('{"movies": [{"a": 1}], series: [1]}', "not JSON, expecting a name in double quotes at line 1, column 24"),
        ('{"movies": [{"a": 1}]', "cut short, expecting ',' or '}' at line 1, column 22"),
        ('{"movies": [{"a": 1}],', "cut short, expecting a name in double quotes at line 1, column 23"),
        ('{"movies": ', "cut short, expecting '[' at line 1, column 12"),
        (
            '{"movies": []}{"movies": []}',
            "not JSON, something follows the end of the list or object at line 1, column 15",
        ),
    ],
)
def test_the_place_of_a_fault_of_an_envelope_is_told(content: str, told: str) -> None:
    assert refusal(content, "content.json") == f"content.json: {told}; deliver it again"


def test_a_fault_early_in_a_large_file_is_told_without_reading_on() -> None:
    file = CountingFile(b'[{"a": oops}, ' + b'{"b": 1}, ' * 1_000_000 + b"1]")
    with pytest.raises(FileRefusedError, match="line 1, column 8"):
        list(read_documents(file, "movies.json", KNOWN))
    assert file.taken < 200_000


def test_a_document_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.json_text.MAX_DOCUMENT", 300_000)
    file = CountingFile(b'[1,\n "' + b"x" * 5_000_000)
    with pytest.raises(FileRefusedError, match="longer than 300,000 characters; it begins at line 2, column 2"):
        list(read_documents(file, "movies.json", KNOWN))
    assert file.taken < 2_000_000


def test_the_last_line_of_cut_json_lines_is_rejected_alone() -> None:
    assert read('{"a": 1}\n{"b": 2}\n{"c": "thr', "movies.jsonl") == [
        Document("movies", 1, {"a": 1}),
        Document("movies", 2, {"b": 2}),
        Document("movies", 3, '{"c": "thr', "not JSON: Unterminated string", 'column 7: "thr'),
    ]


def test_a_bad_line_of_json_lines_is_rejected_alone() -> None:
    assert read('{"a": 1}\n  {"b": 2} x\n{"c": 3}', "movies.jsonl") == [
        Document("movies", 1, {"a": 1}),
        Document("movies", 2, '{"b": 2} x', "not JSON: Extra data", "column 12: x"),
        Document("movies", 3, {"c": 3}),
    ]


def test_blank_lines_are_counted_but_passed_over_by_the_block() -> None:
    for blank in ("\n", " \r\n", "\t \n"):
        content = blank * 99_999 + '{"a": 1}\n' + blank * 200_000 + '  {"b": 2} x\n' + blank * 3 + '\ufeff{"c": 3}'
        assert [(each.number, each.content, each.place) for each in read(content, "movies.jsonl")] == [
            (100_000, {"a": 1}, None),
            (300_001, '{"b": 2} x', "column 12: x"),
            (300_005, {"c": 3}, None),
        ]
        text = JsonText(io.BytesIO(content.encode()), "movies.jsonl")
        assert sum(1 for _ in text.lines()) < 50


def test_a_file_whose_first_line_is_bad_is_refused() -> None:
    assert refusal('\n {"a": 1,,}\n{"b": 2}', "movies.jsonl") == (
        "movies.jsonl: not JSON (Expecting property name enclosed in double quotes) at line 2, column 10;"
        " deliver it again"
    )


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf"])
def test_a_file_without_content_is_refused(content: bytes) -> None:
    assert refusal(content) == "movies.json: the file is empty; deliver it again"


def passed_over(content: str | bytes, name: str) -> tuple[list[Any], dict[str, str]]:
    told: dict[str, str] = {}
    raw = content if isinstance(content, bytes) else content.encode()
    return [document.content for document in read_documents(io.BytesIO(raw), name, KNOWN, told)], told


def test_an_unknown_collection_of_an_envelope_is_passed_over() -> None:
    content = b'{"caf\xe9": [], "films": [{"content_id": "F1"}], "movies": [{"content_id": "M1"}]}'
    assert passed_over(content, "content.json") == (
        [{"content_id": "M1"}],
        {
            "caf\udce9": "content.json: unknown collection 'caf\ufffd' passed over (documents in it: 0);"
            " known are movies, series",
            "films": "content.json: unknown collection 'films' passed over (documents in it: 1);"
            " known are movies, series",
        },
    )


@pytest.mark.parametrize(
    "content",
    ["[1]", '[{"content_id": "M1"', '{"user_id": "U1"}\n{"user_id": "U2"}', '{\n"_id": 1,\n"titles": []\n}'],
)
def test_a_file_whose_name_gives_no_collection_is_passed_over(content: str) -> None:
    assert passed_over(content, "films_2024.json") == (
        [],
        {
            "films_2024": "films_2024.json: passed over, its name gives no known collection; if it is one, name it"
            ' movies-….json or series-….json, or put the documents into {"movies": […], "series": […]}'
        },
    )


@pytest.mark.parametrize("name", ["content.json", "movies.json"])
@pytest.mark.parametrize(
    ("content", "key"),
    [
        ('{"data": [{"content_id": "M1", "title": "A"}], "next": null}', "next"),
        ('{"page": 1, "data": [{"content_id": "M1", "title": "A"}]}', "page"),
        ('{"results": [{"content_id": "M1", "title": "A"}]}', "results"),
        (json.dumps({"page": 1, "data": [{"content_id": "M1", "title": LONG}]}), "page"),
        ('{"movies": [], "total": 0}', "total"),
    ],
)
def test_a_page_of_an_api_is_refused(name: str, content: str, key: str) -> None:
    assert refusal(content, name) == (
        f"{name}: this looks like a page of an API ('{key}' is no collection); wanted is"
        ' {"movies": […], "series": […]}, or the list alone in a file named movies-….json or series-….json;'
        " deliver it so"
    )


def test_a_collection_that_is_no_list_refuses_the_file() -> None:
    assert refusal('{"movies": {"a": 1}}', "content.json") == "content.json: 'movies' must hold a list of documents"


def test_documents_with_commas_but_no_brackets_are_refused() -> None:
    for content in ('{"a": 1},\n{"b": 2}\n', '{\n"a": 1\n},\n{"b": 2}'):
        assert "commas between documents, but no brackets around them; put [ before the first" in refusal(content)


def test_the_language_of_the_shell_is_refused_by_name() -> None:
    for content in (
        '{ "_id" : ObjectId("65f0"), "title" : "A" }',
        '[{"at": new Date(5)}]',
        '{\n"at": ISODate("2024")}',
    ):
        told = refusal(content)
        assert "not JSON but the language of MongoDB's shell (" in told
        assert "export it with mongoexport" in told


def test_documents_one_after_another_are_read_however_they_are_written() -> None:
    one = json.dumps({"content_id": "M1", "seasons": [{"title": "A"}]}, indent=2)
    assert contents(one) == [json.loads(one)]
    assert read(f"{one}\n\n{one}{one} {{}}", "movies.json") == [
        *(Document("movies", number, json.loads(one)) for number in (1, 2, 3)),
        Document("movies", 4, {}),
    ]
    assert contents('{"a": 1}{"b": {"$numberLong": "2"}}\n{"c": 3}') == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert read('{"a": 1}\n{"b": 2}{"c": 3}\n{"d": 4}', "movies.jsonl") == [
        Document("movies", 1, {"a": 1}),
        Document("movies", 2, {"b": 2}),
        Document("movies", 2, {"c": 3}),
        Document("movies", 3, {"d": 4}),
    ]
    told = "movies.json: cut short (Expecting ',' delimiter) at line 2, column 7; deliver it again"
    assert refusal('{\n"a": 1') == told


# Properties

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$")), inner, max_size=4)
    ),
    max_leaves=12,
)
documents = st.lists(
    st.dictionaries(st.text("abc"), plain, max_size=4).map(lambda fields: {"content_id": "X"} | fields), max_size=5
)


def forms(movies: list[dict[str, Any]], *, escaped: bool, indent: int | None) -> Iterator[tuple[str, str]]:
    def dumped(value: object, indent: int | None = indent) -> str:
        return json.dumps(value, ensure_ascii=escaped, indent=indent)

    yield dumped({"movies": movies}), "content.json"
    yield dumped(movies), "movies.json"
    if movies:
        yield "\n".join(dumped(movie, None) for movie in movies), "movies.jsonl"
        yield "".join(dumped(movie) for movie in movies), "movies.json"


@settings(max_examples=150, deadline=None)
@given(documents, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([1, 2, 3, 7, 65536]))
def test_documents_are_read_back_equal(
    movies: list[dict[str, Any]], escaped: bool, indent: int | None, step: int
) -> None:
    for content, name in forms(movies, escaped=escaped, indent=indent):
        found = read_documents(SlowFile(content.encode(), step), name, KNOWN)
        assert [document.content for document in found] == movies


@settings(max_examples=100, deadline=None)
@given(documents.filter(bool), st.data())
def test_a_cut_file_is_refused_at_its_end(movies: list[dict[str, Any]], data: st.DataObject) -> None:
    for content, name in list(forms(movies, escaped=False, indent=1))[:2]:
        cut = content[: data.draw(st.integers(1, len(content) - 1))]
        message = refusal(cut, name)
        ends = f"line {cut.count(chr(10)) + 1}, column {len(cut) - cut.rfind(chr(10))}; deliver it again"
        # A number, a literal or an escape that was cut is a fault of its own, at its beginning.
        assert ("cut short" in message and message.endswith(ends)) or "not JSON (" in message

"""Raw files: which table they belong to, and what is noticed while they are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import pytest

from pipeline.records.files import ChangedWhileReadError, FileRefusedError, table_of
from pipeline.sources.files import open_raw
from pipeline.state.fingerprints import digest_bytes

# Several blocks of the reader's, compressed too.
LARGE = random.Random(1).randbytes(1_500_000)


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("users.csv", "users"),
        ("Users.CSV", "users"),
        ("users.csv.gz", "users"),
        ("viewing_sessions-2024-05.csv.gz", "viewing_sessions"),
        ("users.2024-05.csv", "users"),
        ("users-rejected-17.csv", "users"),
        ("users/2024/05.csv", "users"),
        ("Users/part-1.csv", "users"),
        ("viewing_sessions/users.csv", "viewing_sessions"),
        ('users-o\'neil; "x" 日本.csv', "users"),
        ("users 2024.csv", "users 2024"),
        ("user's.csv", "user's"),
        ("données.csv", "données"),
    ],
)
def test_the_table_of_a_file(name: str, table: str) -> None:
    assert table_of(name) == table


Pack = Callable[[bytes], bytes]
# Each is packed once.
PACKINGS: dict[str, Pack] = {
    "gzip": cache(lambda content: gzip.compress(content, mtime=0)),
    "bzip2": cache(bz2.compress),
    "xz": cache(lambda content: lzma.compress(content, preset=0)),
}


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.json"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", LARGE])
@pytest.mark.parametrize("pack", [bytes, *PACKINGS.values()])
def test_a_file_is_unpacked_by_its_content(tmp_path: Path, name: str, content: bytes, pack: Pack) -> None:
    stored = pack(content)
    (tmp_path / name).write_bytes(stored)
    with open_raw(tmp_path, name, digest_bytes(stored)) as file:
        assert file.read() == content


@pytest.mark.parametrize("pack", PACKINGS.values())
@pytest.mark.parametrize("padding", [b"", bytes(1000)])
def test_a_packed_file_of_several_parts(tmp_path: Path, pack: Pack, padding: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(pack(b"a,b\n") + pack(b"1,2\n") + padding)
    with open_raw(tmp_path, "x.csv") as file:
        assert file.read() == b"a,b\n1,2\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_of_utf16_comes_as_utf8(tmp_path: Path, encoding: str) -> None:
    text = "\ufeff\ufeffa,b\n" + "é,🎬\n" * 200_000
    stored = gzip.compress(text.encode(encoding))
    (tmp_path / "x.csv").write_bytes(stored)
    with open_raw(tmp_path, "x.csv", digest_bytes(stored)) as file:
        assert file.read() == text[1:].encode()
    (tmp_path / "x.csv").write_bytes("\ufeffa,b\n1,\ud800\n\0".encode(encoding, "surrogatepass"))
    with open_raw(tmp_path, "x.csv") as file:
        assert file.read() == b"a,b\n1,\xed\xa0\x80\n\0"
    (tmp_path / "x.csv").write_bytes("\ufeffa,b\n1".encode(encoding)[:-1])
    with (
        pytest.raises(FileRefusedError, match=r"^x\.csv: the UTF-16 file is cut short"),
        open_raw(tmp_path, "x.csv") as file,
    ):
        file.read()


NOT_TEXT = {
    "it begins with NUL bytes only": bytes(5_000_000),
    "it looks like UTF-16 without a byte order mark; save it as UTF-8": "user_id,age\n".encode("utf-16-le"),
    "it is encoded in UTF-32": "user_id".encode("utf-32"),
    "it is an Excel workbook, not text; save it as CSV": zipped("xl/workbook.xml"),
    "it is an Excel workbook of the old format": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "it is a zip archive, not text; unpack it": zipped("users.csv"),
    "it is a zstd archive": b"\x28\xb5\x2f\xfd\x04\x00",
    "it is a 7z archive": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "it is a tar archive": b"users.csv".ljust(257, b"\0") + b"ustar\x0000" + bytes(248),
    "it is packed twice, within by xz": gzip.compress(lzma.compress(b"a,b\n")),
    "it is a PDF document": b"%PDF-1.7\n",
    "it is a web page": b"\xef\xbb\xbf\n<!DOCTYPE html><html>",
    "it is an XML document": b'<?xml version="1.0"?>',
}


@pytest.mark.parametrize("told", NOT_TEXT)
def test_what_is_no_text_is_refused_and_named(tmp_path: Path, told: str) -> None:
    (tmp_path / "x.csv").write_bytes(NOT_TEXT[told])
    with pytest.raises(FileRefusedError) as refused, open_raw(tmp_path, "x.csv", digest_bytes(NOT_TEXT[told])):
        pytest.fail("opened")
    assert str(refused.value).startswith(f"x.csv: {told}")
    assert len(str(refused.value)) < 200


def test_a_header_that_begins_like_something_else(tmp_path: Path) -> None:
    for header in (b"PAR1,ORC\n", b"ORCID,BZh\n", b"BZh9,a\n", b"7z,Rar!\n", b"%,<a>\n"):
        (tmp_path / "x.csv").write_bytes(header)
        with open_raw(tmp_path, "x.csv") as file:
            assert file.read() == header


def cut_short(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def without_trailer(packed: bytes) -> bytes:
    return packed[:-3]


def spoiled_within(packed: bytes) -> bytes:
    half = len(packed) // 2
    return packed[:half] + bytes(byte ^ 0xFF for byte in packed[half : half + 100]) + packed[half + 100 :]


def spoiled_checksum(packed: bytes) -> bytes:
    return packed[:-8] + bytes(4) + packed[-4:]


def trailing_garbage(packed: bytes) -> bytes:
    return packed + b"garbage"


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("content", [b"a,b\n1,2\n" * 20, LARGE])
@pytest.mark.parametrize("damage", [cut_short, without_trailer, spoiled_within, spoiled_checksum, trailing_garbage])
def test_a_damaged_packed_file_is_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], content: bytes, packing: str
) -> None:
    damaged = damage(PACKINGS[packing](content))
    (tmp_path / "x.csv.gz").write_bytes(damaged)
    with (
        pytest.raises(
            FileRefusedError, match=rf"^x\.csv\.gz: the {packing} file is cut short or corrupt .*; deliver it again$"
        ),
        open_raw(tmp_path, "x.csv.gz", digest_bytes(damaged)) as file,
    ):
        file.read()


def test_an_xz_file_takes_no_more_memory_than_one_of_the_highest_level(tmp_path: Path) -> None:
    for megabytes, is_taken in ((64, True), (96, False)):
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": megabytes << 20}]
        (tmp_path / "x.csv.xz").write_bytes(lzma.compress(b"a,b\n", filters=filters))
        told = r"^x\.csv\.xz: it takes more than 80 MB of memory to unpack; pack it again, by xz -9 at most$"
        with (
            nullcontext() if is_taken else pytest.raises(FileRefusedError, match=told),
            open_raw(tmp_path, "x.csv.xz") as file,
        ):
            assert file.read() == b"a,b\n"


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_file_that_is_not_the_one_of_the_plan(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"a,b\n1,2\n"))
    message = rf"^{name}: changed while it was read; the next run loads it$"
    with (
        pytest.raises(ChangedWhileReadError, match=message),
        open_raw(tmp_path, name, digest_bytes(b"as it was")) as file,
    ):
        file.read()


def test_a_file_that_grows_behind_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(LARGE)
    with (
        pytest.raises(ChangedWhileReadError),
        open_raw(tmp_path, "x.csv", digest_bytes(LARGE)) as file,
    ):
        file.read(1000)
        with path.open("ab") as more:
            more.write(b"1,2\n")


def test_what_the_reader_leaves_counts_too(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(LARGE)
    with open_raw(tmp_path, "x.csv", digest_bytes(LARGE)) as file:
        file.read(10)


def test_a_gzip_file_still_being_written_has_changed_rather_than_being_corrupt(tmp_path: Path) -> None:
    packed = gzip.compress(LARGE)
    (tmp_path / "x.csv.gz").write_bytes(cut_short(packed))
    with (
        pytest.raises(ChangedWhileReadError),
        open_raw(tmp_path, "x.csv.gz", digest_bytes(packed)) as file,
    ):
        file.read()


def test_a_refusal_of_a_file_that_has_changed_says_that_it_changed(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(LARGE)
    refusal = FileRefusedError("x.csv: the header is not UTF-8")
    with pytest.raises(ChangedWhileReadError), open_raw(tmp_path, "x.csv", digest_bytes(b"as it was")) as file:
        file.read(10)
        raise refusal
    with pytest.raises(FileRefusedError, match="not UTF-8"), open_raw(tmp_path, "x.csv", digest_bytes(LARGE)) as file:
        file.read(10)
        raise refusal


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n")
    fault = KeyError("not of the file's making")
    with pytest.raises(KeyError), open_raw(tmp_path, "x.csv", digest_bytes(b"other")):
        raise fault

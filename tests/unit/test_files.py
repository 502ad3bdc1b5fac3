"""Raw files: which table they belong to, and what is noticed while they are read."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.fingerprints import digest_bytes
from pipeline.sources.files import ChangedWhileReadError, FileRefusedError, open_raw, table_of

# Several blocks of the reader's, compressed too.
LARGE = random.Random(1).randbytes(3_000_000)


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


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.CSV.GZ"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", LARGE])
def test_a_file_is_read_as_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    stored = gzip.compress(content) if name.lower().endswith(".gz") else content
    (tmp_path / name).write_bytes(stored)
    with open_raw(tmp_path, name, digest_bytes(stored)) as file:
        assert file.read() == content


def test_a_gzip_file_of_several_parts(tmp_path: Path) -> None:
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n"))
    with open_raw(tmp_path, "x.csv.gz") as file:
        assert file.read() == b"a,b\n1,2\n"


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


def not_packed(packed: bytes) -> bytes:
    return gzip.decompress(packed)


@pytest.mark.parametrize("content", [b"a,b\n1,2\n" * 20, LARGE])
@pytest.mark.parametrize(
    "damage", [cut_short, without_trailer, spoiled_within, spoiled_checksum, trailing_garbage, not_packed]
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes], content: bytes) -> None:
    damaged = damage(gzip.compress(content, mtime=0))
    (tmp_path / "x.csv.gz").write_bytes(damaged)
    with (
        pytest.raises(
            FileRefusedError, match=r"^x\.csv\.gz: the gzip file is cut short or corrupt .*; deliver it again$"
        ),
        open_raw(tmp_path, "x.csv.gz", digest_bytes(damaged)) as file,
    ):
        file.read()


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

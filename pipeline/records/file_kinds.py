"""What a file is by its first bytes, whatever its name says: many kinds are delivered under the name of another."""

from __future__ import annotations

START_BYTES = 1 << 10  # of a file, which tell what it is
GZIP = b"\x1f\x8b"
XZ = b"\xfd7zXZ\0"
BZIP2 = (b"BZh", b"1AY&SY", b"\x17rE8P\x90")  # its first bytes, and what comes after the next one
UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_ARCHIVE = "unpack it and deliver the files in it"
_WORKBOOK = "save it as CSV (UTF-8) and deliver that"
_EXPORT = "export it as CSV or JSON and deliver that"
# First bytes, what they say, and what to do.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of the old format", _WORKBOOK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _ARCHIVE),
    (b"Rar!\x1a\x07", "a rar archive", _ARCHIVE),
    (b"\x04\x22\x4d\x18", "an lz4 archive", _ARCHIVE),
    (b"\x1f\x9d", "a file packed with compress", _ARCHIVE),
    (b"%PDF-", "a PDF document", _EXPORT),
    (b"PAR1\x15", "a Parquet file", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (b"PGDMP\x01", "a dump of PostgreSQL", _EXPORT),
    (b"\x89PNG", "a picture", _EXPORT),
    (b"\xff\xd8\xff", "a picture", _EXPORT),
    (b"{\\rtf", "a document of a word processor", _EXPORT),
)
_MARKUP: tuple[tuple[bytes, str, str], ...] = (
    (b"<!doctype html", "a web page, perhaps one that asks for a login", "download the file itself"),
    (b"<html", "a web page, perhaps one that asks for a login", "download the file itself"),
    (b"<?xml", "an XML document", _EXPORT),
)
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
_MANY = 0.4  # of every other byte


def packing_of(start: bytes) -> str | None:
    """Return `gzip`, `bzip2` or `xz` for a file that is packed so."""
    if start.startswith(GZIP):
        return "gzip"
    first, *blocks = BZIP2
    if start.startswith(first) and start[len(first) + 1 :].startswith(tuple(blocks)):
        return "bzip2"
    return "xz" if start.startswith(XZ) else None


def encoding_of(start: bytes) -> str | None:
    """Return the codec of a file that begins with a byte order mark of UTF-16."""
    return None if start.startswith(UTF32) else UTF16.get(start[:2])


def fault_of(start: bytes) -> str | None:
    """Say what a file is that holds no text, or none that can be read, and what to do; None if it may be text.

    Args:
        start: the first bytes of the file, unpacked.
    """
    if start and not start.strip(b"\0"):
        return "it begins with NUL bytes only, as a broken disk or transfer leaves them; deliver it again"
    if start.startswith(UTF32):
        return "it is encoded in UTF-32; save it as UTF-8"
    if encoding_of(start) is None and _looks_like_utf16(start):
        return "it looks like UTF-16 without a byte order mark; save it as UTF-8"
    kind = _kind_of(start)
    return kind and f"it is {kind[0]}, not text; {kind[1]}"


def _kind_of(start: bytes) -> tuple[str, str] | None:
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        is_workbook = any(part in start for part in (b"xl/", b"[Content_Types].xml", b"opendocument.spreadsheet"))
        return ("an Excel workbook" if is_workbook else "a zip archive"), (_WORKBOOK if is_workbook else _ARCHIVE)
    if packing := packing_of(start):
        return f"packed twice, within by {packing}", _ARCHIVE
    if start[_TAR_MARK_AT:].startswith(_TAR_MARK):
        return "a tar archive", _ARCHIVE
    markup = start.removeprefix(BYTE_ORDER_MARK).lstrip().lower()
    for first, what, to_do in _KINDS:
        if start.startswith(first):
            return what, to_do
    return next(((what, to_do) for first, what, to_do in _MARKUP if markup.startswith(first)), None)


def _looks_like_utf16(start: bytes) -> bool:
    """Tell whether every other byte is mostly NUL, as in text of Latin letters."""
    half = len(start) // 2
    shares = [start[first::2].count(0) / half for first in (0, 1)] if half else [0, 0]
    return max(shares) > _MANY and min(shares) < _MANY / 10

"""From a folder of raw files to the processed tables and the outcome of every record."""

import bz2
import csv
import gzip
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from .csv_files import TABLES, RefusedError, Row, read_csv
from .documents import COLLECTIONS, Title, document_id, read_documents, read_title
from .warehouse import Genre, MovieDetails, Outcome, SeriesDetails, User, ViewingSession, Warehouse


def _files(raw_folder: Path, *suffixes: str) -> Iterator[tuple[str, Path]]:
    """(relative name, path) of the plain and packed files of a kind, in the byte order of the names."""
    found = {}
    for path in [*raw_folder.glob("*"), *raw_folder.glob("*/*")]:
        relative = path.relative_to(raw_folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        name = re.sub(r"\.(gz|bz2|xz)$", "", path.name)
        if not hidden and path.is_file() and name.endswith(suffixes):
            found[relative.as_posix()] = path
    yield from sorted(found.items(), key=lambda item: _place(*item))


def _place(name: str, path: Path) -> tuple[bytes, bool, int, bytes]:
    """By which files are sorted. One that says whose rejected records it brings back comes just before that."""
    encoded = os.fsencode(name)
    try:
        lines = _content(path).decode("utf-8", "replace").splitlines()
    except RefusedError:
        return encoded, True, len(name), encoded
    for row in csv.DictReader(lines) if lines and "_reject_source" in lines[0] else ():
        if row["_reject_source"]:
            return os.fsencode(row["_reject_source"]), False, len(name), encoded
    return encoded, not re.search("-rejected-[0-9]+[.-]", name), len(name), encoded


def _table(name: str) -> str:
    """The folder of a file in a folder, else the file name up to the first dot or hyphen."""
    folder, slash, file_name = name.rpartition("/")
    return folder if slash else re.split(r"[.-]", file_name, maxsplit=1)[0]


def _content(path: Path) -> bytes:
    """What is in a file, unpacked if its first bytes say that it is packed, as UTF-8 if they say UTF-16."""
    data = path.read_bytes()
    unpackers = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
    for start, unpack in unpackers.items():
        if data.startswith(start):
            try:
                data = unpack(data)
            except (OSError, EOFError, zlib.error, ValueError, lzma.LZMAError) as error:
                raise RefusedError(f"not a whole packed file: {error}") from error
            break
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16").encode()
    return data


def _read_catalogue(raw_folder: Path, warehouse: Warehouse) -> None:
    """Fill the tables of the catalogue.

    Files are deliveries into one store: a later valid document replaces an earlier one of its id, an
    invalid one replaces nothing.
    """
    store: dict[str, dict[str, Title]] = {collection: {} for collection in COLLECTIONS}
    for name, path in _files(raw_folder, ".json"):
        try:
            documents = read_documents(_content(path))
        except (RefusedError, ValueError) as error:
            warehouse.refused[name] = str(error)
            continue
        for collection, document in documents:
            try:
                title = read_title(collection, document)
            except ValueError:
                warehouse.rejected.add((collection, document_id(document)))
            else:
                store[collection][title.content.content_id] = title
    in_both = store["series"].keys() & store["movies"].keys()
    warehouse.rejected |= {("series", content_id) for content_id in in_both}
    titles = store["series"] | store["movies"]
    for content_id in sorted(titles):
        title = titles[content_id]
        warehouse.content.append(title.content)
        if isinstance(title.details, MovieDetails):
            warehouse.movie_details.append(title.details)
        elif isinstance(title.details, SeriesDetails):
            warehouse.series_details.append(title.details)
        warehouse.genres += [Genre(content_id, genre) for genre in title.genres]
        warehouse.seasons += sorted(title.seasons)
        warehouse.episodes += sorted(title.episodes, key=lambda episode: episode[:3])


def _read_tables(raw_folder: Path, warehouse: Warehouse) -> dict[str, dict[str, tuple[str, Row]]]:
    """The winning (file, row) by table and key; the outcome of each file, winners counted as loaded."""
    winners: dict[str, dict[str, tuple[str, Row]]] = {table: {} for table in TABLES}
    for name, path in _files(raw_folder, ".csv", ".tsv"):
        table = _table(name)
        if table not in winners:
            continue
        try:
            rows = read_csv(_content(path), table)
        except RefusedError as error:
            warehouse.refused[name] = str(error)
            continue
        outcome = Outcome(read=len(rows), loaded=0, rejected=0, superseded=0, waiting=0)
        warehouse.outcomes[name] = outcome
        for record, row in enumerate(rows, start=1):
            if row is None:
                outcome["rejected"] += 1
                warehouse.rejected.add((name, record))
                continue
            outcome["loaded"] += 1
            if row[0] in winners[table]:
                loser = warehouse.outcomes[winners[table][row[0]][0]]
                loser["loaded"] -= 1
                loser["superseded"] += 1
            winners[table][row[0]] = (name, row)
    return winners


def expected(raw_folder: Path) -> Warehouse:
    """What a load of this folder from scratch must leave in the processed tables.

    Args:
        raw_folder: Its CSV and JSON files, plain or packed, in it or in its folders one level down. Dot
            files and CSV files of other tables are ignored.

    Raises:
        NotImplementedError: A JSON file goes beyond what the oracle has rules for.
    """
    warehouse = Warehouse()
    _read_catalogue(raw_folder, warehouse)
    winners = _read_tables(raw_folder, warehouse)
    titles = {row.content_id for row in warehouse.content}
    users = winners["users"]
    for _, (name, row) in sorted(users.items()) + sorted(winners["viewing_sessions"].items()):
        if isinstance(row, User):
            warehouse.users.append(row)
        elif isinstance(row, ViewingSession) and row.user_id in users and row.content_id in titles:
            warehouse.viewing_sessions.append(row)
        else:
            warehouse.outcomes[name]["loaded"] -= 1
            warehouse.outcomes[name]["waiting"] += 1
    return warehouse

"""From the documents of MongoDB to one CSV file of text for each table that they fill."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipeline import progress
from pipeline.contract.collections import collections
from pipeline.contract.mapping import EXTRA, columns_of, document_tables
from pipeline.contract.register import tables
from pipeline.documents.bson_batches import documents_of
from pipeline.documents.cells import NEW_FIELD, Drift, Row
from pipeline.documents.flatten import Flattener

PROBLEMS = "problems.csv"
CARRIED = ("_document", "_path")
"""The first columns of every file: the number of the document in the extraction, and the path of the row in it."""


class Extraction:
    """Writes the rows of all documents to a folder, and beside them the documents themselves, for those rejected later.

    Memory does not grow with the documents.
    """

    def __init__(self, folder: Path) -> None:
        """Write to `folder`, which must exist."""
        self.folder = folder
        self.counts: dict[str, int] = {}
        self.drift: dict[tuple[str, str, str], Drift] = {}
        self._number = 0
        # By collection and table, the columns that no row has filled yet; there are soon few left to look at.
        self._unfilled: dict[tuple[str, str], list[int]] = {}
        self._columns = {
            name: [*CARRIED, *columns_of(table)] for name, table in tables().items() if name in document_tables()
        }

    def write(self, batches: Mapping[str, Iterable[bytes]]) -> None:
        """Flatten all documents of the batches, collection by collection in the given order."""
        with ExitStack() as stack:
            writers = {}
            for name, columns in {
                **self._columns,
                Path(PROBLEMS).stem: [*CARRIED, "value", "reason"],
            }.items():
                file = stack.enter_context((self.folder / f"{name}.csv").open("w", encoding="utf-8", newline=""))
                writers[name] = csv.writer(file, lineterminator="\n")
                writers[name].writerow(columns)
            for collection, found in batches.items():
                self.counts[collection] = 0
                for name, columns in self._columns.items():
                    places = [place for place, column in enumerate(columns) if column not in {*CARRIED, EXTRA}]
                    self._unfilled[collection, name] = places
                flattener = Flattener(collections()[collection], tables())
                dump = stack.enter_context(dump_of(self.folder, collection).open("wb"))
                with progress.stage(collection, "documents") as advance:
                    for batch in found:
                        dump.write(batch)
                        for chunk in documents_of(batch):
                            for name, rows in self._flatten(collection, flattener, chunk).items():
                                writers[name].writerows(rows)
                            advance(len(chunk))

    def _flatten(self, collection: str, flattener: Flattener, chunk: list[dict[str, Any]]) -> dict[str, list[Row]]:
        """Return the rows of some documents by file."""
        self.counts[collection] += len(chunk)
        found: dict[str, list[Row]] = {name: [] for name in self._columns}
        problems: list[Row] = []
        for content in chunk:
            self._number += 1
            flat = flattener(content, self._number)
            for name, rows in flat.rows.items():
                found[name] += rows
            problems += [(self._number, *problem) for problem in flat.problems]
            for drift in flat.drift:
                self.drift.setdefault((collection, drift.path, drift.kind), drift)
        for name, rows in found.items():
            unfilled = self._unfilled[collection, name]
            unfilled[:] = [place for place in unfilled if all(row[place] is None for row in rows)]
        return {**found, Path(PROBLEMS).stem: problems}

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the extraction: documents by collection, drift, and the fields found."""
        drift = [{"collection": key[0], **example._asdict()} for key, example in self.drift.items()]
        return {
            "collections": self.counts,
            "drift": drift,
            "fields": {name: self._fields(name) for name in self.counts},
        }

    def _fields(self, collection: str) -> list[str]:
        """Return the columns that rows of a collection fill, and the fields that have none."""
        filled = [
            f"{table}.{column}"
            for (owner, table), unfilled in self._unfilled.items()
            if owner == collection
            for place, column in enumerate(self._columns[table])
            if place not in unfilled and column not in {*CARRIED, EXTRA}
        ]
        unknown = [path for (owner, path, kind) in self.drift if owner == collection and kind == NEW_FIELD]
        return sorted({*filled, *unknown})


def dump_of(folder: Path, collection: str) -> Path:
    """Return the file of a collection's documents in BSON, as `mongorestore` reads it."""
    return folder / f"{collection}.bson"


def dumped_documents(folder: Path, counts: Mapping[str, int], numbers: Iterable[int]) -> Iterator[tuple[str, Any]]:
    """Yield the collection and the document of each number, which must be ascending.

    Args:
        folder: of the extraction.
        counts: the documents of each collection, in their order, as the manifest says.
        numbers: of documents in the extraction, from 1.
    """
    wanted = iter(numbers)
    number, last = next(wanted, 0), 0
    for collection, count in counts.items():
        first, last = last, last + count
        with dump_of(folder, collection).open("rb") as file:
            for place in range(first + 1, last + 1):
                if not number or number > last:
                    break
                size = file.read(4)
                length = int.from_bytes(size, "little") - len(size)
                if place < number:
                    file.seek(length, 1)
                    continue
                [[document]] = documents_of(size + file.read(length))
                yield collection, document
                number = next(wanted, 0)

"""From the documents of MongoDB to one CSV file for each normalized table."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import IO, Any

from pipeline import progress
from pipeline.documents.bson_batches import documents_of
from pipeline.documents.extended_json import extended_json, shown
from pipeline.documents.normalizer import TABLES, content_id_of, normalize
from pipeline.documents.problems import NEW_FIELD, DocumentError, Drift, Problem

REJECTED = "rejected.jsonl"

Row = tuple[Any, ...]


class Extraction:
    """Writes the tables of `normalizer.TABLES`, and the documents that break the contract, to a folder.

    Memory does not grow with the documents, but for the ids of the titles (about 100 bytes each), by which
    an id that is used twice is found.
    """

    def __init__(self, folder: Path) -> None:
        """Write to `folder`, which must exist."""
        self.folder = folder
        self.counts: dict[str, dict[str, int]] = {}
        self.drift: dict[tuple[str, str, str], Drift] = {}
        self._owners: dict[str, str] = {}  # content_id to collection
        # By collection and table, the columns that no row has filled yet; there are soon few left to look at.
        self._unfilled: dict[tuple[str, str], list[int]] = {}

    def write(self, collections: Mapping[str, Iterable[bytes]]) -> None:
        """Normalize all documents of the batches, collection by collection in the given order.

        The document that comes first keeps an id; a later one with the same id is rejected.
        """
        with ExitStack() as stack:
            writers = {}
            for table, columns in TABLES.items():
                path = self.folder / f"{table}.csv"
                file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
                writers[table] = csv.writer(file, lineterminator="\n")
                writers[table].writerow(columns)
            rejected = stack.enter_context((self.folder / REJECTED).open("w", encoding="utf-8"))
            for collection, batches in collections.items():
                self.counts[collection] = {"read": 0, "normalized": 0, "rejected": 0}
                with progress.stage(collection, "documents") as advance:
                    for chunk in chain.from_iterable(map(documents_of, batches)):
                        rows = self._normalize(collection, chunk, rejected)
                        for table, table_rows in rows.items():
                            writers[table].writerows(table_rows)
                            self._note_filled(collection, table, table_rows)
                        advance(len(chunk))

    def _normalize(self, collection: str, documents: list[dict[str, Any]], rejected: IO[str]) -> dict[str, list[Row]]:
        """Return the rows of some documents by table, and write those that break the contract to `rejected`."""
        counts = self.counts[collection]
        counts["read"] += len(documents)
        rows: dict[str, list[Row]] = defaultdict(list)
        for document in documents:
            try:
                normalized = normalize(collection, document)
                self._claim(normalized.content_id, collection)
            except DocumentError as error:
                counts["rejected"] += 1
                rejected.write(json.dumps(self._rejection(collection, document, error)) + "\n")
                continue
            counts["normalized"] += 1
            for table, table_rows in normalized.rows.items():
                rows[table] += table_rows
            for drift in normalized.drift:
                self.drift.setdefault((collection, drift.path, drift.kind), drift)
        return rows

    def _note_filled(self, collection: str, table: str, rows: list[Row]) -> None:
        unfilled = self._unfilled.setdefault((collection, table), list(range(len(TABLES[table]))))
        unfilled[:] = [place for place in unfilled if all(row[place] is None for row in rows)]

    def _fields(self, collection: str) -> list[str]:
        """Return the columns that rows of a collection fill, and the fields that are kept in `extra`."""
        filled = [
            f"{table}.{column}"
            for (owner, table), unfilled in self._unfilled.items()
            if owner == collection
            for place, column in enumerate(TABLES[table])
            if place not in unfilled and column != "extra"
        ]
        unknown = [path for (owner, path, kind) in self.drift if owner == collection and kind == NEW_FIELD]
        return sorted({*filled, *unknown})

    def _claim(self, content_id: str, collection: str) -> None:
        if content_id in self._owners:
            owner = self._owners[content_id]
            raise DocumentError(
                content_id, [Problem("content_id", content_id, f"used by a document of {owner} already")]
            )
        self._owners[content_id] = collection

    @staticmethod
    def _rejection(collection: str, document: dict[str, Any], error: DocumentError) -> dict[str, Any]:
        try:
            row = extended_json(document)
        except ValueError:
            row = json.dumps({"_reject_line": shown(document)})
        return {
            "collection": collection,
            "document_id": error.document_id or content_id_of(document),
            "problems": [
                {"column": each.path or None, "value": each.value, "reason": each.reason} for each in error.problems
            ],
            "row": row,
        }

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the extraction: counts by collection, drift, and the fields found."""
        drift = [{"collection": key[0], **asdict(example)} for key, example in self.drift.items()]
        fields = {collection: self._fields(collection) for collection in self.counts}
        return {"collections": self.counts, "drift": drift, "fields": fields}

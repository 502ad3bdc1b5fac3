"""Writing documents to MongoDB in batches."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from pipeline.documents.storable import Storable, load_storable

if TYPE_CHECKING:
    from pymongo import InsertOne, ReplaceOne, UpdateOne
    from pymongo.database import Database

    Operation = InsertOne[Any] | ReplaceOne[Any] | UpdateOne

BATCH_SIZE = 1000
BATCH_BYTES = 16 * 1024 * 1024
ATTEMPTS = 5
DUPLICATE_KEY = 11000


def write_spooled(db: Database[dict[str, Any]], spool: IO[bytes]) -> None:
    """Write the documents of a spool in place of those with the same key; the later of two wins.

    Raises:
        pymongo.errors.BulkWriteError: MongoDB refused a document.
    """
    writers: dict[str, _Writer] = {}
    for document in load_storable(spool):
        if document.collection not in writers:
            writers[document.collection] = _Writer(db, document.collection)
        writers[document.collection].add(document)
    for writer in writers.values():
        writer.flush()


class _Writer:
    """Collects documents of a collection and writes them, with one operation for each key of a batch.

    The operations of a batch have no order. Into a collection that was empty documents are inserted, which
    is several times as fast; those whose key is there by then are replaced like all others.
    """

    def __init__(self, db: Database[dict[str, Any]], collection: str) -> None:
        self._collection = db[collection]
        self._batch: dict[bytes, Storable] = {}
        self._bytes = 0
        self._was_empty = self._collection.find_one({}, {"_id": 1}) is None

    def add(self, document: Storable) -> None:
        self._batch[document.key] = document
        self._bytes += len(document.content)
        if len(self._batch) >= BATCH_SIZE or self._bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        from pymongo.errors import BulkWriteError

        documents, insert = list(self._batch.values()), self._was_empty
        for attempt in range(1, ATTEMPTS + 1):
            if not documents:
                break
            try:
                self._collection.bulk_write(
                    [_insertion(each) if insert else _replacement(each) for each in documents], ordered=False
                )
                break
            except BulkWriteError as error:
                failed = error.details["writeErrors"]
                if attempt == ATTEMPTS or any(each["code"] != DUPLICATE_KEY for each in failed):
                    raise
                # The key is there already, perhaps since this moment: another delivery brought it.
                documents, insert = [documents[each["index"]] for each in failed], False
        self._batch.clear()
        self._bytes = 0


def _insertion(document: Storable) -> Operation:
    from bson.raw_bson import RawBSONDocument
    from pymongo import InsertOne

    return InsertOne(RawBSONDocument(document.content))


def _replacement(document: Storable) -> Operation:
    from bson.raw_bson import RawBSONDocument
    from pymongo import ReplaceOne, UpdateOne

    key, content = RawBSONDocument(document.key), RawBSONDocument(document.content)
    if document.has_dollar:  # MongoDB would take the names for operators
        return UpdateOne(key, [{"$replaceWith": {"$literal": content}}], upsert=True)
    return ReplaceOne(key, content, upsert=True)

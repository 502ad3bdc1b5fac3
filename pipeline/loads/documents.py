"""Landing a JSON file in the collections of MongoDB."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from psycopg2.extensions import cursor as Cursor

from pipeline.settings import get_settings
from pipeline.sources.document_problems import DocumentError, Problem
from pipeline.sources.documents import COLLECTIONS
from pipeline.sources.extended_json import extended_json, shown
from pipeline.sources.files import FileRefusedError, open_raw
from pipeline.sources.json_files import Document, read_documents
from pipeline.sources.normalizer import content_id_of, normalize
from pipeline.stores import mongo
from pipeline.stores.ledger import Load
from pipeline.stores.postgres import session

if TYPE_CHECKING:
    from pymongo import ReplaceOne
    from pymongo.database import Database

BATCH_SIZE = 1000
RATIO_APPLIES_FROM = 100
MAX_INT64 = 2**63


class JsonDelivery(Protocol):
    """A JSON file to be landed, and the state that its landing leads to."""

    path: str
    update_id: str
    fingerprint: str
    inputs: dict[str, str]


def fault_of(document: Document) -> DocumentError | None:
    """Return why a document breaks the contract; None if it can be loaded."""
    if document.fault:
        return DocumentError(None, [Problem("", shown(document.content), document.fault)])
    try:
        normalize(document.collection, document.content)
        _encode(document.content)
    except DocumentError as error:
        return error
    except (OverflowError, ValueError, RecursionError, TypeError) as error:
        return DocumentError(content_id_of(document.content), [Problem("", None, f"cannot be stored: {error}")])
    return None


def _encode(content: dict[str, Any]) -> None:
    """Make sure that MongoDB can hold a document: whole numbers of 64 bits, 16 MB.

    Raises:
        OverflowError, ValueError: it cannot.
    """
    import bson
    from bson.errors import InvalidDocument

    try:
        size = len(bson.encode(content))
    except InvalidDocument as error:
        raise ValueError(str(error)) from error
    if size > 16 * 1024 * 1024:
        raise ValueError(f"{size:,} bytes, more than the 16 MiB that MongoDB takes")


def inspect(name: str, digest: str, batch_id: int) -> Counter[str]:
    """Read a file once without writing to MongoDB, and keep the documents that break the contract.

    A file that is cut short or bad as a whole must not be half-loaded, so it is read to its end first.

    Returns:
        Number of good documents by collection, and of rejected ones under the key `rejected`.

    Raises:
        FileRefusedError: the file as a whole cannot be loaded, or too many of its documents are rejected.
        ChangedWhileReadError: its content is not the one with the digest any more.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with session() as cursor:
        cursor.execute("DELETE FROM etl.rejected_rows WHERE source = %s AND stage = 'land'", (name,))
        with open_raw(get_settings().data_raw_path, name, digest) as file:
            for document in read_documents(file, name):
                error = fault_of(document)
                if error is None:
                    counts[document.collection] += 1
                    continue
                counts["rejected"] += 1
                reasons[error.problems[0].reason] += 1
                keep_rejected(cursor, batch_id, "land", name, document, error)
    _enforce_limit(name, counts, reasons)
    return counts


def _enforce_limit(name: str, counts: Counter[str], reasons: Counter[str]) -> None:
    limit, read, rejected = get_settings().max_reject_ratio, counts.total(), counts["rejected"]
    if read >= RATIO_APPLIES_FROM and rejected > limit * read:
        commonest = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(3))
        raise FileRefusedError(
            f"{name}: {rejected:,} of {read:,} documents were rejected, more than the {limit:.0%} that"
            f" MAX_REJECT_RATIO allows: {commonest}. Correct the file, or raise the limit."
        )


def keep_rejected(
    cursor: Cursor, batch_id: int, stage: str, source: str, document: Document, error: DocumentError
) -> None:
    """Keep a rejected document with its reasons in `etl.rejected_rows`."""
    first = error.problems[0]
    problems = [{"column": each.path or None, "value": each.value, "reason": each.reason} for each in error.problems]
    try:
        row = extended_json(document.content)
    except ValueError:
        row = json.dumps({"_reject_line": shown(document.content)})
    cursor.execute(
        """
        INSERT INTO etl.rejected_rows
            (batch_id, stage, table_name, source, record, document_id, column_name, value, reason, problems, row)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            batch_id,
            stage,
            document.collection,
            source,
            document.number,
            error.document_id,
            first.path or None,
            first.value,
            first.reason,
            json.dumps(problems),
            row,
        ),
    )


def land_documents(load: Load, task: JsonDelivery) -> None:
    """Land a JSON file in MongoDB and mark it there; `load` gets the counts for the ledger.

    Raises:
        FileRefusedError, ChangedWhileReadError: see `inspect`; MongoDB is as it was.
    """
    name, digest = task.path, task.inputs["content"]
    if load.batch_id is None:
        raise RuntimeError("the ledger is missing; CreatePostgresTables comes first")
    counts = inspect(name, digest, load.batch_id)
    load.rows_read, load.rows_rejected = counts.total(), counts["rejected"]
    load.rows_loaded = load.rows_read - load.rows_rejected
    holds = {collection: counts[collection] for collection in COLLECTIONS if counts[collection]}
    with mongo.database() as db:
        write(db, name, digest)
        mongo.write_marker(db, task.update_id, task.fingerprint, task.inputs, holds)


def write(db: Database[dict[str, Any]], name: str, digest: str) -> None:
    """Upsert the good documents of a file by `content_id`; a later document of the same key wins.

    Raises:
        ChangedWhileReadError: the content is not the one with the digest any more.
    """
    from pymongo import ReplaceOne

    pending: dict[str, dict[str, ReplaceOne[Any]]] = {}
    with open_raw(get_settings().data_raw_path, name, digest) as file:
        for document in read_documents(file, name):
            if fault_of(document) is not None:
                continue
            batch = pending.setdefault(document.collection, {})
            # One operation for each key, since the operations of a bulk write have no order.
            key, content = _upsert(document.content)
            batch[str(content_id_of(document.content))] = ReplaceOne(key, content, upsert=True)
            if len(batch) >= BATCH_SIZE:
                _flush(db, document.collection, batch)
        for collection, batch in pending.items():
            _flush(db, collection, batch)


def _upsert(content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the filter and the replacement; a document known by its `content_id` keeps the `_id` it has."""
    if content.get("content_id") is None:
        return {"_id": content["_id"]}, content
    return {"content_id": content["content_id"]}, {name: item for name, item in content.items() if name != "_id"}


def _flush(db: Database[dict[str, Any]], collection: str, batch: dict[str, ReplaceOne[Any]]) -> None:
    if batch:
        db[collection].bulk_write(list(batch.values()), ordered=False)
        batch.clear()

"""Landing a JSON file in the collections of MongoDB."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from typing import IO, Protocol

from psycopg2.extensions import cursor as Cursor

from pipeline.loads.document_batches import write_spooled
from pipeline.loads.reject_limit import too_many
from pipeline.loads.storable import Storable, storable
from pipeline.settings import get_settings
from pipeline.sources.document_problems import DocumentError
from pipeline.sources.documents import COLLECTIONS
from pipeline.sources.extended_json import extended_json, shown
from pipeline.sources.files import FileRefusedError, open_raw
from pipeline.sources.json_files import Document, read_documents
from pipeline.stores import mongo
from pipeline.stores.claims import Load
from pipeline.stores.postgres import session


class JsonDelivery(Protocol):
    """A JSON file to be landed, and the state that its landing leads to."""

    path: str

    @property
    def update_id(self) -> str:
        """Name of the target."""

    @property
    def fingerprint(self) -> str:
        """Hash over all inputs."""

    @property
    def inputs(self) -> dict[str, str]:
        """Digests of the inputs by name; `content` is the file's."""


def land_documents(load: Load, task: JsonDelivery) -> None:
    """Land a JSON file in MongoDB and mark it there; `load` gets the counts for the ledger.

    A file that is cut short, bad as a whole or changed while it is read must not be half-loaded. So it is
    read and checked to its end first, into a temporary file; MongoDB gets what that holds.

    Raises:
        FileRefusedError, ChangedWhileReadError: see `inspect`; MongoDB is as it was.
        MongoError: MongoDB is not there, or refuses.
    """
    if load.batch_id is None:
        raise RuntimeError("the ledger is missing; CreatePostgresTables comes first")
    with tempfile.TemporaryFile() as spool:
        counts = inspect(task.path, task.inputs["content"], load.batch_id, spool)
        load.rows_read, load.rows_rejected = counts.total(), counts["rejected"]
        load.rows_loaded = load.rows_read - load.rows_rejected
        holds = {collection: counts[collection] for collection in COLLECTIONS if counts[collection]}
        spool.seek(0)
        with mongo.database() as db:
            write_spooled(db, spool)
            mongo.write_marker(db, task.update_id, task.fingerprint, task.inputs, holds)


def inspect(name: str, digest: str, batch_id: int, spool: IO[bytes]) -> Counter[str]:
    """Read a file to its end: good documents go to `spool`, the others are kept with their reasons.

    Args:
        name: path of the file relative to the raw folder.
        digest: the digest of its content when the run began.
        batch_id: the batch that rejected documents belong to.
        spool: a file to be written, for `write_spooled`.

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
                try:
                    good: Storable = storable(document)
                except DocumentError as error:
                    counts["rejected"] += 1
                    reasons[error.problems[0].reason] += 1
                    keep_rejected(cursor, batch_id, name, document, error)
                else:
                    counts[document.collection] += 1
                    good.dump(spool)
    _enforce_limit(name, counts, reasons)
    return counts


def _enforce_limit(name: str, counts: Counter[str], reasons: Counter[str]) -> None:
    limit, read, rejected = get_settings().max_reject_ratio, counts.total(), counts["rejected"]
    if too_many(read, rejected):
        commonest = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(3))
        raise FileRefusedError(
            f"{name}: {rejected:,} of {read:,} documents were rejected, more than the {limit:.0%} that"
            f" MAX_REJECT_RATIO allows: {commonest}. Correct the file, or raise the limit."
        )


def keep_rejected(cursor: Cursor, batch_id: int, source: str, document: Document, error: DocumentError) -> None:
    """Keep a rejected document with its reasons in `etl.rejected_rows`."""
    first = error.problems[0]
    problems = [{"column": each.path or None, "value": each.value, "reason": each.reason} for each in error.problems]
    try:
        row = extended_json({"_reject_line": document.content} if document.fault else document.content)
    except ValueError:
        row = json.dumps({"_reject_line": shown(document.content)})
    cursor.execute(
        """
        INSERT INTO etl.rejected_rows
            (batch_id, stage, table_name, source, record, document_id, column_name, value, reason, problems, row)
        VALUES (%s, 'land', %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            batch_id,
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

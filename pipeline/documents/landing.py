"""Landing a JSON file in the collections of MongoDB."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import IO, Protocol

from pipeline.contract.collections import collections, document_fields, identity_fields
from pipeline.documents import deliveries
from pipeline.documents.batches import write_spooled
from pipeline.documents.extended_json import row_json, shown
from pipeline.documents.storable import UnstorableError, storable
from pipeline.records.files import FileRefusedError
from pipeline.records.limits import is_hopeless
from pipeline.servers import mongo
from pipeline.settings import get_settings
from pipeline.sources.files import open_raw
from pipeline.sources.json_files import Document, Known, read_documents
from pipeline.state import mongo_markers
from pipeline.state.inputs import Inputs
from pipeline.state.memory import limited_memory
from pipeline.state.spec import Load
from pipeline.warehouse.reject_limit import enforce_limit
from pipeline.warehouse.rejects import Rejects

logger = logging.getLogger("pipeline")

MEMORY_OF_DOCUMENT = 96 << 20  # bytes: its text, its values and what is written of it, at the same time


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
    def inputs(self) -> Inputs:
        """What the landing depends on, the content of the file among it."""


@dataclass
class Inspection:
    """What a file holds: good documents by collection, and how many of all were rejected or are not to be written.

    `passed_over` names unknown collections, each with a sentence that says so. `is_given_up`: it was not read to
    its end.
    """

    good: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    superseded: int = 0
    passed_over: dict[str, str] = field(default_factory=dict)
    is_given_up: bool = False

    @property
    def read(self) -> int:
        """Number of documents."""
        return self.good.total() + self.rejected


def land_documents(load: Load, task: JsonDelivery) -> None:
    """Land a JSON file in MongoDB and mark it there; `load` gets counts and rejects for PostgreSQL.

    A file that is cut short, bad as a whole or changed while it is read must not be half-loaded. So it is
    read and checked to its end first, into a temporary file; MongoDB gets what that holds.

    Of a delivery that landed before, only what MongoDB lost is written: if one collection was emptied, what
    the others hold may be newer. If PostgreSQL alone lost it, nothing is written, but its rejects are kept again.

    Raises:
        FileRefusedError, TooManyRejectsError, ChangedWhileReadError: MongoDB is as it was.
        MongoError: MongoDB is not there, or refuses.
    """
    if load.batch_id is None:
        raise RuntimeError("the audit is missing; CreatePostgresTables comes first")
    content = str(task.inputs.content)
    with mongo.database() as db:
        markers = deliveries.mark_lost(db)
    marker = markers.get(task.update_id)
    known = deliveries.numbers(load.cursor, markers)
    number = known.get((task.path, content), max(known.values(), default=0) + 1)
    is_there = marker is not None and marker.intact and marker.fingerprint == task.fingerprint
    same = marker is not None and marker.inputs.content == content and not marker.voided
    lost = marker.lost if marker and same else []
    if lost or (marker is None and "again" in task.inputs.facts):
        logger.warning(
            "%s: lands again, since MongoDB has lost %s; what other programs changed there is not in it",
            task.path,
            " and ".join(lost) or "all of it",
        )
    rejects = Rejects(load.batch_id, "land")
    with tempfile.TemporaryFile() as spool:
        found = inspect(task.path, content, spool, rejects, only=lost or collections())
        # In place of those that earlier landings of the file left.
        load.cursor.execute("DELETE FROM etl.rejected_rows WHERE source = %s AND stage = 'land'", (task.path,))
        rejects.write(load.cursor)
        if not is_there or found.is_given_up:
            counts, is_given_up = (found.read, found.rejected), found.is_given_up
            enforce_limit(load.cursor, "land", None, task.path, load.batch_id, *counts, is_given_up=is_given_up)
        load.rows_read, load.rows_rejected, load.rows_superseded = found.read, found.rejected, found.superseded
        load.rows_loaded = found.good.total() - found.superseded
        load.details |= {"content": content, "delivery": number, "drift": unknown_collections(task.path, found)}
        if is_there and marker is not None:
            logger.info("%s: is in MongoDB already; PostgreSQL has its audit and its rejects again", task.path)
            return
        spool.seek(0)
        with mongo.database() as db:
            write_spooled(db, spool)
            facts = {"delivery": number, "passed_over": [*found.passed_over.values()]}
            mongo_markers.write_marker(db, task.update_id, task.fingerprint, task.inputs, dict(found.good), facts)


def inspect(name: str, digest: str, spool: IO[bytes], rejects: Rejects, only: Collection[str]) -> Inspection:
    """Read a file to its end: good documents go to `spool`, the others are kept with their reasons.

    Args:
        name: path of the file relative to the raw folder.
        digest: the digest of its content when the run began.
        spool: a file to be written, for `write_spooled`.
        rejects: takes the rejected documents.
        only: the collections that are to be written; documents of others are counted as superseded.

    Raises:
        FileRefusedError: the file as a whole cannot be loaded.
        ChangedWhileReadError: its content is not the one with the digest any more.
    """
    found = Inspection()
    known = Known(tuple(collections()), identity_fields(), document_fields())
    with open_raw(get_settings().data_raw_path, name, digest) as file:
        try:
            with limited_memory(MEMORY_OF_DOCUMENT):
                for document in read_documents(file, name, known, found.passed_over):
                    _keep(document, name, found, spool, rejects, only)
                    if is_hopeless(found.read, found.rejected, get_settings().max_reject_ratio):
                        found.is_given_up = True
                        break
        except MemoryError:
            raise FileRefusedError(
                f"{name}: document {found.read + 1:,} takes more than {MEMORY_OF_DOCUMENT >> 20} MB of memory to be"
                " read; split it, or deliver the file without it"
            ) from None
    for sentence in found.passed_over.values():
        logger.warning("%s", sentence)
    return found


def _keep(  # noqa: PLR0917 (what `inspect` has)
    document: Document, name: str, found: Inspection, spool: IO[bytes], rejects: Rejects, only: Collection[str]
) -> None:
    try:
        good = storable(document)
    except UnstorableError as error:
        row = row_json({"_reject_line": document.content} if document.fault else document.content)
        problem = error.problem.told()
        rejects.add(document.collection, name, document.number, [problem], row, error.document_id)
        found.rejected += 1
        return
    if document.collection in only:
        good.dump(spool)
    else:
        found.superseded += 1
    found.good[document.collection] += 1


def unknown_collections(name: str, found: Inspection) -> list[dict[str, str | None]]:
    """Return the collections of a file that nobody declared as drift."""
    return [
        {"collection": name, "kind": "unknown collection", "path": shown(each), "example": None}
        for each in found.passed_over
    ]

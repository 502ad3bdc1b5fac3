"""The markers of MongoDB: one document for each target."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.servers.mongo import database
from pipeline.state.inputs import Inputs
from pipeline.state.marker import Marker, Store

if TYPE_CHECKING:
    from pymongo.database import Database

COLLECTION = "table_updates"


def read_markers(db: Database[dict[str, Any]]) -> dict[str, Marker]:
    """Read all markers with a look at the collections they mark."""
    collections = set(db.list_collection_names())
    documents = list(db[COLLECTION].find())
    marked = {name for document in documents for name in document["holds"]}
    filled = {name for name in marked & collections if db[name].find_one({}, {"_id": 1}) is not None}
    found = {}
    for document in documents:
        facts, holds = document.get("facts", {}), document["holds"]
        lost = list(
            dict.fromkeys([*facts.get("lost", []), *(name for name in holds if holds[name] and name not in filled)])
        )
        dropped = [f"the collection {name} is missing" for name in holds if name not in collections]
        emptied = [f"the collection {name} was emptied" for name in lost]
        found[document["_id"]] = Marker(
            update_id=document["_id"],
            inserted=document["inserted"],
            fingerprint=document["fingerprint"],
            inputs=_inputs(document["inputs"]),
            holds=holds,
            missing=next(iter([*dropped, *emptied]), None),
            lost=lost,
            facts=facts,
        )
    return found


def _inputs(kept: Any) -> Inputs:
    """Return the inputs from JSON; earlier versions kept an array of names and digests."""
    named = json.loads(kept) if isinstance(kept, str) else {entry["name"]: entry["digest"] for entry in kept}
    return Inputs.from_json(named)


def write_marker(  # noqa: PLR0917 (the fields of a marker)
    db: Database[dict[str, Any]],
    update_id: str,
    fingerprint: str,
    inputs: Inputs,
    holds: dict[str, int],
    facts: dict[str, Any] | None = None,
) -> None:
    """Mark a target as loaded; `holds` maps collections to the documents the load brought, `facts` is anything else."""
    from pymongo import WriteConcern

    marker = {
        "_id": update_id,
        "inserted": datetime.now(UTC),
        "fingerprint": fingerprint,
        # Names of inputs may hold dots and dollars, which names of fields had better not.
        "inputs": json.dumps(inputs.to_json()),
        "holds": holds,
        "facts": facts or {},
    }
    # The journal is written in order, so with the marker everything before it is safe: a server that is killed
    # must not keep the marker and lose the documents.
    durable = db[COLLECTION].with_options(write_concern=WriteConcern(w="majority", j=True))
    durable.replace_one({"_id": update_id}, marker, upsert=True)
    Store.forget()


def _read() -> dict[str, Marker]:
    with database() as db:
        return read_markers(db)


markers = Store("the markers of MongoDB", _read)

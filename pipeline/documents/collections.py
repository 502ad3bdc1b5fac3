"""The collections of MongoDB: their validators and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.documents.contract import COLLECTIONS, mongo_validator

if TYPE_CHECKING:
    from pymongo.database import Database

# Partial, since documents may carry only `_id`. With `$gt` rather than `$exists` a search by content_id
# can use the index.
ONLY_WITH_ID = {"content_id": {"$gt": ""}}


def create_collections(db: Database[dict[str, Any]]) -> dict[str, int]:
    """Create the collections, or give existing ones the present validator and index; no document is touched.

    Returns:
        The collections that must exist from now on, each with 0, since none need hold a document.
    """
    existing = set(db.list_collection_names())
    for name in COLLECTIONS:
        # Documents of other programs are rejected at extraction, with a reason; MongoDB itself only warns.
        rules: dict[str, Any] = {
            "validator": mongo_validator(name),
            "validationLevel": "moderate",
            "validationAction": "warn",
        }
        if name in existing:
            db.command("collMod", name, **rules)
        else:
            _create(db, name, rules)
        db[name].create_index("content_id", name="content_id_key", unique=True, partialFilterExpression=ONLY_WITH_ID)
    return dict.fromkeys(COLLECTIONS, 0)


def _create(db: Database[dict[str, Any]], name: str, rules: dict[str, Any]) -> None:
    from pymongo.errors import CollectionInvalid, OperationFailure

    namespace_exists = 48
    try:
        db.create_collection(name, check_exists=False, **rules)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != namespace_exists:
            raise
        db.command("collMod", name, **rules)  # another run was faster

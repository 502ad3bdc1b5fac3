"""Which JSON deliveries ever landed, and in which order they first came.

A delivery is a file's content under a name. MongoDB's marker and PostgreSQL's audit both know its number, so
the order outlives the loss of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import cursor as Cursor

from pipeline.state import mongo_markers
from pipeline.state.marker import Marker
from pipeline.warehouse.statements import fetch_value

if TYPE_CHECKING:
    from pymongo.database import Database

PREFIX = "LoadJsonToMongo:"

Delivery = tuple[str, str]
"""The path of a file and the digest of its content."""

# The last landing of each file. Batches of older versions of this project do not name the content; their marker does.
LANDED = """
    SELECT DISTINCT ON (landing.source)
        landing.source,
        coalesce(landing.details ->> 'content', marker.inputs ->> 'content'),
        coalesce((landing.details ->> 'delivery')::bigint, landing.batch_id)
    FROM etl.batches AS landing LEFT JOIN etl.table_updates AS marker USING (batch_id)
    WHERE landing.task = 'LoadJsonToMongo' AND landing.status = 'loaded'
    ORDER BY landing.source, landing.batch_id DESC
"""


def numbers(cursor: Cursor, markers: Mapping[str, Marker]) -> dict[Delivery, int]:
    """Return the number of each delivery that landed last under its name; a later one has a higher number.

    Args:
        cursor: of PostgreSQL.
        markers: those of MongoDB.
    """
    known = {
        (name.removeprefix(PREFIX), marker.inputs.content): marker.facts["delivery"]
        for name, marker in markers.items()
        if name.startswith(PREFIX) and marker.inputs.content and "delivery" in marker.facts
    }
    if fetch_value(
        cursor, "SELECT to_regclass('etl.batches') IS NOT NULL AND to_regclass('etl.table_updates') IS NOT NULL"
    ):
        cursor.execute(LANDED)
        known |= {(path, content): number for path, content, number in cursor.fetchall()}
    return known


def mark_lost(db: Database[dict[str, Any]]) -> dict[str, Marker]:
    """Note in the markers of all deliveries which collections lost their documents; return all markers.

    The first one that lands again fills the collection, and the others would seem to be there.
    """
    markers = mongo_markers.read_markers(db)
    for update_id, marker in markers.items():
        if update_id.startswith(PREFIX) and marker.lost:
            db[mongo_markers.COLLECTION].update_one(
                {"_id": update_id}, {"$addToSet": {"facts.lost": {"$each": marker.lost}}}
            )
    return markers

"""From a catalogue document to the rows of the normalized tables.

`normalize` is a pure function: the same document gives the same rows, whatever engine calls it. What the
contract does not know is kept in `content.extra`, as a document of the same shape that holds the unknown
fields only; seasons and episodes in it carry their numbers:
`{"director": "…", "seasons": [{"season_number": 2, "episodes": [{"episode_number": 7, "guests": […]}]}]}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.objectid import ObjectId
from msgspec import Struct
from pydantic import ValidationError

from pipeline.documents.contract import COLLECTIONS, READERS, Episode
from pipeline.documents.extended_json import extended_json, shown
from pipeline.documents.extra import extra_text, has_more
from pipeline.documents.plain import Season, Values, plain_values
from pipeline.documents.problems import DocumentError, Drift, Problem, problems_of, type_changes
from pipeline.sources.text_rules import trim

__all__ = [
    "TABLES",
    "DocumentError",
    "Drift",
    "Normalized",
    "Problem",
    "content_id_of",
    "extended_json",
    "normalize",
    "shown",
]

Row = tuple[Any, ...]
Rows = dict[str, list[Row]]

TABLES: dict[str, tuple[str, ...]] = {
    "content": ("content_id", "title", "type", "release_year", "rating", "production_budget", "extra"),
    "movie_details": ("content_id", "duration_minutes", "views_count"),
    "series_details": ("content_id", "season_count", "avg_episode_duration", "total_views"),
    "genres": ("content_id", "genre"),
    "seasons": ("content_id", "season_number", "episode_count"),
    "episodes": ("content_id", "season_number", "episode_number", "title", "duration_minutes", "air_date"),
}
"""Normalized tables and their columns, in the order in which foreign keys let them be loaded."""


class Normalized(Struct):
    """The rows of one document by table, in the column order of `TABLES`; tables without rows may be absent.

    Values are ready for `csv.writer` and are exactly what PostgreSQL will hold: None, str, int, date and
    Decimal of the column's scale; `extra` is JSON text.
    """

    content_id: str
    rows: Rows
    drift: list[Drift]


def normalize(collection: str, document: Any) -> Normalized:
    """Turn a document of `movies` or `series` into rows.

    Raises:
        DocumentError: the document breaks the contract.
        KeyError: there is no such collection.
    """
    values = plain_values(collection, document)
    if values:
        return Normalized(values[0], _ROWS[collection](values, None), [])
    try:
        title = READERS[collection].validate_python(document, strict=True)
    except ValidationError:
        return _normalize_leniently(collection, document)
    drift: list[Drift] = []
    extra = extra_text(collection, title, document, drift) if has_more(collection, title) else None
    return Normalized(title["content_id"], _ROWS[collection](_values(collection, title), extra), drift)


def _normalize_leniently(collection: str, document: object) -> Normalized:
    """Normalize what the strict reading refused."""
    if not isinstance(document, Mapping):
        raise DocumentError(None, [Problem("", shown(document), "not a document")])
    if document.get("content_id") is None and (content_id := content_id_of(document)):
        return normalize(collection, {**document, "content_id": content_id})
    try:
        # Names that are not valid Unicode can be ignored only; `extra_text` takes unknown fields from the document.
        title = READERS[collection].validate_python(document, extra="ignore")
    except ValidationError as error:
        raise DocumentError(_document_id(document), problems_of(error)) from None
    drift = _type_changes(collection, document)
    extra = extra_text(collection, title, document, drift)
    return Normalized(title["content_id"], _ROWS[collection](_values(collection, title), extra), drift)


def _type_changes(collection: str, document: Mapping[str, Any]) -> list[Drift]:
    try:
        READERS[collection].validate_python(document, strict=True, extra="ignore")
    except ValidationError as error:
        return type_changes(error)
    return []


def content_id_of(document: Mapping[str, Any]) -> str | None:
    """The key of a document: its `content_id`, or `_id` as text where `content_id` is missing or null.

    None if the document has no usable key: `normalize` rejects it. An `_id` is usable if it is text, an
    ObjectId, a whole number or a UUID.
    """
    key = document.get("content_id")
    if key is None:
        key = document.get("_id")
        if isinstance(key, Binary) and key.subtype == UUID_SUBTYPE:
            key = key.as_uuid() if len(key) == len(UUID(int=0).bytes) else None
        if isinstance(key, ObjectId | UUID) or (isinstance(key, int) and not isinstance(key, bool)):
            key = str(key)
    return trim(key) or None if isinstance(key, str) else None


def _values(collection: str, title: Any) -> Values:
    """Return the values of a checked document as `plain_values` does."""
    values = _IN_ORDER[collection](title)
    if collection == "movies" or not isinstance(embedded := title["seasons"], list):
        return values
    seasons: list[Season] = []
    for season in embedded:
        number = season["season_number"]
        episodes = [(title["content_id"], number, *_episode(each)) for each in season["episodes"] or ()]
        seasons.append((number, season["episode_count"], episodes))
    return tuple(seasons if value is embedded else value for value in values)


_IN_ORDER: dict[str, Callable[[Any], Values]] = {
    name: itemgetter(*contract.__annotations__) for name, contract in COLLECTIONS.items()
}
_episode = itemgetter(*Episode.__annotations__)


def _movie_rows(values: Values, extra: str | None) -> Rows:
    key, title, genre, year, rating, budget, minutes, views = values
    return {
        "content": [(key, title, "movie", year, rating, budget, extra)],
        "movie_details": [(key, minutes, views)],
        "genres": [(key, label) for label in genre],
    }


def _series_rows(values: Values, extra: str | None) -> Rows:
    key, title, genre, year, rating, budget, seasons, episodes_per_season, minutes, views = values
    if isinstance(seasons, list):
        season_count = len(seasons)
        counts = [(key, number, len(found) if count is None else count) for number, count, found in seasons]
        episodes = list(chain.from_iterable(found for _, _, found in seasons))
    else:
        # As given, even if the two disagree: a check on the loaded tables reports that.
        season_count, episodes = seasons, []
        counts = [(key, number, count) for number, count in enumerate(episodes_per_season or (), start=1)]
    return {
        "content": [(key, title, "series", year, rating, budget, extra)],
        "series_details": [(key, season_count, minutes, views)],
        "genres": [(key, label) for label in genre],
        "seasons": counts,
        "episodes": episodes,
    }


_ROWS: dict[str, Callable[[Values, str | None], Rows]] = {
    "movies": _movie_rows,
    "series": _series_rows,
}


def _document_id(document: Mapping[str, Any]) -> str | None:
    key = document.get("content_id")
    if key is None:
        key = document.get("_id")
    return None if key is None else shown(key)

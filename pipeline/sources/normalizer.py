"""From a catalogue document to the rows of the normalized tables.

`normalize` is a pure function: the same document gives the same rows, whatever engine calls it. What the
contract does not know is kept in `content.extra`, as a document of the same shape that holds the unknown
fields only; seasons and episodes in it carry their numbers:
`{"director": "…", "seasons": [{"season_number": 2, "episodes": [{"episode_number": 7, "guests": […]}]}]}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.objectid import ObjectId
from pydantic import ValidationError

from pipeline.sources.document_extra import extra_text, has_more
from pipeline.sources.document_problems import DocumentError, Drift, Problem, problems_of, type_changes
from pipeline.sources.documents import READERS, Movie, Series, episode_counts
from pipeline.sources.extended_json import extended_json, shown

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

TABLES: dict[str, tuple[str, ...]] = {
    "content": ("content_id", "title", "type", "release_year", "rating", "production_budget", "extra"),
    "movie_details": ("content_id", "duration_minutes", "views_count"),
    "series_details": ("content_id", "season_count", "avg_episode_duration", "total_views"),
    "genres": ("content_id", "genre"),
    "seasons": ("content_id", "season_number", "episode_count"),
    "episodes": ("content_id", "season_number", "episode_number", "title", "duration_minutes", "air_date"),
}
"""Normalized tables and their columns, in the order in which foreign keys let them be loaded."""


@dataclass(slots=True)
class Normalized:
    """The rows of one document by table, in the column order of `TABLES`; tables without rows may be absent.

    Values are ready for `csv.writer` and are exactly what PostgreSQL will hold: None, str, int, date and
    Decimal of the column's scale; `extra` is JSON text.
    """

    content_id: str
    rows: dict[str, list[tuple[Any, ...]]]
    drift: list[Drift]


def normalize(collection: str, document: Any) -> Normalized:
    """Turn a document of `movies` or `series` into rows.

    Raises:
        DocumentError: the document breaks the contract.
        KeyError: there is no such collection.
    """
    try:
        title = READERS[collection].validate_python(document, strict=True)
    except ValidationError:
        return _normalize_leniently(collection, document)
    drift: list[Drift] = []
    extra = extra_text(collection, title, document, drift) if has_more(collection, title) else None
    return Normalized(title["content_id"], _ROWS[collection](title, extra), drift)


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
    return Normalized(title["content_id"], _ROWS[collection](title, extra), drift)


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
    return key.strip() or None if isinstance(key, str) else None


_measures = itemgetter("release_year", "rating", "production_budget")
_episode = itemgetter("episode_number", "title", "duration_minutes", "air_date")


def _movie_rows(movie: Movie, extra: str | None) -> dict[str, list[tuple[Any, ...]]]:
    key = movie["content_id"]
    return {
        "content": [(key, movie["title"], "movie", *_measures(movie), extra)],
        "movie_details": [(key, movie["duration_minutes"], movie["views_count"])],
        "genres": [(key, genre) for genre in movie["genre"]],
    }


def _series_rows(series: Series, extra: str | None) -> dict[str, list[tuple[Any, ...]]]:
    key, seasons = series["content_id"], series["seasons"]
    episodes: list[tuple[Any, ...]] = []
    counts: Iterable[tuple[int | None, int]]
    if isinstance(seasons, list):
        season_count: int | None = len(seasons)
        numbers = [season["season_number"] for season in seasons]
        counts = zip(numbers, episode_counts(seasons), strict=True)
        episodes = [
            (key, number, *_episode(each))
            for number, season in zip(numbers, seasons, strict=True)
            for each in season["episodes"] or ()
        ]
    else:
        # As given, even if the two disagree: a check on the loaded tables reports that.
        season_count = seasons
        counts = enumerate(series["episodes_per_season"] or (), start=1)
    return {
        "content": [(key, series["title"], "series", *_measures(series), extra)],
        "series_details": [(key, season_count, series["avg_episode_duration"], series["total_views"])],
        "genres": [(key, genre) for genre in series["genre"]],
        "seasons": [(key, number, count) for number, count in counts],
        "episodes": episodes,
    }


_ROWS: dict[str, Callable[[Any, str | None], dict[str, list[tuple[Any, ...]]]]] = {
    "movies": _movie_rows,
    "series": _series_rows,
}


def _document_id(document: Mapping[str, Any]) -> str | None:
    key = document.get("content_id")
    if key is None:
        key = document.get("_id")
    return None if key is None else shown(key)

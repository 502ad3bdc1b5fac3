"""From a catalogue document to the rows of the normalized tables.

`normalize` is a pure function: the same document gives the same rows, whatever engine calls it. What the
contract does not know is kept in `content.extra`, as a document of the same shape that holds the unknown
fields only; seasons and episodes in it carry their numbers:
`{"director": "…", "seasons": [{"season_number": 2, "episodes": [{"episode_number": 7, "guests": […]}]}]}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.objectid import ObjectId
from pydantic import ValidationError

from pipeline.sources.document_problems import (
    NEW_FIELD,
    DocumentError,
    Drift,
    Problem,
    problems_of,
    type_changes,
)
from pipeline.sources.documents import COLLECTIONS, Episode, Movie, Season, Series
from pipeline.sources.extended_json import extended_json, extended_json_cleaned, shown

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

# `_id` is MongoDB's own, so no news.
_KNOWN = {model: frozenset(model.model_fields) | {"_id"} for model in (Movie, Series)}


@dataclass(slots=True)
class Normalized:
    """The rows of one document by table, in the column order of `TABLES`; tables without rows may be absent.

    Values are ready for `csv.writer` and are exactly what PostgreSQL will hold: None, str, int, date and
    Decimal of the column's scale; `extra` is JSON text.
    """

    content_id: str
    rows: dict[str, list[tuple[Any, ...]]]
    drift: list[Drift]


def normalize(collection: str, document: object) -> Normalized:
    """Turn a document of `movies` or `series` into rows.

    Raises:
        DocumentError: the document breaks the contract.
        KeyError: there is no such collection.
    """
    model = COLLECTIONS[collection]
    if not isinstance(document, Mapping):
        raise DocumentError(None, [Problem("", shown(document), "not a document")])
    if document.get("content_id") is None:
        content_id = content_id_of(document)
        document = {**document, "content_id": content_id} if content_id else {**document}
    drift: list[Drift] = []
    try:
        title = model.model_validate(document, strict=True)
    except ValidationError as strict_error:
        try:
            title = model.model_validate(document)
        except ValidationError as error:
            raise DocumentError(_document_id(document), problems_of(error)) from None
        drift = type_changes(strict_error)
    extra = _extra(title, document, drift)
    rows = _movie_rows(title, extra) if isinstance(title, Movie) else _series_rows(title, extra)
    return Normalized(title.content_id, rows, drift)


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


def _movie_rows(movie: Movie, extra: str | None) -> dict[str, list[tuple[Any, ...]]]:
    key = movie.content_id
    return {
        "content": [(key, movie.title, "movie", movie.release_year, movie.rating, movie.production_budget, extra)],
        "movie_details": [(key, movie.duration_minutes, movie.views_count)],
        "genres": [(key, genre) for genre in movie.genre],
    }


def _series_rows(series: Series, extra: str | None) -> dict[str, list[tuple[Any, ...]]]:
    key = series.content_id
    episodes: list[tuple[Any, ...]] = []
    if isinstance(series.seasons, list):
        season_count: int | None = len(series.seasons)
        counts: Iterable[tuple[int | None, int]] = map(_numbered_count, series.seasons)
        episodes = [
            (
                key,
                season["season_number"],
                each["episode_number"],
                each.get("title"),
                each.get("duration_minutes"),
                each.get("air_date"),
            )
            for season in series.seasons
            for each in season.get("episodes") or ()
        ]
    else:
        # As given, even if the two disagree: a check on the loaded tables reports that.
        season_count = series.seasons
        counts = enumerate(series.episodes_per_season or (), start=1)
    return {
        "content": [(key, series.title, "series", series.release_year, series.rating, series.production_budget, extra)],
        "series_details": [(key, season_count, series.avg_episode_duration, series.total_views)],
        "genres": [(key, genre) for genre in series.genre],
        "seasons": [(key, number, count) for number, count in counts],
        "episodes": episodes,
    }


def _numbered_count(season: Season) -> tuple[int | None, int]:
    count = season.get("episode_count")
    return season["season_number"], len(season.get("episodes") or ()) if count is None else count


def _extra(title: Movie | Series, document: Mapping[str, Any], drift: list[Drift]) -> str | None:
    """Write the fields outside the contract as JSON text, and add them to `drift`."""
    known = _KNOWN[type(title)]
    kept: dict[str, Any] = {}
    found: dict[str, Drift] = {}
    if not known.issuperset(document):
        kept = {name: value for name, value in document.items() if name not in known}
        found = {name: Drift(shown(name), NEW_FIELD, shown(value)) for name, value in kept.items()}
    if isinstance(title, Series) and isinstance(title.seasons, list):
        counts = [count for _, count in map(_numbered_count, title.seasons)]
        if title.episodes_per_season not in (None, counts):
            # The embedded seasons are loaded; these other numbers would be lost.
            kept["episodes_per_season"] = value = document["episodes_per_season"]
            found["episodes_per_season"] = Drift("episodes_per_season", "not used", shown(value))
        seasons = _extra_of_seasons(title.seasons, document["seasons"], found)
        if seasons:
            kept["seasons"] = seasons
    if not kept:
        return None
    drift.extend(found.values())
    try:
        text, cleaned = extended_json_cleaned(kept)
    except ValueError:
        raise DocumentError(title.content_id, _unwritable(kept)) from None
    if cleaned:
        drift.append(Drift("extra", "text cleaned", shown(text)))
    return text


def _extra_of_seasons(
    seasons: list[Season], documents: list[Mapping[str, Any]], found: dict[str, Drift]
) -> list[dict[str, Any]]:
    parts = []
    for season, document in zip(seasons, documents, strict=True):
        part = _unknown(season, document, "seasons[]", found)
        episodes = [
            {"episode_number": episode["episode_number"]} | unknown
            for episode, embedded in zip(season.get("episodes") or (), document.get("episodes") or (), strict=True)
            # Fields were left out if fewer are left, not counting a number given by position.
            if len(episode) < len(embedded) + ("episode_number" not in embedded)
            and (unknown := _unknown(episode, embedded, "seasons[].episodes[]", found))
        ]
        if episodes:
            part["episodes"] = episodes
        if part:
            parts.append({"season_number": season["season_number"]} | part)
    return parts


def _unknown(
    checked: Season | Episode, document: Mapping[str, Any], path: str, found: dict[str, Drift]
) -> dict[str, Any]:
    """The fields of an embedded document that its checked copy left out."""
    unknown = {name: value for name, value in document.items() if name not in checked}
    for name, value in unknown.items():
        field = f"{path}.{shown(name)}"
        if field not in found:
            found[field] = Drift(field, NEW_FIELD, shown(value))
    return unknown


def _unwritable(fields: dict[str, Any]) -> list[Problem]:
    problems = []
    for name, value in fields.items():
        try:
            extended_json_cleaned(value)
        except ValueError as error:
            problems.append(Problem(shown(name), shown(value), str(error)))
    return problems


def _document_id(document: Mapping[str, Any]) -> str | None:
    key = document.get("content_id")
    if key is None:
        key = document.get("_id")
    return None if key is None else shown(key)

"""JSON files to the titles of the catalogue, by the contract of the documents.

Covered: ``{"movies": [...], "series": [...]}`` with plain JSON values and Extended JSON numbers, object
ids and dates. Whatever else would need a rule that is not written down raises ``NotImplementedError``:
the oracle never guesses in silence.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from . import values
from .warehouse import Content, Episode, MovieDetails, Season, SeriesDetails

_COMMON = {"_id", "content_id", "title", "genre", "release_year", "rating", "production_budget"}
_FIELDS = {
    "movies": _COMMON | {"duration_minutes", "views_count"},
    "series": _COMMON | {"seasons", "episodes_per_season", "avg_episode_duration", "total_views"},
}
_SEASON_FIELDS = {"season_number", "episode_count", "episodes"}
_EPISODE_FIELDS = {"episode_number", "title", "duration_minutes", "air_date"}
_NUMBERS = {"$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"}
_INT = 2**31 - 1
_BIGINT = 2**63 - 1

COLLECTIONS = tuple(_FIELDS)


@dataclass(frozen=True)
class Title:
    """All rows of one document."""

    content: Content
    details: MovieDetails | SeriesDetails
    genres: list[str]
    seasons: list[Season] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)


def read_documents(data: bytes) -> list[tuple[str, Any]]:
    """The (collection, document) pairs of one JSON file, in order.

    Raises:
        ValueError: It is not JSON.
        NotImplementedError: It is JSON of another shape than the oracle knows.
    """

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    parsed = json.loads(data, parse_constant=no_constant)
    known = isinstance(parsed, dict) and parsed.keys() <= set(COLLECTIONS)
    if not known or not all(isinstance(documents, list) for documents in parsed.values()):
        raise NotImplementedError("the oracle reads JSON files of lists named movies and series only")
    return [(collection, document) for collection, documents in parsed.items() for document in documents]


def _plain(value: Any, wrappers: set[str]) -> Any:
    """The value inside an Extended JSON wrapper of one of these kinds; any other value as it is."""
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= wrappers:
        return next(iter(value.values()))
    return value


def document_id(document: Any) -> str | None:
    """``content_id``, or ``_id`` as text where that is missing; None if neither can be an id."""
    if not isinstance(document, dict):
        return None
    identifier = document.get("content_id")
    if identifier is None and document.get("_id") is not None:
        identifier = str(_plain(document["_id"], {"$oid"} | _NUMBERS))
    return identifier.strip(values.BLANKS) or None if isinstance(identifier, str) else None


def _number_text(value: Any) -> str:
    value = _plain(value, _NUMBERS)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise values.RejectedError("not a number")
    # The shortest text of a double is the number its writer meant; "f" keeps it free of exponents.
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value).strip(values.BLANKS)


def _whole(value: Any, low: int, high: int) -> int | None:
    return None if value is None else values.whole(_number_text(value), low, high)


def _numeric(value: Any, precision: int, scale: int, high: int | None = None) -> Decimal | None:
    return None if value is None else values.numeric(_number_text(value), precision, scale, high)


def _genres(value: Any) -> list[str]:
    """The genres in their first spelling, nulls and blanks dropped."""
    spellings: dict[str, str] = {}
    for genre in [value] if value is None or isinstance(value, str) else value:
        if genre is None:
            continue
        if not isinstance(genre, str):
            raise values.RejectedError("a genre is not text")
        if genre := genre.strip(values.BLANKS):
            spellings.setdefault(genre.casefold(), values.key(genre))
    return sorted(spellings.values())


def _air_date(value: Any) -> date | None:
    day = _plain(value, {"$date"})
    if day is None:
        return None
    if not isinstance(day, str):
        raise values.RejectedError("not a date")
    return values.iso_date(day if day is value else day.partition("T")[0], 1900, 2100)


def _known(value: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise values.RejectedError("not an object")
    if value.keys() - names:
        raise NotImplementedError(f"the oracle has no rule for nested unknown fields {value.keys() - names}")
    return value


def _embedded_episodes(content_id: str, season: int, given: Any) -> Iterator[Episode]:
    if not isinstance(given, list):
        raise values.RejectedError("episodes are no list")
    for position, value in enumerate(given, start=1):
        episode = _known(value, _EPISODE_FIELDS)
        number = _whole(episode.get("episode_number"), 0, _INT)
        title = episode.get("title")
        if title is not None and not isinstance(title, str):
            raise values.RejectedError("an episode's title is not text")
        yield Episode(
            content_id,
            season,
            position if number is None else number,
            title and (title.strip(values.BLANKS) or None),
            _whole(episode.get("duration_minutes"), 1, _INT),
            _air_date(episode.get("air_date")),
        )


def _seasons(content_id: str, document: dict[str, Any]) -> tuple[int | None, list[Season], list[Episode]]:
    """Number of seasons, and the season and episode rows, of either shape of a series."""
    seasons: list[Season] = []
    episodes: list[Episode] = []
    given = document.get("seasons")
    if isinstance(given, list):
        for position, value in enumerate(given, start=1):
            season = _known(value, _SEASON_FIELDS)
            number = _whole(season.get("season_number"), 0, _INT)
            number = position if number is None else number
            of_season = list(_embedded_episodes(content_id, number, season.get("episodes") or []))
            count = _whole(season.get("episode_count"), 0, _INT)
            seasons.append(Season(content_id, number, len(of_season) if count is None else count))
            episodes += of_season
        season_count: int | None = len(seasons)
    else:
        season_count = _whole(given, 0, _INT)
        counts = document.get("episodes_per_season")
        if not isinstance(counts, list | None) or None in (counts or []):
            raise values.RejectedError("episodes_per_season is no list of numbers")
        for position, value in enumerate(counts or [], start=1):
            seasons.append(Season(content_id, position, values.whole(_number_text(value), 0, _INT)))
    season_keys, episode_keys = {row[:2] for row in seasons}, {row[:3] for row in episodes}
    if len(season_keys) < len(seasons) or len(episode_keys) < len(episodes):
        raise values.RejectedError("the same number twice")
    return season_count, seasons, episodes


def read_title(collection: str, document: Any) -> Title:
    """The rows of one document.

    Raises:
        ValueError: The document breaks the contract and is rejected as a whole.
    """
    content_id = document_id(document)
    if content_id is None:
        raise values.RejectedError("no id")
    values.key(content_id)
    title = document.get("title")
    if not isinstance(title, str) or not (title := title.strip(values.BLANKS)):
        raise values.RejectedError("title is missing")
    genre = document.get("genre")
    if not isinstance(genre, list | str | None):
        raise values.RejectedError("genre is neither text nor a list")
    content = Content(
        content_id,
        title,
        "movie" if collection == "movies" else "series",
        _whole(document.get("release_year"), 1870, 2100),
        _numeric(document.get("rating"), 3, 1, high=10),
        _numeric(document.get("production_budget"), 15, 2),
        {name: value for name, value in document.items() if name not in _FIELDS[collection]} or None,
    )
    if collection == "movies":
        duration = _whole(document.get("duration_minutes"), 1, _INT)
        views = _whole(document.get("views_count"), 0, _BIGINT)
        return Title(content, MovieDetails(content_id, duration, views), _genres(genre))
    season_count, seasons, episodes = _seasons(content_id, document)
    average = _numeric(document.get("avg_episode_duration"), 6, 1)
    if average == 0:
        raise values.RejectedError("avg_episode_duration is out of range")
    views = _whole(document.get("total_views"), 0, _BIGINT)
    details = SeriesDetails(content_id, season_count, average, views)
    return Title(content, details, _genres(genre), seasons, episodes)

"""Fields of a document that the contract does not know: kept as JSON text, and reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.documents.contract import COLLECTIONS, FIELDS, Episode, Season, Series, episode_counts
from pipeline.documents.extended_json import extended_json_cleaned, shown
from pipeline.documents.problems import NEW_FIELD, DocumentError, Drift, Problem

_SIZES = {collection: len(FIELDS[contract]) for collection, contract in COLLECTIONS.items()}
_SEASON_SIZE, _EPISODE_SIZE = len(FIELDS[Season]), len(FIELDS[Episode])


def has_more(collection: str, title: Any) -> bool:
    """Tell whether a strictly checked copy may hold something for `extra_text`."""
    # `_id` is MongoDB's own, so no news.
    return len(title) > _SIZES[collection] + ("_id" in title) or (collection == "series" and _embeds_more(title))


def _embeds_more(series: Series) -> bool:
    seasons = series["seasons"]
    if not isinstance(seasons, list):
        return False
    for season in seasons:
        episodes = season["episodes"] or ()
        if len(season) > _SEASON_SIZE or sum(map(len, episodes)) > _EPISODE_SIZE * len(episodes):
            return True
    return series["episodes_per_season"] is not None


def extra_text(collection: str, title: Any, document: Mapping[str, Any], drift: list[Drift]) -> str | None:
    """Write the fields outside the contract as JSON text, and add them to `drift`.

    Args:
        collection: the collection of the document.
        title: the checked copy of the document.
        document: as it came.
        drift: what differs from the contract.

    Returns:
        JSON text; None if there are no such fields.

    Raises:
        DocumentError: such a field cannot be written as JSON.
    """
    kept = _unknown(document, FIELDS[COLLECTIONS[collection]])
    kept.pop("_id", None)
    found = {name: Drift(shown(name), NEW_FIELD, shown(value)) for name, value in kept.items()}
    if isinstance(seasons := title.get("seasons"), list) and collection == "series":
        if title["episodes_per_season"] not in (None, episode_counts(seasons)):
            # The embedded seasons are loaded; these other numbers would be lost.
            kept["episodes_per_season"] = value = document["episodes_per_season"]
            found["episodes_per_season"] = Drift("episodes_per_season", "not used", shown(value))
        parts = _extra_of_seasons(seasons, document["seasons"], found)
        if parts:
            kept["seasons"] = parts
    if not kept:
        return None
    drift.extend(found.values())
    try:
        text, cleaned = extended_json_cleaned(kept)
    except ValueError:
        raise DocumentError(title["content_id"], _unwritable(kept)) from None
    if cleaned:
        drift.append(Drift("extra", "text cleaned", shown(text)))
    return text


def _extra_of_seasons(
    seasons: list[Season], documents: list[Mapping[str, Any]], found: dict[str, Drift]
) -> list[dict[str, Any]]:
    parts = []
    for season, document in zip(seasons, documents, strict=True):
        part = _unknown(document, FIELDS[Season])
        _note(part, "seasons[]", found)
        episodes = []
        for episode, embedded in zip(season["episodes"] or (), document.get("episodes") or (), strict=True):
            if unknown := _unknown(embedded, FIELDS[Episode]):
                _note(unknown, "seasons[].episodes[]", found)
                episodes.append({"episode_number": episode["episode_number"]} | unknown)
        if episodes:
            part["episodes"] = episodes
        if part:
            parts.append({"season_number": season["season_number"]} | part)
    return parts


def _unknown(document: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    if known.issuperset(document):
        return {}
    return {name: value for name, value in document.items() if name not in known}


def _note(unknown: dict[str, Any], path: str, found: dict[str, Drift]) -> None:
    for name, value in unknown.items():
        field = f"{path}.{shown(name)}"
        if field not in found:
            found[field] = Drift(field, NEW_FIELD, shown(value))


def _unwritable(fields: dict[str, Any]) -> list[Problem]:
    problems = []
    for name, value in fields.items():
        try:
            extended_json_cleaned(value)
        except ValueError as error:
            problems.append(Problem(shown(name), shown(value), str(error)))
    return problems

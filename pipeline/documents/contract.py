"""The document contract: movies and series of the catalogue, declared once.

From these classes come the checks at landing and at extraction, the rows of the normalized tables (see
`normalizer`) and the validator of each MongoDB collection.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Required

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter, with_config
from typing_extensions import TypedDict  # Pydantic reads typing.TypedDict only from Python 3.12 on

from pipeline.documents.fields import (
    BIGINT_MAX,
    INT_MAX,
    Day,
    Labels,
    Numbered,
    Text,
    decimal,
    whole,
)
from pipeline.sources.text_rules import KEY_BYTES

# The two shapes of `seasons`. Pydantic puts these names into error locations; blanks keep them apart
# from field names.
AS_COUNT, AS_LIST = "as count", "as list"


# The contract is made of typed dictionaries: checking takes half the time that model objects take. Every field
# is in the checked copy, in the order of declaration; fields that the contract does not know follow, so the
# length of a copy tells whether there are any.
_KEEPING = ConfigDict(extra="allow")


@with_config(_KEEPING)
class Title(TypedDict, total=False):
    """What movies and series have in common. Only `content_id` and `title` are required.

    `content_id` may be missing where the document has an `_id` that can be written as text.
    """

    content_id: Required[Annotated[str, Text(KEY_BYTES), Field(description="Natural key of the title.")]]
    title: Required[Annotated[str, Text(), Field(description="Title as shown.")]]
    genre: Annotated[tuple[str, ...], Labels(), Field(default=(), description="Genres, or one genre as text.")]
    release_year: Annotated[int | None, whole(1870, 2100), Field(default=None, description="Year of release.")]
    rating: Annotated[Decimal | None, decimal("0", "10", 1), Field(default=None, description="Rating, 0 to 10.")]
    production_budget: Annotated[
        Decimal | None,
        decimal("0", "9999999999999.99", 2),
        Field(default=None, description="Production budget in the currency of the catalogue."),
    ]


@with_config(_KEEPING)
class Movie(Title, total=False):
    """A movie."""

    duration_minutes: Annotated[
        int | None, whole(1, INT_MAX), Field(default=None, description="Running time in minutes.")
    ]
    views_count: Annotated[
        int | None, whole(0, BIGINT_MAX), Field(default=None, description="Views as the catalogue counts them.")
    ]


@with_config(_KEEPING)
class Episode(TypedDict, total=False):
    """An episode embedded in its season."""

    episode_number: Annotated[
        int | None,
        whole(0, INT_MAX),
        Field(default=None, description="Number of the episode in its season; by position if missing."),
    ]
    title: Annotated[str | None, Text(), Field(default=None, description="Title of the episode.")]
    duration_minutes: Annotated[
        int | None, whole(1, INT_MAX), Field(default=None, description="Running time in minutes.")
    ]
    air_date: Annotated[
        date | None, Day(), Field(default=None, description="First broadcast: YYYY-MM-DD or a date, 1900 to 2100.")
    ]


@with_config(_KEEPING)
class Season(TypedDict, total=False):
    """A season embedded in its series."""

    season_number: Annotated[
        int | None,
        whole(0, INT_MAX),
        Field(default=None, description="Number of the season, 0 for specials; by position if missing."),
    ]
    episode_count: Annotated[
        int | None,
        whole(0, INT_MAX),
        Field(default=None, description="Number of its episodes; if missing, the number of those embedded."),
    ]
    episodes: Annotated[
        list[Episode] | None, Numbered("episode_number"), Field(default=None, description="Its episodes.")
    ]


def episode_counts(seasons: list[Season]) -> list[int]:
    """Episodes of each season: as given, or else as embedded."""
    return [
        len(season["episodes"] or ()) if season["episode_count"] is None else season["episode_count"]
        for season in seasons
    ]


def _shape_of_seasons(value: object) -> str:
    return AS_LIST if isinstance(value, list) else AS_COUNT


@with_config(_KEEPING)
class Series(Title, total=False):
    """A series, with its seasons either counted or embedded."""

    seasons: Annotated[
        Annotated[int | None, whole(0, INT_MAX), Tag(AS_COUNT)]
        | Annotated[list[Season], Numbered("season_number"), Tag(AS_LIST)],
        Discriminator(_shape_of_seasons),
        Field(default=None, description="Number of seasons, or the seasons themselves."),
    ]
    episodes_per_season: Annotated[
        list[Annotated[int, whole(0, INT_MAX)]] | None,
        Field(default=None, description="Number of episodes of each season, from season 1."),
    ]
    avg_episode_duration: Annotated[
        Decimal | None,
        decimal("0.1", "99999.9", 1),
        Field(default=None, description="Mean running time of an episode in minutes."),
    ]
    total_views: Annotated[
        int | None, whole(0, BIGINT_MAX), Field(default=None, description="Views as the catalogue counts them.")
    ]


COLLECTIONS: dict[str, type[Movie] | type[Series]] = {"movies": Movie, "series": Series}
# The names of the fields of each, by which those that the contract does not know are told.
FIELDS = {contract: frozenset(contract.__annotations__) for contract in (Movie, Series, Season, Episode)}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(contract) for name, contract in COLLECTIONS.items()}
# The checks themselves: to call them through the adapters costs each document one more call.
READERS = {name: adapter.validator for name, adapter in _ADAPTERS.items()}

# The keywords taken over from JSON Schema, with MongoDB's names. It has no references and no defaults.
_KEYWORDS = {
    "bsonType": "bsonType",
    "type": "bsonType",
    "description": "description",
    "minimum": "minimum",
    "maximum": "maximum",
}


def mongo_validator(collection: str) -> dict[str, Any]:
    """The `$jsonSchema` validator of a collection, derived from its contract.

    It is never stricter than the contract: what can be loaded passes, also numbers as text and documents
    with only `_id`. Meant for `validationAction: warn`, so that no other program's document is lost.

    Raises:
        KeyError: there is no such collection.
    """
    schema = _ADAPTERS[collection].json_schema()
    validator = _for_mongo(schema, schema.get("$defs", {}))
    validator["required"] = ["title"]
    validator["properties"]["content_id"]["bsonType"] = ["string", "null"]
    return {"$jsonSchema": validator}


def _for_mongo(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Rewrite JSON Schema to what MongoDB supports, with references replaced by what they refer to."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]] | schema
    converted = {_KEYWORDS[key]: value for key, value in schema.items() if key in _KEYWORDS}
    if "properties" in schema:
        converted["properties"] = {name: _for_mongo(field, definitions) for name, field in schema["properties"].items()}
    if "items" in schema:
        converted["items"] = _for_mongo(schema["items"], definitions)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            converted["anyOf"] = [_for_mongo(option, definitions) for option in schema[choice]]
    return converted

"""Documents that are as they should be, as most are: checked by msgspec, several times as fast as by Pydantic.

What msgspec checks is derived from the contract; what is left of a field (blanks around texts, rounding, dates) is
done here, field by field: loops over the fields take too long. The least irregularity, as a number that is text or
an unknown field, leaves a document to Pydantic, which knows what can be understood and says what cannot; a test holds
that both read the same from every document.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Required, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import astuple
from pydantic_core import PydanticCustomError

from pipeline.documents.contract import COLLECTIONS, FIELDS, Movie, Series
from pipeline.documents.fields import REMEMBERED, Kind, Number, distinct, rounding_of_floats
from pipeline.documents.values import to_date
from pipeline.sources.text_rules import trim

Values = tuple[Any, ...]
Season = tuple[int, int | None, list[Values]]
"""An embedded season: its number, count of episodes if given, and the rows of its episodes."""


class _NotPlainError(ValueError):
    """A document needs a closer look."""


def plain_values(collection: str, document: object) -> Values | None:
    """Return the values of a document in the order of the contract's fields; None if it needs a closer look.

    Seasons that are embedded are each a `Season`.
    """
    try:
        return _READERS[collection](msgspec.convert(document, _STRUCTS[collection]))
    except (msgspec.ValidationError, _NotPlainError, PydanticCustomError, UnicodeEncodeError):
        return None


def _read_movie(movie: msgspec.Struct) -> Values:
    key, title, genre, year, rating, budget, minutes, views, _ = astuple(movie)
    _check_title(key, title)
    labels = _labels(tuple(genre)) if genre else ()
    return key, title, labels, year, _round_rating(rating), _round_budget(budget), minutes, views


def _read_series(series: msgspec.Struct) -> Values:
    key, title, genre, year, rating, budget, seasons, episodes_per_season, minutes, views, _ = astuple(series)
    _check_title(key, title)
    if isinstance(seasons, list):
        if episodes_per_season is not None:
            raise _NotPlainError  # it goes to `extra` if it says something else
        seasons = [_read_season(key, season) for season in seasons]
        _check_numbers([number for number, _, _ in seasons])
    labels = _labels(tuple(genre)) if genre else ()
    rating, minutes = _round_rating(rating), _round_minutes(minutes)
    return key, title, labels, year, rating, _round_budget(budget), seasons, episodes_per_season, minutes, views


def _read_season(key: str, season: msgspec.Struct) -> Season:
    number, count, embedded = astuple(season)
    if not embedded:
        return number, count, []
    episodes = [(key, number, e.episode_number, e.title, e.duration_minutes, _to_date(e.air_date)) for e in embedded]
    _check_numbers([e.episode_number for e in embedded])
    _check_texts([e.title for e in embedded if e.title])
    return number, count, episodes


def _check_title(key: str, title: str) -> None:
    if trim(key) != key or trim(title) != title:
        raise _NotPlainError
    _check_storable(key + title)


def _check_texts(texts: list[str]) -> None:
    if list(map(trim, texts)) != texts:
        raise _NotPlainError
    _check_storable("".join(texts))


def _check_storable(text: str) -> None:
    """Insist that text is what PostgreSQL stores: without NUL and halves of characters."""
    if "\0" in text:
        raise _NotPlainError
    if not text.isascii():
        text.encode()


def _check_numbers(numbers: list[int | None]) -> None:
    if None in numbers or len(set(numbers)) < len(numbers):
        raise _NotPlainError


@lru_cache(REMEMBERED)
def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    _check_texts(list(labels))
    return distinct(labels)


_to_date = lru_cache(REMEMBERED)(to_date)


def _hints(contract: type) -> dict[str, Any]:
    return get_type_hints(contract, include_extras=True)


def _rounding(contract: type, field: str) -> Callable[[float | None], Decimal | None]:
    """Return what rounds the values of a field."""
    [number] = [note for note in get_args(_hints(contract)[field]) if isinstance(note, Number)]
    return rounding_of_floats(number.scale)


def _struct(contract: type) -> type[msgspec.Struct]:
    """Return what msgspec checks for a typed dictionary of the contract."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, hint in _hints(contract).items():
        is_required = get_origin(hint) is Required
        fields.append((name, _plain(hint)) if is_required else (name, _plain(hint) | None, None))
    if contract in COLLECTIONS.values():
        fields.append(("_id", Any, None))
    return msgspec.defstruct(contract.__name__, fields, forbid_unknown_fields=True, gc=False)


def _plain(hint: Any) -> Any:
    """Return the type of the values that are plain, for a type of the contract."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kind = next((note for note in arguments[1:] if isinstance(note, Kind)), None)
        return kind.plain if kind else _plain(arguments[0])
    if origin is Required:
        return _plain(arguments[0])
    if origin is list:
        return list[_plain(arguments[0])]  # type: ignore[misc]
    if arguments:
        return Union[tuple(map(_plain, arguments))]  # noqa: UP007 (of types known only now)
    return _struct(hint) if hint in FIELDS else hint


_round_rating, _round_budget = _rounding(Movie, "rating"), _rounding(Movie, "production_budget")
_round_minutes = _rounding(Series, "avg_episode_duration")
_STRUCTS = {name: _struct(contract) for name, contract in COLLECTIONS.items()}
_READERS: dict[str, Callable[[msgspec.Struct], Values]] = {"movies": _read_movie, "series": _read_series}

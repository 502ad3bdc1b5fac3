"""The kinds of field a catalogue document can have: what each accepts, and its MongoDB type.

Each kind has two readings, both made from its one declaration. The strict one runs wholly inside
pydantic-core and takes documents as they should be, fast. Where it fails, the lenient one takes what can
still be understood (numbers as text, Decimal128, blanks) and says in plain words what cannot. The type of
values that need neither (`plain`) is for `plain_documents`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from operator import itemgetter
from typing import Annotated, Any, get_args

from msgspec import Meta
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipeline.documents.values import text_to_date, to_date, to_decimal, wrong
from pipeline.sources.text_rules import BLANKS, KEY_BYTES, trim

INT_MAX = 2**31 - 1
BIGINT_MAX = 2**63 - 1
REMEMBERED = 2**12  # values of a field: a catalogue repeats its ratings, sums and lists of genres

JsonSchema = dict[str, Any]


def _is_optional(source: object) -> bool:
    return type(None) in get_args(source)


def _text_schema(max_bytes: int | None) -> CoreSchema:
    # PostgreSQL stores neither NUL characters nor lone surrogates; those pydantic-core refuses itself.
    lenient: CoreSchema = core_schema.str_schema(strict=True, min_length=1, pattern="^[^\\x00]*$")
    if max_bytes is not None:
        lenient = core_schema.no_info_after_validator_function(_limited(max_bytes), lenient)
    lenient = core_schema.no_info_before_validator_function(_trimmed, lenient)
    # Text without blanks around it is passed on, not copied.
    edge = f"[^{BLANKS}\\x00]"
    strict = core_schema.str_schema(
        strict=True, max_length=surely_within(max_bytes), pattern=f"^{edge}(?:[^\\x00]*{edge})?$"
    )
    return core_schema.lax_or_strict_schema(lenient, strict)


def surely_within(max_bytes: int | None) -> int | None:
    """Return how many characters of any script fit into that many bytes."""
    return None if max_bytes is None else max_bytes // 4


def _limited(max_bytes: int) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if len(text.encode()) > max_bytes:
            raise wrong(f"longer than {max_bytes} bytes")
        return text

    return checked


def _trimmed(value: object) -> object:
    return trim(value) if isinstance(value, str) else value


def _blank_to_null(value: object) -> object:
    return None if isinstance(value, str) and not trim(value) else value


class Kind:
    """A kind of field."""

    @property
    def plain(self) -> Any:
        """The type, for msgspec, of values of which at most blanks and rounding are left to be looked at."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """Text without blanks around it; blank text is null, or missing where null is not allowed."""

    max_bytes: int | None = None

    @property
    def plain(self) -> Any:
        """Text that is not empty."""
        return Annotated[str, Meta(min_length=1, max_length=surely_within(self.max_bytes))]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strict and lenient reading."""
        text = _text_schema(self.max_bytes)
        if not _is_optional(source):
            return text
        nullable = core_schema.nullable_schema(text)
        lenient = core_schema.no_info_before_validator_function(_blank_to_null, nullable)
        return core_schema.lax_or_strict_schema(lenient, nullable)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """What MongoDB checks."""
        optional = schema["strict_schema"]["type"] == "nullable"
        return {"bsonType": ["string", "null"] if optional else "string"}


@dataclass(frozen=True)
class Number(Kind):
    """A number from `low` to `high`, rounded half up to `scale` decimals; a whole number if scale is 0.

    The range is checked before rounding, so a value that only rounding would bring inside is out of it.
    """

    low: Decimal
    high: Decimal
    scale: int

    @property
    def plain(self) -> Any:
        """A whole number, or a binary fraction."""
        if self.scale:
            return Annotated[float, Meta(ge=float(self.low), le=float(self.high))]
        return Annotated[int, Meta(ge=int(self.low), le=int(self.high))]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strict and lenient reading; both give `int` for whole numbers, else `Decimal`."""
        exact: CoreSchema = core_schema.decimal_schema(strict=True, ge=self.low, le=self.high)
        fast: CoreSchema
        if self.scale:
            fast = core_schema.float_schema(strict=True, ge=float(self.low), le=float(self.high), allow_inf_nan=False)
            # Cached by value, floats apart: one that equals a Decimal may be written, and so rounded, otherwise.
            fast = core_schema.no_info_after_validator_function(rounding_of_floats(self.scale), fast)
            exact = core_schema.no_info_after_validator_function(_rounding(self.scale), exact)
        else:
            fast = core_schema.int_schema(strict=True, ge=int(self.low), le=int(self.high))
            exact = core_schema.no_info_after_validator_function(_to_whole, exact)
        if _is_optional(source):
            fast, exact = core_schema.nullable_schema(fast), core_schema.nullable_schema(exact)
        lenient = core_schema.no_info_before_validator_function(to_decimal, exact)
        return core_schema.lax_or_strict_schema(lenient, fast)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """What MongoDB checks; the bounds are widened to whole numbers so that it never asks for more."""
        return {
            "bsonType": ["int", "long", "double", "decimal", "string", "null"],
            "minimum": math.floor(self.low),
            "maximum": math.ceil(self.high),
        }


@cache
def rounding_of_floats(scale: int) -> Callable[[float | None], Decimal | None]:
    """Return what rounds floats half up to `scale` decimals as they are written, and remembers what they were."""
    rounded = _rounding(scale)
    return lru_cache(REMEMBERED)(lambda value: None if value is None else rounded(value))


def _rounding(scale: int) -> Callable[[float | Decimal], Decimal]:
    unit = Decimal(1).scaleb(-scale)

    def rounded(value: float | Decimal) -> Decimal:
        number = Decimal(repr(value)) if isinstance(value, float) else value
        return abs(number.quantize(unit, ROUND_HALF_UP))  # abs: PostgreSQL knows no -0.0

    return rounded


def _to_whole(value: Decimal) -> int:
    if value != value.to_integral_value():
        raise wrong("not a whole number")
    return int(value)


def whole(low: int, high: int) -> Number:
    """A whole number from `low` to `high`; 12.0 and "12" are 12."""
    return Number(Decimal(low), Decimal(high), 0)


def decimal(low: str, high: str, scale: int) -> Number:
    """A number from `low` to `high`, rounded half up to `scale` decimals."""
    return Number(Decimal(low), Decimal(high), scale)


@dataclass(frozen=True)
class Day(Kind):
    """A date without a time; see `to_date`."""

    @property
    def plain(self) -> Any:
        """Text, still to be read."""
        return str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strict and lenient reading; they take the same, but the strict one calls no Python for known text."""
        lenient = core_schema.no_info_plain_validator_function(to_date)
        text = core_schema.no_info_after_validator_function(text_to_date, core_schema.str_schema(strict=True))
        strict = core_schema.nullable_schema(core_schema.union_schema([text, lenient], mode="left_to_right"))
        return core_schema.lax_or_strict_schema(lenient, strict)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """What MongoDB checks."""
        return {"bsonType": ["string", "date", "null"]}


@dataclass(frozen=True)
class Labels(Kind):
    """A list of texts, each once whatever its case and in its first spelling; nulls and blanks dropped.

    One text instead of a list is a list of one.
    """

    @property
    def plain(self) -> Any:
        """A list of texts, some of them perhaps twice."""
        return list[Text(KEY_BYTES).plain]  # type: ignore[misc]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strict and lenient reading."""
        # A tuple, because a list has no hash for the cache.
        labels = core_schema.no_info_after_validator_function(tuple, core_schema.list_schema(_text_schema(KEY_BYTES)))
        strict = core_schema.no_info_after_validator_function(distinct, core_schema.nullable_schema(labels))
        lenient = core_schema.no_info_before_validator_function(self._listed, strict)
        return core_schema.lax_or_strict_schema(lenient, strict)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """What MongoDB checks."""
        return {"bsonType": ["array", "string", "null"], "items": {"bsonType": ["string", "null"]}}

    @staticmethod
    def _listed(value: object) -> object:
        labels = [value] if isinstance(value, str) else value
        if isinstance(labels, list):
            return [label for label in labels if _blank_to_null(label) is not None]
        return labels


@lru_cache(REMEMBERED)
def distinct(labels: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return each label once whatever its case, in its first spelling."""
    first: dict[str, str] = {}
    for label in labels or ():
        first.setdefault(label.casefold(), label)
    return tuple(first.values())


@dataclass(frozen=True)
class Numbered:
    """A list of embedded documents whose `field` is their number, by position (from 1) where missing."""

    field: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The list as declared, then its numbers."""
        return core_schema.no_info_after_validator_function(self._number, handler(source))

    def _number(self, items: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
        items = items or []
        numbers = list(map(itemgetter(self.field), items))
        if None in numbers:
            numbers = [position if n is None else n for position, n in enumerate(numbers, start=1)]
            for item, number in zip(items, numbers, strict=True):
                item[self.field] = number
        if len(set(numbers)) < len(numbers):
            twice = Counter(numbers).most_common(1)[0][0]
            raise wrong(f"{self.field} {twice} occurs twice")
        return items

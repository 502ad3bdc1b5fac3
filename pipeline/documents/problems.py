"""What is wrong with a document, and how it differs from the contract, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.documents.contract import AS_COUNT, AS_LIST
from pipeline.documents.extended_json import shown

# Reasons in plain words, by Pydantic's type of error; `{limit}` is the bound that was passed.
_REASONS = {
    "missing": "missing",
    "string_too_short": "missing",
    "string_type": "not text",
    "string_unicode": "not valid Unicode text",
    "string_pattern_mismatch": "contains a NUL character",
    "greater_than_equal": "out of range: less than {limit}",
    "less_than_equal": "out of range: more than {limit}",
    "list_type": "not a list",
    "model_type": "not a document",
    "dict_type": "not a document",
}
_LIMITS = {"greater_than_equal": "ge", "less_than_equal": "le"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a document was rejected.

    `path` is like `seasons[1].episodes[0].air_date`, empty for the document as a whole; `value` is text of
    at most 1,000 characters, None if missing. `reason` does not repeat the value, so reasons can be counted.
    """

    path: str
    value: str | None
    reason: str

    def __str__(self) -> str:
        if self.value is None:
            return self.reason
        return f"{self.path or 'document'}: {self.reason} ({self.value!r})"


NEW_FIELD = "new field"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference from the contract that loads all the same.

    `path` names no positions (`seasons[].director`). `kind` is `new field`, `type changed`, `text cleaned`
    (NUL characters or lone surrogates replaced by U+FFFD) or `not used` (kept in `extra` although known).
    """

    path: str
    kind: str
    example: str | None


class DocumentError(Exception):
    """A document breaks the contract; `problems` holds all that is wrong with it."""

    def __init__(self, document_id: str | None, problems: list[Problem]) -> None:
        super().__init__(f"{document_id or 'document without id'}: {'; '.join(map(str, problems))}")
        self.document_id = document_id
        self.problems = problems


def type_changes(error: ValidationError) -> list[Drift]:
    """Fields that only the lenient reading took, because they hold text where another type belongs."""
    changes: dict[str, Drift] = {}
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] in {"int_type", "float_type", "list_type"} and isinstance(detail["input"], str):
            path = _path(detail["loc"], positions=False)
            changes.setdefault(path, Drift(path, "type changed", shown(detail["input"])))
    return list(changes.values())


def problems_of(error: ValidationError) -> list[Problem]:
    """Everything the lenient reading of a document failed on."""
    problems = []
    for detail in error.errors(include_url=False):
        path, kind = _path(detail["loc"]), detail["type"]
        limit = detail.get("ctx", {}).get(_LIMITS.get(kind, ""))
        reason = _REASONS.get(kind, detail["msg"]).format(limit=limit)
        if reason == "missing" or detail["input"] is None:
            problems.append(Problem(path, None, f"{path} is missing"))
        else:
            problems.append(Problem(path, shown(detail["input"]), reason))
    return problems


def _path(location: Iterable[int | str], *, positions: bool = True) -> str:
    """A location as text: `seasons[1].title`, or `seasons[].title` without positions."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]" if positions else "[]"
        elif step not in {AS_COUNT, AS_LIST}:
            path += f".{step}" if path else step
    return path

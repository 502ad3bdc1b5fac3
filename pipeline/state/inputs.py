"""What the result of a task depends on: the inputs behind its fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pipeline.state.fingerprints import combine

GROUPS = {"sql": "sql", "module": "code", "task": "tasks"}
"""How names of inputs begin, in a fingerprint and in markers of earlier versions, and the group they belong to."""
SHOWN_DIGITS = 4


class Difference(NamedTuple):
    """An input that differs: None stands for a digest that is new or gone."""

    group: str
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Inputs:
    """Digests by name.

    Attributes:
        content: of the file, for tasks that land one.
        sql: of SQL files, by path below `sql/`.
        code: of Python modules.
        tasks: fingerprints of the tasks whose result is used, by label.
        facts: anything else that counts, such as the day or the server; short texts or digests.
    """

    content: str | None = None
    sql: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, family: str) -> str:
        """Return the hash over the inputs of a task."""
        named = {f"{kind} {name}": digest for kind, group in GROUPS.items() for name, digest in self._of(group).items()}
        content = {} if self.content is None else {"content": self.content}
        return combine({"family": family, **content, **self.facts, **named})

    def differences(self, new: Inputs) -> Iterator[Difference]:
        """Yield what differs in `new`, in the order of its inputs."""
        if self.content != new.content:
            yield Difference("content", "", self.content, new.content)
        for group in ("facts", *GROUPS.values()):
            before, after = self._of(group), new._of(group)
            for name in {**after, **before}:
                if before.get(name) != after.get(name):
                    yield Difference(group, name, before.get(name), after.get(name))

    def _of(self, group: str) -> Mapping[str, str]:
        digests: Mapping[str, str] = getattr(self, group)
        return digests

    def to_json(self) -> dict[str, Any]:
        """Return the inputs as a marker keeps them."""
        return {group: digests for group, digests in asdict(self).items() if digests}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Inputs:
        """Return the inputs of a marker; earlier versions kept one text for each, such as `task users.csv`."""
        groups: dict[str, Any] = {group: {} for group in ("facts", *GROUPS.values())}
        for name, value in kept.items():
            kind, _, subject = name.partition(" ")
            if name == "content" or isinstance(value, Mapping):
                groups[name] = value
            elif subject and kind in GROUPS:
                groups[GROUPS[kind]][subject] = value
            else:
                groups["facts"][name] = value
        return cls(**groups)


def in_words(changed: Difference) -> str:
    """Say in words that an input differs: new, gone, or changed from one digest to another."""
    group, name, old, new = changed
    happened = "is new" if old is None else "is gone" if new is None else "changed"
    words = {
        "tasks": f"upstream: {name} {happened}",
        "sql": f"sql/{name} {happened}",
        "code": f"{name.replace('.', '/')}.py {happened}",
        "content": f"content {_short(old)} → {_short(new)}",
        "rules": "it was refused before",
        "declaration": f"the declaration of its table {happened}",
        "date": f"new day: {old} → {new}",
        "engine": f"engine: {old or 'PostgreSQL'} → {new or 'PostgreSQL'}",
        "program": "the program of Spark changed",
        "window": f"days in PostgreSQL: {old or 0} → {new or 0}",
        "repeats": f"takes the place of batch {new}",
        "template": "the template of the page changed",
    }
    return words.get(name if group == "facts" else group, f"other server: {name} {old} → {new}")


def _short(digest: str | None) -> str:
    return f"{digest[:SHOWN_DIGITS]}…" if digest else "none"

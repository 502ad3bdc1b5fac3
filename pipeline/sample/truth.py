"""The ground truth of a sample: what was put in, and so what has to come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

Place = tuple[str, int]


@dataclass
class Waiting:
    """A session that waits: where its winning record stands, and for whom or what it waits."""

    place: Place
    user_id: str | None = None
    content_id: str | None = None


@dataclass
class Truth:
    """What is known while the files are written; places are (file, record number from 1).

    Attributes:
        files: for each CSV file its number of records and its spoiled ones.
        superseded: place and key of each valid record that loses to a later one.
        waiting: the waiting sessions by id.
    """

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    superseded: list[tuple[str, int, str]] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)

    def reject(self, file: str, entry: dict[str, Any]) -> None:
        """Note a spoiled record."""
        self.files.setdefault(file, {"records": 0, "rejected": []})["rejected"].append(entry)

    def finish_file(self, file: str, records: int) -> None:
        """Note how many records a file holds."""
        self.files.setdefault(file, {"records": 0, "rejected": []})["records"] = records

    def as_dict(self) -> dict[str, Any]:
        """Return what `.sample.json` says of the CSV files."""
        waiting = self.waiting.values()
        return {
            "files": self.files,
            "superseded": {
                "count": len(self.superseded),
                "records": [list(entry) for entry in sorted(self.superseded)],
            },
            "waiting": {
                "count": len(self.waiting),
                "users": _counts(entry.user_id for entry in waiting),
                "titles": _counts(entry.content_id for entry in waiting),
                "records": [list(place) for place in sorted(entry.place for entry in waiting)],
            },
        }


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(name for name in names if name is not None).items()))


def summary(truth: dict[str, Any]) -> str:
    """Return what a sample holds and what to expect of a load, as a small table for the terminal.

    Args:
        truth: the ground truth, as `write_sample` returns it.
    """
    superseded = Counter(file for file, _, _ in truth["superseded"]["records"])
    lines: list[tuple[str, ...]] = [("", "files", "records", "rejected", "superseded", "waiting", "to load")]
    kinds: Counter[str] = Counter()
    for table in ("users", "viewing_sessions"):
        files = {name: entry for name, entry in truth["files"].items() if name.startswith(table)}
        kinds.update(reject["kind"] for entry in files.values() for reject in entry["rejected"])
        lines.append(
            _line(
                table,
                files=len(files),
                records=sum(entry["records"] for entry in files.values()),
                rejected=sum(len(entry["rejected"]) for entry in files.values()),
                superseded=sum(superseded[name] for name in files),
                waiting=truth["waiting"]["count"] if table == "viewing_sessions" else 0,
            )
        )
    documents = truth["documents"]
    kinds.update(reject["kind"] for reject in documents["rejected"])
    lines.append(
        _line(
            "titles",
            files=1,
            records=documents["movies"] + documents["series"],
            rejected=len(documents["rejected"]),
        )
    )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    kind = "clean" if truth["clean"] else "dirty"
    text = [f"Sample of {truth['sessions']:,} sessions, seed {truth['seed']}, {kind}"]
    for name, *numbers in lines:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        text.append("  ".join([name.ljust(widths[0]), *cells]))
    if kinds:
        listed = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in kinds.most_common())
        text.append(fill(f"Spoiled on purpose: {listed}", width=100, subsequent_indent="  "))
    waiting = truth["waiting"]
    if waiting["count"]:
        text.append(
            f"Waiting for: {len(waiting['users']):,} users and {len(waiting['titles']):,} titles "
            "that are not in the files"
        )
    return "\n".join(text)


def _line(
    name: str, *, files: int, records: int, rejected: int, superseded: int = 0, waiting: int = 0
) -> tuple[str, ...]:
    loaded = records - rejected - superseded - waiting
    return (name, *(f"{number:,}" for number in (files, records, rejected, superseded, waiting, loaded)))

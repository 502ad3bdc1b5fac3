"""Markers: what is loaded in each target now, wherever its marker is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pipeline.servers.retries import retrying
from pipeline.state.inputs import Inputs, in_words

REDO = "redo"
"""Stands in place of the fingerprint in a marker that was voided: by an operator, or since a check failed."""
SHOWN_CAUSES = 10


@dataclass(frozen=True)
class Marker:
    """What is loaded in a target; see the comments on `etl.table_updates` for the columns.

    `missing` names something the marker counts on that was dropped or emptied behind its back; `lost`, in MongoDB,
    the collections that held documents of the load and are empty. `outdated` says that files landed or left and were
    not merged: a run ended between the two, and what the files hold by now may be what the marker says.
    `future_day` is the `run_date` of a load for a day that has not come, which earlier versions allowed: it is newer
    than nothing, so `run_date` is None then. `is_known` says whether the batch is in the audit. `facts` are
    whatever else the load noted.
    """

    update_id: str
    inserted: datetime
    fingerprint: str
    inputs: Inputs
    holds: dict[str, int]
    target_table: str = ""
    batch_id: int | None = None
    objects: tuple[str, ...] = ()
    run_date: date | None = None
    run_number: int = 0
    future_day: date | None = None
    is_known: bool = True
    missing: str | None = None
    outdated: str | None = None
    lost: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def intact(self) -> bool:
        """Whether the marked thing is still there, and made from what is landed."""
        return self.missing is None and self.outdated is None

    @property
    def voided(self) -> bool:
        """Whether the load is to be done again, whatever its inputs."""
        return self.fingerprint == REDO

    def why(self, inputs: Inputs) -> str:
        """Say why a load of these inputs takes the place of this one, as far as the marker tells."""
        changed = [in_words(each) for each in self.inputs.differences(inputs) if each.name != "again"]
        causes = [self.missing, "to be done again" if self.voided else None, *changed[:SHOWN_CAUSES]]
        more = f"{len(changed) - SHOWN_CAUSES:,} more" if len(changed) > SHOWN_CAUSES else None
        # Files that landed in this run are among what changed.
        return "; ".join(filter(None, [*causes, more])) or self.outdated or ""


class Store:
    """The markers of one server, read at the first look since `forget` in this process.

    Luigi asks for each task by itself; with one connection and query for each, a thousand files would take a
    thousand times as long.
    """

    _snapshots: dict[tuple[str, int], dict[str, Marker]] = {}  # noqa: RUF012 (of all stores, so that all forget at once)

    def __init__(self, name: str, read: Callable[[], dict[str, Marker]]) -> None:
        """Name the store, for people, and say how its markers are read."""
        self._name, self._read = name, read

    def __call__(self) -> Mapping[str, Marker]:
        """Return all markers, by update_id."""
        place = (self._name, os.getpid())
        if place not in self._snapshots:
            for attempt in retrying(self._name):
                with attempt:
                    self._snapshots[place] = self._read()
        return self._snapshots[place]

    @classmethod
    def forget(cls) -> None:
        """Let the next look at any store read its markers again."""
        cls._snapshots.clear()

"""What a task is to load, and a load in progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from psycopg2.extensions import cursor as Cursor

from pipeline.errors import PipelineError
from pipeline.state.inputs import Inputs
from pipeline.state.locks import Locks
from pipeline.state.marker import Marker


class SupersededError(PipelineError):
    """A newer run has loaded the target already; what this run wanted is out of date."""


class RefusedLoadError(PipelineError):
    """A load that its own rules stopped. Nothing of it stays, but what it found may be kept."""

    def keep(self, cursor: Cursor) -> None:
        """Write down what is to outlive the rollback; called in a transaction of its own, with the audit row."""


@dataclass(frozen=True)
class LoadSpec:
    """What a task is about to load: the identity of the target and the state it will be in.

    `locks` are held during the load.
    """

    update_id: str
    task: str
    target_table: str
    source: str
    fingerprint: str
    inputs: Inputs
    run_number: int
    run_date: date | None
    locks: Locks


@dataclass
class Load:
    """A load in progress. The task's work fills in what the audit and the marker are to say.

    `rows_read` must equal loaded + rejected + superseded + waiting when the work ends; the audit refuses
    anything else. `previous` is the marker as it was; `marked_batch_id` is the batch that the new one names,
    if not that of the audit row. `rows_withdrawn` left with their file; `warnings` stand in the summary of the run.
    `changes` says of how many rows of a file that was edited are same, changed, new and gone.
    What is in `after_commit` is done, each in a transaction of its own, once the load has committed, or what is kept
    of one that was refused.
    """

    spec: LoadSpec
    cursor: Cursor
    batch_id: int | None
    previous: Marker | None = None
    marked_batch_id: int | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_superseded: int = 0
    rows_waiting: int = 0
    rows_withdrawn: int = 0
    warnings: list[str] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    changes: dict[str, int] = field(default_factory=dict)
    details: dict[str, object] = field(default_factory=dict)
    keep_marker: bool = True
    after_commit: list[Callable[[Cursor], None]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the rows by what happened to them."""
        return {
            "read": self.rows_read,
            "loaded": self.rows_loaded,
            "rejected": self.rows_rejected,
            "superseded": self.rows_superseded,
            "waiting": self.rows_waiting,
            **({"withdrawn": self.rows_withdrawn} if self.rows_withdrawn else {}),
        }

    def summary(self) -> str:
        """Return the row counts in words, those that are zero left out."""
        words = [f"{rows:,} {word}" for word, rows in self.counts().items() if rows]
        words += [f"{rows:,} {what}" for what, rows in self.changes.items() if what != "same" and rows]
        if blank_rows := self.details.get("blank_rows"):
            words.append(f"{blank_rows:,} without any value passed over")
        return ", ".join(words) or "nothing new"

"""A task that runs, in a line: how much is done, how fast, how long it will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len, set_cell_size

from pipeline.outgoing import in_one_line
from pipeline.progress import PERCENT

KILO = 1000
LEAST_NAME = 12  # columns of a name
SHORTEST = 0.01  # seconds, by which a speed is measured
UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass
class Running:
    """A task that runs: what it says of itself, and since when it works on that."""

    name: str
    began: float = field(default_factory=time.monotonic)
    stage: dict[str, Any] = field(default_factory=dict)
    stage_began: float = 0.0

    def take(self, stage: dict[str, Any]) -> None:
        """Note how far it is; with another thing to do, its speed is measured afresh."""
        if not self.stage or stage["what"] != self.stage["what"]:
            self.stage_began = time.monotonic()
        self.stage = stage

    def line(self, now: float, columns: int) -> str:
        """Return the task in a line: how much is done, how fast, how long it will take, as far as that is known.

        Where there are too few columns the name is cut, as far as it must be known.
        """
        if not self.stage:
            return _joined(self.name, [duration(now - self.began)], columns)
        what, unit, done, total = (self.stage[name] for name in ("what", "unit", "done", "total"))
        subject = self.name if self.name.endswith(what) else f"{self.name} {what}"
        if unit == PERCENT:  # of a job, which may be for more than the task that has it done
            return _joined(what, [f"{done} {unit}", duration(now - self.began)], columns)
        parts = [f"{amount(done, unit, total)} of {amount(total, unit)}  {percent(done, total)}"] if total else []
        if done and not total:
            parts.append(amount(done, unit))
        rate = done / max(now - self.stage_began, SHORTEST)
        if done and done != total:
            parts.append(f"{amount(rate, unit)}/s")
        is_known = total and 0 < done < total
        parts.append(f"{duration((total - done) / rate)} left" if is_known else duration(now - self.began))
        return _joined(subject, parts, columns)


def _joined(name: str, parts: list[str], columns: int) -> str:
    numbers = "".join(f"  {part}" for part in parts)
    name, room = in_one_line(name), max(columns - cell_len(numbers), LEAST_NAME)
    return (name if cell_len(name) <= room else f"{set_cell_size(name, room - 1)}…") + numbers


def percent(done: int, total: int) -> str:
    """Return a share in whole percent."""
    return f"{min(100, 100 * done // total)} %"


def amount(units: float, unit: str, of_total: float = 0) -> str:
    """Return a number of units, of a total that follows; bytes in the next larger ones."""
    if unit != "bytes":
        return f"{units:,.0f}" if of_total else f"{units:,.0f} {unit}"
    for name in UNITS:
        if units < KILO or name == UNITS[-1]:
            break
        units /= KILO
    return f"{units:.0f} {name}" if name == "B" else f"{units:.1f} {name}"


def duration(seconds: float) -> str:
    """Return seconds as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

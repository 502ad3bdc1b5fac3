"""Tasks that write the folder of a day."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from pipeline.days import DayParameter
from pipeline.state import markers
from pipeline.state.targets import FolderTarget
from pipeline.tasks.base import PostgresTask


class DayFolderTask(PostgresTask):
    """A task whose result is a folder named after its date.

    `shows` is the task whose marker says which day is loaded: an older folder must not take its place.
    """

    date = DayParameter()
    shows: ClassVar[str]
    marker_is_target = False

    @property
    @abstractmethod
    def parent(self) -> Path:
        """Where the folders of all days are."""

    @property
    def folder(self) -> Path:
        """The folder of the day."""
        return self.parent / self.date.isoformat()

    @property
    def update_id(self) -> str:
        """One target for each day, wherever the folder is: it may be moved."""
        return f"{self.task_family} {self.date}"

    def first_time_cause(self) -> str | None:
        """Tell a new day from a task that never ran."""
        marker = markers.markers().get(self.shows)
        if marker is not None and marker.future_day:
            return f"what is loaded is of {marker.future_day}, which has not come"
        if marker is None or marker.run_date is None or marker.run_date == self.date:
            return None
        return f"new day: {marker.run_date} → {self.date}"

    def output(self) -> FolderTarget:
        """Return the folder of the day."""
        return FolderTarget(self.update_id, self.target_table, self.folder, self.fingerprint)

    def complete(self) -> bool:
        """Tell whether the folder is there, or a newer day is loaded."""
        marker = markers.markers().get(self.shows)
        newer = marker and marker.intact and marker.run_date and marker.run_date > self.date
        return bool(newer) or self.output().exists()

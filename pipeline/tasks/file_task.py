"""A task of one file: what it builds on, and what becomes of it when the file cannot be read."""

from __future__ import annotations

import logging
from functools import cached_property

import luigi

from pipeline import progress
from pipeline.errors import RefusedInputError
from pipeline.records.files import UnreadableFileError
from pipeline.sources.inventory import inventory
from pipeline.state.inputs import Inputs
from pipeline.state.marker import Marker
from pipeline.tasks import grouped
from pipeline.tasks.base import PostgresTask
from pipeline.tasks.engine import forget_landing, land_together, landing_of
from pipeline.tasks.refused import content_facts, refused_before

MOST_ON_SPARK = 100_000
logger = logging.getLogger("pipeline")


class RefusableTask(PostgresTask):
    """A task of one file, which may be refused; then the task of all files fails, where there is one."""

    path = luigi.Parameter(description="file relative to DATA_RAW_PATH", batch_method=grouped.joined)

    @property
    def max_batch_size(self) -> int:  # type: ignore[override]
        """How many files land together at most."""
        return MOST_ON_SPARK if self.lands_on_spark else grouped.MOST_FILES

    @property
    def lands_on_spark(self) -> bool:
        """Whether Spark lands the file."""
        return False

    def is_kept(self) -> bool:
        """Tell whether what the file brought before stays as it is."""
        return False

    @property
    def batchable(self) -> bool:
        """Whether this file may land together with others."""
        return False

    @property
    def is_group(self) -> bool:
        """Whether this stands for several files that land together."""
        return grouped.members(self.path) is not None

    @property
    def members(self) -> list[RefusableTask]:
        """The tasks of the files that this stands for; none if it is that of one file."""
        return [type(self)(path=path, **self.options) for path in grouped.members(self.path) or ()]

    @property
    def label(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def source(self) -> str:
        """The file."""
        return self.label

    def run(self) -> None:
        """Do the work under the file's lock, with its audit row and marker."""
        if tasks := self.members:
            land_together(tasks, self)
            grouped.run_group(self, sorted(tasks, key=lambda task: task.lands_on_spark))
            return
        if landing_of(self) is None:
            land_together([self], self)
        try:
            super().run()
        except RefusedInputError as error:
            if not self.go_on:
                raise
            logger.error("%s", error)  # noqa: TRY400 (what is wrong is in the file, not in the code)
            progress.conclude(f"refused: {error}")
        finally:
            forget_landing(self)


class FileTask(RefusableTask):
    """A task that lands one file.

    A file that cannot be read is refused, and what it brought before stays: the task keeps the fingerprint of
    that, so that nothing is made anew because of it.
    """

    def loaded(self) -> Marker | None:
        """Return the marker of what the file brought before."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """The content of the file."""
        return content_facts(self.path)

    def first_time_cause(self) -> str | None:
        """The file may have been refused."""
        return "it was refused, and is tried again" if refused_before(self.path) else None

    def why_unreadable(self) -> str | None:
        """Say why the file could not be read when the run was planned; None if it could."""
        return inventory().why_unreadable(self.path)

    def is_done(self) -> bool | None:
        """What keeps its old fingerprint would count as loaded, and its refusal stand nowhere."""
        return False if self.why_unreadable() else super().is_done()

    def is_kept(self) -> bool:
        """Tell whether what the file brought before stays as it is, since the file cannot be read."""
        return self.why_unreadable() is not None

    @cached_property
    def _kept(self) -> Marker | None:
        return self.loaded() if self.is_kept() else None

    @cached_property
    def inputs(self) -> Inputs:
        """What the rows of the file were made of, if they stay as they are."""
        return self._kept.inputs if self._kept else super().inputs

    @cached_property
    def fingerprint(self) -> str:
        """Hash over the inputs."""
        return self._kept.fingerprint if self._kept else super().fingerprint

    def complete(self) -> bool:
        """Tell whether the present content is loaded; what cannot be read fails each run, named."""
        return self.path not in inventory().unreadable and bool(super().complete())

    def require_readable(self) -> None:
        """Make sure that the file could be read when the run was planned.

        Raises:
            UnreadableFileError: it could not, or a folder it is in.
        """
        if reason := self.why_unreadable():
            error = UnreadableFileError(f"{self.path}: {reason}")
            error.is_for_content = False
            raise error

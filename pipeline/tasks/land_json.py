"""Landing JSON files in MongoDB, as they came."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache

import luigi

from pipeline.documents.deliveries import PREFIX, numbers
from pipeline.servers import mongo
from pipeline.servers.postgres import session
from pipeline.sources.inventory import inventory, raw_files
from pipeline.sources.names import is_csv, is_source
from pipeline.state import markers, mongo_markers
from pipeline.state.locks import Locks
from pipeline.state.marker import Marker
from pipeline.state.spec import Load, LoadSpec
from pipeline.state.targets import DeliveryTarget
from pipeline.tasks.base import TaskOfRun
from pipeline.tasks.create import CreateMongodbCollections, CreatePostgresTables
from pipeline.tasks.file_task import FileTask
from pipeline.tasks.raw_folder import digest_of
from pipeline.tasks.refused import content_facts, fail_if_refused

logger = logging.getLogger("pipeline")

NEW = float("inf")


class LoadJsonToMongo(FileTask):
    """Lands one JSON file in MongoDB: its documents replace those with the same key.

    A delivery lands once, whatever becomes of code and contract: what MongoDB holds by then may be newer. It
    lands again if MongoDB lost its documents, or if an operator asks for it.
    """

    target_table = "MongoDB"
    marker_is_target = False
    redo_warning = "what is newer in MongoDB is overwritten"

    # One after the other: of two files with the same title, the one that comes later wins.
    resources = {"mongodb_landing": 1}  # noqa: RUF012 (declared so by Luigi)

    @property
    def priority(self) -> int:  # type: ignore[override]
        """Files land in the order in which they first came, new ones in that of their names."""
        return landing_priorities().get(self.path, 0)

    def runs_after(self) -> list[luigi.Task]:
        """The collections and the audit come first."""
        return [CreateMongodbCollections(), CreatePostgresTables()]

    def facts(self) -> dict[str, str]:
        """The content of the file; once it has landed, all that counted then.

        `again` tells a repeated landing from the first one, so that what builds on it is made again too.
        """
        content = digest_of(self.path)
        marker = self.loaded()
        if marker and marker.intact and not marker.voided and marker.inputs.content == content:
            return {"content": content, **marker.inputs.facts}
        audited = self._audited()
        again = {"again": str(audited.batch_id)} if audited else {}
        return {**content_facts(self.path, work=("pipeline.documents.landing",)), **again}

    def _audited(self) -> Marker | None:
        """Return PostgreSQL's marker if it says that this content landed."""
        marker = markers.markers().get(self.audit_id)
        return marker if marker and marker.inputs.content == digest_of(self.path) else None

    def first_time_cause(self) -> str | None:
        """Tell a file that is new from one whose marker MongoDB lost."""
        return "MongoDB has lost it" if self._audited() else super().first_time_cause()

    @property
    def update_id(self) -> str:
        """One target for each file."""
        return f"{PREFIX}{self.path}"

    @property
    def audit_id(self) -> str:
        """Name of the marker in PostgreSQL."""
        return f"{self.update_id} in {mongo.server_name()}"

    def loaded(self) -> Marker | None:
        """Return the marker of what the file brought before."""
        return mongo_markers.markers().get(self.update_id)

    def output(self) -> luigi.Target:
        """Return the marker in MongoDB, with its counterpart in PostgreSQL."""
        return DeliveryTarget(self.update_id, self.fingerprint, self.audit_id)

    def load_spec(self) -> LoadSpec:
        """Return what this task is about to load, as the audit in PostgreSQL has it."""
        return replace(super().load_spec(), update_id=self.audit_id)

    def locks(self) -> Locks:
        """One file lands after the other, in whatever run."""
        return Locks(alone=(f"landing in {mongo.server_name()}",))

    def load(self, load: Load) -> None:
        """Write the documents of the file."""
        from pipeline.documents.landing import land_documents

        self.require_readable()
        land_documents(load, self)


class LoadJsonsToMongo(TaskOfRun, luigi.WrapperTask):
    """All JSON files. A file that left takes nothing along: JSON files are deliveries.

    Files that are refused fail this task at its end; the others are extracted all the same.
    """

    def requires(self) -> list[luigi.Task]:
        """Return a task for each file."""
        warn_of_passed_over()
        return list(deliveries(**{**self.options, "go_on": True}))

    def run(self) -> None:
        """Fail if a file was refused."""
        fail_if_refused(deliveries())


@cache
def deliveries(*, allow_empty: bool = False, go_on: bool = False) -> list[LoadJsonToMongo]:
    """Return the landing tasks of all JSON files."""
    paths = [path for path in (*raw_files(), *inventory().unreadable) if is_source(path) and not is_csv(path)]
    return [LoadJsonToMongo(path=path, allow_empty=allow_empty, go_on=go_on) for path in paths]


@cache
def landing_priorities() -> dict[str, int]:
    """Return the priority of each file, from 1 on. To the scheduler a priority below zero is none."""
    tasks = deliveries()
    if sum(not task.complete() for task in tasks) > 1:
        with session() as cursor:
            known = numbers(cursor, mongo_markers.markers())
        tasks = sorted(tasks, key=lambda task: known.get((task.path, str(task.inputs.content)), NEW))
    return {task.path: len(tasks) - place for place, task in enumerate(tasks)}


@cache
def warn_of_passed_over() -> None:
    """Name what was not landed of files that landed, since nobody declared it: in every run, as with CSV files."""
    for task in deliveries():
        if task.complete():
            for sentence in mongo_markers.markers()[task.update_id].facts.get("passed_over", ()):
                logger.warning("%s", sentence, extra={"event": "warning"})

"""Targets that are complete only in the state that the present inputs lead to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import luigi
from luigi.contrib.postgres import PostgresTarget
from psycopg2.extensions import cursor as Cursor

from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.state import markers, mongo_markers
from pipeline.state.marker import Marker

MANIFEST = "manifest.json"


class FolderReplacedError(PipelineError):
    """A folder is not the one that its marker means."""


class MarkerTarget(PostgresTarget):
    """A load of PostgreSQL, marked by its row of `etl.table_updates`."""

    def __init__(self, update_id: str, table: str, fingerprint: str, run_date: date | None = None) -> None:
        settings = get_settings()
        super().__init__(
            host=settings.postgres_host or "embedded",
            database=settings.postgres_db,
            user=settings.postgres_user,
            password="",  # never kept in a target: targets are printed
            table=table,
            update_id=update_id,
        )
        self.fingerprint = fingerprint
        self.run_date = run_date

    def __str__(self) -> str:
        return f"{self.table} ({self.update_id})"

    def current(self) -> Marker | None:
        """Return the marker as it is, whatever its fingerprint."""
        return markers.markers().get(self.update_id)

    def exists(self, connection: object = None) -> bool:
        """Tell whether the target is in the wanted state, or a newer date has taken its place."""
        marker = self.current()
        if marker is None or not marker.intact:
            return False
        if self.run_date and marker.run_date and marker.run_date > self.run_date:
            return True
        return marker.fingerprint == self.fingerprint


class WithdrawnTarget(luigi.Target):
    """The absence of a marker: complete when nothing of a file is loaded any more."""

    def __init__(self, update_id: str) -> None:
        self.update_id = update_id

    def __str__(self) -> str:
        return f"no {self.update_id}"

    def current(self) -> Marker | None:
        """Return the marker that is still there."""
        return markers.markers().get(self.update_id)

    def exists(self) -> bool:
        """Tell whether the marker is gone."""
        return self.current() is None


class MongoMarkerTarget(luigi.Target):
    """A load of MongoDB, marked by a document in its marker collection."""

    def __init__(self, update_id: str, fingerprint: str) -> None:
        self.update_id = update_id
        self.fingerprint = fingerprint

    def __str__(self) -> str:
        return f"MongoDB ({self.update_id})"

    def current(self) -> Marker | None:
        """Return the marker as it is, whatever its fingerprint."""
        return mongo_markers.markers().get(self.update_id)

    def exists(self) -> bool:
        """Tell whether the target is in the wanted state."""
        marker = self.current()
        return marker is not None and marker.intact and marker.fingerprint == self.fingerprint


class DeliveryTarget(MongoMarkerTarget):
    """A delivery of documents: in MongoDB with its marker, and in PostgreSQL with its audit and its rejects."""

    def __init__(self, update_id: str, fingerprint: str, audit_id: str) -> None:
        super().__init__(update_id, fingerprint)
        self.audit_id = audit_id

    def current(self) -> Marker | None:
        """Return MongoDB's marker, whatever its fingerprint; what PostgreSQL lacks of it is `missing`."""
        marker = super().current()
        audited = markers.markers().get(self.audit_id)
        if marker and marker.intact and not (audited and audited.intact and audited.fingerprint == marker.fingerprint):
            return replace(marker, missing="its audit and its rejects are not in PostgreSQL")
        return marker


class FolderTarget(MarkerTarget):
    """A folder of files, moved into place in one rename, and marked in PostgreSQL.

    It is complete if the batch that the marker names wrote the folder that is there: a run that was killed
    between the rename and the commit leaves a folder that no batch of the audit accounts for.
    """

    def __init__(self, update_id: str, table: str, folder: Path, fingerprint: str) -> None:
        super().__init__(update_id, table, fingerprint)
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def partial(self) -> Path:
        """Where the files are written until all of them are there."""
        return self.folder.with_name(f".{self.folder.name}.partial")

    def current(self) -> Marker | None:
        """Return the marker with a look at the folder, whatever its fingerprint."""
        return marked_folder(super().current(), self.folder)

    def committed(self, cursor: Cursor) -> dict[str, Any]:
        """Return the manifest of the folder, which must be the committed one; whoever reads it holds its lock.

        Raises:
            FolderReplacedError: another run has put a folder in its place and did not commit it.
        """
        marker = marked_folder(markers.read_markers(cursor, [self.update_id]).get(self.update_id), self.folder)
        if marker is None or marker.missing:
            what = marker.missing if marker else f"{self.folder} was never committed"
            raise FolderReplacedError(f"{what}; run again, which makes it anew")
        manifest: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Make `partial` anew for files to be written; if that fails, nothing is left of them."""
        import shutil

        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        try:
            yield self.partial
        except BaseException:
            shutil.rmtree(self.partial, ignore_errors=True)
            raise

    def publish(self, batch_id: int | None, **facts: Any) -> None:
        """Write the manifest beside the files in `partial` and move the folder into place.

        The old folder is moved aside first, so that there is never a mixture of both.

        Args:
            batch_id: the batch of the load that is about to commit.
            facts: what else the manifest is to say.
        """
        import shutil

        files = {path.name: {"bytes": path.stat().st_size} for path in sorted(self.partial.iterdir()) if path.is_file()}
        manifest = {"batch_id": batch_id, "finished": datetime.now(UTC).isoformat(), "files": files, **facts}
        (self.partial / MANIFEST).write_text(json.dumps(manifest, indent=2, default=str), encoding="utf-8")
        aside = self.folder.with_name(f".{self.folder.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(aside)
        self.partial.rename(self.folder)
        shutil.rmtree(aside, ignore_errors=True)


def marked_folder(marker: Marker | None, folder: Path) -> Marker | None:
    """Return the marker of a folder; its `missing` says if the folder is not there as the marked batch wrote it."""
    if marker is None or marker.missing:
        return marker
    return replace(marker, missing=_damage(folder, marker.batch_id))


def _damage(folder: Path, batch_id: int | None) -> str | None:
    name = f"{folder.parent.name}/{folder.name}"
    if not folder.is_dir():
        return f"{name} is missing"
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["batch_id"] != batch_id:
            return f"{name} is of batch {manifest['batch_id']}, which was not committed, instead of {batch_id}"
        for file, facts in manifest["files"].items():
            if not (folder / file).is_file() or (folder / file).stat().st_size != facts["bytes"]:
                return f"{name}/{file} is missing or not whole"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{name}/{MANIFEST} is missing or not whole"
    return None

"""Targets that are complete only in the state that the present inputs lead to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import luigi
from luigi.contrib.postgres import PostgresTarget

from pipeline.settings import get_settings
from pipeline.stores import markers, mongo

MANIFEST = "manifest.json"


class CurrentState(Protocol):
    """What a marker says of its target, wherever the marker is kept."""

    @property
    def fingerprint(self) -> str:
        """Hash over the inputs that led to the state."""

    @property
    def inputs(self) -> dict[str, str]:
        """The inputs behind the fingerprint, by name."""

    @property
    def missing(self) -> str | None:
        """What was dropped or emptied behind the marker's back; None if all is there."""


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

    def current(self) -> markers.Marker | None:
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

    def current(self) -> markers.Marker | None:
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

    def current(self) -> mongo.MongoMarker | None:
        """Return the marker as it is, whatever its fingerprint."""
        return mongo.markers().get(self.update_id)

    def exists(self) -> bool:
        """Tell whether the target is in the wanted state."""
        marker = self.current()
        return marker is not None and marker.intact and marker.fingerprint == self.fingerprint


class FolderState:
    """What the manifest of a folder says, and whether the files it lists are there in full."""

    def __init__(self, folder: Path) -> None:
        """Read the manifest.

        Raises:
            OSError, ValueError, KeyError: there is no manifest that can be read.
        """
        self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.fingerprint: str = self.manifest["fingerprint"]
        self.inputs: dict[str, str] = self.manifest["inputs"]
        self.inserted = datetime.fromisoformat(self.manifest["finished"])
        self.missing: str | None = None
        for name, facts in self.manifest["files"].items():
            file = folder / name
            if not file.is_file() or file.stat().st_size != facts["bytes"]:
                self.missing = f"{name} is missing or not whole"


class FolderTarget(luigi.Target):
    """A folder of files, complete with its manifest; it appears in one rename."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def partial(self) -> Path:
        """Where the files are written until all of them are there."""
        return self.folder.with_name(f".{self.folder.name}.partial")

    def current(self) -> FolderState | None:
        """Return what is there, whatever its fingerprint; None without a manifest."""
        try:
            return FolderState(self.folder)
        except (OSError, ValueError, KeyError):
            return None

    def exists(self) -> bool:
        """Tell whether the folder is in the wanted state."""
        state = self.current()
        return state is not None and state.missing is None and state.fingerprint == self.fingerprint

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

    def publish(self, inputs: dict[str, str], **facts: Any) -> None:
        """Write the manifest beside the files in `partial` and move the folder into place.

        The old folder is moved aside first, so that there is never a mixture of both.
        """
        import shutil

        files = {path.name: {"bytes": path.stat().st_size} for path in sorted(self.partial.iterdir()) if path.is_file()}
        manifest = {
            "fingerprint": self.fingerprint,
            "inputs": inputs,
            "finished": datetime.now(UTC).isoformat(),
            "files": files,
            **facts,
        }
        (self.partial / MANIFEST).write_text(json.dumps(manifest, indent=2, default=str), encoding="utf-8")
        aside = self.folder.with_name(f".{self.folder.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(aside)
        self.partial.rename(self.folder)
        shutil.rmtree(aside, ignore_errors=True)

"""The snapshot before, from which what did not change is carried over."""

from __future__ import annotations

import filecmp
import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pyspark.sql import DataFrame

from pipeline.spark.shape import FILE
from pipeline.spark.work import Work, read

ANEW_FROM_SHARE = 0.2
"""Of the rows: where more came or left, everything is made anew."""


def program() -> str:
    """Return the digest of this program: what another one made is not carried over."""
    parts = [
        part
        for folder in (files("pipeline.spark"), files("pipeline.spark") / "sql")
        for part in folder.iterdir()
        if part.name.endswith((".py", ".sql"))
    ]
    digest = hashlib.sha256()
    for part in sorted(parts, key=lambda part: part.name):
        digest.update(part.name.encode() + b"\0" + part.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class Previous:
    """A snapshot that is there whole, of the same table and the same program."""

    work: Work
    folder: Path
    manifest: dict[str, Any]

    @property
    def files(self) -> list[str]:
        """The landed files it was made from, in the order of their ranks."""
        return list(self.manifest["files"])

    @property
    def day(self) -> str:
        """The day it was made for."""
        return str(self.manifest["day"])

    @property
    def months(self) -> dict[str, dict[str, Any]]:
        """Its months, as the manifest tells them."""
        return dict(self.manifest["months"])

    @property
    def sums(self) -> dict[str, list[str]]:
        """The files of its small tables."""
        return {**self.manifest["kept"], **self.manifest["sums"]}

    def loaded(self, months: Collection[str] | None = None) -> DataFrame:
        """Return the loaded rows, of some months."""
        wanted = self.months if months is None else {name: self.months[name] for name in months if name in self.months}
        return self.work.shape.read(self.work.spark, paths_of(wanted.values(), self.work.lake))

    def held(self, kind: Literal["superseded", "waiting"]) -> DataFrame:
        """Return the rows that were superseded, or waited."""
        return self.work.shape.read(self.work.spark, [str(self.folder / path) for path in self.manifest[kind]])

    def loaded_of(self, gone: Collection[str]) -> DataFrame:
        """Return the loaded rows of landed files."""
        months = [name for name, month in self.months.items() if not month["loaded"].keys().isdisjoint(gone)]
        return self.loaded(months).where(f"{FILE} IN ({', '.join(map(repr, gone)) or 'NULL'})")

    def parent_path(self, name: str) -> Path:
        """Return the file of a parent as it was."""
        return self.folder / "parents" / f"{name}.parquet"

    def parent(self, name: str) -> DataFrame:
        """Return a parent as it was."""
        return read(self.work.spark, self.parent_path(name))

    def has_same_parent(self, name: str, now: Path) -> bool:
        """Tell whether a parent is the same to the byte."""
        return filecmp.cmp(self.parent_path(name), now, shallow=False)


def paths_of(months: Iterable[dict[str, Any]], lake: Path) -> list[str]:
    """Return the paths of the files of months."""
    return [str(lake / month["folder"] / file) for month in months for file in month["files"]]


def find(work: Work) -> Previous | None:
    """Return the snapshot before, unless all is to be made anew."""
    if not work.spec["previous"]:
        return None
    folder = Path(work.spec["previous"])
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    before = Previous(work, folder, manifest)
    return before if _is_usable(before, work.spec) else None


def _is_usable(before: Previous, spec: dict[str, Any]) -> bool:
    manifest = before.manifest
    if (manifest["program"], manifest["declared"]) != (program(), spec["declared"]):
        return False
    now = sorted(spec["files"], key=lambda file: int(file["rank"]))
    stayed = {file["parquet"] for file in now} & {*before.files}
    if [file for file in before.files if file in stayed] != [f["parquet"] for f in now if f["parquet"] in stayed]:
        return False
    came = sum(f["rows"] for f in now if f["parquet"] not in stayed)
    left = sum(_rows(manifest["outcomes"][file]) for file in before.files if file not in stayed)
    if came + left > ANEW_FROM_SHARE * sum(f["rows"] for f in now):
        return False
    needed = [*manifest["superseded"], *manifest["waiting"], *(f"parents/{name}.parquet" for name in spec["parents"])]
    paths = [*(before.folder / path for path in needed), *map(Path, paths_of(before.months.values(), before.work.lake))]
    return all(path.is_file() for path in paths)


def _rows(outcome: dict[str, Any]) -> int:
    return int(outcome["loaded"] + outcome["superseded"] + sum(outcome["waiting"].values()))

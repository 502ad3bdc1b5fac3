"""The folder that a program fills, what it says meanwhile, and what it measures."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame


class Folder:
    """A folder of an attempt: of its files those count that its manifest names."""

    def __init__(self, path: str) -> None:
        """Take the path of a folder that is there."""
        self.path = Path(path)
        self.seconds: dict[str, float] = {}
        self.written: list[str] = []

    @contextmanager
    def step(self, name: str, share: float) -> Iterator[None]:
        """Say what is at hand, at which share of the whole, and measure how long it takes."""
        print(f"PROGRESS {share:.2f} {name}", flush=True)
        begun = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - begun, 2)

    def write(self, name: str, frame: DataFrame, *, by: str | None = None) -> None:
        """Write rows as Parquet into a folder below this one, by the values of a column if told."""
        writer = frame.write.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").mode("overwrite")
        (writer.partitionBy(by) if by else writer).parquet(str(self.path / name))
        self.written += self.files(name)

    def write_one(self, name: str, table: pa.Table) -> None:
        """Write a table that the driver holds as one file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
        self.written.append(name)

    def forget(self, name: str) -> None:
        """Delete a folder below this one that was of use meanwhile."""
        self.written = [file for file in self.written if not file.startswith(f"{name}/")]
        shutil.rmtree(self.path / name, ignore_errors=True)

    def files(self, name: str) -> list[str]:
        """Return the Parquet files below a folder, as paths relative to this one."""
        found = sorted((self.path / name).rglob("*.parquet"))
        return [str(path.relative_to(self.path)) for path in found if not path.name.startswith((".", "_"))]

    def finish(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Write the manifest, with which the folder counts."""
        sizes = {name: (self.path / name).stat().st_size for name in sorted(set(self.written))}
        whole = {**manifest, "written": sizes, "seconds": self.seconds}
        write_json(self.path / "manifest.json", whole)
        print("PROGRESS 1.00 done", flush=True)
        return whole


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(path)

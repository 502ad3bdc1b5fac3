"""The code that executors get: a zip of it, since what is installed beside Luigi is not on their machines."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from pipeline.settings import PACKAGE_ROOT

PARTS = ("pipeline/errors.py", "pipeline/records/*.py", "pipeline/spark/*.py", "pipeline/spark/sql/*.sql")
EMPTY = "pipeline/__init__.py"  # as it is, it would import Luigi
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def archive(path: Path) -> Path:
    """Write the zip, the same for the same code, in place of one that is there, and return its path."""
    found = {file.relative_to(PACKAGE_ROOT).as_posix(): file for part in PARTS for file in PACKAGE_ROOT.glob(part)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with zipfile.ZipFile(partial, "w") as packed:
        packed.writestr(zipfile.ZipInfo(EMPTY, LONG_AGO), b"")
        for name in sorted(found):
            packed.writestr(zipfile.ZipInfo(name, LONG_AGO), found[name].read_bytes())
    return partial.replace(path)

"""The code that executors get runs without the rest of the project."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from pipeline.lake.shipped import archive

IMPORT = """
import importlib, json, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import pipeline
found = [each.name for each in pkgutil.walk_packages(pipeline.__path__, "pipeline.")]
names = [name for name in found if not name.startswith("pipeline.spark")]  # the programs of the driver
for name in names:
    importlib.import_module(name)
print(json.dumps([names, [importlib.import_module(name).__file__ for name in names], list(sys.modules)]))
"""


def test_what_is_shipped_imports_alone(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = archive(tmp_path / "shipped.zip")
    # With -S the project, which is installed there by a .pth file, is not found.
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, path, sysconfig.get_path("purelib")],
        capture_output=True,
        text=True,
        check=True,
    )
    names, files, imported = json.loads(told.stdout)
    assert {"pipeline.errors", "pipeline.records.csv_files", "pipeline.records.files"} <= set(names)
    assert all(file.startswith(f"{path}/pipeline/") for file in files)
    assert {"luigi", "psycopg2", "pydantic", "pymongo"} & set(imported) == set()


def test_the_same_code_makes_the_same_zip(tmp_path: Path) -> None:
    one, other = archive(tmp_path / "one.zip"), archive(tmp_path / "new folder/other.zip")
    assert one.read_bytes() == other.read_bytes()
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["one.zip"]

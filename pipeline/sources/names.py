"""Which names of files in the raw folder are input, and of which kind."""

from __future__ import annotations

CSV_SUFFIXES = (".csv", ".tsv")
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
COMPRESSIONS = (".gz", ".bz2", ".xz")


def is_source(name: str) -> bool:
    """Tell whether a path relative to the raw folder is input: CSV or JSON, plain or compressed, not hidden."""
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and _uncompressed(name).endswith(CSV_SUFFIXES + JSON_SUFFIXES)


def is_csv(name: str) -> bool:
    """Tell a CSV file from a JSON file, by its name."""
    return _uncompressed(name).endswith(CSV_SUFFIXES)


def _uncompressed(name: str) -> str:
    """Return a name in lower case, without the ending that says how the file is compressed."""
    lower = name.lower()
    return next((lower.removesuffix(ending) for ending in COMPRESSIONS if lower.endswith(ending)), lower)

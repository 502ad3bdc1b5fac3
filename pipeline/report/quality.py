"""The tables on the quality of the data."""

from __future__ import annotations

import pandas as pd

from pipeline.report.tables import Table, table

# Name, view, caption, and what is said where there is nothing to show.
TABLES = (
    ("checks", "data_quality", "Checks and their results", "No check has run yet."),
    ("rejected", "data_quality", "Rejected records by reason and source", "No record is rejected."),
    ("waiting", "data_quality", "Sessions that wait for their user or title", "Nothing waits."),
    ("drift", "schema_drift", "Drift: what the sources hold that was not declared", "No drift was seen."),
    ("files", "file_reconciliation", "Reconciliation of each file", "No file is loaded."),
    ("loads", "load_history", "Latest load of each source", "Nothing was loaded yet."),
)


def quality(frames: dict[str, pd.DataFrame]) -> list[tuple[Table, str, str]]:
    """Return each table with its view, and what to say if it is empty."""
    flagged = {
        "checks": [{"passed": "passed"}.get(result, result) for result in frames["checks"]["result"]],
        "files": ["error" if difference else "" for difference in frames["files"]["difference"]],
        "loads": ["" if status == "loaded" else "error" for status in frames["loads"]["status"]],
    }
    return [
        (table(name, caption, frames[name], flagged.get(name, ())), view, nothing)
        for name, view, caption, nothing in TABLES
    ]


def summary(frames: dict[str, pd.DataFrame]) -> list[tuple[str, int, str]]:
    """Return the figures that say at a glance whether there is something to look at: label, count, class."""
    checks, files, loads = frames["checks"], frames["files"], frames["loads"]
    counts = [
        ("checks passed", int((checks["findings"] == 0).sum()), "passed"),
        ("checks with findings", int((checks["findings"] > 0).sum()), "warn"),
        ("records rejected", int(frames["rejected"]["records"].sum()), "warn"),
        ("sessions waiting", int(frames["waiting"]["records"].sum()), "warn"),
        ("drifts seen", len(frames["drift"]), "warn"),
        ("records unaccounted for", int(files["difference"].abs().sum()), "error"),
        ("loads failed or refused", int((loads["status"] != "loaded").sum()), "error"),
    ]
    return [(label, count, kind if count else "passed") for label, count, kind in counts]

"""Lineage: from each view back to the files, as a graph of few enough boxes to be read."""

from __future__ import annotations

import pandas as pd

from pipeline.report.figures.graph import Node, graph

SHOWN_DIGITS = 8
AUDIT = "audit of all loads"


def lineage_graph(data: pd.DataFrame) -> str | None:
    """Draw `trusted.lineage`: the files of a table as one box, the tables of the audit as another."""
    if data.empty:
        return None
    kinds = dict(zip(data["object"], data["kind"], strict=True))
    fed: dict[str, list[str]] = {}
    for made, source in zip(data["object"], data["made_from"], strict=True):
        if kinds.get(source) == "file":
            fed.setdefault(made, []).append(source)
    boxes = {file: files[0] if len(files) == 1 else f"files of {made}" for made, files in fed.items() for file in files}

    def box(name: str) -> str:
        if name.startswith("etl.") and name not in kinds:
            return AUDIT
        return boxes.get(name, name)

    edges = {
        (box(source), box(made))
        for made, source in zip(data["object"], data["made_from"], strict=True)
        if source is not None
    }
    nodes = {name: Node(name, "") for edge in edges for name in edge}
    for name, rows in data.groupby("object"):
        if box(str(name)) == name:
            is_view = kinds[name] == "view"
            shown = str(name).removeprefix("trusted.") if is_view else str(name)
            nodes[str(name)] = Node(shown, _detail(rows), kinds[name] == "file", is_view)
    for made, files in fed.items():
        if len(files) > 1:
            table = made.removeprefix("raw.")
            nodes[f"files of {made}"] = Node(f"files of {table}", f"{len(files):,} files", is_source=True)
    return graph("lineage", nodes, edges)


def _detail(rows: pd.DataFrame) -> str:
    """Return when the object was loaded and the beginning of its fingerprint, if that is one."""
    loaded = [each for each in rows["loaded"] if each is not None]
    if not loaded:
        return ""
    fingerprints = set(rows["fingerprint"])
    shown = f" · {fingerprints.pop()[:SHOWN_DIGITS]}" if len(fingerprints) == 1 else ""
    return f"{max(loaded):%Y-%m-%d %H:%M}{shown}"

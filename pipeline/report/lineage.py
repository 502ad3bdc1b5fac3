"""Lineage: from each view back through tables to collections and files, and what of each is loaded now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from psycopg2.extensions import cursor as Cursor

from pipeline.report.style import FIRST, LINE, SOFT, draw, label
from pipeline.report.tables import Column, Table

# What the database knows of itself: which relations a view reads.
READS = """
SELECT DISTINCT v.relname, n.nspname || '.' || t.relname
FROM pg_class AS v
INNER JOIN pg_rewrite AS r ON r.ev_class = v.oid
INNER JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
INNER JOIN pg_class AS t ON d.refclassid = 'pg_class'::regclass AND t.oid = d.refobjid AND t.oid <> v.oid
INNER JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE v.relnamespace = 'trusted'::regnamespace AND t.relkind IN ('r', 'p', 'v', 'm')
ORDER BY 1, 2
"""
LOADS = """
SELECT task, source, target_table, finished, fingerprint
FROM (
    SELECT DISTINCT ON (target_table, source) *
    FROM trusted.load_history
    WHERE status = 'loaded' AND task NOT IN ('BuildReport', 'CreatePostgresTables', 'CreateMongodbCollections')
    ORDER BY target_table, source, batch_id DESC
) AS latest
WHERE task <> 'WithdrawCsv'
ORDER BY batch_id
"""
SESSIONS = "processed.viewing_sessions"
ROLLUP = "etl.rollup_"  # sums of the sessions, kept so that publishing need not read them all
COLLECTIONS = "MongoDB movies, series"
FILES, STORES, TABLES, VIEWS = range(4)
HEADINGS = ("files", "raw tables, collections", "tables", "views of trusted")
MOST_ROWS = 250
SHORT_HASH = 12


@dataclass(frozen=True)
class Node:
    """A thing that data is in: its place in the flow, what it is made from, and its load, if there was one."""

    name: str
    stage: int
    made_from: tuple[str, ...]
    load: tuple[Any, ...] | None


@dataclass(frozen=True)
class Lineage:
    """The flow as a drawing, and as a table with the time and fingerprint of each load."""

    svg: str
    table: Table


def read_lineage(cursor: Cursor) -> Lineage:
    """Ask the catalog what each view reads, and the ledger what was loaded from where."""
    cursor.execute(READS)
    reads: dict[str, list[str]] = defaultdict(list)
    for view, relation in cursor.fetchall():
        source = SESSIONS if relation.startswith(ROLLUP) else relation
        if source not in reads[view]:
            reads[view].append(source)
    cursor.execute(LOADS)
    nodes = _nodes(reads, cursor.fetchall())
    return Lineage(_drawn(nodes), _table(nodes))


def _nodes(reads: dict[str, list[str]], loads: Sequence[tuple[Any, ...]]) -> list[Node]:
    by_task: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for load in loads:
        by_task[load[0]].append(load)
    published = _last(by_task["PublishTrusted"])
    nodes = [Node(f"trusted.{view}", VIEWS, tuple(sources), published) for view, sources in sorted(reads.items())]
    tables = sorted({source for sources in reads.values() for source in sources})
    catalogue, checked = _last(by_task["LoadNormalizedJsonsToPostgres"]), _last(by_task["CheckQuality"])
    own = {load[2]: load for load in loads if load[1].startswith("raw.")}
    for table in tables:
        if table in own or table in {"processed.users", SESSIONS}:
            raw = table.replace("processed.", "raw.")
            nodes.append(Node(table, TABLES, (raw,), own.get(table)))
        elif table.startswith("processed."):
            nodes.append(Node(table, TABLES, (COLLECTIONS,), catalogue))
        else:
            nodes.append(Node(table, TABLES, (), checked if table == "etl.check_results" else None))
    files = by_task["LoadCsvToPostgres"]
    for raw in sorted({source for node in nodes for source in node.made_from if source.startswith("raw.")}):
        sources = tuple(load[1] for load in files if load[2] == raw)
        nodes.append(Node(raw, STORES, sources, _last([load for load in files if load[2] == raw])))
    deliveries = by_task["LoadJsonToMongo"]
    extraction = _last(by_task["ExtractMongoToCsv"])
    nodes.append(Node(COLLECTIONS, STORES, tuple(load[1] for load in deliveries), extraction))
    nodes += [Node(load[1], FILES, (), load) for load in [*files, *deliveries]]
    return nodes


def _last(loads: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    return loads[-1] if loads else None


def _table(nodes: list[Node]) -> Table:
    columns = tuple(Column(name, numeric=False) for name in ("name", "made_from", "task", "loaded", "fingerprint"))
    rows: list[tuple[Any, ...]] = []
    for node in sorted(nodes, key=lambda node: -node.stage):
        task, _, _, loaded, fingerprint = node.load or (None, None, None, None, "")
        rows.append((node.name, _in_words(node.made_from), task, loaded, fingerprint[:SHORT_HASH] or None))
    return Table("lineage", columns, rows[:MOST_ROWS], len(rows))


def _in_words(names: Sequence[str]) -> str | None:
    if not names:
        return None
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:3])} and {len(names) - 3:,} more"  # noqa: PLR2004


def _drawn(nodes: list[Node]) -> str:
    """Draw the stages as columns; the files of one table are one box."""
    boxes: dict[str, tuple[int, str]] = {}
    edges: list[tuple[str, str]] = []
    for node in nodes:
        if node.stage == FILES:
            continue
        boxes[node.name] = (node.stage, label(node.name.removeprefix("trusted."), 32))
        if node.stage == STORES:
            if node.made_from:
                group = f"files of {node.name}"
                first = label(node.made_from[0], 28)
                boxes[group] = (FILES, first if len(node.made_from) == 1 else f"{len(node.made_from):,} files for it")
                edges.append((group, node.name))
        else:
            edges += [(source, node.name) for source in node.made_from]
    columns: dict[int, list[str]] = {stage: [] for stage in range(4)}
    for name, (stage, _) in boxes.items():
        columns[stage].append(name)
    tallest = max(len(names) for names in columns.values())
    place: dict[str, tuple[float, float]] = {}
    for stage in (VIEWS, TABLES, STORES, FILES):
        names = columns[stage]
        if stage != VIEWS:  # near what is made of it, so that lines cross less

            def middle(name: str) -> float:
                heights = [place[target][1] for source, target in edges if source == name and target in place]
                return sum(heights) / len(heights) if heights else 0

            names.sort(key=middle)
        for position, name in enumerate(names):
            place[name] = (stage, (position + 0.5) * tallest / len(names))

    def work(axes: Axes) -> None:
        half = 0.4
        for source, target in edges:
            (x0, y0), (x1, y1) = place[source], place[target]
            bend = (x1 - x0) / 2 - half
            points = [(x0 + half, y0), (x0 + half + bend, y0), (x1 - half - bend, y1), (x1 - half, y1)]
            curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
            axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=SOFT, linewidth=0.8, alpha=0.6))
        for name, (x, y) in place.items():
            shape = FancyBboxPatch((x - half, y - 0.32), 2 * half, 0.64, boxstyle="round,pad=0,rounding_size=0.08")
            shape.set(facecolor=FIRST if boxes[name][0] == VIEWS else LINE, edgecolor="none")
            shape.set_alpha(0.22 if boxes[name][0] == VIEWS else 0.7)
            axes.add_patch(shape)
            axes.text(x, y, boxes[name][1], ha="center", va="center", fontsize=8.5)
        for stage, heading in enumerate(HEADINGS):
            axes.text(stage, -0.35, heading, ha="center", va="center", color=SOFT, fontsize=10)
        axes.set_xlim(-0.42, 3.42)
        axes.set_ylim(tallest, -0.7)
        axes.set_axis_off()

    return draw("lineage", 0.34 * (tallest + 1), work, width=9.2)

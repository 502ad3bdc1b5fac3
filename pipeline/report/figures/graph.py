"""A graph of what is made from what, drawn in layers from the sources to the views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from pipeline.report.figures.style import LINE, PAGE, SERIES, SMALL, SOFT, Drawing, shortened

BOX_HEIGHT = 31.0
STEP = 37.0
LAYER = 188.0
BOX_WIDTH = 160.0
SWEEPS = 6
NAME_LENGTH = 27


@dataclass(frozen=True)
class Node:
    """A box: a line of name, a line of detail, whether it is drawn as a source, and whether nothing is beyond it."""

    name: str
    detail: str
    is_source: bool = False
    is_end: bool = False


def layers(nodes: Mapping[str, Node], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the nodes in layers, each beyond everything it is made from, ordered so that few edges cross.

    The last layer is that of the ends. What is made from nothing and is no source stands next to its users.

    Args:
        nodes: by their names.
        edges: source and what is made from it; without circles.
    """
    sources: dict[str, set[str]] = {node: set() for node in sorted(nodes)}
    users: dict[str, set[str]] = {node: set() for node in sources}
    for source, made in edges:
        sources[made].add(source)
        users[source].add(made)
    depth: dict[str, int] = {}

    def measure(node: str) -> int:
        if node not in depth:
            depth[node] = 0
            depth[node] = 1 + max((measure(source) for source in sources[node]), default=-1)
        return depth[node]

    last = max(map(measure, sources))
    depth |= {node: last for node in sources if nodes[node].is_end}
    for node, of_node in sources.items():
        if users[node] and not of_node and not nodes[node].is_source:
            depth[node] = min(depth[user] for user in users[node]) - 1
    placed: list[list[str]] = [[] for _ in range(last + 1)]
    for node in sources:
        placed[depth[node]].append(node)
    for sweep in range(SWEEPS):
        neighbours = sources if sweep % 2 == 0 else users
        height = {node: (row + 0.5) / len(layer) for layer in placed for row, node in enumerate(layer)}
        for layer in placed if sweep % 2 == 0 else reversed(placed):
            means = {
                node: sum(height[other] for other in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else height[node]
                for node in layer
            }
            layer.sort(key=lambda node: (means[node], node))
            height |= {node: (row + 0.5) / len(layer) for row, node in enumerate(layer)}
    return placed


def graph(name: str, nodes: Mapping[str, Node], edges: Iterable[tuple[str, str]]) -> str:
    """Draw the graph from left to right; its width follows from the number of layers.

    Args:
        name: of the drawing.
        nodes: by the names that `edges` use, at least one.
        edges: source and what is made from it.
    """
    edges = sorted(set(edges))
    placed = layers(nodes, edges)
    height = STEP * max(map(len, placed)) + 6
    width = LAYER * (len(placed) - 1) + BOX_WIDTH + 6
    drawing = Drawing(name, height, width)
    corners = {
        node: (3 + LAYER * number, 3 + (row + 0.5) * (height - 6) / len(layer) - BOX_HEIGHT / 2)
        for number, layer in enumerate(placed)
        for row, node in enumerate(layer)
    }
    for source, made in edges:
        start = (corners[source][0] + BOX_WIDTH, corners[source][1] + BOX_HEIGHT / 2)
        end = (corners[made][0], corners[made][1] + BOX_HEIGHT / 2)
        bend = (end[0] - start[0]) / 2
        path = Path(
            [start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end],
            [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
        )
        drawing.shape(PathPatch(path, facecolor="none", edgecolor=SOFT, linewidth=0.9, alpha=0.45))
    for node, (left, top) in corners.items():
        shown = nodes[node]
        drawing.shape(
            FancyBboxPatch(
                (left, top),
                BOX_WIDTH,
                BOX_HEIGHT,
                boxstyle="round,pad=0,rounding_size=3",
                facecolor=PAGE,
                edgecolor=SERIES[0] if shown.is_source else LINE,
                linewidth=1.2,
            )
        )
        middle = top + BOX_HEIGHT / 2
        label = shortened(shown.name, NAME_LENGTH)
        drawing.text(left + 7, middle - (6 if shown.detail else 0), label, fontsize=SMALL - 0.5)
        if shown.detail:
            drawing.text(left + 7, middle + 7, shown.detail, color=SOFT, fontsize=SMALL - 2)
    return drawing.svg()

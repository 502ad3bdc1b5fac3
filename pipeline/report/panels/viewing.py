"""When, on what and how far is watched."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipeline.report.figures.bars import Measure
from pipeline.report.figures.curves import daily, distribution
from pipeline.report.figures.heat import heat_map
from pipeline.report.panels import Panel, bar_chart, panel

CELLS_DRAWN = 10
SESSIONS_TO_COUNT = 30
DAILY = (
    ("sessions", "sessions_7_day_mean", "sessions a day"),
    ("watch_hours", "watch_hours_7_day_mean", "watch hours a day"),
)


def viewing(frames: Mapping[str, pd.DataFrame]) -> list[Panel]:
    """Return the panels from the frames of `queries`."""
    devices, types, days, completion = frames["devices"], frames["types"], frames["days"], frames["completion"]
    return [
        panel(
            "days",
            "Sessions and watch hours by day",
            view="daily_viewing",
            note="The last two years of the data; a day without a session counts as 0. The thick line is the mean of a"
            " day and the six before it.",
            data=days.iloc[::-1],
            svg=daily("days", days, DAILY) if len(days) else None,
        ),
        panel(
            "devices",
            "Mean session duration by device type",
            view="device_summary",
            note="Minutes of a session, over the sessions whose duration is known.",
            data=devices,
            svg=bar_chart(
                "devices", devices, "device_type", [Measure("avg_duration_minutes", "mean minutes of a session")]
            ),
        ),
        panel(
            "types",
            "Mean completion by content type",
            view="completion_by_content_type",
            note="Percent of the title watched in a session, over the sessions where that is known.",
            data=types,
            svg=bar_chart("types", types, "type", [Measure("avg_completion", "percent of the title watched")]),
        ),
        panel(
            "completion",
            "How far titles are watched",
            view="completion_distribution",
            note="Bucket 0 is from 0 to below 10 percent, bucket 9 from 90 to 100.",
            data=completion,
            svg=_distribution(completion),
        ),
        panel(
            "device_quality",
            "Completion by device and picture quality",
            view="device_engagement",
            note="Mean percent of the title watched. The colours span the pairs with at least"
            f" {SESSIONS_TO_COUNT} sessions.",
            data=frames["device_quality"],
            svg=_device_heat(frames["device_quality"]),
        ),
    ]


def _distribution(completion: pd.DataFrame) -> str | None:
    # A type whose sessions all lack their completion has rows, but no percentages.
    known = completion[completion["percent"].notna()]
    return distribution("completion", known, "percent of the sessions of the type") if len(known) else None


def _device_heat(data: pd.DataFrame) -> str | None:
    known = data[data["avg_completion"].notna()]
    if known.empty:
        return None
    rows, columns = _commonest(known, "device_type"), _commonest(known, "quality_level")
    pairs = zip(known["device_type"], known["quality_level"], known["avg_completion"], strict=True)
    values = {(device, quality): mean for device, quality, mean in pairs if device in rows and quality in columns}
    if not values:
        return None
    weighty = known.loc[known["sessions"] >= SESSIONS_TO_COUNT, "avg_completion"].astype(float)
    scale = (weighty.min(), weighty.max()) if len(weighty) else None
    return heat_map(
        "device_quality", rows, columns, values, "mean percent of the title watched", decimals=1, scale=scale
    )


def _commonest(data: pd.DataFrame, column: str) -> list[object]:
    """Return the values with the most sessions, a missing one last."""
    sessions: dict[object, int] = {}
    for value, count in zip(data[column], data["sessions"], strict=True):
        sessions[value] = sessions.get(value, 0) + count
    return sorted(sessions, key=lambda value: (value is None, -sessions[value], str(value)))[:CELLS_DRAWN]

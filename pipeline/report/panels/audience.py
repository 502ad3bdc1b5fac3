"""Who watches, and who comes back."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipeline.report.figures.bars import Measure
from pipeline.report.figures.heat import heat_map
from pipeline.report.panels import Panel, bar_chart, panel


def audience(frames: Mapping[str, pd.DataFrame]) -> list[Panel]:
    """Return the panels from the frames of `queries`."""
    plans, segments, retention = frames["plans"], frames["segments"], frames["retention"]
    return [
        panel(
            "plans",
            "Subscription types",
            view="subscription_engagement",
            note="A user is active with at least one session.",
            data=plans,
            svg=bar_chart(
                "plans",
                plans,
                "subscription_type",
                [
                    Measure("sessions_per_active_user", "sessions of an active user"),
                    Measure("avg_completion", "mean completion, percent"),
                ],
            ),
        ),
        panel(
            "segments",
            "Engagement segments",
            view="user_engagement",
            note="Active users by their rank in watch time: light is the lower half, heavy the upper tenth.",
            data=segments,
            svg=bar_chart(
                "segments",
                segments,
                "segment",
                [
                    Measure("percent_of_users", "percent of users"),
                    Measure("percent_of_watch_hours", "percent of watch hours"),
                ],
            ),
        ),
        panel(
            "retention",
            "Monthly retention",
            view="monthly_retention",
            note="Of the users whose first session was in a month, the percent with a session so many months later."
            " The last 13 cohorts, over all plans.",
            data=retention,
            svg=_retention_heat(retention),
        ),
    ]


def _retention_heat(data: pd.DataFrame) -> str | None:
    if data.empty:
        return None
    sizes = dict(zip(data["cohort_month"], data["cohort_users"], strict=True))
    labels = {month: f"{month:%b %Y} ({users:,})" for month, users in sizes.items()}
    cells = zip(data["cohort_month"], data["month_number"], data["retention"], strict=True)
    values = {(labels[month], number): retention for month, number, retention in cells}
    months = sorted(set(data["month_number"]))
    unit = "months after the first session; percent active"
    return heat_map("retention", list(labels.values()), months, values, unit, scale=(0, 100))

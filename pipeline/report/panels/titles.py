"""What is watched."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipeline.report.figures.bars import Measure, bars
from pipeline.report.figures.curves import scatter
from pipeline.report.figures.style import NO_LABEL
from pipeline.report.panels import Panel, bar_chart, panel

COUNTRIES_DRAWN = 4
TOP_DRAWN = 5
GENRES_DRAWN = 20
POINTS_DRAWN = 5000
TITLES_SHOWN = 500


def titles(frames: Mapping[str, pd.DataFrame]) -> list[Panel]:
    """Return the panels from the frames of `queries`."""
    top, genres, budgets = frames["top_titles"], frames["genres"], frames["budgets"]
    return [
        panel(
            "top_titles",
            "Top titles by country",
            view="top_content_by_country",
            note=f"By hours watched. Drawn: the first {TOP_DRAWN} of the {COUNTRIES_DRAWN} countries that watch most.",
            data=top,
            svg=_top(top),
        ),
        panel(
            "genres",
            "Genres",
            view="genre_performance",
            note="A session counts 1/n for each genre of a title of n genres, so that weighted sessions add up to all."
            f" Drawn: the first {GENRES_DRAWN}.",
            data=genres,
            svg=bar_chart(
                "genres",
                genres,
                "genre",
                [
                    Measure("weighted_sessions", "weighted sessions", whole=True),
                    Measure("avg_completion", "mean completion, percent"),
                ],
                GENRES_DRAWN,
            ),
        ),
        panel(
            "budgets",
            "Production budget against watch hours",
            view="content_summary",
            note=_budget_note(len(budgets)),
            data=budgets.head(TITLES_SHOWN),
            svg=_budgets(budgets),
        ),
    ]


def _top(top: pd.DataFrame) -> str | None:
    countries = list(dict.fromkeys(top["country"]))[:COUNTRIES_DRAWN]
    drawn = top[top["country"].isin(countries) & (top["rank"] <= TOP_DRAWN)]
    if drawn.empty:
        return None
    named = drawn.assign(country=drawn["country"].where(drawn["country"].notna(), f"country {NO_LABEL}"))
    return bars("top_titles", named, "title", [Measure("watch_hours", "watch hours")], group="country")


def _budget_note(count: int) -> str:
    note = "Titles with a budget, both scales logarithmic; titles never watched are in the table alone."
    if count > TITLES_SHOWN:
        note += f" The table shows the {TITLES_SHOWN} most watched of {count:,}."
    if count > POINTS_DRAWN:
        note += f" Drawn: the {POINTS_DRAWN:,} most watched."
    return note


def _budgets(budgets: pd.DataFrame) -> str | None:
    points = budgets[(budgets["production_budget"] > 0) & (budgets["watch_hours"] > 0)].head(POINTS_DRAWN)
    if points.empty:
        return None
    budget = ("production_budget", "production budget, currency of the catalogue")
    return scatter("budgets", points, budget, ("watch_hours", "watch hours"), "type")

"""Every figure of the analysts' page, computed with pandas from the rows that the raw files must lead to.

Sums are of whole numbers and decimals, so nothing is lost to floating point, and rounded half up.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from tests.oracle import Warehouse
from tests.oracle.grouping import rounded

NULL = "(null)"  # groups of nulls are groups of their own
Rows = list[tuple[Any, ...]]


def mean(values: Iterable[Any], places: int = 2) -> Decimal | None:
    known = [Fraction(value) for value in values if not pd.isna(value)]
    return rounded(sum(known, Fraction(0)) / len(known), places) if known else None


def hours(minutes: Iterable[Any]) -> Decimal:
    return rounded(Fraction(int(sum(value for value in minutes if not pd.isna(value))), 60))


def percent(part: Any, whole: Any) -> Decimal | None:
    return rounded(100 * Fraction(part) / Fraction(whole)) if whole else None


def plain(key: Any) -> Any:
    return None if key == NULL else key


class Figures:
    """The page's tables and figures for a warehouse."""

    def __init__(self, warehouse: Warehouse, day: date = date.max) -> None:
        self.users = self._frame(warehouse.users)
        self.content = self._frame(warehouse.content)
        self.genres = self._frame(warehouse.genres)
        sessions = self._frame(warehouse.viewing_sessions)
        self.sessions = sessions.merge(
            self.users[["user_id", "country", "subscription_type"]], on="user_id", validate="m:1"
        ).merge(self.content[["content_id", "type", "title"]], on="content_id", validate="m:1")
        days = pd.to_datetime(self.sessions["watch_date"])
        self.sessions["month"] = [day.date() for day in days.dt.to_period("M").dt.to_timestamp()]
        # Days and months leave out what is dated after the day of the run.
        self.watched = self.sessions[self.sessions["watch_date"] <= day]
        self.first_month = self.watched.groupby("user_id")["month"].min()

    @staticmethod
    def _frame(rows: list[Any]) -> pd.DataFrame:
        return pd.DataFrame([row._asdict() for row in rows], columns=list(rows[0]._fields), dtype=object)

    def _groups(self, *keys: str) -> list[tuple[Any, pd.DataFrame]]:
        sessions = self.watched if keys[0] in ("month", "watch_date") else self.sessions
        known = sessions.assign(
            **{key: sessions[key].map(lambda value: NULL if pd.isna(value) else value) for key in keys}
        )
        return [(tuple(map(plain, key)), group) for key, group in known.groupby(list(keys), sort=True)]

    def of_period(self, first: date, last: date) -> dict[str, Any]:
        days = self.sessions[(self.sessions["watch_date"] >= first) & (self.sessions["watch_date"] <= last)]
        return {
            "sessions": len(days),
            "active_users": days["user_id"].nunique(),
            "watch_hours": hours(days["watch_duration_minutes"]),
            "avg_completion": mean(days["completion_percentage"]),
            "titles_in_month": days["content_id"].nunique(),
        }

    def months(self) -> Rows:
        new = self.first_month.value_counts()
        return [
            (
                month,
                len(group),
                group["user_id"].nunique(),
                int(new.get(month, 0)),
                hours(group["watch_duration_minutes"]),
                mean(group["completion_percentage"]),
                group["content_id"].nunique(),
            )
            for (month,), group in reversed(self._groups("month"))
        ]

    def days(self) -> Rows:
        by_day = {
            day: (len(group), hours(group["watch_duration_minutes"])) for (day,), group in self._groups("watch_date")
        }
        first, last = min(by_day), max(by_day)
        every_day = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        counts = [by_day.get(day, (0, Decimal(0))) for day in every_day]
        rows = []
        for place, day in enumerate(every_day):
            week = counts[max(0, place - 6) : place + 1]
            sessions, watched = counts[place]
            rows.append((day, sessions, mean(each[0] for each in week), watched, mean(each[1] for each in week)))
        return rows[::-1]

    def devices(self) -> Rows:
        return [
            (
                device,
                len(group),
                mean(group["watch_duration_minutes"]),
                hours(group["watch_duration_minutes"]),
                mean(group["completion_percentage"]),
            )
            for (device,), group in self._groups("device_type")
        ]

    def types(self) -> Rows:
        return [
            (kind, mean(group["completion_percentage"]), mean(group["watch_duration_minutes"]), len(group))
            for (kind,), group in self._groups("type")
        ]

    def completion(self) -> Rows:
        rows = []
        for (kind,), group in self._groups("type"):
            known = group["completion_percentage"].dropna()
            buckets = known.map(lambda value: min(9, int(value // 10))).value_counts()
            rows += [
                (kind, bucket, int(buckets.get(bucket, 0)), percent(int(buckets.get(bucket, 0)), len(known)))
                for bucket in range(10)
            ]
        return rows

    def device_quality(self) -> Rows:
        return [
            (
                device,
                quality,
                mean(group["completion_percentage"]),
                mean(group["watch_duration_minutes"]),
                len(group),
                group["user_id"].nunique(),
            )
            for (device, quality), group in self._groups("device_type", "quality_level")
        ]

    def top_titles(self) -> Rows:
        rows = []
        for (country,), group in self._groups("country"):
            titles = [
                (-int(of_title["watch_duration_minutes"].sum()), content_id, of_title)
                for content_id, of_title in group.groupby("content_id")
            ]
            for rank, (_, content_id, of_title) in enumerate(sorted(titles, key=lambda each: each[:2])[:10], start=1):
                title = of_title["title"].iloc[0]
                rows.append(
                    (country, rank, title, content_id, len(of_title), hours(of_title["watch_duration_minutes"]))
                )
        return rows

    def genre_rows(self) -> Rows:
        genres = self.content[["content_id", "production_budget"]].merge(self.genres, on="content_id", how="left")
        genres["genre"] = genres["genre"].map(lambda value: NULL if pd.isna(value) else value)
        weight = 1 / genres.groupby("content_id")["genre"].transform("size").map(Fraction)
        joined = self.sessions.merge(genres.assign(weight=weight), on="content_id")
        rows = []
        for genre, titles in genres.groupby("genre"):
            group = joined[joined["genre"] == genre]
            budgets = titles["production_budget"].dropna()
            rows.append(
                (
                    plain(genre),
                    len(titles),
                    rounded(sum(group["weight"], Fraction(0)), 4),
                    mean(group["completion_percentage"]),
                    hours(group["watch_duration_minutes"]),
                    rounded(sum(budgets, Decimal(0))) if len(budgets) else None,
                )
            )
        return rows

    def budgets(self) -> Rows:
        watched = {key: group for (key,), group in self._groups("content_id")}
        rows = []
        for title in self.content[self.content["production_budget"].notna()].itertuples():
            group = watched.get(title.content_id, self.sessions.head(0))
            of_title = hours(group["watch_duration_minutes"])
            each = rounded(Fraction(str(title.production_budget)) / Fraction(of_title)) if of_title else None
            rows.append(
                (title.title, title.content_id, title.type, title.production_budget, of_title, len(group), each)
            )
        return rows

    def plans(self) -> Rows:
        users = self.users["subscription_type"].map(lambda value: NULL if pd.isna(value) else value).value_counts()
        rows = []
        for plan, count in users.items():
            of_plan = self.sessions["subscription_type"].map(lambda value: NULL if pd.isna(value) else value) == plan
            group = self.sessions[of_plan]
            active = group["user_id"].nunique()
            each = rounded(Fraction(len(group), active)) if active else None
            watched = hours(group["watch_duration_minutes"])
            rows.append((plain(plan), count, active, len(group), watched, each, mean(group["completion_percentage"])))
        return rows

    def segments(self) -> Rows:
        minutes = self.sessions.groupby("user_id")["watch_duration_minutes"].sum().map(int)
        ranks = (minutes.rank(method="min") - 1).map(lambda rank: Fraction(int(rank), max(1, len(minutes) - 1)))
        names = ranks.map(
            lambda rank: "light" if rank < Fraction(1, 2) else "regular" if rank < Fraction(9, 10) else "heavy"
        )
        segments = self.users["user_id"].map(names).fillna("inactive")
        sessions = self.users["user_id"].map(self.sessions["user_id"].value_counts()).fillna(0)
        watched = self.users["user_id"].map(minutes).fillna(0)
        users = pd.DataFrame({"segment": segments, "sessions": sessions, "minutes": watched})
        hours_of = {
            segment: rounded(Fraction(int(group["minutes"].sum()), 60)) for segment, group in users.groupby("segment")
        }
        rows = []
        for segment, group in users.groupby("segment"):
            rows.append(
                (
                    segment,
                    len(group),
                    percent(len(group), len(users)),
                    int(group["sessions"].sum()),
                    hours_of[segment],
                    percent(hours_of[segment], sum(hours_of.values(), Decimal(0))),
                )
            )
        return rows

    def retention(self) -> Rows:
        activity = self.watched[["user_id", "month"]].drop_duplicates()
        activity = activity.assign(cohort=activity["user_id"].map(self.first_month))
        last = activity["month"].max()
        rows = []
        for cohort in sorted(set(activity["cohort"]))[-13:]:
            of_cohort = activity[activity["cohort"] == cohort]
            size = of_cohort["user_id"].nunique()
            for number in range(min(12, _months(cohort, last)) + 1):
                active = sum(_months(cohort, month) == number for month in of_cohort["month"])
                rows.append((cohort, number, size, active, percent(active, size)))
        return rows

    def tables(self) -> dict[str, Rows]:
        """The rows of each table of figures by its name on the page."""
        return {
            "months": self.months(),
            "days": self.days(),
            "devices": self.devices(),
            "types": self.types(),
            "completion": self.completion(),
            "device_quality": self.device_quality(),
            "top_titles": self.top_titles(),
            "genres": self.genre_rows(),
            "budgets": self.budgets(),
            "plans": self.plans(),
            "segments": self.segments(),
            "retention": self.retention(),
        }

    def totals(self) -> dict[str, Any]:
        return {
            "sessions": len(self.sessions),
            "users": len(self.users),
            "active_users": self.sessions["user_id"].nunique(),
            "watch_hours": hours(self.sessions["watch_duration_minutes"]),
            "avg_completion": mean(self.sessions["completion_percentage"]),
            "titles": len(self.content),
        }


def titles_alike(warehouse: Warehouse) -> int:
    """The number of titles that share title, type and year with another."""
    content = Figures._frame(warehouse.content)
    keys = [content["title"].str.lower(), content["type"], content["release_year"].fillna(-1)]
    copies = content.groupby(keys)["content_id"].transform("size")
    return int((copies > 1).sum())


def seasons_disagreeing(warehouse: Warehouse) -> int:
    """The number of series whose season count is not that of their seasons."""
    details = Figures._frame(warehouse.series_details).set_index("content_id")["season_count"].dropna()
    seasons = Figures._frame(warehouse.seasons)["content_id"].value_counts()
    return int(sum(count != seasons.get(content_id, 0) for content_id, count in details.items()))


def devices_without_completion(warehouse: Warehouse) -> int:
    """The number of devices, of at least 100 sessions, of which more than a fifth lacks the completion."""
    sessions = Figures._frame(warehouse.viewing_sessions)
    device = sessions["device_type"].map(lambda value: NULL if pd.isna(value) else value)
    missing = sessions["completion_percentage"].isna().groupby(device).agg(["size", "sum"])
    return int(((missing["size"] >= 100) & (5 * missing["sum"] > missing["size"])).sum())


def _months(first: date, last: date) -> int:
    return 12 * (last.year - first.year) + last.month - first.month

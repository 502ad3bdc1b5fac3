"""The rows of the data views of ``trusted``, from the processed tables."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .grouping import Joined, Tally, month_of, months_between, rounded
from .warehouse import Season, Warehouse

Rows = list[tuple[Any, ...]]


def content_summary(joined: Joined) -> Rows:
    durations = {row.content_id: row.duration_minutes for row in joined.warehouse.movie_details}
    season_counts = {row.content_id: row.season_count for row in joined.warehouse.series_details}
    views = {row.content_id: row.views_count for row in joined.warehouse.movie_details}
    views |= {row.content_id: row.total_views for row in joined.warehouse.series_details}
    episode_counts: Counter[str] = Counter()
    for season in joined.warehouse.seasons:
        episode_counts[season.content_id] += season.episode_count
    groups = joined.tally(lambda session: session.content_id)
    return [
        (
            *(key, title.title, title.type, title.release_year, title.rating, title.production_budget),
            sorted(joined.genres[key]),
            *(durations.get(key), season_counts.get(key), episode_counts.get(key), views.get(key)),
            *(groups[key].sessions, len(groups[key].viewers)),
            *(groups[key].watch_hours, groups[key].avg_completion, False),
        )
        for key, title in joined.content.items()
    ]


def episode_details(joined: Joined) -> Rows:
    seasons: dict[tuple[str, int], Season] = {row[:2]: row for row in joined.warehouse.seasons}
    rows: Rows = []
    for episode in joined.warehouse.episodes:
        season = seasons[episode[:2]]
        series_title = joined.content[episode.content_id].title
        rows.append((*episode[:3], series_title, season.episode_count, *episode[3:]))
    listed = {row[:2] for row in joined.warehouse.episodes}
    for key, season in seasons.items():
        if key not in listed:
            series_title = joined.content[season.content_id].title
            rows.append((*key, None, series_title, season.episode_count, None, None, None))
    return rows


def session_details(joined: Joined) -> Rows:
    rows: Rows = []
    for session in joined.sessions:
        user, title = joined.users[session.user_id], joined.content[session.content_id]
        of_user = (user.country, user.subscription_type, user.age)
        rows.append((*session, *of_user, title.title, title.type, title.release_year))
    return rows


def daily_viewing(joined: Joined) -> Rows:
    return [
        (day, of.sessions, len(of.viewers), of.watch_hours, of.avg_duration, of.avg_completion)
        for day, of in joined.tally_watched(lambda session: session.watch_date).items()
    ]


def device_engagement(joined: Joined) -> Rows:
    return [
        (*key, of.sessions, len(of.viewers), of.avg_duration, of.avg_completion)
        for key, of in joined.tally(lambda session: (session.device_type, session.quality_level)).items()
    ]


def completion_by_content_type(joined: Joined) -> Rows:
    groups = joined.tally(joined.type)
    return [(kind, of.sessions, of.avg_completion, of.avg_duration) for kind, of in groups.items()]


def completion_distribution(joined: Joined) -> Rows:
    rows: Rows = []
    for kind, of in joined.tally(joined.type).items():
        buckets = Counter(min(int(completion) // 10, 9) for completion in of.completions)
        rows += [(kind, bucket, buckets[bucket]) for bucket in range(10)]
    return rows


def top_content_by_country(joined: Joined) -> Rows:
    by_country: dict[str | None, list[tuple[str, Tally]]] = defaultdict(list)
    groups = joined.tally(lambda session: (joined.country(session), session.content_id))
    for (country, content_id), of in groups.items():
        by_country[country].append((content_id, of))
    rows: Rows = []
    for country, titles in by_country.items():
        titles.sort(key=lambda item: (-item[1].minutes, item[0]))
        for rank, (content_id, of) in enumerate(titles[:10], start=1):
            title = joined.content[content_id].title
            rows.append((country, rank, content_id, title, of.sessions, of.watch_hours))
    return rows


def genre_performance(joined: Joined) -> Rows:
    titles: dict[str | None, list[str]] = defaultdict(list)
    for content_id in joined.content:
        for genre in joined.genre_groups(content_id):
            titles[genre].append(content_id)
    groups: dict[str | None, Tally] = defaultdict(Tally)
    weights: dict[str | None, Fraction] = defaultdict(Fraction)
    for session in joined.sessions:
        genres = joined.genre_groups(session.content_id)
        for genre in genres:
            groups[genre].add(session)
            weights[genre] += Fraction(1, len(genres))
    rows: Rows = []
    for group, content_ids in titles.items():
        given = [joined.content[content_id].production_budget for content_id in content_ids]
        budgets = [budget for budget in given if budget is not None]
        of = groups[group]
        key_and_counts = (group, len(content_ids), of.sessions, rounded(weights[group], 4))
        total_budget = rounded(sum(budgets, Decimal(0))) if budgets else None
        rows.append((*key_and_counts, of.watch_hours, of.avg_completion, total_budget))
    return rows


def subscription_engagement(joined: Joined) -> Rows:
    users = Counter(user.subscription_type for user in joined.warehouse.users)
    groups = joined.tally(joined.subscription_type)
    rows: Rows = []
    for plan, count in users.items():
        of = groups[plan]
        active = len(of.viewers)
        each = rounded(Fraction(of.sessions, active)) if active else None
        rows.append((plan, count, active, of.sessions, of.watch_hours, of.avg_completion, each))
    return rows


def monthly_retention(joined: Joined) -> Rows:
    def cohort(user_id: str) -> tuple[Any, ...]:
        return joined.first_month[user_id], joined.users[user_id].subscription_type

    sizes = Counter(cohort(user_id) for user_id in joined.first_month)
    # One entry for each user and month with sessions, however many.
    active_months = {(session.user_id, month_of(session.watch_date)) for session in joined.watched}
    active: Counter[tuple[Any, ...]] = Counter()
    for user_id, month in active_months:
        active[(*cohort(user_id), months_between(joined.first_month[user_id], month))] += 1
    rows: Rows = []
    for (first_month, plan), size in sizes.items():
        last_number = months_between(first_month, max(month for _, month in active_months))
        for number in range(last_number + 1):
            count = active[first_month, plan, number]
            rows.append((first_month, plan, number, size, count, rounded(Fraction(100 * count, size))))
    return rows


def _favourite_devices(joined: Joined) -> dict[str, str]:
    """Most sessions, then most minutes, then the first name; sessions without a device do not count."""
    devices: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for (user_id, device), of in joined.tally(lambda session: (session.user_id, session.device_type)).items():
        if device is not None:
            devices[user_id].append((-of.sessions, -of.minutes, device))
    return {user_id: min(ranked)[2] for user_id, ranked in devices.items()}


def _segment(minutes: int, all_minutes: list[int]) -> str:
    """The segment by percent rank among the sorted minutes of all active users."""
    if len(all_minutes) == 1:
        return "light"
    percent_rank = Fraction(bisect_left(all_minutes, minutes), len(all_minutes) - 1)
    if percent_rank < Fraction(1, 2):
        return "light"
    return "regular" if percent_rank < Fraction(9, 10) else "heavy"


def user_engagement(joined: Joined) -> Rows:
    groups = joined.tally(lambda session: session.user_id)
    all_minutes = sorted(of.minutes for of in groups.values())
    favourites = _favourite_devices(joined)
    rows: Rows = []
    for user in joined.warehouse.users:
        of = groups[user.user_id]
        segment = _segment(of.minutes, all_minutes) if of.sessions else "inactive"
        of_user = (user.user_id, user.country, user.subscription_type)
        figures = (of.sessions, of.watch_hours, of.avg_completion, of.last_day)
        rows.append((*of_user, *figures, favourites.get(user.user_id), segment))
    return rows


def country_engagement(joined: Joined) -> Rows:
    users = Counter(user.country for user in joined.warehouse.users)
    groups = joined.tally(joined.country)
    rows: Rows = []
    for country, count in users.items():
        of = groups[country]
        rows.append((country, count, len(of.viewers), of.sessions, of.watch_hours, of.avg_completion))
    return rows


def period_summary(joined: Joined) -> Rows:
    new_users = Counter(joined.first_month.values())
    rows: Rows = []
    for month, of in joined.tally_watched(lambda session: month_of(session.watch_date)).items():
        counts = (of.sessions, len(of.viewers), new_users[month])
        rows.append((month, *counts, of.watch_hours, of.avg_completion, len(of.titles)))
    return rows


# Each view with the number of its leading key columns.
_VIEWS: dict[Callable[[Joined], Rows], int] = {
    content_summary: 1,
    episode_details: 3,
    session_details: 1,
    daily_viewing: 1,
    device_engagement: 2,
    completion_by_content_type: 1,
    completion_distribution: 2,
    top_content_by_country: 2,
    genre_performance: 1,
    subscription_engagement: 1,
    monthly_retention: 3,
    user_engagement: 1,
    country_engagement: 1,
    period_summary: 1,
}


def trusted_views(warehouse: Warehouse, day: date = date.max) -> dict[str, Rows]:
    """The rows of each data view by its name: key first, sorted by key, None last.

    Days and months leave out what is dated after ``day``. Text sorts by code points. Titles without genres have an
    empty list in ``content_summary``.
    """
    joined = Joined(warehouse, day)
    return {
        view.__name__: sorted(view(joined), key=lambda row: [(part is None, part) for part in row[:width]])
        for view, width in _VIEWS.items()
    }

"""The rows of the processed tables, and what became of each input record."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict


class Content(NamedTuple):
    """A title; ``extra`` is the parsed JSON of the unknown fields, None without any."""

    content_id: str
    title: str
    type: str
    release_year: int | None
    rating: Decimal | None
    production_budget: Decimal | None
    extra: dict[str, Any] | None


class MovieDetails(NamedTuple):
    content_id: str
    duration_minutes: int | None
    views_count: int | None


class SeriesDetails(NamedTuple):
    content_id: str
    season_count: int | None
    avg_episode_duration: Decimal | None
    total_views: int | None


class Genre(NamedTuple):
    content_id: str
    genre: str


class Season(NamedTuple):
    content_id: str
    season_number: int
    episode_count: int


class Episode(NamedTuple):
    content_id: str
    season_number: int
    episode_number: int
    title: str | None
    duration_minutes: int | None
    air_date: date | None


class User(NamedTuple):
    user_id: str
    age: int | None
    country: str | None
    subscription_type: str | None
    registration_date: date | None
    total_watch_time_hours: Decimal | None


class ViewingSession(NamedTuple):
    session_id: str
    user_id: str
    content_id: str
    watch_date: date
    watch_duration_minutes: int | None
    completion_percentage: Decimal | None
    device_type: str | None
    quality_level: str | None


class Outcome(TypedDict):
    """Records of one CSV file; ``read`` is the sum of the other four."""

    read: int
    loaded: int
    rejected: int
    superseded: int
    waiting: int


@dataclass
class Warehouse:
    """The processed tables, each sorted by its key, columns in the order of the SQL table.

    Lineage columns and ``removed_at`` are left out. Rows are named tuples, so they compare equal to the
    plain tuples a database driver returns.

    Attributes:
        outcomes: By CSV file, its path relative to the raw folder.
        rejected: (CSV file, record number) and (collection, document id); the id is None where a
            document has none that is text.
        refused: File → why nothing of it counts. Refused files have no outcome.
    """

    content: list[Content] = field(default_factory=list)
    movie_details: list[MovieDetails] = field(default_factory=list)
    series_details: list[SeriesDetails] = field(default_factory=list)
    genres: list[Genre] = field(default_factory=list)
    seasons: list[Season] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    viewing_sessions: list[ViewingSession] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    rejected: set[tuple[str, int | str | None]] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

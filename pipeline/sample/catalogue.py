"""The titles of the sample: movies and series as nested documents."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from pipeline.sample.draws import Draws

Document = dict[str, Any]

GENRES = (
    "Action",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Horror",
    "Romance",
    "Sci-Fi",
    "Thriller",
)
_FIRST_WORDS = (
    "The Last", "Silent", "Neural", "Hidden", "Golden", "Midnight", "Broken", "Advanced", "Paper", "Northern",
    "El Último", "La Gran", "Pequeño", "Une Autre", "Schöne",
)  # fmt: skip
_SECOND_WORDS = (
    "Signal", "Archives", "World", "Harbour", "Investigators", "Garden", "Empire", "Letters", "Horizon",
    "River", "Corazón", "Niño", "Été", "Nächte", "Ciudad",
)  # fmt: skip
_OTHER_SCRIPTS = ("東京の夜", "Ночной эфир", "عودة النهر", "Noël 🎄", "서울의 봄", "Año Cero, parte 2")


class Catalogue:
    """All titles, movies first; at most 5,000, so they are simply held.

    Attributes:
        movies, series: the documents.
        content_ids: id of each title; the arrays below are in this order.
        minutes: length of a movie, or the mean length of an episode, in whole minutes.
        is_series: whether the title is a series.
        by_rank: indexes of the titles, the most popular first.
        watched: how many of them, from the first rank on, have sessions at all.
    """

    def __init__(self, sessions: int, seed: int) -> None:
        count = min(max(60, sessions // 500), 5000)
        draws = Draws(seed, 2)
        self.movies = [_movie(number, draws) for number in range(1, count * 6 // 10 + 1)]
        self.series = [_series(number, draws) for number in range(1, count - len(self.movies) + 1)]
        self.series[1]["title"] = self.movies[0]["title"]
        for documents in (self.movies, self.series):
            _make_real(documents)
        self.content_ids = [document["content_id"] for document in self.movies + self.series]
        self.minutes = np.array(
            [document["duration_minutes"] for document in self.movies]
            + [_episode_minutes(document) for document in self.series],
            dtype=np.int64,
        )
        self.is_series = np.arange(count) >= len(self.movies)
        self.by_rank = draws.order(count)
        self.watched = count - max(3, count // 20)


def _movie(number: int, draws: Draws) -> Document:
    return {
        "content_id": f"M{number:04d}",
        "title": _title(number, draws),
        "genre": _genres(draws),
        "duration_minutes": 72 + draws.below(55) + draws.below(55),
        "release_year": 2024 - draws.below(8) * draws.below(8),
        "rating": _rating(draws),
        "views_count": 1_000 + draws.below(100_000),
        "production_budget": 500_000 + draws.below(16_000) * draws.below(16_000),
    }


def _series(number: int, draws: Draws) -> Document:
    document: Document = {
        "content_id": f"S{number:04d}",
        "title": _title(number, draws),
        "genre": _genres(draws),
    }
    average = 20 + draws.below(41)
    if number % 5 == 0:
        seasons = _embedded_seasons(average, draws)
        lengths = [episode["duration_minutes"] for season in seasons for episode in season["episodes"]]
        document["seasons"] = seasons
        # One decimal, cut off: never above the longest episode.
        document["avg_episode_duration"] = sum(lengths) * 10 // len(lengths) / 10
    else:
        episodes = [6 + draws.below(19) for _ in range(1 + draws.below(7))]
        document |= {
            "seasons": len(episodes),
            "episodes_per_season": episodes,
            "avg_episode_duration": average,
        }
    document |= {
        "rating": _rating(draws),
        "total_views": 5_000 + draws.below(400_000),
        "production_budget": 800_000 + draws.below(13_000) * draws.below(13_000),
    }
    return document


def _embedded_seasons(average: int, draws: Draws) -> list[Document]:
    first = date(2015 + draws.below(6), 1 + draws.below(12), 1 + draws.below(28))
    return [
        {
            "season_number": season,
            "episodes": [
                {
                    "episode_number": episode,
                    "title": f"{draws.pick(_SECOND_WORDS)} {episode}",
                    "duration_minutes": average - 5 + draws.below(11),
                    "air_date": (first + timedelta(days=365 * (season - 1) + 7 * (episode - 1))).isoformat(),
                }
                for episode in range(1, 5 + draws.below(7))
            ],
        }
        for season in range(1, 2 + draws.below(4))
    ]


def _episode_minutes(series: Document) -> int:
    return int(series["avg_episode_duration"])


def _title(number: int, draws: Draws) -> str:
    title = f"{draws.pick(_FIRST_WORDS)} {draws.pick(_SECOND_WORDS)}"
    return draws.pick(_OTHER_SCRIPTS) if number % 9 == 0 else title


def _genres(draws: Draws) -> list[str]:
    return [GENRES[index] for index in draws.distinct(1 + draws.below(3), len(GENRES))]


def _rating(draws: Draws) -> float:
    return (30 + draws.below(36) + draws.below(34)) / 10


def _make_real(documents: list[Document]) -> None:
    """Repeat some titles, and take away what catalogues lack now and then: genres, ratings, budgets."""
    for later, earlier in zip(documents[11::12], documents[10::12], strict=False):
        later["title"] = earlier["title"]
    for document in documents[6::16]:
        document["genre"] = []
    for document in documents[12::32]:
        del document["genre"]
    for document in documents[2::24]:
        document["rating"] = None
    for document in documents[7::20]:
        del document["production_budget"]

"""Documents a second: landing, extraction and the flattening, beside BSON decoding alone and the bare cursor drain."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import bson
from pymongo import MongoClient

from pipeline.contract.collections import collections
from pipeline.contract.register import tables
from pipeline.documents.bson_batches import OPTIONS
from pipeline.documents.extraction import Extraction
from pipeline.documents.flatten import Flattener
from pipeline.servers.embedded import mongo_login
from pipeline.servers.mongo import BATCH_SIZE
from tests.benchmarks import ours
from tests.benchmarks.servers import Bench

EPISODES = 30
ROUNDS = 3  # of what takes less than a second


def document(number: int) -> tuple[str, dict[str, Any]]:
    """Return the collection and the document of a number: of 20, 14 movies, 5 flat series, 1 with episodes."""
    common = {
        "genre": ["Drama", "Crime"],
        "release_year": 1990 + number % 30,
        "rating": 7.5,
        "production_budget": 10**7,
    }
    kind = number % 20
    if kind < 14:
        own = {"duration_minutes": 90 + kind, "views_count": number}
        return "movies", {"content_id": f"M{number:07d}", "title": f"Movie {number}", **common, **own}
    title = {"content_id": f"S{number:07d}", "title": f"Series {number}", **common}
    if kind < 19:
        return "series", {**title, "seasons": 2, "episodes_per_season": [8, 10], "avg_episode_duration": 42.5}
    episodes = [
        {"episode_number": each, "title": f"Part {each}", "duration_minutes": 40 + each % 5, "air_date": "2020-01-02"}
        for each in range(1, EPISODES // 3 + 1)
    ]
    seasons = [{"season_number": each, "episodes": episodes} for each in (1, 2, 3)]
    return "series", {**title, "seasons": seasons, "total_views": number}


def _timed(repeat: int, *works: Callable[[], object]) -> list[float]:
    """Return the median of the seconds of each; they take turns, so that a slow moment meets them all."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(repeat):
        for work, found in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            found.append(time.perf_counter() - started)
    return [median(found) for found in seconds]


def measure(bench: Bench, count: int, repeat: int) -> dict[str, float]:
    """Return documents a second of each step, and the two ratios that matter."""
    made = [document(number) for number in range(count)]
    encoded = [(collection, bson.encode(content)) for collection, content in made]
    decoded = [(collection, bson.decode(content, OPTIONS)) for collection, content in encoded]

    def decode() -> None:
        for _, content in encoded:
            bson.decode(content, OPTIONS)

    flatteners = {name: Flattener(mapping, tables()) for name, mapping in collections().items()}

    def rows() -> None:
        for collection, content in decoded:
            flatteners[collection](content)

    decoding, flattening = _timed(ROUNDS * repeat, decode, rows)
    project = bench.project("bench_documents")
    contents: dict[str, list[dict[str, Any]]] = {"movies": [], "series": []}
    for collection, content in made:
        contents[collection].append(content)
    (project.raw / "content.json").write_text(json.dumps(contents), encoding="utf-8")
    (project.raw / "users.csv").write_text(
        "user_id,age,country,subscription_type,registration_date,total_watch_time_hours\nU1,30,Peru,Basic,2024-01-01,1\n"
    )
    bench.pipeline_ready(project)
    stages = ours.run(bench, project).stages
    client: MongoClient[dict[str, Any]] = MongoClient(bench.mongo.host, bench.mongo.port, **mongo_login(bench.settings))
    db = client.get_database("bench_documents", codec_options=OPTIONS)

    def drain() -> None:
        for name in contents:
            for _ in db[name].find({}, batch_size=BATCH_SIZE):
                pass

    def extract() -> None:
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            Extraction(Path(folder)).write(
                {name: db[name].find_raw_batches({}, batch_size=BATCH_SIZE) for name in contents}  # type: ignore[misc]
            )

    draining, extracting = _timed(repeat, drain, extract)
    client.close()
    bench.drop("bench_documents")
    return {
        "decoding BSON, a second": count / decoding,
        "flattening, a second": count / flattening,
        "flattening / decoding, time": flattening / decoding,
        "landing (the task), a second": count / stages["land"],
        "extraction (the task), a second": count / stages["extract"],
        "extraction, a second": count / extracting,
        "bare cursor drain, a second": count / draining,
        "extraction / drain, rate": draining / extracting,
    }

"""The rows of the snapshot: sessions by month, and those that are superseded or wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.spark import judging
from pipeline.spark.concerned import LOADED, TOUCHED, WAS, concerned_by
from pipeline.spark.judging import CAME, GONE, PLACE, STAYS, SUPERSEDED, WAITING
from pipeline.spark.previous import Previous
from pipeline.spark.shape import FILE, ROW, WAITS_FOR, month_name, quoted, sent
from pipeline.spark.work import Work

FILES_A_MONTH = 40
"""Where tasks that write what they read would make more, rows are sent to others first, by month."""
_MONTH = "_month"
_FINGERPRINT = f"bit_xor(xxhash64({FILE}, {ROW}))"


@dataclass
class Rows:
    """Where every valid row is, and how many of each file."""

    months: dict[str, dict[str, Any]]
    changed: set[str]
    """Months that are not as they were."""
    changes: DataFrame | None
    """Loaded rows that came or left; None if everything was made anew."""
    came: int = 0
    left: int = 0
    """How many of each."""
    held: dict[int, list[str]] = field(default_factory=dict)
    superseded: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def outcomes(self, files: Iterable[dict[str, Any]], parents: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what became of the rows of each file.

        Raises:
            RuntimeError: they do not add up.
        """
        names, outcomes = list(dict.fromkeys(parents)), {}
        for file in files:
            name = file["parquet"]
            loaded = sum(month["loaded"].get(name, 0) for month in self.months.values())
            waiting = {parent: self.waiting[name].get(parent, 0) for parent in names}
            valid = file["rows"] - file["load_rejected"]
            told = loaded + self.superseded[name] + sum(waiting.values())
            if told != valid:
                raise RuntimeError(f"{name}: {valid:,} valid rows landed, and {told:,} are accounted for")
            outcomes[name] = {"loaded": loaded, "superseded": self.superseded[name], "waiting": waiting}
        return outcomes


def make_anew(work: Work) -> Rows:
    """Judge all landed rows, and write them in one pass."""
    folder, shape = work.folder, work.shape
    rows = work.landed(list(work.ranks))
    with folder.step("superseded", 0.05):
        again = judging.repeated(rows, shape)
    with folder.step("sessions", 0.15):
        losers = judging.beaten(again, shape, judging.ranks(work.spark, work.ranks))
        found = judging.judged(rows, shape, losers, work.parents, shape.month)
        spread = sum(len(file["months"]) or 1 for file in work.spec["files"])
        months = len({month for file in work.spec["files"] for month in file["months"]})
        folder.write("rows", _together(found, spread, months), by=PLACE)
    with folder.step("counts", 0.4):
        made = Rows({}, set(), None)
        for place, _, _, file, waits_for, count, fingerprint in _tally(work):
            if not _note_held(made, place, file, waits_for, count):
                _note(made.months, month_name(place), file, count, fingerprint)
    _placed(made, work, "rows")
    made.changed = set(made.months)
    return made


def keep_up(work: Work, before: Previous) -> Rows:
    """Judge what came, what is concerned by what came or left, and what waits; write the months that change."""
    folder, shape = work.folder, work.shape
    with folder.step("superseded and waiting", 0.05):
        concerned = concerned_by(work, before)
        settled = (F.col(WAS) == SUPERSEDED) & ~F.col(TOUCHED)
        ranked = judging.ranks(work.spark, work.ranks)
        losers = judging.beaten(concerned.where(~settled), shape, ranked)
        losers = losers.union(concerned.where(settled).select(FILE, ROW))
        otherwise = F.when(F.col(WAS) == LOADED, STAYS).otherwise(CAME)
        found = judging.judged(concerned.drop(TOUCHED), shape, losers, work.parents, otherwise)
        found = found.where(F.col(PLACE) != STAYS)
        gone = before.loaded_of([file for file in before.files if file not in work.ranks])
        found = found.unionByName(gone.withColumns({WAS: F.lit(LOADED), PLACE: F.lit(GONE)}))
        folder.write("rows", found.hint("rebalance", PLACE), by=PLACE)
        concerned.unpersist()
    with folder.step("counts", 0.25):
        months = {name: {**month, "loaded": dict(month["loaded"])} for name, month in before.months.items()}
        made = Rows(months, set(), None)
        for place, was, month, file, waits_for, count, fingerprint in _tally(work):
            _note_held(made, place, file, waits_for, count)
            if place == CAME or was == LOADED:
                made.changed.add(month_name(month))
                if place == CAME:
                    made.came += count
                else:
                    made.left += count
                _note(months, month_name(month), file, count if place == CAME else -count, fingerprint)
    with folder.step("sessions", 0.35):
        made.changes = _written(work).where((F.col(PLACE) == CAME) | (F.col(WAS) == LOADED))
        if made.changed:
            kept = before.loaded(made.changed)
            spread = sum(1 + len(month["files"]) for name, month in before.months.items() if name in made.changed)
            leaving = made.changes.where(F.col(WAS) == LOADED).select(FILE, ROW)
            kept = kept.join(sent(leaving, made.left), [FILE, ROW], "left_anti")
            now = kept.unionByName(made.changes.where(F.col(PLACE) == CAME).select(*map(quoted, shape.kept)))
            folder.write("sessions", _together(now.withColumn(PLACE, shape.month), spread, len(made.changed)), by=PLACE)
    for name in made.changed:
        if not months[name]["sessions"]:
            del months[name]
    _placed(made, work, "sessions")
    _placed(made, work, "rows")
    return made


def _together(rows: DataFrame, spread: int, months: int) -> DataFrame:
    """Have the rows of a month written by few tasks, where they are spread over too many."""
    return rows.hint("rebalance", PLACE) if spread > FILES_A_MONTH * months else rows


def _written(work: Work) -> DataFrame:
    schema = f"{work.shape.schema}, {WAS} int, {PLACE} int"
    return work.spark.read.schema(schema).parquet(str(work.folder.path / "rows"))


def _tally(work: Work) -> list[Any]:
    if not work.folder.files("rows"):
        return []
    groups = _written(work).groupBy(PLACE, WAS, work.shape.month.alias(_MONTH), FILE, WAITS_FOR)
    return list(groups.agg(F.count("*"), F.expr(_FINGERPRINT)).collect())


def _note_held(made: Rows, place: int, file: str, waits_for: str | None, count: int) -> bool:
    if place == SUPERSEDED:
        made.superseded[file] += count
    elif place == WAITING:
        made.waiting[file][str(waits_for)] = made.waiting[file].get(str(waits_for), 0) + count
    return place in (SUPERSEDED, WAITING)


def _note(months: dict[str, dict[str, Any]], name: str, file: str, count: int, fingerprint: int) -> None:
    """Count rows that came to a month, or left it: its digest says which rows it has, in whatever order."""
    month = months.setdefault(name, {"digest": "", "sessions": 0, "loaded": {}})
    known = int(month["digest"].partition("-")[2] or "0", 16)
    month["sessions"] += count
    month["loaded"][file] = month["loaded"].get(file, 0) + count
    if not month["loaded"][file]:
        del month["loaded"][file]
    month["digest"] = f"{month['sessions']}-{known ^ (fingerprint & (1 << 64) - 1):016x}"


def _placed(made: Rows, work: Work, name: str) -> None:
    """Note which files hold which month, and which hold what waits or is superseded."""
    by_place: dict[int, list[str]] = defaultdict(list)
    for file in work.folder.files(name):
        by_place[int(Path(file).parent.name.partition("=")[2])].append(file)
    for place, found in by_place.items():
        if (month := month_name(place)) in made.months:
            made.months[month] |= {
                "folder": str((work.folder.path / found[0]).parent.relative_to(work.lake)),
                "files": [Path(file).name for file in found],
            }
        elif place in (SUPERSEDED, WAITING):
            made.held[place] = found

"""The rows that are judged again as files or parents come or leave, and what they were."""

from __future__ import annotations

from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.spark.judging import SUPERSEDED, WAITING
from pipeline.spark.previous import Previous
from pipeline.spark.shape import FILE, ROW, Reference, month_name, quoted, sent
from pipeline.spark.work import Work

WAS, TOUCHED = "_was", "_touched"
LOADED, NEW = 5, 6
"""What they were, beside superseded and waiting."""
_MONTH = "_month"


def concerned_by(work: Work, before: Previous) -> DataFrame:
    """Return what came, what has a key of these or of what left, and what waits, or has to from now on."""
    shape = work.shape
    came = [file for file in work.ranks if file not in before.files]
    left = [file for file in before.files if file not in work.ranks]
    stays = ~F.col(FILE).isin(left)
    key = list(map(quoted, shape.key))
    new = work.landed(came)
    held = {WAITING: before.held("waiting"), SUPERSEDED: before.held("superseded")}
    leaving = [before.loaded_of(left), *(rows.where(~stays) for rows in held.values())]
    keys = reduce(DataFrame.union, [rows.select(*key) for rows in (new, *leaving)]).distinct()
    keys = keys.withColumn(TOUCHED, F.lit(True))
    count = sum(f["rows"] for f in work.spec["files"] if f["parquet"] in came)
    count += sum(before.manifest["outcomes"][file]["loaded"] for file in left)
    loaded = _concerned_of_loaded(work, before, sent(keys, count) if came or left else None, left)
    again = held[SUPERSEDED].where(stays).join(sent(keys, count), shape.key, "left")
    parts = [
        (new.withColumn(TOUCHED, F.lit(True)), NEW),
        (loaded, LOADED),
        (held[WAITING].where(stays).withColumn(TOUCHED, F.lit(True)), WAITING),
        (again, SUPERSEDED),
    ]
    every = [
        rows.select(
            *map(quoted, shape.kept), F.coalesce(F.col(TOUCHED), F.lit(False)).alias(TOUCHED), F.lit(was).alias(WAS)
        )
        for rows, was in parts
    ]
    return reduce(DataFrame.unionByName, every).persist(StorageLevel.MEMORY_AND_DISK)


def _concerned_of_loaded(work: Work, before: Previous, keys: DataFrame | None, left: list[str]) -> DataFrame:
    """Return the loaded rows of files that stay which have one of some keys, or refer to a parent that left.

    Of history only the columns that tell are read; all of them in the months that have such rows.
    """
    shape, marks = work.shape, []
    stays = ~F.col(FILE).isin(left)
    rows = before.loaded().where(stays)
    if keys is not None:
        rows, marks = rows.join(keys, shape.key, "left"), [TOUCHED]
    else:
        rows = rows.withColumn(TOUCHED, F.lit(False))
    for number, reference in enumerate(shape.references):
        lost = _lost(reference, work, before)
        if lost is not None:
            mark = f"_lost_{number}"
            refers = [F.col(quoted(own)) == lost[place] for place, own in enumerate(reference.columns)]
            rows = rows.join(F.broadcast(lost.withColumn(mark, F.lit(True))), refers, "left").drop(*lost.columns)
            marks.append(mark)
    if not marks:
        return shape.read(work.spark, []).withColumn(TOUCHED, F.lit(False))
    is_concerned = reduce(lambda a, b: a | b, [F.col(mark).isNotNull() for mark in marks])
    found = rows.where(is_concerned).select(FILE, ROW, TOUCHED, shape.month.alias(_MONTH)).persist()
    counts = {month_name(month): count for month, count in found.groupBy(_MONTH).count().collect()}
    return before.loaded(counts).join(sent(found.drop(_MONTH), sum(counts.values())), [FILE, ROW])


def _lost(reference: Reference, work: Work, before: Previous) -> DataFrame | None:
    """Return the keys of a parent that left, if any."""
    now = work.parents[reference.parent]
    if before.has_same_parent(reference.parent, now.path):
        return None
    names = [f"_lost_key_{place}" for place in range(len(reference.columns))]

    def keys(frame: DataFrame) -> DataFrame:
        return frame.select(*map(quoted, reference.parent_columns)).toDF(*names)

    lost = keys(before.parent(reference.parent)).join(keys(now.frame), names, "left_anti").persist()
    return lost if lost.count() else None

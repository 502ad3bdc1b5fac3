"""What becomes of valid rows: superseded by a later record of their key, waiting for a parent, or loaded."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from pipeline.spark.shape import FILE, ROW, WAITS_FOR, Shape, quoted, sent, small_table
from pipeline.spark.work import Parent

PLACE = "_place"
SUPERSEDED, WAITING, CAME, GONE, STAYS = range(5)
"""Places of rows. Of a loaded row it is the month, or where months are kept up, whether it came or stays."""
_LOST, _HASH, _RANK, _PLACE_OF_KEY = "_lost", "_hash", "_rank", "_nth"


def ranks(spark: SparkSession, files: dict[str, int]) -> DataFrame:
    """Return the rank of each file."""
    columns = {FILE: pa.array(files, pa.string()), _RANK: pa.array(files.values(), pa.int32())}
    return F.broadcast(small_table(spark, columns))


def beaten(rows: DataFrame, shape: Shape, ranked: DataFrame) -> DataFrame:
    """Return file and record of the rows that are not the last of their key, by the rank of the file and the record."""
    last_first = Window.partitionBy(*map(quoted, shape.key)).orderBy(F.desc(_RANK), F.desc(ROW))
    return (
        rows.select(*map(quoted, shape.key), FILE, ROW)
        .join(ranked, FILE)
        .withColumn(_PLACE_OF_KEY, F.row_number().over(last_first))
        .where(F.col(_PLACE_OF_KEY) > 1)
        .select(FILE, ROW)
    )


def repeated(rows: DataFrame, shape: Shape) -> DataFrame:
    """Return the rows whose key may occur again: told by a hash, which is much lighter to shuffle than the key."""
    hashed = rows.withColumn(_HASH, F.xxhash64(*map(quoted, shape.key)))
    twice = hashed.groupBy(_HASH).count().where("count > 1").select(_HASH).persist()
    return hashed.join(sent(twice, twice.count()), _HASH, "left_semi").drop(_HASH)


def judged(rows: DataFrame, shape: Shape, losers: DataFrame, parents: Mapping[str, Parent], place: Column) -> DataFrame:
    """Return rows with their place: superseded, waiting (and for which parent first), or else the one given."""
    # Counted first: taken for many, they would have all rows sent about.
    losers = losers.withColumn(_LOST, F.lit(True)).persist()
    rows = rows.join(sent(losers, losers.count()), [FILE, ROW], "left")
    waits_for = F.lit(None).cast("string")
    for number, reference in reversed(list(enumerate(shape.references))):
        parent = parents[reference.parent]
        found, theirs = f"_found_{number}", [f"_parent_{number}_{each}" for each in range(len(reference.columns))]
        keys = parent.frame.select(
            *(F.col(quoted(own)).alias(name) for own, name in zip(reference.parent_columns, theirs, strict=True)),
            F.lit(True).alias(found),
        )
        refers = [F.col(quoted(own)) == F.col(name) for own, name in zip(reference.columns, theirs, strict=True)]
        rows = rows.join(sent(keys, parent.rows), refers, "left").drop(*theirs)
        is_missing = F.col(found).isNull()
        for own in reference.columns:
            is_missing &= F.col(quoted(own)).isNotNull()
        waits_for = F.when(is_missing, F.lit(reference.parent)).otherwise(waits_for)
    return (
        rows.withColumn(WAITS_FOR, F.when(F.col(_LOST).isNull(), waits_for))
        .withColumn(
            PLACE,
            F.when(F.col(_LOST), SUPERSEDED).when(F.col(WAITS_FOR).isNotNull(), WAITING).otherwise(place),
        )
        .drop(_LOST, *(f"_found_{number}" for number in range(len(shape.references))))
    )

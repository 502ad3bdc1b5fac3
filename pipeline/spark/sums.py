"""The small tables: sums over sessions, made anew, or brought up to date by the users concerned.

All of them add up over users. So of users whose sessions, country, plan or days that count changed, what they were is
taken away and what they are is added, by the same statements: each row of these users has a sign, -1 for what it was.
"""

from __future__ import annotations

import pkgutil
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.spark import tables
from pipeline.spark.concerned import LOADED, WAS
from pipeline.spark.judging import CAME, PLACE
from pipeline.spark.previous import Previous
from pipeline.spark.rows import Rows
from pipeline.spark.shape import FILE, ROW, month_number, sent
from pipeline.spark.work import Work, read

ANEW_FROM_USERS = 0.4
"""Of all users: where more are concerned, the sums are made anew."""
AT_ONCE = 4
SESSION = (
    "user_id",
    "content_id",
    "watch_date",
    "watch_duration_minutes",
    "completion_percentage",
    "device_type",
    "quality_level",
)
USER = ("user_id", "country", "subscription_type")
OF_USERS = "rollup_user"


class Basis(NamedTuple):
    """A snapshot to go on from, the users whose part in it is not as it was, and the months in which it is not."""

    before: Previous
    changes: DataFrame
    users: DataFrame
    number: int
    months: list[int]
    moved: DataFrame
    """Those among the users whose country or plan is not as it was."""


@dataclass(frozen=True)
class Sums:
    """What the small tables are made from."""

    work: Work
    rows: Rows
    sessions: DataFrame
    """All loaded rows."""
    before: Previous | None

    @property
    def names(self) -> dict[str, Sequence[str]]:
        """The tables and their columns in order; with one that is kept for the next time."""
        return {tables.TITLES_BY_MONTH: ("content_id", "month", "sessions"), **self.work.spec["sums"]}

    def make(self) -> dict[str, list[str]]:
        """Make the tables; return the files of each."""
        if not self.work.spec["sums"]:
            return {}
        with self.work.folder.step("users concerned", 0.5):
            basis = self._concerned()
        if basis and not basis.number:
            return self._as_before(basis.before)
        # How much there is to be sent is known well enough, and to look at it again after each stage costs a quarter.
        self.work.spark.conf.set("spark.sql.adaptive.enabled", "false")
        self.work.spark.sql(_sql("label"))
        with self.work.folder.step("sums of users", 0.55):
            signed = self._signed(basis)
            self._view("sessions_by_user", signed.repartition("user_id"))
            by_title = by_user = self.work.spark.table("sessions_by_user")
            if basis is not None:  # in other months, and of other titles, what is taken away is what is added
                by_title = self._of_titles(by_user, basis)
                signed = by_user = by_user.where(self.work.shape.month.isin(basis.months))
            by_title.createOrReplaceTempView("changed_by_title")
            # Where order by user is of no use, all of them are read once more rather than kept in it.
            by_user.createOrReplaceTempView("changed_by_user")
            signed.createOrReplaceTempView("changed_sessions")
            self._view("signed_users", self._users(basis))
            for name in ("user_device", "user_month", "user_viewing"):
                self._view(name, self.work.spark.sql(_sql(name)))
        with self.work.folder.step("small tables", 0.7):
            return self._write(basis)

    def _view(self, name: str, frame: DataFrame) -> None:
        frame.persist(StorageLevel.MEMORY_AND_DISK).createOrReplaceTempView(name)

    def _concerned(self) -> Basis | None:
        """Return what to go on from, unless the sums are to be made anew."""
        before, changes = self.before, self.rows.changes
        if before is None or changes is None or not self._is_told(before):
            return None
        moved = changes.select("user_id").limit(0)
        parts = [changes.select("user_id")]
        concerned = set(self.rows.changed)
        if not before.has_same_parent("users", self.work.parents["users"].path):
            both = self._parent().withColumn("sign", F.lit(1)).union(before.parent("users").select(*USER, F.lit(-1)))
            differ = both.groupBy(*USER).agg(F.sum("sign").alias("sign")).where("sign <> 0")
            moved = differ.select("user_id").distinct().persist()
            parts.append(moved)
        if before.day != self.work.spec["day"]:
            first, last = sorted((before.day, self.work.spec["day"]))
            months = [name for name in before.months if first[:7] <= name <= last[:7]]
            day = F.col(str(self.work.shape.day))
            concerned.update(months)
            parts.append(before.loaded(months).where((day > first) & (day <= last)).select("user_id"))
        users = reduce(DataFrame.union, parts).distinct().persist()
        count = users.count()
        if count > ANEW_FROM_USERS * self.work.parents["users"].rows:
            users.unpersist()
            return None
        return Basis(before, changes, sent(users, count), count, sorted(map(month_number, concerned)), moved)

    def _is_told(self, before: Previous) -> bool:
        """Tell whether the snapshot before has the same tables, all there."""
        files = before.sums
        return all(
            name in files and all((before.folder / path).is_file() for path in files[name]) for name in self.names
        )

    def _as_before(self, before: Previous) -> dict[str, list[str]]:
        for files in before.sums.values():
            for file in files:
                (self.work.folder.path / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(before.folder / file, self.work.folder.path / file)
                self.work.folder.written.append(file)
        return before.sums

    def _parent(self) -> DataFrame:
        return self.work.parents["users"].frame.select(*USER)

    def _users(self, basis: Basis | None) -> DataFrame:
        now = self._parent().withColumn("sign", F.lit(1))
        if basis is None:
            return now
        both = now.union(basis.before.parent("users").select(*USER, F.lit(-1)))
        return both.join(basis.users, "user_id", "left_semi")

    def _signed(self, basis: Basis | None) -> DataFrame:
        """Return the sessions that are summed, with their sign and whether they count in months."""
        day = F.lit(self.work.spec["day"])
        if basis is None:
            signed = self.sessions.select(*SESSION, F.lit(1).alias("sign"))
        else:
            day = F.when(F.col("sign") == 1, day).otherwise(basis.before.day)
            leaves = "leaves"
            left = basis.changes.where(F.col(WAS) == LOADED).select(FILE, ROW, F.lit(True).alias(leaves))
            signs = F.when(F.col(leaves), F.array(F.lit(-1))).otherwise(F.array(F.lit(1), F.lit(-1)))
            theirs = basis.before.loaded().select(*SESSION, FILE, ROW).join(basis.users, "user_id", "left_semi")
            theirs = theirs.join(sent(left, self.rows.left), [FILE, ROW], "left")
            came = basis.changes.where(F.col(PLACE) == CAME)
            signed = theirs.select(*SESSION, F.explode(signs).alias("sign")).union(came.select(*SESSION, F.lit(1)))
        is_due = F.col(str(self.work.shape.day)) <= day.cast("date")
        return signed.withColumn("is_due", is_due)

    def _of_titles(self, signed: DataFrame, basis: Basis) -> DataFrame:
        """Return the sessions of users and titles of which the number of sessions, or the country, is not as it was."""
        changed = basis.changes.select("user_id", "content_id", F.lit(True).alias("_changed")).distinct()
        moved = basis.moved.withColumn("_moved", F.lit(True))
        found = signed.join(sent(changed, self.rows.came + self.rows.left), ["user_id", "content_id"], "left")
        found = found.join(sent(moved, basis.number), "user_id", "left")
        return found.where("_changed OR _moved").drop("_changed", "_moved")

    def _write(self, basis: Basis | None) -> dict[str, list[str]]:
        """Write the tables. What Spark does for them it does side by side: the last tasks leave cores to the next."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            users = pool.submit(self._write_users, basis)
            found = dict(zip(tables.SOURCES, pool.map(self._found, tables.SOURCES), strict=True))
            made = {OF_USERS: users.result()}
        small = {
            name: tables.added(name, list(columns), found[tables.TABLES[name].source], self._before(name, basis))
            for name, columns in self.names.items()
            if name in tables.TABLES
        }
        small[tables.MONTHS] = tables.titles_of_months(small[tables.TITLES_BY_MONTH])
        for name in self.names.keys() - made.keys():
            self.work.folder.write_one(f"sums/{name}.parquet", small[name])
            made[name] = [f"sums/{name}.parquet"]
        return made

    def _found(self, source: str) -> pa.Table:
        return self.work.spark.sql(_sql(source)).toArrow()

    def _write_users(self, basis: Basis | None) -> list[str]:
        columns, spark = self.names[OF_USERS], self.work.spark
        users = spark.table("user_viewing").where("sign = 1").select(*columns)
        if basis is not None:
            before = read(spark, *(basis.before.folder / path for path in basis.before.sums[OF_USERS]))
            users = users.union(before.select(*columns).join(basis.users, "user_id", "left_anti"))
        self.work.folder.write(f"sums/{OF_USERS}", users)
        return self.work.folder.files(f"sums/{OF_USERS}")

    def _before(self, name: str, basis: Basis | None) -> pa.Table | None:
        if basis is None:
            return None
        [path] = basis.before.sums[name]
        return pq.read_table(basis.before.folder / path)


def _sql(name: str) -> str:
    text = pkgutil.get_data("pipeline.spark", f"sql/{name}.sql")
    assert text is not None, name  # noqa: S101
    return text.decode()

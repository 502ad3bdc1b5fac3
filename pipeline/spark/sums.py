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

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.spark.previous import Previous, paths_of
from pipeline.spark.rows import Rows
from pipeline.spark.shape import sent
from pipeline.spark.work import Work

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
KEYS = {
    "rollup_audience": ("country", "subscription_type"),
    "rollup_minutes": ("minutes",),
    "rollup_cohort": ("cohort_month", "subscription_type", "month"),
    "rollup_device": ("device_type", "quality_level"),
    "rollup_title": ("content_id",),
    "rollup_title_bucket": ("content_id", "bucket"),
    "rollup_title_country": ("country", "content_id"),
    "rollup_title_month": ("content_id", "month"),
    "rollup_day": ("watch_date",),
}
"""The columns by which tables that add up are grouped. The others are sums; a row whose first is 0 is none."""
COUNTED = {
    "rollup_audience": "users",
    "rollup_minutes": "users",
    "rollup_cohort": "active_users",
    "rollup_title": "viewers",
}
OF_TITLES, OF_MONTHS, OF_USERS = "rollup_title_month", "rollup_month", "rollup_user"


class Basis(NamedTuple):
    """A snapshot to go on from, and the users whose part in it is not as it was."""

    before: Previous
    users: DataFrame
    number: int


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
        return {OF_TITLES: ("content_id", "month", "sessions"), **self.work.spec["sums"]}

    def make(self) -> dict[str, list[str]]:
        """Make the tables; return the files of each."""
        if not self.work.spec["sums"]:
            return {}
        with self.work.folder.step("users concerned", 0.5):
            basis = self._concerned()
        if basis and not basis.number:
            return self._as_before(basis.before)
        self.work.spark.sql(_sql("label"))
        with self.work.folder.step("sums of users", 0.55):
            signed = self._signed(basis)
            self._view("signed_sessions", signed)
            self._view("signed_users", self._users(basis))
            for name in ("user_device", "user_month", "user_title", "user_viewing"):
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
        parts = [changes.select("user_id")]
        if not before.has_same_parent("users", self.work.parents["users"].path):
            both = self._parent().withColumn("sign", F.lit(1)).union(before.parent("users").select(*USER, F.lit(-1)))
            parts.append(both.groupBy(*USER).agg(F.sum("sign").alias("sign")).where("sign <> 0").select("user_id"))
        if before.day != self.work.spec["day"]:
            first, last = sorted((before.day, self.work.spec["day"]))
            months = [name for name in before.months if first[:7] <= name <= last[:7]]
            day = F.col(str(self.work.shape.day))
            parts.append(before.loaded(months).where((day > first) & (day <= last)).select("user_id"))
        users = reduce(DataFrame.union, parts).distinct().persist()
        count = users.count()
        if count > ANEW_FROM_USERS * self.work.parents["users"].rows:
            users.unpersist()
            return None
        return Basis(before, sent(users, count), count)

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
        """Return the sessions that are summed, with their sign and whether they count in months, user by user."""
        day = F.lit(self.work.spec["day"])
        if basis is None:
            signed = self.sessions.select(*SESSION, F.lit(1).alias("sign"))
        else:
            before = basis.before
            day = F.when(F.col("sign") == 1, day).otherwise(before.day)
            same = [name for name in self.rows.months if name not in self.rows.changed]
            changed = [month for name, month in self.rows.months.items() if name in self.rows.changed]
            now = self.work.shape.read(self.work.spark, paths_of(changed, self.work.lake))
            parts = (
                (before.loaded(same), F.explode(F.array(F.lit(1), F.lit(-1)))),
                (now, F.lit(1)),
                (before.loaded(self.rows.changed), F.lit(-1)),
            )
            signed = reduce(
                DataFrame.union,
                [
                    part.select(*SESSION).join(basis.users, "user_id", "left_semi").withColumn("sign", sign)
                    for part, sign in parts
                ],
            )
        is_due = F.col(str(self.work.shape.day)) <= day.cast("date")
        return signed.withColumn("is_due", is_due).repartition("sign", "user_id")

    def _write(self, basis: Basis | None) -> dict[str, list[str]]:
        """Write the tables, a few at a time: the last tasks of one leave cores to the next."""
        self._view(OF_TITLES, self._added(OF_TITLES, basis))
        # That of the users takes longest, and begins.
        names = sorted(self.names, key=lambda name: name != OF_USERS)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            made = pool.map(lambda name: self._write_table(name, basis), names)
            return dict(zip(names, made, strict=True))

    def _write_table(self, name: str, basis: Basis | None) -> list[str]:
        columns = self.names[name]
        if name == OF_USERS:
            self.work.folder.write(f"sums/{name}", self._all_users(basis).select(*columns))
            return self.work.folder.files(f"sums/{name}")
        frame = self.work.spark.table(name) if name == OF_TITLES else self._added(name, basis)
        self.work.folder.write_one(f"sums/{name}.parquet", frame.select(*columns))
        return [f"sums/{name}.parquet"]

    def _added(self, name: str, basis: Basis | None) -> DataFrame:
        """Return a table: what was before with what is added and taken away."""
        found = self.work.spark.sql(_sql(name))
        if basis is None or name == OF_MONTHS:
            return found
        keys = KEYS[name]
        sums = [column for column in found.columns if column not in keys]
        counted = COUNTED.get(name, "sessions")
        both = found.unionByName(self._before(name, basis.before))
        return both.groupBy(*keys).agg(*(F.sum(each).alias(each) for each in sums)).where(F.col(counted) > 0)

    def _all_users(self, basis: Basis | None) -> DataFrame:
        found = self.work.spark.sql(_sql(OF_USERS))
        if basis is None:
            return found
        return found.unionByName(self._before(OF_USERS, basis.before).join(basis.users, "user_id", "left_anti"))

    def _before(self, name: str, before: Previous) -> DataFrame:
        return self.work.spark.read.parquet(*(str(before.folder / path) for path in before.sums[name]))


def _sql(name: str) -> str:
    text = pkgutil.get_data("pipeline.spark", f"sql/{name}.sql")
    assert text is not None, name  # noqa: S101
    return text.decode()

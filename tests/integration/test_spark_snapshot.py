"""Snapshots of sessions that Spark makes of landed files are to the row what PostgreSQL has of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sample import write_sample
from tests.in_process import settle
from tests.project import Project
from tests.small_input import SESSION_COLUMNS
from tests.spark_cluster import needs_spark
from tests.spark_in_process import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(900)  # each job of Spark's takes its time, the more where others work too

DAY = "2024-11-20"
"""The sample is of 2024: what is later has not come yet."""
LONG = "é" * 600  # more than 1,000 bytes


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    needs_spark()
    with spark_session(tmp_path_factory.mktemp("warehouse")) as session:
        yield session


def write(project: Project, name: str, *lines: str) -> None:
    project.write_rows(name, [SESSION_COLUMNS, *lines])


def lines_of(project: Project, name: str) -> list[str]:
    """Return the lines of a file byte by byte: not all of it is UTF-8."""
    return (project.raw / name).read_bytes().decode("latin-1").split("\n")


class Lake:
    """The snapshots of a project, each made from the one before."""

    def __init__(self, spark: SparkSession, project: Project) -> None:
        self.spark, self.project = spark, project
        self.path = project.folder / "lake"
        self.last: Path | None = None
        self.number = 0

    def make(self, day: str = DAY, *, anew: bool = False) -> dict[str, Any]:
        from pipeline.spark import snapshot
        from tests.landed import assert_as_in_postgres, specification

        self.number += 1
        spec = specification(self.project, self.path, f"{self.number}", day, None if anew else self.last)
        manifest = snapshot.make(self.spark, spec)
        assert_as_in_postgres(self.project, self.path, spec, manifest)
        self.last = Path(spec["folder"])
        return manifest

    def changed(self, manifest: dict[str, Any]) -> set[str]:
        """Return the months that this snapshot wrote."""
        own = f"snapshots/{self.number}/"
        return {month for month, told in manifest["months"].items() if told["folder"].startswith(own)}


@pytest.fixture
def lake(spark: SparkSession, project: Project) -> Lake:
    write_sample(project.raw, sessions=4000, seed=3)
    # Ties of devices by sessions and minutes, labels no index could hold, nulls, and days to come.
    write(
        project,
        "viewing_sessions-odd.csv",
        *(
            f"T{number},U000001,M0001,2024-05-0{number + 1},50,50,{device},HD"
            for number, device in enumerate(["b", "a", "B"])
        ),
        f"L1,U000002,M0001,2024-05-01,50,50,{LONG},{LONG}x",
        "N1,U000002,M0001,2024-05-01,,,,",
        "N2,U000002,M0001,2024-05-02,,99.99,,HD",
        "F1,U000003,M0001,2024-12-24,50,50,TV,HD",
        "F2,U000003,M0002,2031-01-01,50,100,TV,HD",
    )
    settle(project, DAY)
    return Lake(spark, project)


def test_a_snapshot_is_kept_up(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.spark import rows

    project = lake.project
    first = lake.make()
    assert set(first["months"]) == {*(f"2024-{month:02d}" for month in range(1, 13)), "2031-01"}

    # Nothing changed.
    again = lake.make()
    assert lake.changed(again) == set()
    assert again["sums"] and again["months"] == first["months"]

    # A file more: sessions of known and new users, late ones of two older months, some of February once more, orphans.
    known = [
        line for line in lines_of(project, "viewing_sessions-2024-02.csv")[1:60] if line.isascii() and line[0] == "S"
    ]
    february = known[:15]
    late = [
        f"A{number},U00000{number},M0001,2024-0{4 + number % 2}-10,{number},{number}.5,TV,HD" for number in range(1, 9)
    ]
    orphans = ["O1,U999999,M0001,2024-07-01,1,1,TV,HD", "O2,U000001,M999999,2024-07-02,1,1,TV,HD"]
    write(project, "viewing_sessions-late.csv", *february, *late, *orphans, "A1,U000009,M0002,2024-04-11,7,70,TV,SD")
    settle(project, DAY)
    more = lake.make()
    assert lake.changed(more) == {"2024-02", "2024-04", "2024-05"}
    assert more["outcomes"] != first["outcomes"]

    # A user whom two sessions waited for comes, one moves, one leaves; sessions of an orphan's title still wait.
    users = lines_of(project, "users.csv")
    gone, moves = users[20], users[30].split(",")
    moves[2] = "Peru" if moves[2] != "Peru" else "Chile"
    users = [*users[:20], *users[21:30], ",".join(moves), *users[31:], "U999999,30,Peru,Basic,2023-01-01,1.5"]
    project.write("users.csv", "\n".join(users).encode("latin-1"))
    settle(project, DAY)
    moved = lake.make()
    assert moved["outcomes"] != more["outcomes"], gone

    # Days come; no row changes.
    settle(project, "2024-12-24")
    later = lake.make("2024-12-24")
    assert lake.changed(later) == set()
    assert later["sums"] != moved["sums"] or later["checks"] != moved["checks"]

    # A file edited, and in the same breath another one withdrawn: what they had superseded is back.
    write(project, "viewing_sessions-late.csv", *february[:5], *late[2:], "A1,U000001,M0001,2024-04-10,1,1.5,TV,HD")
    (project.raw / "viewing_sessions-odd.csv").unlink()
    settle(project, "2024-12-24")
    edited = lake.make("2024-12-24")
    assert "2031-01" not in edited["months"]
    assert lake.changed(edited) < set(edited["months"])

    # Made anew it has the same rows, month by month, and the same sums; also where files are of many months each.
    monkeypatch.setattr(rows, "FILES_A_MONTH", 0)
    anew = lake.make("2024-12-24", anew=True)
    assert lake.changed(anew) == set(anew["months"])
    assert {m: told["digest"] for m, told in anew["months"].items()} == {
        m: told["digest"] for m, told in edited["months"].items()
    }
    assert anew["outcomes"] == edited["outcomes"]

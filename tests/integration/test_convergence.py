"""After any sequence of changes, a run leaves what a load from scratch would have left.

`CONVERGENCE_EXAMPLES` and `CONVERGENCE_STEPS` set how many sequences of how many changes are tried.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.tasks.land_csv import LoadCsvsToPostgres
from pipeline.tasks.load import LoadUsers
from tests.comparing import assert_loaded, assert_same_rows
from tests.in_process import settle
from tests.kept import assert_kept_is_right
from tests.oracle import Warehouse, expected
from tests.project import DAY, Project
from tests.small_input import SESSION_COLUMNS, USER_COLUMNS, movie, series

EXAMPLES = int(os.environ.get("CONVERGENCE_EXAMPLES", "3"))
STEPS = int(os.environ.get("CONVERGENCE_STEPS", "8"))

CSV_NAMES = {
    "users": ("users.csv", "users-2.csv.gz", "users/archive.csv"),
    "viewing_sessions": ("viewing_sessions.csv", "viewing_sessions-2024.csv.gz", "viewing_sessions/late.csv"),
}
HEADERS = {"users": USER_COLUMNS, "viewing_sessions": SESSION_COLUMNS}
DELIVERIES = ("a.json", "b.json.gz")
CATALOGUE = "content.json"
ALWAYS_THERE = {"M1", "T1"}  # neither collection ever becomes empty, which would be refused

some = st.sampled_from
user_lines = st.builds(
    "{},{},{},{},{}-01,{}".format,
    some(["U1", "U2", "U3", "U4", ""]),
    some(["18", "33.0", "", "121"]),
    some(["Peru", "Chile", ""]),
    some(["Basic", "Premium", ""]),
    some(["2023-01", "2023-09", "2024-02", "2024-03"]),  # the last two are later than sessions
    some(["0", "7.125", ""]),
)
session_lines = st.builds(
    "S{},{},{},2024-{:02}-{},{},{},{},{}".format,
    st.integers(1, 6),
    some(["U1", "U2", "U3", "U4", "U5"]),
    some(["M1", "M2", "T1", "T2", "X1"]),
    st.integers(1, 3),
    some(["01", "15", "31"]),
    some(["0", "45", "120", "-1"]),
    some(["0", "9.995", "100", ""]),
    some(["TV", "Mobile", ""]),
    some(["HD", "4K"]),
)
tables = st.one_of(
    st.tuples(st.just("users"), some(CSV_NAMES["users"]), st.lists(user_lines, min_size=1, max_size=5)),
    st.tuples(
        st.just("viewing_sessions"),
        some(CSV_NAMES["viewing_sessions"]),
        st.lists(session_lines, min_size=1, max_size=8),
    ),
)
# A rating of 11 breaks the contract: the document takes the place of the one before, and is rejected.
features = st.fixed_dictionaries(
    {"title": some(["Solaris", "Stalker"]), "rating": some([None, 7.5, 11]), "genre": some([[], ["Drama"], ["A", "B"]])}
)
movies = st.builds(
    lambda key, minutes, fields: ("movies", movie(key, duration_minutes=minutes, **fields)),
    some(["M1", "M2", "X1"]),
    some([100, 200]),  # the first is less than sessions last
    features,
)
counted = st.builds(lambda key, fields: ("series", series(key, **fields)), some(["T1", "T2", "X1"]), features)
documents = st.lists(movies | counted, min_size=1, max_size=4)


def is_good(document: dict[str, Any]) -> bool:
    return document.get("rating") != 11


class Convergence(RuleBasedStateMachine):
    """Changes to the input, the databases and the calendar; after each, a run and a comparison."""

    embedded: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="convergence-"))
        self.project = Project(self.folder / "project", self.embedded, f"test_{uuid.uuid4().hex[:12]}")
        self.day = date.fromisoformat(DAY)
        self.present: dict[str, dict[str, dict[str, Any]]] = {"movies": {}, "series": {}}
        self.seen: dict[str, tuple[str, dict[str, Any]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def csv_files(self) -> list[str]:
        corrected = sorted(path.name for path in self.project.raw.glob("*-rejected-*.csv"))
        names = [*CSV_NAMES["users"], *CSV_NAMES["viewing_sessions"], *corrected]
        return [name for name in names if (self.project.raw / name).exists()]

    def settle(self, **options: Any) -> list[str]:
        return settle(self.project, self.day.isoformat(), **options)

    def deliver(self, name: str, delivered: list[tuple[str, dict[str, Any]]]) -> None:
        collections: dict[str, list[dict[str, Any]]] = {"movies": [], "series": []}
        for collection, document in delivered:
            collections[collection].append(document)
        content = json.dumps(collections)
        if name in self.delivered and self.delivered[name] == content:
            return  # known by its content, it is not delivered again
        self.delivered[name] = content
        self.project.write(name, content)
        for collection, document in delivered:
            if is_good(document):
                self.present[collection][document["content_id"]] = document
            else:
                self.present[collection].pop(document["content_id"], None)

    @initialize()
    def begin(self) -> None:
        self.delivered: dict[str, str] = {}
        self.deliver(CATALOGUE, [("movies", movie("M1")), ("series", series("T1"))])

    @rule(file=tables)
    def write(self, file: tuple[str, str, list[str]]) -> None:
        table, name, lines = file
        self.project.write_rows(name, [HEADERS[table], *lines])

    @precondition(lambda self: self.csv_files)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        (self.project.raw / data.draw(some(self.csv_files))).unlink()

    @precondition(lambda self: self.csv_files)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        old = data.draw(some(self.csv_files))
        table = "users" if old.startswith("users") else "viewing_sessions"
        alike = [name for name in CSV_NAMES[table] if name.endswith(".gz") == old.endswith(".gz")]
        new = self.project.raw / data.draw(some(alike))
        new.parent.mkdir(exist_ok=True)
        (self.project.raw / old).rename(new)

    @property
    def reject_files(self) -> list[Path]:
        return sorted((self.project.folder / "rejected").glob("*.csv"))

    @precondition(lambda self: self.reject_files)
    @rule(data=st.data(), age=some(["12", "121"]))
    def bring_rejected_records_back(self, data: st.DataObject, age: str) -> None:
        path = data.draw(some(self.reject_files))
        self.project.write(path.name, path.read_text().replace(",121,", f",{age},").replace(",-1,", ",1,"))

    @rule(name=some(DELIVERIES), delivered=documents)
    def deliver_titles(self, name: str, delivered: list[tuple[str, dict[str, Any]]]) -> None:
        self.deliver(name, delivered)

    @rule(name=some(DELIVERIES))
    def withdraw_a_delivery(self, name: str) -> None:
        (self.project.raw / name).unlink(missing_ok=True)

    @precondition(lambda self: self.removable)
    @rule(data=st.data())
    def remove_a_title(self, data: st.DataObject) -> None:
        collection, key = data.draw(some(self.removable))
        del self.present[collection][key]
        with self.project.mongo() as db:
            db[collection].delete_one({"content_id": key})
        self.day += timedelta(days=1)

    @property
    def removable(self) -> list[tuple[str, str]]:
        return [(name, key) for name, titles in self.present.items() for key in titles if key not in ALWAYS_THERE]

    @rule(title=movies | counted)
    def change_a_title_in_mongodb(self, title: tuple[str, dict[str, Any]]) -> None:
        collection, document = title
        document["rating"] = 5
        self.present[collection][document["content_id"]] = document
        with self.project.mongo() as db:
            db[collection].replace_one({"content_id": document["content_id"]}, document.copy(), upsert=True)
        self.day += timedelta(days=1)

    @rule()
    def another_day(self) -> None:
        self.day += timedelta(days=1)

    @rule(file=tables, task=some([LoadCsvsToPostgres, LoadUsers]))
    def a_run_that_ends_early(self, file: tuple[str, str, list[str]], task: type) -> None:
        """What a killed run leaves: some tasks done with a file that is not there later on, or is again."""
        _, name, _ = file
        path = self.project.raw / name
        before = path.read_bytes() if path.exists() else None
        self.write(file)
        self.settle(only=task, allow_empty=True)
        path.unlink() if before is None else path.write_bytes(before)

    @precondition(lambda self: self.csv_files)
    @rule(data=st.data())
    def a_run_that_ends_early_without_a_file(self, data: st.DataObject) -> None:
        path = self.project.raw / data.draw(some(self.csv_files))
        content = path.read_bytes()
        path.unlink()
        self.settle(only=LoadCsvsToPostgres, allow_empty=True)
        path.write_bytes(content)

    @rule(
        damage=some(
            [
                "TRUNCATE raw.users, raw.viewing_sessions",
                "TRUNCATE processed.viewing_sessions",
                "TRUNCATE processed.users CASCADE",
                "DROP TABLE processed.viewing_sessions CASCADE",
                "DROP TABLE processed.users CASCADE",
                "DROP TABLE processed.episodes CASCADE",
                "DROP TABLE raw.viewing_sessions",
                "DROP VIEW trusted.daily_viewing",
                "DROP VIEW trusted.session_details",
            ]
        )
    )
    def damage_a_table(self, damage: str) -> None:
        self.project.rows(damage)

    @invariant()
    def a_run_converges(self) -> None:
        self.settle(allow_empty=True)
        for collection in ("series", "movies"):  # the movie of an id wins
            for key, document in self.present[collection].items():
                self.seen[key] = (collection, document)
        warehouse = self.from_scratch()
        removed = {key for key in self.seen if not any(key in titles for titles in self.present.values())}
        assert_loaded(self.project, warehouse, removed)
        outcomes = self.project.rows(
            "SELECT source, read, loaded, rejected, superseded, waiting FROM etl.file_outcomes"
        )
        assert_same_rows(outcomes, [(name, *each.values()) for name, each in warehouse.outcomes.items()], "outcomes")
        rejected = self.project.rows("SELECT source, record FROM etl.rejected_rows WHERE document_id IS NULL")
        wanted = [each for each in warehouse.rejected if each[0] in warehouse.outcomes]
        assert_same_rows(rejected, wanted, "rejected rows")
        assert self.settle(allow_empty=True) == []
        assert_kept_is_right(self.project, self.day.isoformat())

    def from_scratch(self) -> Warehouse:
        """What the present files and titles lead to; titles that were removed are only titles any more."""
        inputs = self.folder / "inputs"
        shutil.rmtree(inputs, ignore_errors=True)
        inputs.mkdir()
        for name in self.csv_files:
            (inputs / name).parent.mkdir(exist_ok=True)
            shutil.copy2(self.project.raw / name, inputs / name)
        collections: dict[str, list[dict[str, Any]]] = {"movies": [], "series": []}
        for collection, document in self.seen.values():
            collections[collection].append(document)
        (inputs / CATALOGUE).write_text(json.dumps(collections))
        note(f"{self.day}: {self.csv_files}, titles {sorted(self.seen)}")
        warehouse = expected(inputs)
        present = {key for titles in self.present.values() for key in titles}
        for table in ("movie_details", "series_details", "genres", "seasons", "episodes"):
            setattr(warehouse, table, [row for row in getattr(warehouse, table) if row.content_id in present])
        return warehouse


def try_sequences(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Have sequences of steps tried."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            # A failing sequence is short enough to read, and would take minutes to shorten.
            phases=(Phase.reuse, Phase.generate),
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.timeout(60 + 10 * EXAMPLES * STEPS)
def test_any_sequence_of_changes_converges(embedded: Path) -> None:
    try_sequences(type("ConvergenceHere", (Convergence,), {"embedded": embedded}), EXAMPLES, STEPS)

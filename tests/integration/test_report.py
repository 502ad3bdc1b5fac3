"""The analysts' page: every figure on it against pandas, its queries, and what it says of little data."""

from __future__ import annotations

import hashlib
import html
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.dictionary import questions
from pipeline.report.figures.style import rounded as as_drawn
from pipeline.sample import write_sample
from tests import figures_by_pandas
from tests.figures_by_pandas import Figures
from tests.in_process import settle
from tests.oracle import Warehouse, expected, trusted_views
from tests.page import Page
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import SESSION_COLUMNS, USER_COLUMNS, movie, session, write_users

# Figures of the audit, and those computed here: together all tables of the page.
AUDIT_TABLES = {"checks", "rejected", "waiting", "drift", "files", "loads", "lineage"}
BARS = {
    "devices": ["avg_duration_minutes"],
    "types": ["avg_completion"],
    "plans": ["sessions_per_active_user", "avg_completion"],
    "segments": ["percent_of_users", "percent_of_watch_hours"],
    "genres": ["avg_completion"],
}


@dataclass
class Reported:
    """A project with its page, what the sample says was put in, and what must come of it."""

    project: Project
    page: Page
    truth: dict[str, Any]
    warehouse: Warehouse
    figures: Figures


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Reported:
    """A page of a sample with dirty rows."""
    project = Project(tmp_path_factory.mktemp("report"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    truth = write_sample(project.raw, sessions=3000, seed=5)
    settle(project, report=True)
    warehouse = expected(project.raw)
    return Reported(project, page_of(project), truth, warehouse, Figures(warehouse))


def page_of(project: Project, day: str = DAY) -> Page:
    return Page(project.folder / "reports" / day / "index.html")


def as_text(rows: Iterable[tuple[Any, ...]]) -> list[tuple[str | None, ...]]:
    """The rows as a download writes them, numbers without regard to trailing zeros."""
    return [tuple(None if value is None else comparable(str(value)) for value in row) for row in rows]


def comparable(text: str | None) -> str | None:
    try:
        return f"{Decimal(str(text)).normalize():f}" if text is not None else None
    except ArithmeticError:
        return text


def test_every_table_of_figures_equals_pandas_cell_by_cell(reported: Reported) -> None:
    wanted = reported.figures.tables()
    assert set(reported.page.tables) == {*wanted, *AUDIT_TABLES}, "a table that no test computes"
    ordered = {"months", "days", "retention", "completion"}
    for name, rows in wanted.items():
        shown = [tuple(map(comparable, row)) for row in reported.page.tables[name].rows]
        computed = as_text(rows)
        if name not in ordered:
            shown, computed = sorted(shown, key=repr), sorted(computed, key=repr)
        assert shown == computed, name


def test_the_cards_compare_the_last_month_with_the_one_before(reported: Reported) -> None:
    figures = reported.figures
    last = max(figures.sessions["watch_date"])
    assert last == date(2024, 12, 31)
    now = figures.of_period(date(2024, 12, 1), last)
    before = figures.of_period(date(2024, 11, 1), date(2024, 11, 30))
    assert "1–31 December 2024, against 1–30 November 2024:" in reported.page.text
    for name, value in now.items():
        shown, change = reported.page.figures[f"figure {name}"]
        percent = name == "avg_completion"
        assert shown == (f"{value} %" if percent else f"{value:,}")
        if name == "titles_in_month":
            assert change == f"{before[name]:,} in the whole month before"
            continue
        difference = Decimal(value) - Decimal(before[name])
        wanted = f"{difference:+} points" if percent else f"{100 * difference / Decimal(before[name]):+.1f} %"
        arrow = "▲ " if difference > 0 else "▼ "
        assert change == (arrow + wanted.replace("-", "−") if difference else "no change"), name


def test_the_totals_are_those_of_all_sessions(reported: Reported) -> None:
    for name, value in reported.figures.totals().items():
        wanted = f"{value} %" if name == "avg_completion" else f"{value:,}"
        assert reported.page.figures[f"total {name}"] == [wanted]


def test_numbers_in_the_drawings_are_those_of_the_tables(reported: Reported) -> None:
    page = reported.page
    for name, columns in BARS.items():
        for column in columns:
            numbers = [as_drawn(value, 2) for value in page.tables[name].column(column) if value is not None]
            assert not Counter(numbers) - Counter(page.drawn[name]), f"{name}.{column}"
    weighted = [as_drawn(value, 0) for value in page.tables["genres"].column("weighted_sessions")]
    assert not Counter(weighted) - Counter(page.drawn["genres"])
    cells = [as_drawn(value, 0) for value in page.tables["retention"].column("retention")]
    assert not Counter(cells) - Counter(page.drawn["retention"])
    cells = [as_drawn(value, 1) for value in page.tables["device_quality"].column("avg_completion") if value]
    assert not Counter(cells) - Counter(page.drawn["device_quality"])
    countries = list(dict.fromkeys(row[0] for row in page.tables["top_titles"].rows))[:4]
    top = [row for row in page.tables["top_titles"].rows if row[0] in countries and int(str(row[1])) <= 5]
    assert not Counter(as_drawn(row[-1], 2) for row in top) - Counter(page.drawn["top_titles"])


def test_checks_find_what_pandas_finds(reported: Reported) -> None:
    found = dict(zip(*(reported.page.tables["checks"].column(name) for name in ("name", "findings")), strict=True))
    warehouse = reported.warehouse
    wanted = {
        "content/same_title_twice": figures_by_pandas.titles_alike(warehouse),
        "content/season_count_disagrees": figures_by_pandas.seasons_disagreeing(warehouse),
        "quality/completion_missing_share": figures_by_pandas.devices_without_completion(warehouse),
    }
    assert len(found) == len(list((REPOSITORY / "sql/checks").glob("*/*.sql")))
    # The sample is clean in all that the other checks look at.
    assert found == {name: str(wanted.get(str(name), 0)) for name in found}
    passed = sum(count == "0" for count in found.values())
    assert reported.page.figures["quality checks passed"] == [str(passed)]
    assert reported.page.figures["quality checks with findings"] == [str(len(found) - passed)]


def test_rejected_and_waiting_records_are_those_of_the_files(reported: Reported) -> None:
    truth, page = reported.truth, reported.page
    in_files = {name: len(file["rejected"]) for name, file in truth["files"].items() if file["rejected"]}
    shown: Counter[str] = Counter()
    for source, records in zip(
        page.tables["rejected"].column("source"), page.tables["rejected"].column("records"), strict=True
    ):
        shown[str(source)] += int(str(records))
    documents = shown.pop("MongoDB movies") + shown.pop("MongoDB series")
    assert shown == in_files
    assert documents == len(truth["documents"]["rejected"])
    assert page.figures["quality records rejected"] == [f"{sum(in_files.values()) + documents:,}"]
    missing = sum(each["kind"] == "missing" for file in truth["files"].values() for each in file["rejected"])
    reasons = page.tables["rejected"].rows
    assert (
        sum(
            int(str(row[2]))
            for row in reasons
            if str(row[0]).endswith("is missing") and not str(row[1]).startswith("MongoDB")
        )
        == missing
    )
    waiting: Counter[str] = Counter()
    for source, records in zip(
        page.tables["waiting"].column("source"), page.tables["waiting"].column("records"), strict=True
    ):
        waiting[str(source)] += int(str(records))
    assert waiting == {name: each["waiting"] for name, each in reported.warehouse.outcomes.items() if each["waiting"]}
    assert page.figures["quality sessions waiting"] == [str(truth["waiting"]["count"])]


def test_every_file_reconciles_as_computed_from_it(reported: Reported) -> None:
    wanted = {
        (name, *(str(each[key]) for key in ("read", "loaded", "rejected", "superseded", "waiting")), "0")
        for name, each in reported.warehouse.outcomes.items()
    }
    assert {(row[0], *row[2:8]) for row in reported.page.tables["files"].rows} == wanted
    assert reported.page.figures["quality records unaccounted for"] == ["0"]


def test_loads_are_those_of_the_audit(reported: Reported) -> None:
    table = reported.page.tables["loads"]
    rows = {row[0]: row for row in table.rows}
    audited = reported.project.rows(
        "SELECT batch_id, rows_read, rows_loaded, rows_rejected, rows_superseded, rows_waiting FROM etl.batches"
        " WHERE task <> 'BuildReport'"
    )
    assert {row[0]: row[4:9] for row in table.rows} == {str(row[0]): tuple(map(str, row[1:])) for row in audited}
    assert {row[table.columns.index("difference")] for row in rows.values()} == {"0"}
    loaded = {row[1]: row[5] for row in table.rows}
    assert loaded["LoadViewingSessions"] == str(len(reported.warehouse.viewing_sessions))
    assert loaded["LoadUsers"] == str(len(reported.warehouse.users))
    assert reported.page.figures["quality loads failed or refused"] == ["0"]


def test_drift_names_what_the_sample_put_beyond_the_contract(reported: Reported) -> None:
    assert {row[:3] for row in reported.page.tables["drift"].rows} == {
        ("movies", "type changed", "release_year"),
        ("movies", "type changed", "rating"),  # of a document that is rejected for it
        ("movies", "type changed", "genre"),
        ("movies", "new field", "age_rating"),
        ("movies", "new field", "director"),
        ("series", "new field", "original_language"),
    }
    assert set(reported.page.tables["drift"].column("batches")) == {"1"}
    assert reported.page.figures["quality drifts seen"] == ["6"]


def test_lineage_leads_from_every_view_to_the_files_as_they_are(reported: Reported) -> None:
    table = reported.page.tables["lineage"]
    columns = [table.column(name) for name in ("object", "made_from", "kind", "fingerprint")]
    rows = list(zip(*columns, strict=True))
    above: dict[str | None, set[str | None]] = {}
    for made, source, _, _ in rows:
        above.setdefault(made, set()).add(source)

    def sources(name: str | None) -> set[str | None]:
        below = above.get(name, {None})
        return {name} if below == {None} else {each for source in below for each in sources(source)}

    sessions = {name for name in reported.truth["files"] if name.startswith("viewing_sessions")}
    assert sources("trusted.genre_performance") == {"content.json", "users.csv", *sessions}
    assert sources("trusted.episode_details") == {"content.json"}
    assert sources("trusted.load_history") == {"etl.batches"}
    views = {name for name in above if str(name).startswith("trusted.")}
    assert views == {f"trusted.{name}" for name in reported.page.rows_of_views()}
    digests = {made: fingerprint for made, _, kind, fingerprint in rows if kind == "file"}
    assert digests == {
        name: hashlib.blake2b((reported.project.raw / name).read_bytes(), digest_size=16).hexdigest()
        for name in (*reported.truth["files"], "content.json")
    }
    # Boxes of the drawing.
    assert {"genre_performance", "raw.users", "content.json"} <= set(reported.page.drawn["lineage"])


def test_the_dictionary_counts_the_rows_of_every_view(reported: Reported) -> None:
    computed = {name: len(rows) for name, rows in trusted_views(reported.warehouse).items()}
    shown = reported.page.rows_of_views()
    assert {name: shown[name] for name in computed} == computed
    assert shown["file_reconciliation"] == len(reported.warehouse.outcomes)
    assert len(reported.page.tables["lineage"].rows) == shown["lineage"]


def test_the_dictionary_has_every_table(reported: Reported) -> None:
    named = re.findall(r'<details id="table-([\w.]+)">', reported.page.text)
    declared = sorted(path.stem for path in (REPOSITORY / "sql/processed").glob("[a-z]*.sql"))
    assert named == [f"processed.{name}" for name in declared]
    assert "<td><code>completion_percentage</code></td><td>numeric(5,2)</td>" in reported.page.text


def test_every_example_of_the_dictionary_works_as_typed(reported: Reported) -> None:
    shown = re.findall(r'aria-label="Example query of trusted.(\w+)">(.*?)</pre>', reported.page.text, re.DOTALL)
    assert len(shown) == len(reported.page.rows_of_views()) == 23
    assert reported.page.text.count("<strong>Grain:</strong>") == 23
    for name, query in shown:
        example = html.unescape(query)
        assert f"trusted.{name}" in example, name
        assert reported.project.rows(example, role="analyst"), name


@pytest.mark.parametrize("path", sorted((REPOSITORY / "sql/examples").glob("*.sql")), ids=lambda path: path.stem)
def test_every_question_is_answered(reported: Reported, path: Path) -> None:
    rows = reported.project.rows(path.read_text(), role="analyst")
    assert rows or path.stem == "03_binge_days"
    assert f"sql/examples/{path.name}" in reported.page.text


def test_answers_equal_pandas(reported: Reported) -> None:
    def answer(name: str) -> list[tuple[Any, ...]]:
        return reported.project.rows((REPOSITORY / f"sql/examples/{name}.sql").read_text(), role="analyst")

    sessions = reported.figures.sessions
    abandoned = {row[0]: row[3:] for row in answer("04_abandoned_titles")}
    for content_id, group in sessions[sessions["completion_percentage"].notna()].groupby("content_id"):
        if content_id in abandoned:
            completion = group["completion_percentage"]
            share = figures_by_pandas.percent(int((completion < 25).sum()), len(group))
            assert abandoned[content_id] == (len(group), share, figures_by_pandas.mean(completion))
    days = reported.figures.days()
    mondays = [row for row in days if row[0].isoweekday() == 1]
    [monday] = [row for row in answer("08_seasonality") if row[1] == "Monday"]
    assert monday[2:4] == (len(mondays), figures_by_pandas.mean(row[1] for row in mondays))
    at_risk = answer("10_churn_risk")
    last = max(sessions["watch_date"])
    for user_id, *_, last_watch_date, days_away, usual_pause in at_risk:
        watched = sorted(set(sessions.loc[sessions["user_id"] == user_id, "watch_date"]))
        assert (watched[-1], (last - watched[-1]).days) == (last_watch_date, days_away)
        pauses = [(after - before).days for before, after in pairwise(watched)]
        assert figures_by_pandas.mean(pauses) == usual_pause
        assert days_away >= max(30, 3 * sum(pauses) / len(pauses))


def test_questions_begin_with_what_they_ask(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("SELECT 1\n")
    with pytest.raises(ValueError, match=r"1\.sql: the first two lines must be '-- question: …' and '-- shows: …'"):
        questions(tmp_path)


def test_a_page_of_no_session(project: Project) -> None:
    project.write_rows("users.csv", [USER_COLUMNS])
    project.write_rows("viewing_sessions.csv", [SESSION_COLUMNS])
    project.write_titles(movies=[], series=[])
    settle(project, report=True)
    empty = page_of(project)
    assert "There is no viewing session yet." in empty.text
    assert empty.text.count("No data for this yet.") == 11
    assert [
        name
        for name, rows in empty.rows_of_views().items()
        if rows and name not in ("data_quality", "lineage", "load_history", "file_reconciliation")
    ] == ["overall_summary"]

    write_users(project, "U1,,,,,")
    project.write_titles(movies=[movie("M1", genre=[])], series=[])
    project.write_rows("viewing_sessions.csv", [SESSION_COLUMNS, "S1,U1,M1,2024-02-29,,,,"])
    later = (date.fromisoformat(DAY) + timedelta(days=1)).isoformat()
    settle(project, day=later, report=True)
    page = page_of(project, later)
    assert page.figures["figure sessions"] == ["1", "nothing to compare with"]
    assert page.figures["figure avg_completion"] == ["none", "nothing to compare with"]
    assert page.tables["devices"].rows == [(None, "1", None, "0.00", None)]
    assert page.tables["top_titles"].rows == [(None, "1", "Metropolis", "M1", "1", "0.00")]
    assert page.tables["days"].rows == [("2024-02-29", "1", "1.00", "0.00", "0.00")]
    index = (project.folder / "reports/index.html").read_text()
    assert index.index(f'href="{later}/index.html"') < index.index(f'href="{DAY}/index.html"')


def test_a_question_that_is_added_builds_the_page_again(project: Project) -> None:
    write_users(project, "U1,30,Peru,Basic,2023-01-01,1.5")
    project.write_titles(movies=[movie("M1")], series=[])
    project.write_rows("viewing_sessions.csv", [SESSION_COLUMNS, session(1)])
    code = project.copy_code()
    settle(project, report=True)
    (code / "sql/examples/11_new.sql").write_text("-- question: Is it <new>?\n-- shows: One.\nSELECT 1 AS one;\n")
    assert settle(project, report=True) == ["BuildReport"]
    assert "<summary>Is it &lt;new&gt;?</summary>" in page_of(project).text

"""The analysts' page: every number on it, what it says of the database, and how it behaves in a browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page

from pipeline.report.index import write_index
from pipeline.report.page import write_page
from pipeline.report.tables import plain
from tests.browser.conftest import FORMULA, LONG, SCRIPT
from tests.browser.figures import hours, mean, page_tables, rounded, sessions_of, share
from tests.browser.reading import Reader, read
from tests.in_process import settings_of, settle
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import ANN, movie, series, session, write_sessions, write_users

EXAMPLES = sorted((REPOSITORY / "sql/examples").glob("*.sql"))
VIEWING = (
    "sessions-over-time",
    "duration-by-device",
    "completion-by-type",
    "completion-distribution",
    "device-quality",
    "top-titles",
    "genres",
    "plans",
    "retention",
    "segments",
    "budget",
)


@pytest.fixture(scope="module")
def page(page_file: Path) -> Reader:
    return read(page_file)


def cell(value: object) -> str:
    """Return a value as a cell has it: null as the words that stand for it."""
    return plain(value) if value is not None else ""


def test_every_number_equals_one_computed_with_pandas_from_the_raw_files(published: Project, page: Reader) -> None:
    wanted = page_tables(published.raw)
    assert set(wanted) == {"months", *VIEWING}
    for name, rows in wanted.items():
        shown, exact = sorted(page.tables[name][1:]), sorted(tuple(map(cell, row)) for row in rows)
        assert [pair for pair in zip(shown, exact, strict=True) if pair[0] != pair[1]] == [], name


def test_the_head_is_the_last_month_against_the_one_before(published: Project, page: Reader) -> None:
    sessions = sessions_of(published.raw)
    months = sessions["watch_date"].map(lambda day: (day.year, day.month))
    last, before = sorted(months.unique())[:-3:-1]
    now, then = sessions[months == last], sessions[months == before]
    figures: dict[str, tuple[Decimal | int | None, Decimal | int | None, Decimal | int | None]] = {
        "sessions": (len(now), len(then), len(sessions)),
        "active_users": (now["user_id"].nunique(), then["user_id"].nunique(), sessions["user_id"].nunique()),
        "watch_hours": tuple(hours(each["watch_duration_minutes"]) for each in (now, then, sessions)),  # type: ignore[dict-item]
        "avg_completion": tuple(mean(each["completion_percentage"]) for each in (now, then, sessions)),  # type: ignore[dict-item]
    }
    for name, (value, previous, total) in figures.items():
        assert value is not None and previous is not None and total is not None
        change = value - previous if name == "avg_completion" else share(value - previous, previous, 1)
        sign = "±" if not change else "+" if Decimal(change) > 0 else "−"
        unit = "points" if name == "avg_completion" else "%"
        assert page.figures[name] == [str(value), f"{sign}{abs(Decimal(change)):,} {unit}", f"{total:,}"], name
    assert page.figures["titles_watched"][0] == str(now["content_id"].nunique())


def test_bars_are_labelled_with_the_figures_of_the_table(page: Reader) -> None:
    minutes = {f"{rounded(Decimal(row[1])):,}" for row in page.tables["duration-by-device"][1:] if row[1]}
    assert minutes <= set(page.drawn["duration-by-device"])


def test_quality_shows_findings_rejects_what_waits_drift_and_batches_that_add_up(
    published: Project, page: Reader
) -> None:
    def query(columns: str, severities: str) -> list[tuple[str, ...]]:
        found = published.rows(f"SELECT {columns} FROM trusted.data_quality WHERE severity IN ({severities})")
        return sorted(tuple(map(cell, row)) for row in found)

    for name, severities in (("rejected", "'rejected'"), ("waiting", "'waiting'"), ("drift", "'drift'")):
        columns = "name, source, findings, description" if name == "drift" else "name, source, findings"
        width = columns.count(",") + 1
        rows = query(columns, severities)
        assert rows, name
        assert sorted(row[:width] for row in page.tables[name][1:]) == rows, name
    assert sorted(row[:4] for row in page.tables["checks"][1:]) == query(
        "name, severity, findings, description", "'warn', 'error'"
    )
    rejected = published.value("SELECT count(*) FROM etl.rejected_rows")
    assert sum(int(row[2]) for row in page.tables["rejected"][1:]) == rejected
    heads, *batches = page.tables["batches"]
    assert {row[heads.index("difference")] for row in batches} == {"0"}
    assert {row[heads.index("status")] for row in batches} == {"loaded"}
    assert "viewing_sessions-hostile.csv" in {row[heads.index("source")] for row in batches}


def test_the_dictionary_has_every_view_and_column_with_its_type_and_meaning(published: Project, page: Reader) -> None:
    columns = published.rows(
        """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
        FROM pg_class AS c INNER JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'trusted'::regnamespace AND c.relkind IN ('v', 'm') AND a.attnum > 0
        ORDER BY c.relname, a.attnum
        """
    )
    shown = [
        (name.removeprefix("columns-"), *row)
        for name, rows in page.tables.items()
        if name.startswith("columns-")
        for row in rows[1:]
    ]
    assert shown == columns
    assert all(all(row) for row in shown)


def test_the_examples_of_the_dictionary_and_all_questions_run_as_typed(published: Project, page_file: Path) -> None:
    html = page_file.read_text()
    comments = published.rows(
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class"
        " WHERE relnamespace = 'trusted'::regnamespace AND relkind IN ('v', 'm')"
    )
    assert html.count('<pre tabindex="0" class="example">SELECT') == len(comments) == 16
    for name, comment in comments:
        assert re.search(r"Grain: one row for each .*\. Example: SELECT .*;$", comment), name
        assert published.rows(comment.partition("Example: ")[2], role="analyst"), name
    assert len(EXAMPLES) == 10
    for path in EXAMPLES:
        text = path.read_text()
        assert not re.search(r"\b(processed|raw|etl)\.", text)
        assert published.rows(text, role="analyst"), path.name
        assert f'id="question-{path.stem}"' in html


def test_lineage_leads_from_each_view_to_the_files(published: Project, page: Reader) -> None:
    heads, *rows = page.tables["lineage"]
    assert heads == ("name", "made_from", "task", "loaded", "fingerprint")
    made_from = {row[0]: row[1] for row in rows}
    assert made_from["trusted.device_engagement"] == "processed.viewing_sessions"
    assert set(made_from["trusted.content_summary"].split(", ")) == {
        f"processed.{name}"
        for name in ("content", "genres", "movie_details", "seasons", "series_details", "viewing_sessions")
    }
    assert made_from["processed.users"] == "raw.users"
    assert set(made_from["raw.users"].split(", ")) == {"users-hostile.csv", "users.csv"}
    assert made_from["processed.genres"] == "MongoDB movies, series"
    assert set(made_from["MongoDB movies, series"].split(", ")) == {"content.json", "hostile.json"}
    files = {row[0]: row for row in rows if row[2] == "LoadCsvToPostgres" and not row[0].startswith("raw.")}
    assert set(files) == {path.name for path in published.raw.iterdir() if path.suffix != ".json"}
    current = dict(
        published.rows("SELECT source, left(fingerprint, 12) FROM etl.batches WHERE task = 'LoadCsvToPostgres'")
    )
    assert {name: row[4] for name, row in files.items()} == current


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_whole_fits_and_can_be_read_by_everyone(
    look: Callable[..., Page], page_file: Path, axe: str, width: int, scheme: str
) -> None:
    page = look(page_file, width, scheme)
    drawn = page.evaluate(
        "[...document.querySelectorAll('figure svg')]"
        ".map(each => [each.getBoundingClientRect().height, each.querySelectorAll('path').length])"
    )
    assert len(drawn) == len(VIEWING) + 1
    assert all(height > 60 and shapes > 2 for height, shapes in drawn)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if (width, scheme) not in {(390, "dark"), (1280, "light")}:
        return  # what axe finds depends on the colours, and on the width; the other two would say no more
    page.evaluate(axe)
    violations = page.evaluate("axe.run().then(found => found.violations.map(each => [each.id, each.nodes[0].html]))")
    assert violations == []


def test_nothing_of_the_data_is_run_as_markup(look: Callable[..., Page], page_file: Path) -> None:
    page = look(page_file)
    assert page.title() == f"Video streaming, {DAY}"
    assert page.locator("img, main script, main b:not(details b)").count() == 0
    assert page.locator("#top-titles td").get_by_text(SCRIPT, exact=True).count() > 0
    assert page.locator("#top-titles td").get_by_text(LONG, exact=True).count() > 0


def test_a_click_on_a_heading_sorts_and_another_turns_it(look: Callable[..., Page], page_file: Path) -> None:
    page = look(page_file)
    column = page.locator("#table-duration-by-device tbody tr td:nth-child(3)")
    heading = page.locator("#table-duration-by-device th:nth-child(3)")
    heading.get_by_role("button").click()
    ascending = [int(text.replace(",", "")) for text in column.all_inner_texts()]
    assert ascending == sorted(ascending)
    assert len(set(ascending)) > 3
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").click()
    assert [int(text.replace(",", "")) for text in column.all_inner_texts()] == ascending[::-1]


def test_a_table_comes_down_as_csv_with_exact_values(
    look: Callable[..., Page], page_file: Path, page: Reader, tmp_path: Path
) -> None:
    opened = look(page_file)
    with opened.expect_download() as coming:
        opened.locator("#top-titles button.download").click()
    assert coming.value.suggested_filename == "top-titles.csv"
    coming.value.save_as(tmp_path / "top-titles.csv")
    with (tmp_path / "top-titles.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(map(tuple, csv.reader(file)))
    # What a spreadsheet would take for a formula is quoted.
    assert rows == [
        tuple(f"'{value}" if value == FORMULA else value for value in row) for row in page.tables["top-titles"]
    ]
    assert any(f"'{FORMULA}" in row for row in rows)


def test_a_link_to_a_view_opens_its_entry(look: Callable[..., Page], page_file: Path) -> None:
    page = look(page_file)
    page.locator("#genres").get_by_role("link", name="trusted.genre_performance").click()
    page.locator("#view-genre_performance pre.example").wait_for(state="visible")


def test_the_index_lists_the_days_newest_first(look: Callable[..., Page], page_file: Path, tmp_path: Path) -> None:
    reports = page_file.parent.parent
    assert look(reports / "index.html").locator("li a").all_inner_texts() == [DAY]
    for day in ("2026-03-01", "2026-03-02", "notes"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "index.html").write_text("")
    write_index(tmp_path)
    page = look(tmp_path / "index.html")
    assert page.locator("li a").all_inner_texts() == ["2026-03-02", "2026-03-01"]


def test_a_page_of_no_data_and_of_one_day_stays_readable(
    project: Project, look: Callable[..., Page], axe: str, tmp_path: Path
) -> None:
    write_users(project)
    write_sessions(project)
    project.write_titles(movies=[movie("M1")], series=[series("T1")])
    settle(project)
    with settings_of(project):
        assert write_page(tmp_path / "empty.html", date(2026, 3, 2)) == 0
    write_users(project, ANN)
    write_sessions(project, session(1))
    settle(project)
    with settings_of(project):
        assert write_page(tmp_path / "one.html", date(2026, 3, 2)) == 1
    written = {name: look(tmp_path / f"{name}.html", 390) for name in ("empty", "one")}
    assert "There are no sessions yet" in written["empty"].locator("#overview").inner_text()
    assert written["empty"].locator("#sessions-over-time .empty").count() == 1
    # A catalogue has genres before anyone watches; without budgets there is nothing to compare.
    assert written["one"].locator("figure svg").count() == len(VIEWING)
    for page in written.values():
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    written["empty"].evaluate(axe)
    assert written["empty"].evaluate("axe.run().then(found => found.violations.map(each => each.id))") == []

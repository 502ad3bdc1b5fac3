"""The analysts' page as a browser shows it, on a phone and on a desk, in light and in dark."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from tests.browser.conftest import HOSTILE_TITLES, LONG_WORD
from tests.page import Page

PANELS = 11
SMALLEST_TEXT = 7.9  # pixels, of the numbers in the cells of the retention map on a phone


@pytest.fixture(
    scope="module",
    params=[(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")],
    ids=lambda view: f"{view[0]}-{view[1]}",
)
def tab(request: pytest.FixtureRequest, chromium: Browser, page_path: Path) -> Tab:
    """The page opened from disk; what it says on the console and what it requests is kept on it."""
    width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    request.addfinalizer(context.close)
    tab = context.new_page()
    said: list[str] = []
    requested: list[str] = []
    tab.said, tab.requested = said, requested  # type: ignore[attr-defined]
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda asked: requested.append(asked.url))
    tab.goto(page_path.as_uri())
    tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    return tab


def test_nothing_is_said_on_the_console_and_nothing_is_requested(tab: Tab, page_path: Path) -> None:
    assert tab.said == []  # type: ignore[attr-defined]
    assert [url for url in tab.requested if not url.startswith("data:")] == [page_path.as_uri()]  # type: ignore[attr-defined]


def test_every_plot_is_drawn_and_readable(tab: Tab) -> None:
    drawings = tab.evaluate(
        """() => [...document.querySelectorAll('.drawing svg, .graph svg')].map(svg => ({
            width: svg.getBoundingClientRect().width,
            height: svg.getBoundingClientRect().height,
            shapes: svg.querySelectorAll('path, use').length,
            smallest: Math.min(...[...svg.querySelectorAll('text')].map(
                text => parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a)),
            invisible: [...svg.querySelectorAll('path, text')].filter(
                each => /var\\(/.test(getComputedStyle(each).fill + getComputedStyle(each).stroke)).length,
        }))"""
    )
    assert len(drawings) == PANELS + 1
    for drawing in drawings:
        assert drawing["width"] > 300
        assert drawing["height"] > 50
        assert drawing["shapes"] >= 2
        assert drawing["smallest"] >= SMALLEST_TEXT
        assert drawing["invisible"] == 0


def test_nothing_overflows(tab: Tab) -> None:
    beyond = tab.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            const scrolled = each => each.closest('.scroll, .graph, pre, nav ul, caption');
            return [document.documentElement.scrollWidth - width, ...[...document.body.querySelectorAll('*')]
                .filter(each => !scrolled(each) && each.getBoundingClientRect().right > width + 1)
                .map(each => each.outerHTML.slice(0, 200))];
        }"""
    )
    assert beyond == [0]


def test_axe_finds_no_violation(tab: Tab, axe: str) -> None:
    tab.evaluate(axe)
    # The rows of a table are all alike: some are enough, and the others are put back.
    found = tab.evaluate(
        """async () => {
            const rows = [...document.querySelectorAll('tbody tr:nth-child(n + 5)')].map(row => [row, row.parentNode]);
            for (const [row] of rows) row.remove();
            const result = await axe.run(document, {resultTypes: ['violations']});
            for (const [row, body] of rows) body.append(row);
            return result.violations;
        }"""
    )
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


def test_drawings_take_the_colours_of_the_scheme(tab: Tab) -> None:
    text, page = tab.evaluate(
        """() => [
            getComputedStyle(document.querySelector('.drawing svg text')).fill,
            getComputedStyle(document.body).backgroundColor,
        ]"""
    )
    luminance = [sum(map(int, colour[4:-1].split(","))) for colour in (text, page)]
    is_dark = tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (luminance[0] > luminance[1]) == is_dark


def test_nothing_of_the_data_is_run_as_markup(chromium: Browser, page_path: Path) -> None:
    # Without the page's own policy, which would hide what slips through.
    context = chromium.new_context(bypass_csp=True)
    tab = context.new_page()
    tab.goto(page_path.as_uri())
    assert tab.evaluate("window.harmed") is None
    assert tab.evaluate("document.querySelectorAll('script').length") == 1
    assert tab.evaluate("document.querySelectorAll('img, b').length") == 0
    titles = tab.locator("table[data-name=budgets] td:first-child").all_text_contents()
    assert set(HOSTILE_TITLES.values()) <= set(titles)
    drawn = tab.locator("#plot-top_titles svg text").all_text_contents()
    assert any(text.startswith("<script>window.harmed = 1") and text.endswith("…") for text in drawn)
    assert any(text.startswith(LONG_WORD[:20]) and text.endswith("…") for text in drawn)
    assert HOSTILE_TITLES["H4"] in drawn
    context.close()


def test_a_click_sorts_a_table_and_what_is_missing_stays_last(tab: Tab) -> None:
    table = tab.locator("table[data-name=devices]")
    header = table.locator("th[data-column=avg_duration_minutes]")

    def shown() -> list[float]:
        return [float(text.replace(",", "")) for text in table.locator("tbody td:nth-child(3)").all_text_contents()]

    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert shown() == sorted(shown())
    header.locator("button").press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert shown() == sorted(shown(), reverse=True)
    assert shown()[0] == 9000
    names = table.locator("th[data-column=device_type] button")
    for _ in ("ascending", "descending"):
        names.click()
        assert table.locator("tbody td:nth-child(1)").all_text_contents()[-1] == "–"
    assert header.get_attribute("aria-sort") is None


def test_a_download_holds_the_table_as_csv(tab: Tab, page_path: Path, tmp_path: Path) -> None:
    button = tab.get_by_role("button", name="Download CSV: Production budget against watch hours")
    with tab.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "budgets.csv"
    download.value.save_as(tmp_path / "budgets.csv")
    with (tmp_path / "budgets.csv").open(newline="", encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file)
    table = Page(page_path).tables["budgets"]
    assert header == table.columns
    # A spreadsheet would take this title for a formula.
    formula = HOSTILE_TITLES["H5"]
    wanted = [[f"'{each}" if each == formula else each or "" for each in row] for row in table.rows]
    assert rows == wanted
    assert formula not in {row[0] for row in rows}


def test_a_link_to_a_view_opens_its_entry(chromium: Browser, page_path: Path) -> None:
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(page_path.as_uri())
    entry = tab.locator("#view-daily_viewing")
    assert entry.get_attribute("open") is None
    tab.locator("#plot-days .tools a").click()
    tab.wait_for_function("document.getElementById('view-daily_viewing').open")
    tab.goto(f"{page_path.as_uri()}#view-genre_performance")
    tab.wait_for_function("document.getElementById('view-genre_performance').open")
    tab.goto((page_path.parent.parent / "index.html").as_uri())
    tab.get_by_role("link", name=page_path.parent.name).click()
    assert tab.title() == f"Video streaming, {page_path.parent.name}"
    context.close()

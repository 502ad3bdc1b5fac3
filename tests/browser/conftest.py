"""A page of the sample and of what would break it, and Chromium to look at it with."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from pipeline.sample import write_sample
from tests.deployment.servers import missing
from tests.in_process import settle
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import movie, series, write_sessions, write_users

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
MARKUP = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'>"
LONG_WORD = "W" * 300
LONG_TITLE = "The very long story of a title that does not end " * 6 + "here"
HOSTILE_TITLES = {
    "H1": MARKUP,
    "H2": LONG_WORD,
    "H3": LONG_TITLE,
    "H4": "Five $dollars$ & 100 % of x^2_{y}",
    "H5": '=HYPERLINK("http://example.org")',
    "H6": '</svg></text><b>"quoted"</b>',
}


def write_hostile_input(project: Project) -> None:
    """Add titles, places and file names of markup and of great length, watched more than all others."""
    titles = [movie(key, title=title, production_budget=1000) for key, title in HOSTILE_TITLES.items()]
    project.write_titles(
        "hostile.json",
        movies=[*titles, movie("H7", note=MARKUP)],
        series=[series("H8", genre=[MARKUP, LONG_WORD[:255]])],
    )
    write_users(project, f'H1,30,"{MARKUP}",Basic,2023-01-01,1', "H2,31,,,2023-01-01,1", name="users-hostile.csv")
    lines = [
        f'{user}{title},{user},{title},2024-12-0{number},9000,{number}0.5,"{MARKUP}",{LONG_WORD}'
        for user in ("H1", "H2")
        for number, title in enumerate(["H1", "H2", "H3", "H4", "H5", "H6", "H8"], start=1)
    ]
    write_sessions(project, *lines, f"bad,H1,H1,{MARKUP},1,1,Mobile,HD", name="viewing_sessions-<b>bold.csv")


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Path:
    """The page of a project whose input would break it."""
    project = Project(tmp_path_factory.mktemp("browser"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    write_sample(project.raw, sessions=800, seed=6)
    write_hostile_input(project)
    settle(project, report=True)
    return project.folder / "reports" / DAY / "index.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        missing("Chromium (apt install chromium)")
    with sync_playwright() as playwright:
        # As root it has no sandbox; all it opens are pages of these tests.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    path = REPOSITORY / "tests/node_modules/axe-core/axe.min.js"
    if not path.is_file():
        missing("axe-core (npm install --prefix tests)")
    return path.read_text(encoding="utf-8")

"""The page of a project whose data holds everything that could break it, and a browser that tells of every error."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pipeline.sample import write_sample
from tests.deployment import conftest as deployment
from tests.deployment import servers
from tests.in_process import settle
from tests.project import DAY, REPOSITORY, Project
from tests.small_input import SESSION_COLUMNS, USER_COLUMNS, movie

SCRIPT = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">$x^2$ & <b>"
LONG = "Supercalifragilistic" * 15
FORMULA = '=HYPERLINK("http://example.com")'

browser = deployment.browser


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> Project:
    """A project with its page: a dirty sample, and names that are markup, formulas, or far too long."""
    project = Project(tmp_path_factory.mktemp("published"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    write_sample(project.raw, sessions=4000, seed=3)
    titles = {"X1": SCRIPT, "X2": LONG, "X3": FORMULA}
    project.write_titles(
        "hostile.json", movies=[movie(key, title, genre=[title[:200]]) for key, title in titles.items()]
    )
    markup = SCRIPT.replace('"', '""')
    project.write_rows("users-hostile.csv", [USER_COLUMNS, f'Z1,30,"{markup}","{markup}",2023-01-01,1', "Z2,30,,,,"])
    lines = [
        f'{user}-{key}-{number},{user},{key},2024-02-0{number},{90 * number},50.5,"{markup}",{LONG}'
        for user in ("Z1", "Z2")
        for key in titles
        for number in range(1, 4)
    ]
    project.write_rows("viewing_sessions-hostile.csv", [SESSION_COLUMNS, *lines])
    settle(project, report=True)
    return project


@pytest.fixture(scope="module")
def page_file(published: Project) -> Path:
    """Return the page of the project."""
    return published.folder / "reports" / DAY / "index.html"


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a way to open a file at a width and in a colour scheme; what the page complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def opened(path: Path, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type != "info" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if "file:" not in request.url[:5] else None)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the program that finds what keeps people from reading a page."""
    path = REPOSITORY / "tests/node_modules/axe-core/axe.min.js"
    if not path.is_file():
        servers.missing("axe-core (npm install --prefix tests)")
    return path.read_text()

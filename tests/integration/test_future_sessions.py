"""Sessions dated after the run's day: kept and named, and counted in days and months as soon as their day has come."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.comparing import assert_loaded
from tests.in_process import settle
from tests.integration.test_rollups import built, published
from tests.oracle import expected
from tests.project import DAY, Project
from tests.small_input import session, write_all, write_sessions

NEXT_DAY = "2026-03-03"


def on(number: int, day: str, user: str = "U1", title: str = "M1") -> str:
    return f"S{number},{user},{title},{day},50,50.5,Mobile,HD"


def months(project: Project) -> list[tuple[Any, ...]]:
    return project.rows("SELECT month, sessions, active_users, titles_watched FROM trusted.period_summary ORDER BY 1")


MAY = (date(2024, 5, 1), 3, 2, 2)


def test_sessions_of_days_to_come_count_when_their_day_comes(project: Project) -> None:
    write_all(project)
    ahead = (on(4, NEXT_DAY), on(5, "2026-03-31", title="T1"), on(6, "2099-12-31", user="U2"))
    write_sessions(project, *ahead, name="viewing_sessions-ahead.csv")
    settle(project, report=True)
    assert project.value("SELECT count(*) FROM trusted.session_details") == 6
    assert months(project) == [MAY]
    assert project.value("SELECT max(watch_date) FROM trusted.daily_viewing") == date(2024, 5, 3)
    assert project.value("SELECT max(month_number) FROM trusted.monthly_retention") == 0
    check = "SELECT findings FROM etl.check_results WHERE check_name = 'viewing_sessions/watched_in_future'"
    assert project.value(check) == 3
    page = (project.folder / "reports" / DAY / "index.html").read_text()
    assert "1–3 May 2024" in page
    assert "December 2099" not in page
    assert_loaded(project, expected(project.raw))

    # No input changed: it is a day later.
    first = built(project)
    settle(project, NEXT_DAY)
    assert built(project) == first, "it was kept up"
    assert months(project) == [MAY, (date(2026, 3, 1), 1, 1, 1)]
    assert project.value("SELECT max(month_number) FROM trusted.monthly_retention") == 22
    assert project.value(check) == 2
    assert_loaded(project, expected(project.raw), day=NEXT_DAY)
    assert settle(project, NEXT_DAY) == []

    # One leaves before its day, another one comes, and with them one for a day that has come.
    write_sessions(
        project,
        on(4, NEXT_DAY),
        on(6, "2099-12-31", user="U2"),
        on(7, "2026-03-31"),
        session(8),
        name="viewing_sessions-ahead.csv",
    )
    settle(project, NEXT_DAY)
    assert built(project) == first, "it was kept up"
    kept_up = published(project)
    assert_loaded(project, expected(project.raw), day=NEXT_DAY)
    settle(project, "2026-04-01")
    assert built(project) == first, "it was kept up"
    assert_loaded(project, expected(project.raw), day="2026-04-01")
    assert published(project) != kept_up


def test_gaps_in_the_days_end_with_the_run(project: Project) -> None:
    write_all(project)
    write_sessions(project, on(4, "2099-12-31"), name="viewing_sessions-ahead.csv")
    settle(project)
    check = "SELECT findings FROM etl.check_results WHERE check_name = 'quality/days_without_sessions'"
    assert project.value(check) == 0

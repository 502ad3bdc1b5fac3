"""Input of a handful of rows, of which a test can say every consequence."""

from __future__ import annotations

from typing import Any

from tests.project import Project

USER_COLUMNS = "user_id,age,country,subscription_type,registration_date,total_watch_time_hours"
SESSION_COLUMNS = (
    "session_id,user_id,content_id,watch_date,watch_duration_minutes,completion_percentage,device_type,quality_level"
)
ANN = "U1,30,Peru,Basic,2023-01-01,1.5"
BOB = "U2,41,Chile,Premium,2023-02-01,20"


def session(number: int, user: str = "U1", title: str = "M1", minutes: int = 50) -> str:
    """Return the line of a session."""
    return f"S{number},{user},{title},2024-05-0{number},{minutes},50.5,Mobile,HD"


def movie(content_id: str, title: str | None = "Metropolis", **fields: Any) -> dict[str, Any]:
    """Return the document of a movie."""
    return {
        "content_id": content_id,
        "title": title,
        "genre": ["Drama"],
        "release_year": 1999,
        "duration_minutes": 100,
        **fields,
    }


def series(content_id: str, title: str = "The Wire", **fields: Any) -> dict[str, Any]:
    """Return the document of a series."""
    return {
        "content_id": content_id,
        "title": title,
        "genre": ["Crime"],
        "seasons": 2,
        "episodes_per_season": [3, 4],
        "avg_episode_duration": 55,
        **fields,
    }


def write_users(project: Project, *lines: str, name: str = "users.csv") -> None:
    """Write a file of users."""
    project.write_rows(name, [USER_COLUMNS, *lines])


def write_sessions(project: Project, *lines: str, name: str = "viewing_sessions.csv") -> None:
    """Write a file of sessions."""
    project.write_rows(name, [SESSION_COLUMNS, *lines])


def write_all(project: Project) -> None:
    """Write two users, a movie and a series, and three sessions in two files."""
    write_users(project, ANN, BOB)
    project.write_titles(movies=[movie("M1")], series=[series("T1")])
    write_sessions(project, session(1), session(2, user="U2", title="T1"))
    write_sessions(project, session(3, user="U2"), name="viewing_sessions-2.csv")

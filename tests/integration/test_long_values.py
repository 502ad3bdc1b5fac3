"""Values too long for an index are kept in full, and do not stop the publication."""

from __future__ import annotations

import random

from tests.in_process import settle
from tests.project import Project


def test_long_names_of_groups_are_published_by_their_beginning(project: Project) -> None:
    rng = random.Random(1)
    long = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10_000)) for _ in range(4)]
    project.write_rows(
        "users.csv",
        [
            "user_id,age,country,subscription_type,registration_date,total_watch_time_hours",
            f"U1,30,{long[0]},{long[1]},2023-01-01,1",
        ],
    )
    project.write_rows(
        "viewing_sessions.csv",
        [
            "session_id,user_id,content_id,watch_date,watch_duration_minutes,completion_percentage,device_type,quality_level",
            f"S1,U1,M1,2024-01-01,60,50,{long[2]},{long[3]}",
        ],
    )
    project.write_titles(movies=[{"content_id": "M1", "title": long[0] * 2, "duration_minutes": 90}])
    settle(project)
    assert project.rows("SELECT country, subscription_type FROM processed.users") == [(long[0], long[1])]
    assert project.rows("SELECT device_type, quality_level FROM session_details", role="analyst") == [
        (long[2], long[3])
    ]
    for view, column, value in [
        ("country_engagement", "country", long[0]),
        ("top_content_by_country", "country", long[0]),
        ("subscription_engagement", "subscription_type", long[1]),
        ("monthly_retention", "subscription_type", long[1]),
        ("device_engagement", "device_type", long[2]),
        ("device_engagement", "quality_level", long[3]),
    ]:
        [(shown,)] = project.rows(f"SELECT {column} FROM trusted.{view}")
        assert shown.startswith(value[:200] + "… ")
        assert len(shown) == 234
    project.write("users-2.csv", "user_id,age,country,subscription_type,registration_date,total_watch_time_hours\n")
    assert "PublishTrusted" in settle(project)


def test_a_file_whose_name_is_not_utf8_is_skipped_with_a_warning(project: Project) -> None:
    project.write("users.csv", "user_id,age,country,subscription_type,registration_date,total_watch_time_hours\n")
    (project.raw / "users-\udce9.csv").write_text("user_id\n")
    run = project.task("LoadUsers")
    assert run.code == 0, run.output
    assert "users-\\udce9.csv: passed over, its name is not UTF-8; rename it" in run.output
    assert run.ran == ["CreatePostgresTables", "LoadCsvToPostgres users.csv", "LoadUsers"]

"""The main job on real input and on the sample, against independent computations."""

from __future__ import annotations

import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.sample import write_sample
from tests.comparing import TABLES, assert_loaded, table_rows
from tests.oracle import expected, trusted_views
from tests.project import Project


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory, embedded: Path) -> tuple[Project, dict[str, Any]]:
    """A project loaded from a sample with dirty rows, and what the sample says it put in."""
    project = Project(tmp_path_factory.mktemp("sampled"), embedded, f"test_{uuid.uuid4().hex[:12]}")
    truth = write_sample(project.raw, sessions=4000, seed=3)
    project.must_run()
    return project, truth


def test_the_real_input_loads_whole(course: Project) -> None:
    course.must_run()
    counts = {table: course.value(f"SELECT count(*) FROM processed.{table}") for table in TABLES}
    assert counts == {
        "content": 300,
        "movie_details": 200,
        "series_details": 100,
        "genres": 579,
        "seasons": 470,
        "episodes": 0,
        "users": 5000,
        "viewing_sessions": 8125,
    }
    assert course.value("SELECT count(*) FROM raw.users") == 5000
    assert course.value("SELECT count(*) FROM raw.viewing_sessions") == 8125
    assert course.rows("SELECT * FROM etl.rejected_rows") == []
    assert course.rows("SELECT * FROM etl.held_rows") == []


def test_the_sample_equals_an_independent_computation_cell_by_cell(
    sampled: tuple[Project, dict[str, Any]],
) -> None:
    project, _ = sampled
    warehouse = expected(project.raw)
    assert_loaded(project, warehouse)
    views = trusted_views(warehouse)
    assert len(views) == 14
    for view in views:
        cells = [value for row in table_rows(project, f"trusted.{view}") for value in row]
        assert not any(isinstance(value, float) for value in cells), f"{view}: figures are exact numbers"


def test_the_very_rows_the_sample_spoiled_are_rejected(sampled: tuple[Project, dict[str, Any]]) -> None:
    project, truth = sampled
    spoiled = {(name, each["record"]) for name, file in truth["files"].items() for each in file["rejected"]}
    rejected = project.rows(
        "SELECT source, record FROM etl.rejected_rows WHERE table_name IN ('users', 'viewing_sessions')"
    )
    assert set(rejected) == spoiled
    assert len(rejected) == len(spoiled)
    documents = {(each["collection"], each["content_id"]) for each in truth["documents"]["rejected"]}
    assert (
        set(
            project.rows(
                "SELECT table_name, document_id FROM etl.rejected_rows WHERE table_name IN ('movies', 'series')"
            )
        )
        == documents
    )


def test_every_batch_reconciles_as_the_sample_says(sampled: tuple[Project, dict[str, Any]]) -> None:
    project, truth = sampled
    audited = project.rows(
        "SELECT rows_read, rows_loaded + rows_rejected + rows_superseded + rows_waiting, status FROM etl.batches"
    )
    assert audited
    assert all(read == accounted and status == "loaded" for read, accounted, status in audited)
    outcomes = {
        row[0]: row[1:]
        for row in project.rows("SELECT source, read, loaded, rejected, superseded, waiting FROM etl.file_outcomes")
    }
    wanted = {
        name: tuple(each[key] for key in ("read", "loaded", "rejected", "superseded", "waiting"))
        for name, each in expected(project.raw).outcomes.items()
    }
    assert outcomes == wanted
    assert {name: file["records"] for name, file in truth["files"].items()} == {
        name: row[0] for name, row in outcomes.items()
    }
    assert sum(row[3] for row in outcomes.values()) == truth["superseded"]["count"]
    assert sum(row[4] for row in outcomes.values()) == truth["waiting"]["count"]


def test_a_second_run_runs_no_task(sampled: tuple[Project, dict[str, Any]]) -> None:
    project, _ = sampled
    assert project.must_run().ran == []


def test_the_report_shows_what_analysts_can_query(sampled: tuple[Project, dict[str, Any]]) -> None:
    project, _ = sampled
    page = (project.folder / "reports/2026-03-02/index.html").read_text()
    assert page.count("<svg") == 12
    for view in trusted_views(expected(project.raw)):
        assert f"trusted.{view}" in page
    [(minutes,)] = project.rows(
        "SELECT round(avg(watch_duration_minutes), 2) FROM trusted.session_details WHERE device_type = 'Mobile'"
    )
    assert isinstance(minutes, Decimal)
    assert f'<td class="n">{minutes}</td>' in page

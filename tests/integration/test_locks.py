"""Queries of analysts that take long: they delay a publish, and are neither broken off nor held up."""

from __future__ import annotations

import time

import pytest

from pipeline.state.locks import SPACE
from tests.in_process import load_all
from tests.project import Project


@pytest.fixture
def changed(project: Project) -> Project:
    """A loaded project two of whose views have another definition now."""
    project.copy_code()
    load_all(project)
    for view in ("country_engagement", "daily_viewing"):
        path = project.folder / f"code/sql/trusted/{view}.sql"
        path.write_text(path.read_text() + f"\nCOMMENT ON VIEW trusted.{view} IS 'Another text.';\n")
    return project


def test_a_long_query_delays_a_publish(changed: Project) -> None:
    with changed.connection("analyst") as connection, connection.cursor() as cursor:
        connection.autocommit = False
        # In the order opposite to that of the publish.
        cursor.execute("SELECT count(*) FROM trusted.daily_viewing")
        process = changed.start()
        deadline = time.monotonic() + 60
        while "waiting for queries to end" not in changed.logged():
            assert time.monotonic() < deadline and process.poll() is None, changed.logged()[-2000:]
            time.sleep(0.1)
        cursor.execute("SELECT count(*) FROM trusted.country_engagement")
        assert cursor.fetchone() == (2,)
        # Other analysts do not queue behind the publish meanwhile.
        with changed.connection("analyst") as other, other.cursor() as others:
            others.execute("SET statement_timeout = '5s'")
            others.execute("SELECT count(*) FROM trusted.daily_viewing")
        assert process.poll() is None
        connection.commit()
        assert process.wait(60) == 0
    comment = "SELECT obj_description('trusted.daily_viewing'::regclass)"
    assert changed.value(comment) == "Another text."


def test_who_holds_a_lock_too_long_is_named(changed: Project) -> None:
    held = "PublishTrusted processed: another session held a lock for more than LOCK_TIMEOUT_SECONDS (1 s): process"
    with changed.connection("analyst") as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("SELECT count(*)  FROM trusted.daily_viewing")
        run = changed.run_all(LOCK_TIMEOUT_SECONDS="1")
        pid = connection.info.backend_pid
    assert run.code == 30
    assert f"{held} {pid} (analyst from this machine, idle in transaction since " in run.output
    assert ": SELECT count(*) FROM trusted.daily_viewing); let it end, or end it" in run.output
    assert "Traceback" not in run.output

    [(name,)] = changed.rows("SELECT update_id FROM etl.table_updates WHERE update_id LIKE 'PublishTrusted%%'")
    with changed.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (SPACE, name))
        run = changed.run_all(LOCK_TIMEOUT_SECONDS="1")
        pid = connection.info.backend_pid
    assert run.code == 30
    assert f"{held} {pid} (pipeline from this machine, idle since " in run.output
    assert ": SELECT pg_advisory_lock(" in run.output
    changed.must_run()

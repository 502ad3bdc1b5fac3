"""A warehouse that an earlier version of the pipeline made is brought along by a run of this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bson.json_util import loads

from pipeline import CreatePostgresTables
from tests.comparing import assert_loaded
from tests.in_process import settle
from tests.oracle import expected
from tests.project import REPOSITORY, Project
from tests.small_input import ANN, BOB, movie, series, session, write_all, write_sessions, write_users

# What version 101cbab of 23 November 2026 had made of the input below: pg_dump --inserts, and the collections.
EARLIER = REPOSITORY / "tests/earlier_version"
DEFINITIONS = """
    SELECT format('%s.%s', attrelid::regclass, attname), format_type(atttypid, atttypmod), attnotnull::text,
        pg_get_expr(adbin, adrelid)
    FROM pg_attribute
    INNER JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace::regnamespace::text IN ('etl', 'raw', 'processed') AND relkind = 'r' AND attnum > 0
        AND NOT attisdropped
    UNION ALL
    SELECT indexdef, NULL, NULL, NULL FROM pg_indexes WHERE schemaname IN ('etl', 'raw', 'processed')
    UNION ALL
    SELECT format('%s.%s', conrelid::regclass, conname), pg_get_constraintdef(oid), NULL, NULL FROM pg_constraint
    WHERE connamespace::regnamespace::text IN ('etl', 'raw', 'processed') AND contype <> 'n'
    UNION ALL
    SELECT pg_get_triggerdef(oid), NULL, NULL, NULL FROM pg_trigger WHERE NOT tgisinternal
"""


def definitions(project: Project) -> set[tuple[Any, ...]]:
    """What the tables of a database are made of, in whatever order it came about."""
    return set(project.rows(DEFINITIONS))


def restore(project: Project) -> None:
    """Put the input, the warehouse and the documents of the earlier version in place."""
    write_all(project)
    write_users(project, ANN, BOB, "U3,300,Peru,Basic,2023-01-01,1.5")
    invalid = "S6,U1,M1,soon,50,50.5,Mobile,HD"
    write_sessions(project, session(4), session(5, user="U9"), invalid, name="viewing_sessions-3.csv")
    project.write_titles(movies=[movie("M1"), {"content_id": "M0"}], series=[series("T1")])
    project.rows("DROP SCHEMA etl, raw, processed, trusted CASCADE")
    project.rows((EARLIER / "warehouse.sql").read_bytes().decode())
    with project.mongo() as db:
        for name, documents in loads((EARLIER / "mongodb.json").read_text()).items():
            db[name].insert_many(documents)


def test_a_warehouse_of_an_earlier_version_is_brought_along(project: Project, tmp_path: Path) -> None:
    restore(project)
    assert "rejected" in project.pipeline("status").output, "what was loaded can be looked at before"
    project.must_run()
    assert_loaded(project, expected(project.raw))
    assert project.must_run().ran == []
    fresh = Project(tmp_path / "fresh", Path(project.env["EMBEDDED_PATH"]), f"{project.env['POSTGRES_DB']}_fresh")
    write_all(fresh)
    settle(fresh, only=CreatePostgresTables)
    assert definitions(project) >= definitions(fresh)
    assert {name for name, *_ in definitions(project) - definitions(fresh)} <= {
        # Made with the first load.
        f"CREATE INDEX {table}_record_idx ON raw.{table} USING btree (_batch_id, _row)"
        for table in ("users", "viewing_sessions")
    }

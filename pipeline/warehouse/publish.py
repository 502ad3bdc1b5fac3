"""Bringing the views of `trusted` to the present load, all in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from pipeline import progress
from pipeline.days import today
from pipeline.settings import get_settings
from pipeline.state.inputs import Inputs
from pipeline.state.spec import Load
from pipeline.warehouse import rollups
from pipeline.warehouse.retire import drop_undeclared
from pipeline.warehouse.statements import comment_on_columns, execute_file, fetch_value, lock_out_readers

logger = logging.getLogger("pipeline")

ANALYST = "data_analyst"
ABOUT_SESSIONS = " NB: "
READS_SESSIONS = """
    SELECT relname, coalesce(obj_description(pg_class.oid, 'pg_class'), '')
    FROM etl.view_reads INNER JOIN pg_class ON pg_class.oid = view
    WHERE source = to_regclass(%s) AND relkind = 'v'
        AND relnamespace = 'trusted'::regnamespace
"""
KINDS = {"v": "VIEW", "m": "MATERIALIZED VIEW"}


def publish(load: Load, fill: Callable[[Cursor, date], str] | None = None) -> None:
    """Refresh every materialized view, replace every view whose definition changed, drop those without one.

    Readers see all views of the last load until this one commits. They may wait while a definition is
    replaced, but no view is ever missing. Which definitions changed follows from the last marker.

    Args:
        load: the load in progress.
        fill: fills the rollups, where sessions are not kept here, as of a day; it returns what to say of a view that
            reads these themselves.
    """
    # The snapshot of one moment for all views.
    load.cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    load.cursor.execute("SET LOCAL work_mem = '192MB'")
    folder = get_settings().sql_path / "trusted"
    known = load.previous.inputs if load.previous and not load.previous.voided else Inputs()
    day = load.spec.run_date or today()
    about_sessions = ""
    with progress.stage("sums over sessions", "rows"):
        if fill:
            about_sessions = fill(load.cursor, day)
        else:
            rollups.bring_up_to_date(load.cursor, day, rebuild=_must_rebuild(load, known))
    existing = _existing(load)
    if not existing:
        execute_file(load.cursor, "trusted/00_schema.sql")  # it may have been dropped with all in it
    views = [path.stem for path in sorted(folder.glob("*.sql")) if not path.stem.startswith("00_")]
    definitions = load.spec.inputs.sql
    same = {name for name in views if known.sql.get(file := f"trusted/{name}.sql") == definitions[file]}
    _drop(load, {name: kind for name, kind in existing.items() if name not in same})
    with progress.stage("views", "views", len(views)) as advance:
        for name in views:
            if name in existing and name in same:
                _refresh(load, name, existing[name])
            else:
                execute_file(load.cursor, f"trusted/{name}.sql")
                logger.debug("trusted.%s: defined", name)
            advance(1)
    _comment_on_sessions(load.cursor, about_sessions)
    _comment_columns(load.cursor, folder)
    drop_undeclared(load.cursor)
    rollups.drop_earlier(load.cursor)
    # A schema that was dropped has come back without what init-postgres.sh granted.
    for grant in ("GRANT USAGE ON SCHEMA trusted TO {}", "GRANT SELECT ON ALL TABLES IN SCHEMA trusted TO {}"):
        load.cursor.execute(sql.SQL(grant).format(sql.Identifier(ANALYST)))
    load.holds = {f"trusted.{name}": 0 for name in views}
    for name, kind in _existing(load).items():
        if kind == "m":
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("trusted", name))
            load.holds[f"trusted.{name}"] = fetch_value(load.cursor, count)
    load.rows_read = load.rows_loaded = sum(load.holds.values())
    for name in [*rollups.names(load.cursor), "rollup_state"]:
        some = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT 1) AS found").format(sql.Identifier("etl", name))
        load.holds[f"etl.{name}"] = fetch_value(load.cursor, some)


def _must_rebuild(load: Load, known: Inputs) -> bool:
    """Tell whether the rollups are lost, or not what their present definition says."""
    if load.previous is None or load.previous.missing is not None:
        return True
    return any("rollups" in each.name for each in known.differences(load.spec.inputs))


def _existing(load: Load) -> dict[str, str]:
    load.cursor.execute(
        "SELECT relname, relkind FROM pg_class"
        " WHERE relnamespace = to_regnamespace('trusted') AND relkind IN ('v', 'm') ORDER BY relname"
    )
    return dict(load.cursor.fetchall())


def _drop(load: Load, kinds: dict[str, str]) -> None:
    def drop() -> None:
        for name, kind in kinds.items():
            load.cursor.execute(
                sql.SQL("DROP {kind} {view}").format(kind=sql.SQL(KINDS[kind]), view=sql.Identifier("trusted", name))
            )

    if kinds:
        lock_out_readers(load.cursor, drop)


def _comment_on_sessions(cursor: Cursor, about: str) -> None:
    """Have the views that read sessions themselves say which of them are here, or nothing of it any more."""
    cursor.execute(READS_SESSIONS, (f"processed.{rollups.SESSIONS}",))
    for view, comment in cursor.fetchall():
        own = comment.partition(ABOUT_SESSIONS)[0]
        wanted = f"{own}{ABOUT_SESSIONS}{about}" if about else own
        if wanted != comment:
            cursor.execute(
                sql.SQL("COMMENT ON VIEW {} IS {}").format(sql.Identifier("trusted", view), sql.Literal(wanted))
            )


def _comment_columns(cursor: Cursor, folder: Path) -> None:
    """Give the columns of which a view says nothing the comments of what it reads."""
    execute_file(cursor, "publish/column_comments.sql")
    for view, column, comment in cursor.fetchall():
        if f"COMMENT ON COLUMN trusted.{view}.{column} " not in (folder / f"{view}.sql").read_text(encoding="utf-8"):
            comment_on_columns(cursor, "trusted", view, {column: comment})


def _refresh(load: Load, name: str, kind: str) -> None:
    if kind == "m":
        load.cursor.execute(
            sql.SQL("REFRESH MATERIALIZED VIEW CONCURRENTLY {}").format(sql.Identifier("trusted", name))
        )

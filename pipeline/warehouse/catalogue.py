"""Loading the normalized tables of an extraction into `processed`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from psycopg2 import sql

from pipeline.documents.extended_json import shown
from pipeline.documents.extraction import REJECTED
from pipeline.documents.normalizer import TABLES
from pipeline.errors import PipelineError
from pipeline.settings import get_settings
from pipeline.state import markers
from pipeline.state.spec import Load
from pipeline.warehouse.checks import run_checks
from pipeline.warehouse.reject_limit import TooManyRejectsError, commonest_reasons, too_many
from pipeline.warehouse.statements import execute_file, fetch_value, identifiers

logger = logging.getLogger("pipeline")

SHOWN_TITLES = 3
KEYS = {
    "content": ["content_id"],
    "movie_details": ["content_id"],
    "series_details": ["content_id"],
    "genres": ["content_id", "genre"],
    "seasons": ["content_id", "season_number"],
    "episodes": ["content_id", "season_number", "episode_number"],
}


class EmptyCatalogueError(PipelineError):
    """A collection that held titles is empty; that is more likely a fault than meant."""


def load_catalogue(load: Load, folder: Path, manifest: dict[str, Any], *, allow_empty: bool) -> None:
    """Bring the tables of the catalogue to the state of an extraction.

    Rows that are the same are not rewritten. Titles that are gone keep their row with `removed_at`; their
    details, genres, seasons and episodes go.

    Args:
        load: the load in progress.
        folder: the files of the extraction.
        manifest: its manifest.
        allow_empty: accept that a collection which had titles has none any more.

    Raises:
        TooManyRejectsError: too many documents of the extraction were rejected.
        EmptyCatalogueError: a collection has become empty.
        CheckFailedError: an `error` check has findings.
    """
    for counts in manifest["collections"].values():
        load.rows_read += counts["read"]
        load.rows_loaded += counts["normalized"]
        load.rows_rejected += counts["rejected"]
    _keep_rejected(load, folder)
    _enforce_limit(load)
    for table in TABLES:
        _stage(load, table, folder)
    if not allow_empty:
        _refuse_emptied(load)
    parts = {table: _parts(table) for table in TABLES}
    execute_file(load.cursor, "load/content_removed.sql")
    _tell_removed(load)
    for table in reversed(list(TABLES)):
        if table != "content":
            execute_file(load.cursor, "load/sync_delete.sql", parts=parts[table])
    for table in TABLES:
        execute_file(load.cursor, "load/sync_upsert.sql", parts=parts[table])
    run_checks(load.cursor, "content")
    load.details |= {"drift": manifest["drift"], "extraction": manifest["batch_id"]}
    load.holds = {f"processed.{table}": _count(load, f"processed.{table}") for table in TABLES}
    load.objects = tuple(name for table in TABLES for name in markers.objects_of(load.cursor, f"processed.{table}"))


def _stage(load: Load, table: str, folder: Path) -> None:
    columns = identifiers(list(TABLES[table]))
    names = {"staged": sql.Identifier(f"staged_{table}"), "table": sql.Identifier("processed", table)}
    load.cursor.execute(
        sql.SQL("CREATE TEMP TABLE {staged} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA").format(
            columns=columns, **names
        )
    )
    copy = sql.SQL("COPY {staged} ({columns}) FROM STDIN (FORMAT csv, HEADER match)").format(columns=columns, **names)
    with (folder / f"{table}.csv").open("rb") as file:
        load.cursor.copy_expert(copy.as_string(load.cursor), file)
    load.cursor.execute(sql.SQL("ANALYZE {staged}").format(**names))


def _refuse_emptied(load: Load) -> None:
    load.cursor.execute(
        """
        SELECT type, count(*) FROM processed.content
        WHERE removed_at IS NULL AND type NOT IN (SELECT type FROM staged_content)
        GROUP BY type ORDER BY type
        """
    )
    emptied = [f"{count:,} titles of type {kind}" for kind, count in load.cursor.fetchall()]
    if emptied:
        raise EmptyCatalogueError(
            f"{' and '.join(emptied)} are loaded, but their collection in MongoDB has none any more; if that is"
            " meant, run with --allow-empty"
        )


def _tell_removed(load: Load) -> None:
    """Warn of titles that left: MongoDB may have lost them."""
    load.cursor.execute("SELECT content_id FROM processed.content WHERE removed_at = now() ORDER BY content_id")
    removed = [content_id for (content_id,) in load.cursor.fetchall()]
    if removed:
        more = f" and {len(removed) - SHOWN_TITLES:,} more" if len(removed) > SHOWN_TITLES else ""
        logger.warning(
            "%s titles are in MongoDB no more and are marked as removed: %s%s; if it lost them, deliver them again",
            f"{len(removed):,}",
            ", ".join(map(shown, removed[:SHOWN_TITLES])),
            more,
        )


def _parts(table: str) -> dict[str, sql.Composable]:
    columns, key = list(TABLES[table]), KEYS[table]
    same = [sql.SQL("{} = {}").format(sql.Identifier("staged", name), sql.Identifier("target", name)) for name in key]
    return {
        "table": sql.SQL(table),
        "columns": identifiers(columns),
        "excluded": identifiers(columns, "excluded"),
        "staged": identifiers(columns, "staged"),
        "target": identifiers(columns, "target"),
        "key": identifiers(key),
        "same_key": sql.SQL(" AND ").join(same),
    }


def _keep_rejected(load: Load, folder: Path) -> None:
    """Keep the rejected documents of this extraction in place of those of the last one."""
    load.cursor.execute("DELETE FROM etl.rejected_rows WHERE stage = 'extract'")
    with (folder / REJECTED).open(encoding="utf-8") as file:
        for line in file:
            rejected = json.loads(line)
            first = rejected["problems"][0]
            load.cursor.execute(
                """
                INSERT INTO etl.rejected_rows (
                    batch_id, stage, table_name, source, document_id, column_name, value, reason, problems, row
                ) VALUES (%s, 'extract', %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                (
                    load.batch_id,
                    rejected["collection"],
                    f"MongoDB {rejected['collection']}",
                    rejected["document_id"],
                    first["column"],
                    first["value"],
                    first["reason"],
                    json.dumps(rejected["problems"]),
                    rejected["row"],
                ),
            )


def _enforce_limit(load: Load) -> None:
    read, rejected = load.rows_read, load.rows_rejected
    if load.batch_id is None or not too_many(read, rejected):
        return
    reasons = commonest_reasons(load.cursor, load.batch_id, "extract")
    limit = get_settings().max_reject_ratio
    raise TooManyRejectsError(
        f"{rejected:,} of {read:,} documents of MongoDB were rejected, more than the {limit:.0%} that"
        f" MAX_REJECT_RATIO allows: {reasons}. Correct them in MongoDB, or raise the limit.",
        load.cursor,
        load.batch_id,
        load.spec.source,
    )


def _count(load: Load, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    return int(fetch_value(load.cursor, query))

"""What the programs that run on Spark are given and what they must find, both from what PostgreSQL holds."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.declared import declared
from pipeline.contract.register import tables
from pipeline.contract.table import Table
from pipeline.contract.typing import define_staging
from tests.in_process import settings_of
from tests.project import REPOSITORY, Project

ARROW = {"text": pa.string(), "integer": pa.int32(), "numeric(5,2)": pa.decimal128(5, 2), "date": pa.date32()}
RANKS = """
    SELECT
        batch_id, source,
        row_number() OVER (
            ORDER BY coalesce(details ->> 'corrects', source) COLLATE "C", NOT details ? 'corrects', length(source),
            source COLLATE "C"
        )
    FROM etl.table_updates AS updates INNER JOIN etl.batches USING (batch_id)
    WHERE updates.target_table = 'raw.viewing_sessions'
"""
PARENTS = {
    "users": "SELECT user_id, country, subscription_type, registration_date FROM processed.users ORDER BY user_id",
    "content": "SELECT content_id, release_year FROM processed.content ORDER BY content_id",
    "movie_details": "SELECT content_id, duration_minutes FROM processed.movie_details ORDER BY content_id",
}
PARENT_TYPES = {"registration_date": pa.date32(), "release_year": pa.int32(), "duration_minutes": pa.int32()}


def specification(project: Project, lake: Path, name: str, day: str, previous: Path | None) -> dict[str, Any]:
    """Land what is in `raw`, export the parents and return what a snapshot is to be made of."""
    folder = lake / "snapshots" / name
    (folder / "parents").mkdir(parents=True)
    for parent, query in PARENTS.items():
        with project.connection() as connection, connection.cursor() as cursor:
            cursor.execute(query)
            names = [each.name for each in cursor.description]
            columns = zip(*cursor.fetchall(), strict=True)
            arrays = {
                name: pa.array(values, PARENT_TYPES.get(name, pa.string()))
                for name, values in zip(names, columns, strict=True)
            }
        pq.write_table(pa.table(arrays), folder / f"parents/{parent}.parquet")
    with settings_of(project):
        table = tables()["viewing_sessions"]
        sums = project.rows(
            "SELECT relname, array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
            " INNER JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE relnamespace = 'etl'::regnamespace AND relkind = 'r' AND starts_with(relname, 'rollup_')"
            " AND relname <> ALL (%s)"
            " AND attnum > 0 AND NOT attisdropped GROUP BY relname",
            [f"rollup_{name}" for name in ("state", "user_device", "user_month", "title_month", "future")],
        )
        return {
            "folder": str(folder),
            "lake": str(lake),
            "landed": str(lake / "landed"),
            "declared": declared(table),
            "files": [land(project, table, lake / "landed", batch) for batch in project.rows(RANKS)],
            "parents": list(PARENTS),
            "checks": [
                {"name": f"viewing_sessions/{path.stem}", "query": portable(path.read_text(), day)}
                for path in sorted((REPOSITORY / "sql/checks/viewing_sessions").glob("*.sql"))
            ],
            "day": day,
            "previous": str(previous) if previous else None,
            "sums": dict(sums),
            "window_from": "2024-12-01",
            "examples": 5,
        }


def portable(query: str, day: str) -> str:
    """Return a check's query as Spark reads it."""
    return query.replace("processed.", "").replace("current_setting('pipeline.run_day')::date", f"DATE '{day}'")


def land(project: Project, table: Table, landed: Path, batch: tuple[int, str, int]) -> dict[str, Any]:
    """Write the Parquet file of a batch, with the records that were rejected, and return what is told of it."""
    number, source, rank = batch
    with project.connection() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP VIEW of_batch AS SELECT * FROM {table.raw} WHERE _batch_id = {number:d}")
        define_staging(cursor, table, "staged", "of_batch")
        names = ", ".join(table.column_names)
        cursor.execute(f"SELECT {names}, _row FROM staged WHERE valid ORDER BY _row")
        rows = cursor.fetchall()
        cursor.execute("SELECT record, stage FROM etl.rejected_rows WHERE batch_id = %s", (number,))
        rejected = cursor.fetchall()
    every = [(*row, None) for row in rows]
    every += [(*[None] * len(table.columns), record, json.dumps({"stage": stage})) for record, stage in rejected]
    types = [
        *((column.name, ARROW[column.type]) for column in table.columns),
        ("_row", pa.int64()),
        ("rejected", pa.string()),
    ]
    columns = {name: pa.array([row[place] for row in every], kind) for place, (name, kind) in enumerate(types)}
    content = pa.table({**columns, "others": pa.nulls(len(every), pa.map_(pa.string(), pa.string()))})
    digest = hashlib.sha256(f"{source} {every}".encode()).hexdigest()[:12]
    name = f"{Path(source).name.replace('.', '-')}-{digest}.parquet"
    landed.mkdir(exist_ok=True)
    pq.write_table(content, landed / name, compression="zstd")
    load_rejected = sum(stage == "load" for _, stage in rejected)
    months = Counter(f"{row[3]:%Y-%m}" for row in rows)
    return {
        "parquet": name,
        "rank": rank,
        "months": months,
        "rows": len(rows) + load_rejected,
        "load_rejected": load_rejected,
        "batch": number,
    }


def read(paths: Iterable[Path], columns: list[str]) -> list[tuple[Any, ...]]:
    """Return rows of Parquet files."""
    found: list[tuple[Any, ...]] = []
    for path in paths:
        rows = pq.ParquetFile(path).read(columns=columns)
        found += zip(*(column.to_pylist() for column in rows.columns), strict=True)
    return found


def assert_as_in_postgres(project: Project, lake: Path, spec: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Compare a snapshot with the tables of the project, row by row."""
    folder = Path(spec["folder"])
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    for path, size in manifest["written"].items():
        assert (folder / path).stat().st_size == size
    batches = {file["parquet"]: file["batch"] for file in spec["files"]}

    own = [column["name"] for column in spec["declared"]["columns"]]
    sessions = {
        month: read((lake / told["folder"] / file for file in told["files"]), [*own, "_file", "_row"])
        for month, told in manifest["months"].items()
    }
    for month, rows in sessions.items():
        assert len(rows) == manifest["months"][month]["sessions"]
        assert {f"{row[3]:%Y-%m}" for row in rows} == {month}
    found = Counter((*row[:-2], batches[row[-2]], row[-1]) for rows in sessions.values() for row in rows)
    wanted = Counter(project.rows(f"SELECT {', '.join(own)}, _batch_id, _row FROM processed.viewing_sessions"))
    assert_same(found, wanted, "sessions")
    window = read((folder / path for path in manifest["window"]), own)
    assert Counter(window) == Counter({row[:-2]: 1 for row in wanted if f"{row[3]}" >= spec["window_from"]})

    superseded = [
        (batches[file], row) for file, row in read((folder / p for p in manifest["superseded"]), ["_file", "_row"])
    ]
    held = "SELECT batch_id, _row FROM etl.held_rows WHERE table_name = 'viewing_sessions' AND status = 'superseded'"
    assert_same(Counter(superseded), Counter(project.rows(held)), "superseded")
    waiting = read((folder / path for path in manifest["waiting"]), ["_file", "_row", "_waits_for"])
    held = held.replace("_row FROM", "_row, waits_for FROM").replace("'superseded'", "'waiting'")
    assert_same(Counter((batches[file], *row) for file, *row in waiting), Counter(project.rows(held)), "waiting")

    counts = Counter(
        {
            (batches[file], kind): rows
            for file, told in manifest["outcomes"].items()
            for kind, rows in (
                (None, told["loaded"]),
                ("superseded", told["superseded"]),
                *((f"waiting for {parent}", rows) for parent, rows in told["waiting"].items()),
            )
            if rows
        }
    )
    kept = project.rows(
        "SELECT batch_id, kind, sum(rows)::int FROM etl.row_counts"
        " WHERE table_name = 'viewing_sessions' AND place IN ('processed', 'held_rows')"
        " GROUP BY 1, 2 HAVING sum(rows) > 0"
    )
    assert_same(counts, Counter({(batch, kind): rows for batch, kind, rows in kept}), "counts")

    checks = project.rows(
        "SELECT check_name, findings, examples FROM etl.check_results WHERE check_name LIKE 'viewing_sessions/%'"
    )
    told = {name: (result["findings"], result["examples"]) for name, result in manifest["checks"].items()}
    assert told == {name: (findings, examples) for name, findings, examples in checks}

    for name, columns in spec["sums"].items():
        # PostgreSQL keeps the rows of groups that have become empty.
        counted = next(each for each in ("users", "sessions", "active_users", "viewers", "titles") if each in columns)
        lives = "" if name == "rollup_user" else f" WHERE {counted} > 0"
        wanted = Counter(project.rows(f"SELECT {', '.join(columns)} FROM etl.{name}{lives}"))
        assert_same(Counter(read((folder / path for path in manifest["sums"][name]), columns)), wanted, name)


def assert_same(found: Counter[Any], wanted: Counter[Any], what: str) -> None:
    """Compare rows, however often each is there."""
    more, less = found - wanted, wanted - found
    assert not more and not less, (
        f"{what}: {more.total()} too many, {less.total()} missing of {wanted.total()}, such as "
        f"{sorted(more, key=str)[:3]} and {sorted(less, key=str)[:3]}"
    )

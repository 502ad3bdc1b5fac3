"""The floors: the same tables and aggregates by hand-written SQL, run by psql over one connection."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from statistics import median

import psycopg2

from tests.benchmarks.servers import Bench, Ended

FLOORS = Path(__file__).parent / "floors"
CATALOGUE = ("content", "movie_details", "series_details", "genres", "seasons", "episodes")


def copies(source: Path, catalogue: Path) -> str:
    """Write a COPY for each file. awk puts batch and record number in front, on the other core."""
    lines = []
    for batch, path in enumerate(sorted(source.glob("*.csv")), start=1):
        table = "users" if path.name.startswith("users") else "viewing_sessions"
        header = path.read_text(encoding="utf-8").split("\n", 1)[0]
        number = f'awk \'NR > 1 {{print "{batch}," NR - 1 "," $0}}\' {shlex.quote(str(path))}'
        quoted = number.replace("'", "''")
        lines.append(f"\\copy raw.{table} (_batch_id, _row, {header}) FROM PROGRAM '{quoted}' (FORMAT csv)")
    for table in CATALOGUE:
        path = catalogue / f"{table}.csv"
        header = path.read_text(encoding="utf-8").split("\n", 1)[0]
        lines.append(f"\\copy processed.{table} ({header}) FROM '{path}' (FORMAT csv, HEADER)")
    return "\n".join(lines) + "\n"


def export_catalogue(bench: Bench, ours: str) -> Path:
    """Write the tables of documents to CSV files, as typed by us: the floor is about CSV files; return their folder."""
    folder = bench.folder / "catalogue"
    folder.mkdir(parents=True, exist_ok=True)
    with closing(psycopg2.connect(bench.dsn(ours))) as connection, connection.cursor() as cursor:
        for table in CATALOGUE:
            cursor.execute(f"SELECT * FROM processed.{table} LIMIT 0")
            columns = ", ".join(each.name for each in cursor.description or () if each.name != "removed_at")
            with (folder / f"{table}.csv").open("wb") as file:
                query = f"COPY (SELECT {columns} FROM processed.{table}) TO STDOUT (FORMAT csv, HEADER)"
                cursor.copy_expert(query, file)
    return folder


def load_floor(bench: Bench, source: Path, ours: str) -> Ended:
    """Load everything by hand-written SQL into a fresh database, which stays; the catalogue is that of our database."""
    catalogue = export_catalogue(bench, ours)
    script = bench.folder / "copies.sql"
    script.write_text(copies(source, catalogue), encoding="utf-8")
    bench.fresh("bench_floor")
    return bench.psql("bench_floor", FLOORS / "load.sql", copies=str(script))


def publish_floor(bench: Bench) -> Ended:
    """Make the aggregates by hand-written SQL from the tables of the load floor."""
    bench.execute("CHECKPOINT")
    return bench.psql("bench_floor", FLOORS / "publish.sql")


def views(bench: Bench) -> tuple[str, ...]:
    """Return the aggregates that the floor has made."""
    names = bench.execute("SELECT 'trusted.' || tablename FROM pg_tables WHERE schemaname = 'trusted'", "bench_floor")
    return tuple(str(name) for (name,) in names)


def same_content(bench: Bench, ours: str, tables: tuple[str, ...]) -> list[str]:
    """Return the tables whose rows differ between the floor's database and ours (a digest over all rows of each)."""
    different = []
    for table in tables:
        columns = ", ".join(
            str(name)
            for (name,) in bench.execute(
                "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
                f" AND attrelid = '{table}'::regclass AND attname NOT IN ('_batch_id', 'removed_at') ORDER BY attname",
                ours,
            )
        )
        digest = f"SELECT count(*), sum(hashtextextended(ROW({columns})::text, 0)::numeric) FROM {table}"
        if bench.execute(digest, ours) != bench.execute(digest, "bench_floor"):
            different.append(table)
    return different


def seconds(runs: list[Ended]) -> float:
    """Return the median of the runs."""
    return median(run.seconds for run in runs)

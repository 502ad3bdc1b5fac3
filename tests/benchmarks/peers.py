"""Other tools on the same input: dlt with Arrow and merge, dlt for the documents, pandas' to_sql.

They are an optional group of requirements: pip install -e '.[benchmark]'.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

from tests.benchmarks.servers import Bench, watch

PANDAS_SESSIONS = 200_000  # to_sql takes minutes for millions; its time is scaled


def measure(bench: Bench, source: Path, sessions: int) -> dict[str, float | str]:
    """Load the same files with each tool, each in a process and a database of its own."""
    if importlib.util.find_spec("dlt") is None:
        return {"peers": "not installed: pip install -e '.[benchmark]'"}
    found: dict[str, float | str] = {}
    for tool in ("dlt", "dlt documents", "pandas to_sql"):
        bench.fresh("bench_peer")
        # dlt makes its own folders below the home of its user.
        env = {**os.environ, "DLT_DATA_DIR": str(bench.folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
        command = [sys.executable, "-m", "tests.benchmarks.peers", tool, str(source), bench.dsn("bench_peer")]
        found[tool] = watch(command, env, bench.folder).seconds
    found["pandas to_sql"] = float(found["pandas to_sql"]) * sessions / min(sessions, PANDAS_SESSIONS)
    bench.drop("bench_peer")
    return found


def _url(dsn: str) -> str:
    parts = dict(part.split("=", 1) for part in dsn.split())
    return f"postgresql://{parts['user']}@{quote(parts['host'], safe='')}:{parts['port']}/{parts['dbname']}"


def load_by_dlt(source: Path, dsn: str) -> None:
    """Load the CSV files as Arrow tables, merged by their keys."""
    import dlt
    from dlt.destinations import postgres
    from pyarrow import csv

    pipeline = dlt.pipeline("bench", destination=postgres(_url(dsn)), dataset_name="processed")
    for table, key in (("users", "user_id"), ("viewing_sessions", "session_id")):

        @dlt.resource(name=table, primary_key=key, write_disposition="merge")
        def rows(table: str = table):  # type: ignore[no-untyped-def]
            for path in sorted(source.glob(f"{table}*.csv")):
                yield csv.read_csv(path)

        pipeline.run(rows())


def load_documents_by_dlt(source: Path, dsn: str) -> None:
    """Load the titles as nested documents, which dlt takes apart into child tables."""
    import dlt
    from dlt.destinations import postgres

    pipeline = dlt.pipeline("bench_documents", destination=postgres(_url(dsn)), dataset_name="processed")
    titles = json.loads((source / "content.json").read_text(encoding="utf-8"))
    for collection, documents in titles.items():
        resource = dlt.resource(
            documents, name=collection, primary_key="content_id", write_disposition="merge", max_table_nesting=3
        )
        pipeline.run(resource)


def load_by_pandas(source: Path, dsn: str) -> None:
    """Load the first sessions with read_csv and to_sql."""
    import pandas
    from sqlalchemy import create_engine

    engine = create_engine(_url(dsn).replace("postgresql:", "postgresql+psycopg2:"))
    left = PANDAS_SESSIONS
    for path in sorted(source.glob("viewing_sessions*.csv")):
        frame = pandas.read_csv(path, nrows=left)
        frame.to_sql("viewing_sessions", engine, if_exists="append", index=False, chunksize=10_000, method="multi")
        left -= len(frame)
        if left <= 0:
            break


if __name__ == "__main__":
    TOOLS = {"dlt": load_by_dlt, "dlt documents": load_documents_by_dlt, "pandas to_sql": load_by_pandas}
    started = time.monotonic()
    TOOLS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
    print(f"{time.monotonic() - started:.1f} s")

"""What other tools do with the input: a script of its own, run by any Python that has them installed.

python peer_tools.py TOOL FOLDER HOST PORT USER DATABASE STATE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote

PANDAS_SESSIONS = 200_000  # to_sql takes minutes for millions; its time is scaled


def url(host: str, port: str, user: str, database: str) -> str:
    """Return the address of a database behind a socket; dlt insists on a password, which is not asked for there."""
    return f"postgresql://{user}:unused@{quote(host, safe='')}:{port}/{database}"


def load_by_dlt(source: Path, address: str) -> None:
    """Load the CSV files as Arrow tables, merged by their keys."""
    import dlt
    from dlt.destinations import postgres
    from pyarrow import csv

    pipeline = dlt.pipeline("bench", pipelines_dir=sys.argv[7], destination=postgres(address), dataset_name="processed")
    for table, key in (("users", "user_id"), ("viewing_sessions", "session_id")):

        @dlt.resource(name=table, primary_key=key, write_disposition="merge")
        def rows(table: str = table):  # type: ignore[no-untyped-def]
            for path in sorted(source.glob(f"{table}*.csv")):
                yield csv.read_csv(path)

        pipeline.run(rows())


def load_documents_by_dlt(source: Path, address: str) -> None:
    """Load the titles as nested documents, which dlt takes apart into child tables."""
    import dlt
    from dlt.destinations import postgres

    pipeline = dlt.pipeline(
        "bench_documents", pipelines_dir=sys.argv[7], destination=postgres(address), dataset_name="processed"
    )
    titles = json.loads((source / "content.json").read_text(encoding="utf-8"))
    for collection, documents in titles.items():
        resource = dlt.resource(
            documents, name=collection, primary_key="content_id", write_disposition="merge", max_table_nesting=3
        )
        pipeline.run(resource)


def load_by_pandas(source: Path, address: str) -> None:
    """Load the first sessions with read_csv and to_sql."""
    import pandas
    import psycopg2
    from sqlalchemy import create_engine

    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(address))
    left = PANDAS_SESSIONS
    for path in sorted(source.glob("viewing_sessions*.csv")):
        frame = pandas.read_csv(path, nrows=left)
        frame.to_sql("viewing_sessions", engine, if_exists="append", index=False, chunksize=10_000)
        left -= len(frame)
        if left <= 0:
            break


TOOLS = {"dlt": load_by_dlt, "dlt documents": load_documents_by_dlt, "pandas to_sql": load_by_pandas}

if __name__ == "__main__":
    TOOLS[sys.argv[1]](Path(sys.argv[2]), url(*sys.argv[3:7]))

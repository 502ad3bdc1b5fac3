"""Other tools on the same input: dlt with Arrow and merge, dlt for the documents, pandas' to_sql.

They are an optional group of requirements, best in an environment of their own, since pandas works differently
where pyarrow is installed: python -m venv .venv-peers; .venv-peers/bin/pip install '.[benchmark]'.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from pipeline.servers.embedded import ADMIN
from tests.benchmarks.peer_tools import PANDAS_SESSIONS
from tests.benchmarks.servers import Bench, watch

SCRIPT = Path(__file__).with_name("peer_tools.py")


def measure(bench: Bench, source: Path, sessions: int, python: str) -> dict[str, float | str]:
    """Load the same files with each tool, each in a process and a database of its own."""
    if subprocess.run([python, "-c", "import dlt, pyarrow"], check=False, capture_output=True).returncode:
        return {"peers": f"not installed for {python}: see tests/benchmarks/peers.py"}
    found: dict[str, float | str] = {}
    address = bench.address
    for tool in ("dlt", "dlt documents", "pandas to_sql"):
        bench.fresh("bench_peer")
        state = bench.folder / "dlt"
        shutil.rmtree(state, ignore_errors=True)
        env = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        where = [address.host, str(address.port), ADMIN, "bench_peer", str(state)]
        seconds = watch([python, str(SCRIPT), tool, str(source), *where], env, bench.folder).seconds
        found[tool] = seconds * sessions / min(sessions, PANDAS_SESSIONS) if tool == "pandas to_sql" else seconds
    bench.drop("bench_peer")
    return found

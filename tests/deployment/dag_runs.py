"""Runs the DAG in this process by `dag.test()`: as it is, then with a file that must be refused.

Started by a test as a program of its own, with the environment of docker-compose.yml's scheduler.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag

DAG_ID = "video_streaming_pipeline"


def load() -> DagBag:
    """Return what the file of the DAG holds."""
    return DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])


def run(**given: Any) -> dict[str, object]:
    """Run the DAG once and return what became of it; it is loaded anew, since a run fills in its templates."""
    ended = load().dags[DAG_ID].test(**given)
    [task] = ended.get_task_instances()
    return {"run": str(ended.state), "task": str(task.state)}


def main() -> None:
    """Print a line of JSON: import errors, and what became of each run."""
    raw = Path(os.environ["PROJECT_ROOT"]) / "data/raw"
    told: dict[str, object] = {"import errors": load().import_errors}
    # As by hand: without a logical date, but for a day that was asked for.
    told["good files"] = run(logical_date=None, run_conf={"date": "2026-03-02"})
    (raw / "users-broken.csv").write_text("one,two\n1,2\n")
    # In Tokyo it is the next day.
    told["a bad file"] = run(logical_date=datetime(2026, 3, 2, 20, tzinfo=UTC))
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()

"""The pipeline as an Airflow DAG: one task, which runs the Luigi wrapper `RunAll`.

Airflow parses this file again and again, so it imports Airflow alone, never the pipeline: what the task
needs is in the project folder, of which this file tells where it is.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

PROJECT = Path(os.environ.get("PROJECT_ROOT") or Path(__file__).resolve().parents[2])


def setting(name: str, default: str) -> str:
    """Return a variable of the environment; an empty one is as good as none."""
    return os.environ.get(name, "").strip() or default


def number(name: str, default: str) -> float:
    """Return a variable of the environment as a number that is not negative.

    Raises:
        ValueError: it is none; Airflow shows the message as the import error of this DAG.
    """
    text = setting(name, default)
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name}: it is {text!r}; set it to a number that is not negative")
    return value


def luigi_command() -> str:
    """Return the `luigi` to run: `PIPELINE_LUIGI`, else that of the project's or of Airflow's environment."""
    for beside in (PROJECT / ".venv/bin", Path(sys.prefix) / "bin"):
        if (beside / "luigi").is_file():
            return setting("PIPELINE_LUIGI", str(beside / "luigi"))
    return setting("PIPELINE_LUIGI", "luigi")


with DAG(
    dag_id="video_streaming_pipeline",
    description="CSV files and MongoDB into PostgreSQL, daily: luigi --module pipeline RunAll",
    # None starts it by hand only.
    schedule=None
    if setting("PIPELINE_SCHEDULE", "@daily").lower() == "none"
    else setting("PIPELINE_SCHEDULE", "@daily"),
    start_date=pendulum.datetime(2024, 1, 1, tz=setting("PIPELINE_TIMEZONE", "UTC")),
    catchup=False,
    max_active_runs=1,
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            description="day to run for; empty: the day of the Airflow run",
        ),
        "allow_empty": Param(False, type="boolean", description="accept files and collections that have become empty"),
    },
    tags=["luigi", "video streaming"],
    doc_md=f"""
### What it does
Runs `luigi --module pipeline RunAll --date DATE` in `{PROJECT}`. Luigi runs only what is incomplete or whose inputs
changed, so **clearing the task is always safe**: what is loaded already is not loaded again.

DATE is the day of the run's logical date; of a run started by hand without one, the day it was started. *Trigger →
date* names another day; one after today (in `PIPELINE_TIMEZONE`) is refused by Luigi with one line and code 40. Days
are not caught up: a run of today takes up everything that came in before.

### When it fails
The task's log ends with Luigi's summary and *exit code*:

| code | meaning | what to do |
| --- | --- | --- |
| 30 | a task failed or a file was refused, the others ran | the log names file and reason; mend it, clear this task |
| 10, 25 | another run has the work | nothing: the retry takes up what is left |
| 20, 35 | no input, no server | see that `data/raw` holds files and that the servers answer |
| 40 | a setting or the date is wrong, or unforeseen | the log names it; the traceback is in `logs/luigi.log` |
| 143 | it was stopped: by hand, or after `PIPELINE_TIMEOUT_HOURS` | nothing is half-loaded; clear this task |

`python -m pipeline explain` says what a run would do and why, `python -m pipeline status` what was loaded, rejected
and what waits. Stopping the task (*mark failed*, timeout) ends Luigi; whatever had not committed is undone.

### How to adjust it
Variables of the environment of Airflow's components, without touching this file: `PIPELINE_SCHEDULE` (cron text,
`@daily`, `none`), `PIPELINE_TIMEZONE`, `PIPELINE_RETRIES`, `PIPELINE_RETRY_DELAY_MINUTES`, `PIPELINE_TIMEOUT_HOURS`,
`PIPELINE_LUIGI` (the command), `PROJECT_ROOT`. The servers are in the settings of the pipeline itself.
""",
):
    run_luigi = BashOperator(
        task_id="run_luigi",
        # exec: signals reach Luigi, and its exit code is the task's.
        bash_command='exec "$PIPELINE_LUIGI" --module pipeline RunAll --date "$RUN_DATE" $RUN_OPTIONS',
        cwd=str(PROJECT),
        append_env=True,
        env={
            "PIPELINE_LUIGI": luigi_command(),
            # Dates of Airflow are in UTC; the day is that of the schedule's zone.
            "RUN_DATE": "{{ params.date"
            " or ((dag_run.logical_date or dag_run.run_after).astimezone(dag.timezone).date().isoformat()) }}",
            "RUN_OPTIONS": "{{ '--allow-empty' if params.allow_empty else '' }}",
            # By it Luigi tells which day is today.
            "PIPELINE_TIMEZONE": setting("PIPELINE_TIMEZONE", "UTC"),
            "PROJECT_ROOT": str(PROJECT),
            # The package is found wherever it is not installed, as where its folder is mounted.
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        },
        # No exit code means 'skipped'.
        skip_on_exit_code=None,
        do_xcom_push=False,
        retries=int(number("PIPELINE_RETRIES", "2")),
        retry_delay=timedelta(minutes=number("PIPELINE_RETRY_DELAY_MINUTES", "5")),
        execution_timeout=timedelta(hours=number("PIPELINE_TIMEOUT_HOURS", "6")),
    )

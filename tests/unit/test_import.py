"""Importing the package defines, and does nothing else; a run begins with Luigi's command."""

from __future__ import annotations

import json
import os
import subprocess
import sys

IMPORT = """
import json, signal, sys
seen = []
def note(event, arguments):
    if event.startswith("socket.") or event == "open" and str(arguments[0]).endswith((".env", "luigi.cfg")):
        seen.append([event, str(arguments[0])])
def handlers():
    return [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), sys.unraisablehook]
before = handlers()
import luigi
sys.addaudithook(note)
import pipeline
print(json.dumps([seen, handlers() == before, len(luigi.Task._event_callbacks)]))
"""


def test_importing_the_package_only_defines() -> None:
    wrong = os.environ | {"POSTGRES_PORT": "none"}
    told = subprocess.run([sys.executable, "-c", IMPORT], env=wrong, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == [[], True, 0]


def test_a_run_with_wrong_settings_ends_with_one_line() -> None:
    wrong = os.environ | {"POSTGRES_PORT": "none"}
    run = subprocess.run(
        [sys.executable, "-m", "luigi", "--module", "pipeline", "RunAll"],
        env=wrong,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 40
    assert run.stderr.startswith("error: POSTGRES_PORT")
    assert run.stderr.count("\n") == 1

"""Luigi in a process that kills itself, with all its workers, at one place of one task.

Usage: python -m tests.survival.killed_at TASK MODULE:FUNCTION before|after LUIGI-ARGUMENT…
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any


def kill_at(task: str, place: str, moment: str) -> None:
    """Replace a function by one that kills the process group as the task is about to call it, or has called it."""
    from pipeline.watching.context import current

    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    owner: Any = import_module(module)
    for each in outer:
        owner = getattr(owner, each)
    original = getattr(owner, name)

    def fatal(*arguments: Any, **options: Any) -> Any:
        is_there = current.task is not None and current.task.task_family == task
        if is_there and moment == "before":
            os.killpg(0, signal.SIGKILL)
        result = original(*arguments, **options)
        if is_there:
            os.killpg(0, signal.SIGKILL)
        return result

    setattr(owner, name, fatal)
    for user in [*sys.modules.values()]:  # those that have imported it by name
        if vars(user).get(name) is original:
            setattr(user, name, fatal)


if __name__ == "__main__":
    import luigi.cmdline

    os.setsid()  # whoever started it is not to be killed along
    kill_at(*sys.argv[1:4])
    luigi.cmdline.luigi_run(sys.argv[4:])

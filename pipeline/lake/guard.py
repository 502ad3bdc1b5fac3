"""Runs a command that must not outlive the process that asked for it: `python guard.py PID COMMAND …`.

It is a program of its own, as it has to be there after its parent was killed. It imports nothing of the project.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_TO_SAY_GOODBYE = 10


def main(parent: int, command: list[str]) -> int:
    """Run a command in a process group of its own, and return its exit code.

    Where this process gets SIGTERM, or the parent ends, the group gets SIGTERM, and is killed ten seconds later.
    """
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before
        return 128 + signal.SIGTERM
    # Should this process be killed itself, the command's first one ends with it.
    with_us = lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # noqa: E731
    try:
        job = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=with_us)  # noqa: PLW1509
    except OSError as error:
        print(f"{command[0]} cannot be run: {error.strerror}", file=sys.stderr)
        return 127
    while not asked and job.poll() is None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    deadline = time.monotonic() + SECONDS_TO_SAY_GOODBYE
    with suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            job.poll()
            os.killpg(job.pid, 0)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os.killpg(job.pid, signal.SIGKILL)
    code = job.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

"""A signal to end is never lost, wherever it arrives."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Python swallows what these raise: hooks around a fork, and finalizers.
HOOKS = {
    "in a hook around a fork": """
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), NUMBER))
if os.fork() == 0:
    os._exit(0)
""",
    "in a finalizer": """
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), NUMBER)
Finalized()
""",
    "anywhere else": "os.kill(os.getpid(), NUMBER)",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", HOOKS)
def test_a_signal_ends_the_process_wherever_it_arrives(where: str, number: signal.Signals) -> None:
    arrive = HOOKS[where].replace("NUMBER", str(int(number)))
    script = f"""
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
from pipeline import interrupts
interrupts.install()
{arrive}
time.sleep(20)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 128 + number
    assert ended.stderr == f"{number.name}: what is not committed is rolled back; run again to go on\n"

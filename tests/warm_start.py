"""Commands in processes that begin with everything imported: a run takes half as long."""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

TIMEOUT_SECONDS = 240

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.warm_modules"])


def run_module(arguments: list[str], cwd: str, env: Mapping[str, str], *, as_root: bool = True) -> tuple[int, str, str]:
    """Do what `python -m <arguments>` does; return exit code, standard output and standard error.

    Without `as_root`, root reads no more than others: permissions of files count.

    Raises:
        TimeoutError: it did not end in time, and was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = _context.Process(
            target=_run, args=(arguments, cwd, dict(env), [os.devnull, str(output), str(errors)], as_root)
        )
        process.start()
        process.join(TIMEOUT_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{' '.join(arguments)} did not end in {TIMEOUT_SECONDS} s")
        return process.exitcode, output.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8")


def _run(arguments: list[str], cwd: str, env: dict[str, str], streams: list[str], as_root: bool) -> None:
    from tests import warm_modules  # in the process that is forked from, and there alone

    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    if not as_root:
        _heed_permissions()
    sys.path[:0] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["", *arguments[1:]]
    warm_modules.forget(code=Path(cwd) != Path(warm_modules.__file__).parent.parent)
    multiprocessing.set_start_method("fork", force=True)  # as in a process of its own, up to Python 3.13
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # which processes of multiprocessing leave out


def _heed_permissions() -> None:
    """Take from this process, and from those it forks, root's right to read and write whatever files say."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # the version of the call; this process
    capabilities = (ctypes.c_uint32 * 6)()
    libc.capget(header, capabilities)
    capabilities[0] &= ~0b110  # of what is effective: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    if libc.capset(header, capabilities):
        raise OSError(ctypes.get_errno(), "root keeps its rights")

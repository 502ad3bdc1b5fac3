"""Which scheduler a run uses, and what the central one must be told."""

from __future__ import annotations

import contextlib
import socket
import sys
from functools import cache

import luigi
import luigi.configuration
from luigi.rpc import RemoteScheduler, RPCError

from pipeline.settings import Settings
from pipeline.stores import local_scheduler


def choose(settings: Settings) -> None:
    """Use the central scheduler if it answers, otherwise one of our own.

    Luigi by itself would try for a minute to reach a scheduler that is not there, and then give up.
    """
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    if address := local_scheduler.address(settings):
        host, port = address
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=0.5):
            config.set("core", "scheduler_host", host)
            config.set("core", "scheduler_port", str(port))
            return
        print(f"warning: luigid ({host}:{port}) does not answer; this run does without", file=sys.stderr)
    config.set("core", "local_scheduler", "true")
    # Waiting for other workers is for the central scheduler; here it would repeat failed tasks for ever.
    config.set("worker", "keep_alive", "false")


def tell_complete(task: luigi.Task) -> None:
    """Tell the central scheduler of a task that is complete, where it takes it to be running.

    After a run that was killed it does so for worker_disconnect_delay seconds, and does not heed other workers
    meanwhile. Then it would take the task to be pending, with nobody to do it, and what waits for it would wait
    for ever.
    """
    if task.task_id in _running():
        with contextlib.suppress(RPCError):
            _central().mark_as_done(task_id=task.task_id)  # type: ignore[attr-defined]


@cache
def _running() -> frozenset[str]:
    """Return the ids of the tasks that the central scheduler took to be running at the first look."""
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    if config.getboolean("core", "local_scheduler", False):
        return frozenset()
    try:
        return frozenset(_central().task_list(status="RUNNING", upstream_status=""))  # type: ignore[attr-defined]
    except RPCError:
        return frozenset()


@cache
def _central() -> RemoteScheduler:
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    host, port = config.get("core", "scheduler_host"), config.get("core", "scheduler_port")
    return RemoteScheduler(f"http://{host}:{port}/")  # type: ignore[no-untyped-call]

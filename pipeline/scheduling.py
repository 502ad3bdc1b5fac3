"""Which scheduler a run uses, and what the central one must be told."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from functools import cache
from http.client import HTTPException
from typing import Any

import luigi
import luigi.configuration
import luigi.interface
import luigi.worker
from luigi.interface import core
from luigi.rpc import RemoteScheduler, RPCError
from luigi.task_register import Register

from pipeline.outgoing import in_one_line
from pipeline.servers import embedded
from pipeline.servers.central import CentralScheduler
from pipeline.settings import Settings

SECONDS_TO_ANSWER = 3.0
# Answered by every luigid at once, whatever it has to do.
HEALTH = "api/is_paused"
MOST_BYTES = 10_000


def choose(settings: Settings) -> None:
    """Use the central scheduler if it answers, otherwise, or with `--local-scheduler`, one of our own.

    Luigi by itself would try for a minute to reach a scheduler that is not there, and then give up.
    """
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    # The command line has no way to say which class it takes for a central scheduler.
    luigi.interface._WorkerSchedulerFactory = _OwnPlanFactory  # type: ignore[misc]
    address = None if "--local-scheduler" in sys.argv else embedded.scheduler_address(settings)
    if address:
        host, port = address
        fault = _fault(host, port)
        if fault is None:
            config.set("core", "scheduler_host", host)
            config.set("core", "scheduler_port", str(port))
            bypass_proxies(host)  # it was reached directly, when it was asked how it is
            _ask_again()
            return
        print(f"warning: {fault}; this run does without", file=sys.stderr)
    config.set("core", "local_scheduler", "true")
    # Waiting for other workers is for the central scheduler, and so is what `tell_failed` does.
    config.set("worker", "keep_alive", "false")
    config.set("scheduler", "retry_count", "1")


class _OwnPlanFactory(luigi.interface._WorkerSchedulerFactory):
    def create_remote_scheduler(self, url: str) -> CentralScheduler:
        return CentralScheduler(url)

    def create_worker(self, scheduler: Any, worker_processes: int, assistant: bool = False) -> luigi.worker.Worker:
        worker: luigi.worker.Worker = super().create_worker(scheduler, worker_processes, assistant)  # type: ignore[no-untyped-call]
        # In the end Python waits for the thread that sends what is in the queue: for ever, if a signal came between the
        # start of it and the note of how it is ended. What this process sends it alone reads. To its children, which
        # have results to send, it does not apply.
        worker._task_result_queue.cancel_join_thread()
        return worker


def _fault(host: str, port: int) -> str | None:
    """Ask a scheduler directly, by no proxy, how it is; return what is wrong, None if nothing is."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        # What a web page could ask too, a GET without further headers, our own luigid does not answer.
        with direct.open(f"http://{host}:{port}/{HEALTH}", data=b"data={}", timeout=SECONDS_TO_ANSWER) as answer:
            is_luigid = "response" in json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError:
        is_luigid = False
    except OSError:
        return f"luigid ({host}:{port}) does not answer"
    except (HTTPException, ValueError, TypeError):
        is_luigid = False
    return None if is_luigid else f"what answers at {host}:{port} is not luigid"


def is_missing(settings: Settings) -> bool:
    """Tell whether the scheduler that `LUIGID_HOST` names did not answer when it was looked for."""
    return settings.luigid_host is not None and page(settings) is None


def page(settings: Settings) -> str | None:
    """Return the address of the page that shows this run; None if no central scheduler knows of it."""
    address = embedded.scheduler_address(settings)
    is_alone = core().local_scheduler  # type: ignore[no-untyped-call]
    return None if address is None or is_alone else embedded.scheduler_page(*address)


def _ask_again() -> None:
    """Have the central scheduler give out again what failed in earlier runs, and what a run was doing that is gone.

    By itself it keeps the former back for disable_persist seconds, and finds out about the latter after
    worker_disconnect_delay seconds. Runs on other machines are left to that. What runs that go on are doing is told.
    """
    workers = {worker["name"]: worker for worker in _ask("worker_list") or ()}
    gone = {name for name, worker in workers.items() if _is_gone(worker)}
    ours = Register.task_names()  # type: ignore[no-untyped-call]
    running = {task_id: task for task_id, task in _in_state("RUNNING").items() if task["name"] in ours}
    failed = [task_id for task_id, task in _in_state("DISABLED").items() if task["name"] in ours]
    dropped = {task_id: worker for task_id, task in running.items() if (worker := task["worker_running"]) in gone}
    for task_id, worker in dropped.items():
        _report_failure(task_id, worker)
    for task_id in (*dropped, *failed):
        _ask("re_enable_task", task_id=task_id)
    for task_id in running.keys() - dropped.keys():
        task, worker = running[task_id], workers.get(running[task_id]["worker_running"], {})
        where = f"process {worker.get('pid')} on {worker.get('host')}"
        line = f"{task['name']}: another run is at it ({where}) and is waited for"
        print(in_one_line(line), file=sys.stderr)


def bypass_proxies(*hosts: str) -> None:
    """Have this process and its children reach hosts directly, whatever proxies the environment names."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [known, *hosts]))


def _is_gone(worker: dict[str, Any]) -> bool:
    import psutil

    if worker.get("host") != socket.gethostname():
        return False
    try:
        return bool(psutil.Process(worker["pid"]).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def tell_complete(task: luigi.Task) -> None:
    """Tell the central scheduler of a task that is complete, where it takes it to be running.

    After a run that was killed it does so for worker_disconnect_delay seconds, and does not heed other workers
    meanwhile. Then it would take the task to be pending, with nobody to do it, and what waits for it would wait
    for ever.
    """
    if task.task_id in _running():
        _ask("mark_as_done", task_id=task.task_id)


def tell_failed(task: luigi.Task) -> None:
    """Report a failure to the central scheduler, which the worker will report too.

    Two failures within disable_window disable a task, so that it is not given out again in this run. The one that
    the scheduler notes when a worker is gone does not: other workers go on with the task. Of a group it gives out the
    members again, so these are disabled; the group itself it forgets when it fails.
    """
    if worker := _in_state("RUNNING").get(task.task_id, {}).get("worker_running"):
        twice = [member for member in getattr(task, "members", ()) for _ in range(2)]
        for failed in twice or [task]:
            _report_failure(failed.task_id, worker)


def _report_failure(task_id: str, worker: str) -> None:
    _ask("add_task", worker=worker, task_id=task_id, status="FAILED", runnable=False)


@cache
def _running() -> frozenset[str]:
    """Return the ids of the tasks that the central scheduler took to be running at the first look."""
    return frozenset(_in_state("RUNNING"))


def _in_state(status: str) -> dict[str, Any]:
    """Return what the central scheduler knows of the tasks in a state, by id."""
    return _ask("task_list", status=status, upstream_status="", limit=False) or {}


def _ask(method: str, **arguments: Any) -> Any:
    """Return what the central scheduler answers; None if there is none or it does not answer."""
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    if config.getboolean("core", "local_scheduler", False):
        return None
    try:
        return getattr(_central(), method)(**arguments)
    except RPCError:
        return None


@cache
def _central() -> RemoteScheduler:
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    host, port = config.get("core", "scheduler_host"), config.get("core", "scheduler_port")
    return RemoteScheduler(f"http://{host}:{port}/")  # type: ignore[no-untyped-call]

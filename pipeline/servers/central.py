"""Luigi's central scheduler, as far as a run listens to it.

Whoever can reach it may tell it anything, for it has no login. So a run does nothing that it has not planned itself,
and says so when it is given nothing to do.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from luigi.rpc import RemoteScheduler

from pipeline.outgoing import for_page

logger = logging.getLogger("pipeline")

SECONDS_WITHOUT_WORK = 10.0
"""After so long a run says that it waits."""


class CentralScheduler(RemoteScheduler):
    """The scheduler of a run: Luigi's worker plans its tasks here and asks what to do next."""

    def __init__(self, url: str) -> None:
        super().__init__(url)  # type: ignore[no-untyped-call]
        self._planned: dict[str, dict[str, Any]] = {}
        self._said: set[str] = set()
        self._idle_since: float | None = None

    def add_task(self, **task: Any) -> Any:
        """Tell what is to be done, and what became of it."""
        self._planned.setdefault(task["task_id"], task)
        return self._tell("add_task", **task)

    def get_work(self, **asked: Any) -> Any:
        """Return what to do next: nothing but what this run has planned."""
        answer = self._tell("get_work", **asked)
        while foreign := [task for task in _tasks(answer) if task not in self._planned]:
            for task in foreign:
                self._refuse(task, asked["worker"])
            answer = self._tell("get_work", **asked)
        tasks = _tasks(answer)
        if answer.get("batch_id") and tasks:
            answer |= self._group(tasks)
        else:
            answer.pop("batch_id", None)
        if answer.get("worker_state") == "disabled":
            self._say("disabled", "Luigi's scheduler was told to give this run no more work: it ends early")
        elif tasks or asked.get("current_tasks"):
            self._idle_since = None
        else:
            self._wait(answer)
        return answer

    def _group(self, tasks: list[str]) -> dict[str, Any]:
        """Return what Luigi loads for tasks that are done together: as planned, whatever the scheduler says."""
        planned = [self._planned[task] for task in tasks]
        first, params = planned[0], [each["params"] for each in planned]
        together = {
            name: value if all(each[name] == value for each in params) else [each[name] for each in params]
            for name, value in first["params"].items()
        }
        return {"task_module": first["module"], "task_family": first["family"], "task_params": together}

    def ping(self, **worker: Any) -> dict[str, Any]:
        """Say that this run is alive. Whom it starts for that is not for others to say: messages are not heeded."""
        self._tell("ping", **worker)
        return {"rpc_messages": []}

    def _request(self, url: str, data: Any, *arguments: Any, **options: Any) -> Any:
        # All that this run tells goes this way.
        return super()._request(url, for_page(data), *arguments, **options)  # type: ignore[no-untyped-call]

    def _refuse(self, task: str, worker: str) -> None:
        """Report a task that this run was given as failed: twice, so that it is not given out again."""
        for _ in range(2):
            self._tell("add_task", task_id=task, worker=worker, status="FAILED", runnable=False)
        self._say("foreign", f"somebody added {task} to this run in Luigi's scheduler: it is not in the plan, not done")

    def _tell(self, method: str, **arguments: Any) -> Any:
        # Luigi adds its methods to the class when it is imported.
        return getattr(super(), method)(**arguments)

    def _wait(self, answer: dict[str, Any]) -> None:
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        if now - self._idle_since < SECONDS_WITHOUT_WORK or not answer["n_pending_tasks"]:
            return
        running = [f"{each['task_id'].partition('_')[0]} ({each['worker']})" for each in answer["running_tasks"]]
        why = f"at work is another run: {running[0]}" if running else "nobody is at work"
        advice = "is it meant to wait? --local-scheduler runs without" if not running else "it goes on after that"
        pending = f"{answer['n_pending_tasks']:,} tasks are pending"
        self._say("idle", f"Luigi's scheduler ({self._url}) gives this run no work: {pending}, {why}; {advice}")

    def _say(self, what: str, text: str) -> None:
        """Warn of each kind of thing once in a run."""
        if what not in self._said:
            self._said.add(what)
            logger.warning("%s", text, extra={"event": "warning"})


def _tasks(answer: dict[str, Any]) -> list[str]:
    """Return the tasks that are given out: one, some that are to be done together, or none."""
    return list(answer.get("batch_task_ids") or filter(None, [answer.get("task_id")]))

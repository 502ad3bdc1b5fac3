"""What Luigi says of tasks: as they begin, end and fail, in the process that works on them."""

from __future__ import annotations

import logging

import luigi
from luigi.rpc import RPCError

from pipeline import progress, scheduling
from pipeline.watching import live
from pipeline.watching.context import current, file_of, is_own, name_of

logger = logging.getLogger("pipeline")

SECONDS_BETWEEN_MESSAGES = 2.0
PERCENT = 100


def _tell_the_scheduler(stage: progress.Progress) -> None:
    """Show on the scheduler's page how far the task in progress is; a scheduler that is gone does not matter."""
    task, is_early = current.task, current.seconds - current.told_at < SECONDS_BETWEEN_MESSAGES
    if task is None or (is_early and not stage.is_last):
        return
    current.told_at = current.seconds
    try:
        # Luigi gives tasks these methods while they run.
        if tell := getattr(task, "set_status_message", None):
            tell(str(stage))
        if stage.total and (advance := getattr(task, "set_progress_percentage", None)):
            advance(min(PERCENT, PERCENT * stage.done // stage.total))
    except RPCError:
        current.told_at = float("inf")


def _show(stage: progress.Progress) -> None:
    if current.task is not None:
        live.update(name_of(current.task), stage)


def install() -> None:
    """Log what happens to tasks from now on."""
    for event, handler in HANDLERS.items():
        luigi.Task.event_handler(event)(handler)  # type: ignore[no-untyped-call]
    progress.listen(_tell_the_scheduler)
    progress.listen(_show)
    live.begin()


def _started(task: luigi.Task) -> None:
    current.begin(task)
    if is_own(task):
        logger.info("%s: started", name_of(task), extra={"event": "start"})
        live.begun(name_of(task))


def _ended(task: luigi.Task) -> None:
    live.ended(name_of(task))
    if is_own(task):
        facts = {"event": "end", "seconds": round(current.seconds, 3)}
        logger.info("%s: done (%.1f s)", name_of(task), current.seconds, extra=facts)
    current.end()


def _failed(task: luigi.Task, error: BaseException) -> None:
    live.ended(name_of(task))
    if not getattr(task, "is_group", False):
        # Luigi logs the failure itself, with its traceback; this is for the run's own account.
        facts = {"event": "failure", "cause": _said(error), "seconds": round(current.seconds, 3)}
        logger.info("%s: failed", name_of(task), extra=facts)
    current.end()
    scheduling.tell_failed(task)


def _broken(task: luigi.Task, error: BaseException) -> None:
    logger.info("%s: cannot be planned", name_of(task), extra=_facts(task, "broken", _said(error)))


def _died(task: luigi.Task, message: str) -> None:
    live.ended(name_of(task))
    extra = {} if getattr(task, "is_group", False) else _facts(task, "failure", message)
    logger.info("%s: its process ended", name_of(task), extra=extra)
    scheduling.tell_failed(task)


def _present(task: luigi.Task) -> None:
    scheduling.tell_complete(task)
    logger.debug("%s: complete", name_of(task), extra=_facts(task, "complete", None))


def _facts(task: luigi.Task, event: str, cause: str | None) -> dict[str, object]:
    return {"event": event, "cause": cause, "task": task.task_family, "file": file_of(task)}


def _said(error: BaseException) -> str:
    return str(error) if type(error).__module__.startswith("pipeline.") else f"{type(error).__name__}: {error}"


HANDLERS = {
    luigi.Event.START: _started,
    luigi.Event.SUCCESS: _ended,
    luigi.Event.FAILURE: _failed,
    luigi.Event.BROKEN_TASK: _broken,
    luigi.Event.PROCESS_FAILURE: _died,
    luigi.Event.TIMEOUT: _died,
    luigi.Event.DEPENDENCY_PRESENT: _present,
}

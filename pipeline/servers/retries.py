"""Which faults of the servers pass by themselves, and trying again after them."""

from __future__ import annotations

import logging
import sys

import psycopg2
from psycopg2 import errorcodes
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from pipeline.errors import PipelineError

logger = logging.getLogger("pipeline")

ATTEMPTS = 5
# What passes although the connection stays: another transaction was in the way.
PASSING_STATES = {errorcodes.SERIALIZATION_FAILURE, errorcodes.DEADLOCK_DETECTED}
# What ends a connection: the server stops or restarts, or an administrator ended the session.
ENDED_STATES = {errorcodes.ADMIN_SHUTDOWN, errorcodes.CRASH_SHUTDOWN, errorcodes.CANNOT_CONNECT_NOW}
ENDED_MESSAGES = ("server closed the connection", "connection already closed", "connection not open", "ssl syscall")


class ConnectionLostError(PipelineError):
    """The connection to a server broke in the middle of a piece of work, which may succeed if it is done again."""


def is_passing(error: BaseException) -> bool:
    """Tell whether work that failed with `error` may succeed if it is simply done again."""
    if isinstance(error, ConnectionLostError):
        return True
    if isinstance(error, psycopg2.Error):
        if error.pgcode is not None:
            return error.pgcode in PASSING_STATES | ENDED_STATES
        message = str(error).lower()
        return any(said in message for said in ENDED_MESSAGES)
    if "pymongo" not in sys.modules:  # nothing of it can have been raised
        return False
    from pymongo.errors import AutoReconnect, CursorNotFound

    return isinstance(error, (AutoReconnect, CursorNotFound))


def retrying(what: str) -> Retrying:
    """Return the attempts at a piece of work that can be done again as a whole: `for attempt in …: with attempt:`.

    The waits between them grow from half a second to ten; the last error is raised as it is. Errors that do
    not pass are raised at once.
    """

    def announce(state: RetryCallState) -> None:
        assert state.outcome is not None and state.next_action is not None  # noqa: S101 (by the library's contract)
        reason = " ".join(str(state.outcome.exception()).split())
        logger.warning("%s: trying again in %.1f s: %s", what, state.next_action.sleep, reason)

    return Retrying(
        retry=retry_if_exception(is_passing),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential_jitter(multiplier=0.5, max=10),
        before_sleep=announce,
        reraise=True,
    )

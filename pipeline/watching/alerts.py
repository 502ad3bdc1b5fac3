"""Telling people that a run failed: one message to a webhook."""

from __future__ import annotations

import logging
import socket
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from pipeline.outgoing import for_chat
from pipeline.settings import get_settings
from pipeline.watching.context import run_id
from pipeline.watching.record import Outcome

logger = logging.getLogger("pipeline")

SECONDS_TO_ANSWER = 10.0  # for all of an answer
SHOWN_CAUSE = 1000  # characters


def notify(outcomes: list[Outcome], log: Path) -> None:
    """Post what failed as JSON to `FAILURE_WEBHOOK_URL`, if it is set and something did.

    A webhook that does not answer is logged; it changes nothing of the run.

    Args:
        outcomes: what came of each task.
        log: the log to point at.
    """
    url = get_settings().failure_webhook_url
    wrong = [outcome for outcome in outcomes if outcome.is_wrong]
    if url is None or not wrong:
        return
    # The library's limit is for each piece of an answer; who sends one byte after the other must not hold the run.
    came: list[int | Exception] = []
    posting = Thread(target=_post, args=(url.get_secret_value(), message(wrong, log), came), daemon=True)
    posting.start()
    posting.join(SECONDS_TO_ANSWER)
    match came:
        case []:
            logger.warning("FAILURE_WEBHOOK_URL did not answer within %d s", SECONDS_TO_ANSWER)
        case [Exception() as error]:
            # What the library says may hold the address, which is a secret.
            logger.warning("FAILURE_WEBHOOK_URL could not be told of the failure: %s", type(error).__name__)
        case [int(status)] if status not in range(200, 300):
            logger.warning("FAILURE_WEBHOOK_URL refused the message: status %s", status)


def _post(url: str, said: dict[str, Any], came: list[int | Exception]) -> None:
    """Post a message, and add to `came` the status of the answer, or why there is none."""
    import httpx

    try:
        came.append(httpx.post(url, json=said, timeout=SECONDS_TO_ANSWER).status_code)
    except Exception as error:
        came.append(error)


def message(wrong: list[Outcome], log: Path) -> dict[str, Any]:
    """Return the message: `text` for chats, the rest for programs."""
    failed = [
        {
            "task": outcome.task,
            "file": outcome.file,
            "state": outcome.state.lower(),
            "cause": (outcome.cause or "")[:SHOWN_CAUSE],
            "log": str(log),
        }
        for outcome in wrong
    ]
    first = failed[0]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return {
        "text": for_chat(f"Run {run_id()} failed: {wrong[0].name}: {first['cause']}{more}. See {log}"),
        "run": run_id(),
        "host": socket.gethostname(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "failed": failed,
    }

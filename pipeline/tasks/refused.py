"""Files that are refused as a whole: the others load, and the run fails at its end.

A file is refused for what is in it and for the rules that it breaks. What builds on its table is made
without it meanwhile, under a fingerprint that counts the file in. So once a content was refused, the rules
count as an input too: if they change, the file and all that builds on it have another fingerprint.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache

from pipeline.errors import PipelineError
from pipeline.servers.postgres import session
from pipeline.settings import get_settings
from pipeline.state import code, fingerprints
from pipeline.state.marker import Store
from pipeline.tasks.base import PipelineTask
from pipeline.tasks.raw_folder import digest_of
from pipeline.warehouse.reject_limit import TooManyRejectsError
from pipeline.warehouse.statements import fetch_value

logger = logging.getLogger("pipeline")

SHOWN_FILES = 10


class FilesRefusedError(PipelineError):
    """Some files were refused; all others are loaded."""


@cache
def refused_contents() -> dict[tuple[str, str], bool]:
    """Return which contents had ever been refused when the run was planned, by path and digest.

    The value tells whether that was ever for want of `--allow-empty`.
    """
    return _refused_by_now()


def _refused_by_now() -> dict[tuple[str, str], bool]:
    with session() as cursor:
        if not fetch_value(cursor, "SELECT to_regclass('etl.batches') IS NOT NULL"):
            return {}
        cursor.execute(
            """
            SELECT source, details ->> 'refused', bool_or(details ? 'emptied')
            FROM etl.batches WHERE details ? 'refused'
            GROUP BY source, details ->> 'refused'
            """
        )
        return {(source, content): emptied for source, content, emptied in cursor.fetchall()}


def refused_before(path: str) -> bool:
    """Tell whether the present content of a file was ever refused."""
    return (path, digest_of(path)) in refused_contents()


def refusal_cause(path: str) -> str | None:
    """Say that a file which is not loaded was refused; None if it was not."""
    return "it was refused, and is tried again" if refused_before(path) else None


def content_facts(
    path: str, declaration: tuple[str, ...] = (), work: tuple[str, ...] = (), *, is_taken_empty: bool = False
) -> dict[str, str]:
    """Return what the landing of a file depends on.

    Args:
        path: the file.
        declaration: files below `sql/` that say what it must look like.
        work: Python modules that read it.
        is_taken_empty: whether the file is taken, or was, if it has no records any more.
    """
    content = digest_of(path)
    if not refused_before(path):
        return {"content": content}
    rules = {
        "MAX_REJECT_RATIO": str(get_settings().max_reject_ratio),
        # Not said by the file: what was made without it has to be made again once it is taken.
        "emptied": str(refused_contents()[path, content] and is_taken_empty),
        **fingerprints.sql_digests(declaration),
        **code.code_digests(*work, "pipeline.warehouse.reject_limit"),
    }
    return {"content": content, "rules": fingerprints.combine(rules)}


def note_refused(task_family: str, errors: Iterable[TooManyRejectsError]) -> None:
    """Log that landed files were refused as their values were typed: under the task that landed them."""
    for error in errors:
        logger.error("%s", error, extra={"task": task_family, "file": error.source})


def fail_if_refused(files: Iterable[PipelineTask]) -> None:
    """Fail if a file was refused in this run.

    Args:
        files: the tasks that land files, and those that withdraw some.

    Raises:
        FilesRefusedError: names the files.
    """
    tasks = list(files)
    _fail(_incomplete(tasks), len(tasks))


def fail_if_values_refused(files: Iterable[PipelineTask]) -> None:
    """Fail if a file was refused as its values were typed, after it had landed.

    What is not complete for another reason is left out: a newer run may have landed another content meanwhile.

    Raises:
        FilesRefusedError: names the files.
    """
    tasks, refused = list(files), _refused_by_now().keys()
    _fail([each for each in _incomplete(tasks) if (each.label, each.inputs.content) in refused], len(tasks))


def _incomplete(tasks: list[PipelineTask]) -> list[PipelineTask]:
    Store.forget()
    return [each for each in tasks if not each.complete()]


def _fail(refused: list[PipelineTask], files: int) -> None:
    if refused:
        named = ", ".join(each.label for each in refused[:SHOWN_FILES])
        more = f" and {len(refused) - SHOWN_FILES:,} more" if len(refused) > SHOWN_FILES else ""
        raise FilesRefusedError(
            f"{len(refused):,} of {files:,} files were refused, the others are loaded: {named}{more};"
            " correct or remove them and run again (why: see above, or python -m pipeline status)"
        )

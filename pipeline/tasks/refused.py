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


def content_facts(
    path: str, declaration: tuple[str, ...] = (), work: tuple[str, ...] = (), *, is_taken_empty: bool = False
) -> dict[str, str]:
    """Return what the landing of a file depends on.

    Once it was refused that includes the SQL files of its `declaration`, the modules that do the `work`, and whether
    the file is taken, or was, if it has no records any more.
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


def fail_if_refused(files: Iterable[PipelineTask], *, after_landing: bool = False) -> None:
    """Fail if a file was refused in this run, be it landed or withdrawn; or only those as their values were typed.

    Args:
        files: their tasks.
        after_landing: leave out what is not complete for another reason than its values: a newer run may have landed
            another content meanwhile.

    Raises:
        FilesRefusedError: names the files.
    """
    Store.forget()
    tasks = list(files)
    refused = [each for each in tasks if not each.complete()]
    if after_landing:
        known = _refused_by_now()
        refused = [each for each in refused if (each.label, each.inputs.content) in known]
    if refused:
        named = ", ".join(each.label for each in refused[:SHOWN_FILES])
        more = f" and {len(refused) - SHOWN_FILES:,} more" if len(refused) > SHOWN_FILES else ""
        raise FilesRefusedError(
            f"{len(refused):,} of {len(tasks):,} files were refused, the others are loaded: {named}{more};"
            " correct or remove them and run again (why: see above, or python -m pipeline status)"
        )

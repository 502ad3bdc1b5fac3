"""Writes a sample: believable data of any size, and beside it the truth about what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.sample.catalogue import Catalogue
from pipeline.sample.deliveries import delivered
from pipeline.sample.documents import CONTENT_FILE, Documents
from pipeline.sample.people import People, user_id
from pipeline.sample.sessions import MONTHS, SessionFiles, session_file
from pipeline.sample.truth import Truth
from pipeline.sample.users import USERS_FILE, write_users
from pipeline.sample.viewing import Viewing

TRUTH_FILE = ".sample.json"
SMALLEST = 50
# So many foreign files are named in the error.
_SHOWN = 3


def write_sample(folder: Path, sessions: int, seed: int = 1, clean: bool = False) -> dict[str, Any]:
    """Write users, viewing sessions and titles of the year 2024 into a folder.

    The same arguments give the same bytes on every Python version. Memory is bounded whatever the number
    of sessions: only users (about 60 bytes each) and the notes on spoiled records grow with it.

    Args:
        folder: made if absent. It may hold dot files and an earlier sample, which is replaced.
        sessions: sessions with an id of their own, at least 50. Spoiled and repeated records come on top.
        seed: 0 or more.
        clean: nothing spoiled, repeated or waiting; empty values and unusual layouts remain.

    Returns:
        The ground truth, which is also written to `.sample.json`: `files` (records, and number, kind,
        column and value of each spoiled record), `superseded` (file, record and key), `waiting` (users and
        titles waited for, with the number of sessions; file and record) and `documents`.

    Raises:
        FileExistsError: the folder holds something that no earlier sample wrote.
        ValueError: `sessions` or `seed` is too small.
    """
    if sessions < SMALLEST:
        raise ValueError(f"sessions: a sample has at least {SMALLEST}, not {sessions}")
    if seed < 0:
        raise ValueError(f"seed: must be 0 or more, not {seed}")
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_foreign_files(folder)
    names = [USERS_FILE, *map(session_file, MONTHS)]
    # Said before anything is there, so that an interrupted sample can be written again.
    _write_truth(folder, {"files": {name: {} for name in names}})

    people = People(sessions, seed)
    catalogue = Catalogue(sessions, seed)
    documents = Documents(catalogue, dirty=not clean)
    truth = Truth()
    documents.write(folder)
    spoiled_users = write_users(folder, people, truth, not clean, seed)
    files = SessionFiles(folder, sessions, Viewing(sessions, people, catalogue, seed), truth, seed)
    if clean:
        files.write()
    else:
        never = [user_id(2 * people.count + number) for number in range(1, max(3, people.count // 500) + 1)]
        files.write([*spoiled_users[:2], *never], [*documents.rejected_ids, "M9001", "M9002", "S9001"])

    result = {
        "seed": seed,
        "sessions": sessions,
        "clean": clean,
        **truth.as_dict(),
        "documents": {
            **{name: len(collection) for name, collection in documents.collections.items()},
            "rejected": documents.rejected,
            "oddities": documents.oddities,
        },
    }
    _write_truth(folder, result)
    return result


def _refuse_foreign_files(folder: Path) -> None:
    try:
        earlier = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))
        known = {*earlier["files"], CONTENT_FILE}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        known = set()
    foreign = sorted(
        entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name not in known
    )
    if foreign:
        more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        raise FileExistsError(
            f"{folder} holds files that no sample wrote: {', '.join(foreign[:_SHOWN])}{more}. "
            "Choose another folder or move them away."
        )


def _write_truth(folder: Path, truth: dict[str, Any]) -> None:
    with delivered(folder / TRUTH_FILE) as file:
        file.write(json.dumps(truth, ensure_ascii=False).encode() + b"\n")

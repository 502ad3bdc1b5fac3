"""The system user of the embedded PostgreSQL where the pipeline itself runs as root.

PostgreSQL refuses to run as root. Ordinary users need nothing of this: their server runs as themselves
and no folder is opened.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.servers.embedded.process import Account, EmbeddedServerError

SYSTEM_USER = "embedded_postgres"
_FALLBACK_USERS = ("postgres", "nobody")


def own(folder: Path, account: Account) -> None:
    """Make the folder, where absent, for this account alone (and root).

    Raises:
        EmbeddedServerError: something of another user is there; in a shared temporary folder it may be a trap.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {account.uid, os.geteuid()}:
            raise EmbeddedServerError(f"{folder} is not a folder of {account.name}: remove it") from None
    if account.uid is not None and account.gid is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def server_account(data: Path) -> Account:
    """Who is to run the server on this data directory.

    An ordinary user runs it; for root it is the owner of an existing directory, else a system user, added
    where the system lets us.

    Raises:
        EmbeddedServerError: the directory belongs to another user than the (ordinary) caller, or root
            finds no user to run the server.
    """
    owner = data.stat() if data.exists() else None
    caller = os.geteuid()
    if caller != 0:
        if owner and owner.st_uid != caller:
            raise foreign(data)
        return Account(_name(caller))
    if owner and owner.st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid)
    return _system_account()


def foreign(data: Path) -> EmbeddedServerError:
    """The error for a data directory that belongs to somebody else."""
    try:
        owner = f"the user {_name(data.stat().st_uid)}"
    except PermissionError:
        owner = "another user"
    return EmbeddedServerError(
        f"{data} belongs to {owner} (as after a run as root): "
        "run as the same user as before, or set EMBEDDED_PATH to another folder"
    )


def _name(uid: int) -> str:
    """The user's name; in containers started with a bare id, the id."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _system_account() -> Account:
    """The system user, added if absent; where that is impossible, one that every system has."""
    if shutil.which("useradd"):  # fails if it is there
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        subprocess.run(command, check=False, capture_output=True)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in (SYSTEM_USER, *_FALLBACK_USERS):
        if entry := known.get(name):
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        "PostgreSQL may not run as root and no system user could be added for it: "
        "run as an ordinary user, or set POSTGRES_HOST"
    )


def open_way(account: Account, folders: Iterable[Path], record: Path | None = None) -> list[str]:
    """Let the account reach the folders: their parents get the execute bit for others and nothing else.

    Args:
        account: who runs the server.
        folders: what it is to reach.
        record: a file that is told what is opened, for `close_way`.

    Returns:
        What was changed, as phrases for the operator; empty if all was open or the account is the caller.
    """
    if account.uid is None:
        return []
    steps = {step: stat.S_IMODE(step.stat().st_mode) for step in _way(folders) if step.stat().st_uid != account.uid}
    closed = {step: mode for step, mode in sorted(steps.items()) if not mode & stat.S_IXOTH}
    if record and closed:
        _note(record, closed)
    for step, mode in closed.items():
        step.chmod(mode | stat.S_IXOTH)
    return [f"opened {step} ({mode:04o} → {mode | stat.S_IXOTH:04o})" for step, mode in closed.items()]


def close_way(record: Path, account: Account) -> None:
    """Close what `open_way` opened, now that the server has ended.

    What another project's server needs, which the same account runs, stays open, and is noted there.
    """
    opened = {Path(step) for step in json.loads(record.read_text())}
    for data, steps in _running_elsewhere(account):
        if needed := opened & steps:
            _note(data.parent / record.name, needed)
            opened -= needed
    for step in opened:
        if step.is_dir() and step.stat().st_uid == os.geteuid():
            step.chmod(stat.S_IMODE(step.stat().st_mode) & ~stat.S_IXOTH)
    record.unlink()


def _way(folders: Iterable[Path]) -> set[Path]:
    real = [folder.resolve() for folder in folders]
    return {step for folder in real for step in (folder, *folder.parents)}


def _note(record: Path, steps: Iterable[Path]) -> None:
    known = json.loads(record.read_text()) if record.exists() else []
    record.write_text(json.dumps(sorted({*known, *map(str, steps)})))


def _running_elsewhere(account: Account) -> Iterator[tuple[Path, set[Path]]]:
    """The data directories of servers that the account runs, each with the folders on their way."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.uids().real == account.uid and (data := Path(process.cwd())).name == "data":
                yield data, _way([data.parent, Path(process.exe()).parent])
        except psutil.Error:
            continue

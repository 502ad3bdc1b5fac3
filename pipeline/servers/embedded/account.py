"""The system user of the embedded PostgreSQL where the pipeline itself runs as root.

PostgreSQL refuses to run as root. Ordinary users need nothing of this: their server runs as themselves
and no file mode is touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable
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
    return EmbeddedServerError(
        f"{data} belongs to the user {_name(data.stat().st_uid)} (as after a run as root): "
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


def open_way(account: Account, folders: Iterable[Path]) -> list[str]:
    """Let the account reach the folders: their parents get the execute bit for others and nothing else.

    Returns:
        What was changed, as phrases for the operator; empty if all was open or the account is the caller.
    """
    changes: list[str] = []
    if account.uid is None:
        return changes
    real = [folder.resolve() for folder in folders]
    for step in sorted({step for folder in real for step in (folder, *folder.parents)}):
        info = step.stat()
        if info.st_uid != account.uid and not info.st_mode & stat.S_IXOTH:
            mode = stat.S_IMODE(info.st_mode)
            step.chmod(mode | stat.S_IXOTH)
            changes.append(f"opened {step} ({mode:04o} → {mode | stat.S_IXOTH:04o})")
    return changes

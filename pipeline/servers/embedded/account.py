"""The system user of the embedded PostgreSQL where the pipeline itself runs as root.

PostgreSQL refuses to run as root. Ordinary users need nothing of this: their server runs as themselves
and no file mode is touched.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.servers.embedded.process import EmbeddedServerError

SYSTEM_USER = "embedded_postgres"
_FALLBACK_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """Who runs the server: another user than the caller's if `uid` is given; `made` if added just now."""

    name: str
    uid: int | None = None
    gid: int | None = None
    made: bool = False

    def run(
        self, command: list[str], *, cwd: Path, env: Mapping[str, str], output: IO[bytes]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command as this account, in a session of its own: the caller's Ctrl-C does not reach it."""
        return subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def own(self, folder: Path) -> None:
        """Make the folder, where absent, for this account alone (and root).

        Raises:
            EmbeddedServerError: something of another user is there; in a shared temporary folder it may
                be a trap.
        """
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            info = folder.lstat()
            if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {self.uid, os.geteuid()}:
                raise EmbeddedServerError(f"{folder} is not a folder of {self.name}: remove it") from None
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
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
    made = False
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    if SYSTEM_USER not in known:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            made = subprocess.run(command, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            made = False
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in (SYSTEM_USER, *_FALLBACK_USERS):
        if entry := known.get(name):
            return Account(name, entry.pw_uid, entry.pw_gid, made)
    raise EmbeddedServerError(
        "PostgreSQL may not run as root and no system user could be added for it: "
        "run as an ordinary user, or set POSTGRES_HOST"
    )


def open_way(account: Account, folders: Iterable[Path], files: Iterable[Path]) -> list[str]:
    """Let the account reach the folders, and read the files of the installed server.

    Parents get the execute bit for others and nothing else; files are touched only where a restrictive
    umask at installation hid them.

    Returns:
        What was changed, as phrases for the operator; empty if all was open or the account is the caller.
    """
    changes: list[str] = []
    if account.uid is None:
        return changes
    real = [folder.resolve() for folder in folders]
    for step in sorted({step for folder in real for step in (folder, *folder.parents)}):
        before = _allow_others(account, step, stat.S_IXOTH)
        if before is not None:
            changes.append(f"opened {step} ({before:04o} → {before | stat.S_IXOTH:04o})")
    for top in files:
        count = 0
        for path in (top, *top.rglob("*")):
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                bits = stat.S_IROTH | (stat.S_IXOTH if runs else 0)
                count += _allow_others(account, path, bits) is not None
        if count:
            changes.append(f"made {count} files of {top} readable")
    return changes


def _allow_others(account: Account, path: Path, bits: int) -> int | None:
    """Add the bits if the account, one of the others, lacks them; the mode before, None if it did not."""
    info = path.stat()
    if info.st_uid == account.uid or info.st_mode & bits == bits:
        return None
    mode = stat.S_IMODE(info.st_mode)
    path.chmod(mode | bits)
    return mode

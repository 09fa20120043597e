"""PostgreSQL refuses to run as root: how to run it all the same (stack sheet, section 3)."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from console.embedded.process import Identity, StartError

Mode = Literal["plain", "mapped", "nobody"]
UNSHARE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


@dataclass(frozen=True, slots=True)
class RunAs:
    """``prefix`` goes before every command; ``identity`` is the user to switch to, None to stay as we are."""

    mode: Mode
    prefix: tuple[str, ...] = ()
    identity: Identity | None = None


def choose(mode: Mode | None = None) -> RunAs:
    """As an ordinary user: plain. As root: a user namespace where allowed, else the user ``nobody``."""
    mode = mode or _fitting_mode()
    if mode == "nobody":
        return RunAs(mode, identity=_nobody())
    return RunAs(mode, prefix=UNSHARE if mode == "mapped" else ())


def _fitting_mode() -> Mode:
    if os.getuid() != 0:
        return "plain"
    return "mapped" if _mapping_works() else "nobody"


def _mapping_works() -> bool:
    if shutil.which("unshare") is None:
        return False
    try:
        pwd.getpwuid(65534)
        return subprocess.run([*UNSHARE, "true"], check=False, capture_output=True, timeout=10).returncode == 0
    except (KeyError, OSError, subprocess.TimeoutExpired):
        return False


def _nobody() -> Identity:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise StartError(
            "root needs a user 'nobody' or the right to unshare for PostgreSQL: set DATABASE_URL"
        ) from None
    return Identity(entry.pw_uid, entry.pw_gid)


def reachable(path: Path, who: Identity) -> bool:
    """Whether the user may enter every directory down to ``path`` (as far as it exists)."""
    full = path.resolve()
    return all(_may_enter(folder, who) for folder in [*full.parents, full] if folder.exists())


def _may_enter(folder: Path, who: Identity) -> bool:
    status = folder.stat()
    if status.st_uid == who.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == who.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)

"""Directories that only their user may use: those of journals, pins and rehearsals."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def make_private(path: Path, top: Path) -> None:
    """Make `path` and all that is missing above it, 0700 whatever the umask. `top` is `path` or lies above it.

    From `top` down all of it must belong to this user; what lies below `top` is ours by its name, and is made 0700 where it
    exists with other rights. Raises OSError, which names the path, and its owner where that is another user.
    """
    missing = path
    while not missing.exists() and missing != missing.parent:
        missing = missing.parent
    for part in reversed([path, *path.parents]):
        inside = part == top or top in part.parents
        if part != missing and missing in part.parents:
            _make(part)
        if inside:
            found = part.stat()
            if found.st_uid != os.geteuid():
                raise PermissionError(f"the directory {part} belongs to {_user(found.st_uid)}, not to {_user(os.geteuid())}")
            if part != top and found.st_mode & 0o077:
                part.chmod(0o700)


def _make(path: Path) -> None:
    try:
        path.mkdir(0o700)
    except FileExistsError:  # by another process just now: its owner is looked at
        return
    except OSError as error:
        raise type(error)(f"the directory {path} cannot be made: {error.strerror}") from None
    path.chmod(0o700)  # whatever the umask has taken away


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"

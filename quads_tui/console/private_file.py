"""Files that a console writes for its operator: readable by the owner only, and whole or not there at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file 0600 in UTF-8; line ends as they are. Directories that are missing are made, 0700.

    `replace`: also where there is a file of this name already; what was a link or a file of another owner becomes a file of ours.
    Raises FileExistsError without it, and OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = path.with_name(f".{secrets.token_hex(8)}.part") if replace else path
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # fails where the name is taken
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        if replace:
            written.rename(path)
    except BaseException:
        with suppress(OSError):
            written.unlink()
        raise


def numbered(path: Path) -> Path:
    """This path, or the first one like `name-2.csv` that is free."""
    number, free = 1, path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free

"""Completion of the path of an assignment file, as a shell does it."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from quads_tui.rollout.text import clean

SUFFIXES = (".yaml", ".yml", ".json")
_MOST = 5000  # entries of a directory that are looked at


def typed_path(text: str) -> Path:
    """A path as it was typed, with ~ for the home directory."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user
        return Path(text)


def path_completions(typed: str) -> list[str]:
    """What `typed` may become, sorted: directories end in a slash. Reads the disk; relative paths are of this directory.

    Left out are names that cannot be shown as they are, and hidden ones unless the dot was typed.
    """
    head, slash, tail = typed.rpartition("/")
    directory = typed_path(head + slash) if slash else Path()
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in islice(entries, _MOST):
                name = entry.name
                if not name.startswith(tail) or (name.startswith(".") and not tail) or clean(name, 255, compared=True) != name:
                    continue
                if entry.is_dir():
                    found.append(f"{head}{slash}{name}/")
                elif name.endswith(SUFFIXES):
                    found.append(f"{head}{slash}{name}")
    except (OSError, ValueError):  # ValueError: a NUL was typed
        return []
    return sorted(found)

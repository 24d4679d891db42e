"""The assignment files that a new rollout is offered: of this directory, of its samples, and of earlier rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quads_tui.inputs import InputError, load_assignment
from quads_tui.journal.catalogue import Catalogue

from .path_completion import SUFFIXES

PLACES = (Path(), Path("sample_assignments"))
_MOST = 200  # files of a directory that are tried


class AssignmentFiles:
    """Looked for each time that they are asked for; a file is read again only when it has changed."""

    def __init__(self, state: Path) -> None:
        self._catalogue = Catalogue(state)
        self._known: dict[Path, tuple[tuple[int, int], bool]] = {}  # its time of change and size; whether it is an assignment

    def find(self) -> Sequence[Path]:
        """Reads the disk. Files with errors are left out: their path can be typed, and then the error is shown."""
        candidates = [path for place in PLACES for path in sorted(place.glob("*.*"))[:_MOST]]
        for rollout in self._catalogue.read():
            if rollout.rehearsal is None:
                candidates += [Path(given["path"]) for given in rollout.facts.get("assignments", ())]
        return list(dict.fromkeys(path for path in candidates if self._is_assignment(path)))

    def _is_assignment(self, path: Path) -> bool:
        if path.suffix not in SUFFIXES or path.name == "site.yaml":
            return False
        try:
            found = path.stat()
        except OSError:
            return False
        version = (found.st_mtime_ns, found.st_size)
        known = self._known.get(path)
        if known is None or known[0] != version:
            known = self._known[path] = (version, path.is_file() and _has_hosts(path))
        return known[1]


def _has_hosts(path: Path) -> bool:
    try:
        return bool(load_assignment(path).hosts)
    except InputError:
        return False

"""What the screen remembers from one rollout to the next: theme, symbols, bell, sort order, columns and saved filters.

One JSON file in the state directory, for its owner only. It is a convenience: what cannot be read or written is reported and
stops nothing, and what is wrong in it counts as not set. A change writes one member and keeps all others as they are in the file
at that moment, under a lock, so that several consoles at once lose nothing of each other's.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import logging
import os
import re
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quads_tui.render.host_filter import LONGEST
from quads_tui.render.host_order import ORDERS
from quads_tui.render.host_row import Column
from quads_tui.render.palette import PALETTES
from quads_tui.render.symbols import SYMBOLS
from quads_tui.rollout.text import clean

from .private_file import write_private

log = logging.getLogger(__name__)

FILE = "console.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}", re.I)  # of a saved filter
MOST_FILTERS = 50
_MOST = 65_536  # bytes of the file that are read
_TRIES, _PAUSE = 50, 0.02  # at the lock, real seconds between them: then the change is written without it
_EXIT = 1.0  # real seconds that the end of the process waits for a change to be written


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """What the table shows, and in which order."""

    words: str
    failures_only: bool = False
    sort: str = ORDERS[0]
    reversed: bool = False


class Settings:
    """`path` None: nothing is read, and what is remembered ends with this object. `problem`: why the file was not used, or ""."""

    def __init__(self, path: Path | None = None) -> None:
        self.problem = ""
        self._path = path
        self._pending: dict[str, Any] = {}  # changes that are not written yet
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        found: Mapping[str, Any] = {}
        if path is not None:
            try:
                found = _read(path)
            except (OSError, ValueError) as error:
                self.problem = f"{path} is ignored: {clean(error)}"
        self.theme = _one_of(found.get("theme"), PALETTES, "")
        self.symbols = _one_of(found.get("symbols"), SYMBOLS, "")
        self.muted = found.get("muted") is True
        self.sort = _one_of(found.get("sort"), ORDERS, ORDERS[0])
        self.reversed = found.get("reversed") is True
        self.columns = _columns(found.get("columns"))
        self.filters = _filters(found.get("filters"))

    def remember(self, **changes: Any) -> None:
        """Set these members, and write them soon."""
        for name, value in changes.items():
            setattr(self, name, value)
        self._write({name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()})

    def save_filter(self, name: str, saved: SavedFilter | None) -> None:
        """Under this name; None deletes it."""
        if saved is None:
            self.filters.pop(name, None)
        else:
            self.filters[name] = saved
        self._write({f"filters/{name}": None if saved is None else asdict(saved)})

    def settled(self, seconds: float = _EXIT) -> None:
        """Wait until all of it has been written, but no longer than that."""
        writer = self._writer
        if writer is not None:
            writer.join(seconds)

    def _write(self, changes: Mapping[str, Any]) -> None:
        """By a thread: the disk may be a slow one, and the loop has more important things to do."""
        if self._path is None:
            return
        with self._lock:
            self._pending.update(changes)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_pending, args=(self._path,), name="settings", daemon=True)
                atexit.register(self.settled)
                self._writer.start()

    def _write_pending(self, path: Path) -> None:
        while True:
            with self._lock:
                changes, self._pending = self._pending, {}
                if not changes:
                    self._writer = None
                    atexit.unregister(self.settled)
                    return
            try:
                with _locked(path):
                    _replace(path, changes)
            except OSError as error:
                log.warning("the settings of the screen cannot be saved: %s", clean(error))
                self.problem = f"settings cannot be saved: {clean(error)}"


def _read(path: Path) -> dict[str, Any]:
    """The file as it is; empty where there is none. Raises OSError, and ValueError when it is not one of ours."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(file, "rb") as opened:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise ValueError("it is not a file of this user")
        text = opened.read(_MOST + 1)
    if len(text) > _MOST:
        raise ValueError(f"it is longer than {_MOST} bytes")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not valid JSON") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found


def _replace(path: Path, changes: Mapping[str, Any]) -> None:
    """The file with these changes, atomically. A damaged one is kept beside it. Raises OSError."""
    try:
        found = _read(path)
    except ValueError:
        with suppress(OSError):
            path.replace(path.with_name(f"{path.name}.damaged"))
        found = {}
    kept: dict[str, Any] = {name: asdict(value) for name, value in _filters(found.get("filters")).items()}
    for name, value in changes.items():
        member, _, of = name.partition("/")
        if not of:
            found[member] = value
        elif value is None:
            kept.pop(of, None)
        else:
            kept[of] = value
    write_private(path, json.dumps({**found, "filters": kept}, indent=1) + "\n", replace=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """No other console writes the file; if its lock cannot be had for a while, the change is worth more than the lock."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(_TRIES):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(lock)


def _one_of(given: object, names: Sequence[str] | Mapping[str, object], default: str) -> str:
    return given if isinstance(given, str) and given in names else default


def _columns(given: object) -> tuple[Column, ...]:
    """Those that are known; empty: the default ones."""
    return tuple(column for column in Column if column in given) if isinstance(given, list) else ()


def _filters(given: object) -> dict[str, SavedFilter]:
    """Those that are whole. Clean: it is a file."""
    found: dict[str, SavedFilter] = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        words = value.get("words") if isinstance(value, dict) else None
        if NAME.fullmatch(name) and isinstance(words, str) and len(found) < MOST_FILTERS:
            found[name] = SavedFilter(
                clean(words, LONGEST),
                value.get("failures_only") is True,
                _one_of(value.get("sort"), ORDERS, ORDERS[0]),
                value.get("reversed") is True,
            )
    return found

"""One writer per journal, and none beside QUADS' own mover. The lock of a Foreman is in foreman_lock.py."""

from __future__ import annotations

import fcntl
import os
import pwd
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean


class LockHeld(QuadsTuiError):
    """Somebody else holds it. The text names process, user and since when, as far as the kernel tells."""


class JournalLock:
    """One writer per journal: a flock on a file beside it (never on the journal: closing it would drop SQLite's own locks).

    The file tells who holds it: process, user, since when.
    """

    def __init__(self, directory: Path, *, take_over: bool = False) -> None:
        """Raises LockHeld, and OSError where the directory cannot be written.

        `take_over`: an administrator says that the holder is stopped. Its file is left to it; by the owner number of the journal
        it learns, when it goes on, that it is no longer the one.
        """
        path = directory / "lock"
        for last in (False, True):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                os.close(self._file)
                if last or not take_over:
                    raise LockHeld(f"the rollout is run by {holder(directory) or 'another process'}") from None
                path.unlink(missing_ok=True)
        os.ftruncate(self._file, 0)
        os.write(self._file, process_words(os.getpid(), os.getuid()).encode())

    def release(self) -> None:
        os.close(self._file)


class QuadsLock:
    """The lock of QUADS' own mover (its crontab: `flock -n FILE quads --move-hosts`): while we hold it, QUADS moves nothing."""

    def __init__(self, path: Path) -> None:
        """Raises LockHeld, which names the holder where the kernel tells."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            try:  # not created where it exists: in /tmp the kernel refuses that for other people's files
                self._file = os.open(path, flags)
            except FileNotFoundError:
                self._file = os.open(path, flags | os.O_CREAT, 0o644)
        except OSError as error:
            raise LockHeld(f"QUADS' lock {path} (quads.lock_file) cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found = os.fstat(self._file)
            os.close(self._file)
            raise LockHeld(
                f"the mover of QUADS is running: its lock file {path} is held by {flock_holder(found) or 'another process'}"
            ) from None

    def release(self) -> None:
        os.close(self._file)


def flock_holder(found: os.stat_result) -> str:
    """Who holds the flock on this file, in words; empty where the kernel does not tell.

    As /proc/locks has it: `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`.
    """
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == device:
                pid = int(words[4])
                return process_words(pid, Path(f"/proc/{pid}").stat().st_uid)
    return ""


def holder(directory: Path) -> str:
    """Who writes to the journal in this directory, in words; empty when nobody does."""
    path = directory / "lock"
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return clean(file.read(200).decode(errors="replace")) or "another process"
    except OSError:
        pass
    return ""


def process_words(pid: int, uid: int) -> str:
    """Such as "process 4711 of quads, since 2026-11-28 23:41:00"."""
    return f"process {pid} of {user_words(uid)}, since {_since(pid)}"


def user_words(uid: int) -> str:
    """The user's name, else "uid 4711"."""
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return f"uid {uid}"


def _since(pid: int) -> str:
    with suppress(OSError):
        return datetime.fromtimestamp(Path(f"/proc/{pid}").stat().st_ctime).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return "an unknown time"

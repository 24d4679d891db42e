"""One writer per journal, one per Foreman on this machine, and none beside QUADS' own mover."""

from __future__ import annotations

import fcntl
import os
import pwd
import socket
import struct
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from quads_tui.rollout.text import clean


class LockHeld(Exception):
    """Another rollout writes to this Foreman. The text names process, user and since when."""


class JournalLock:
    """One writer per journal: a flock on a file beside it (never on the journal: closing it would drop SQLite's own locks).

    The file tells who holds it: process, user, since when.
    """

    def __init__(self, directory: Path) -> None:
        """Raises LockHeld, and OSError where the directory cannot be written."""
        path = directory / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise LockHeld(f"the rollout is run by {holder(directory) or 'another process'}") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, _told(os.getpid(), os.getuid()).encode())

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
            raise LockHeld(f"QUADS is moving hosts itself: {path} is held by {_flock_holder(found)}") from None

    def release(self) -> None:
        os.close(self._file)


def _flock_holder(found: os.stat_result) -> str:
    """As /proc/locks has it: `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`."""
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == device:
                pid = int(words[4])
                return _told(pid, Path(f"/proc/{pid}").stat().st_uid)
    return "another process"


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


def _told(pid: int, uid: int) -> str:
    return f"process {pid} of {_user(uid)}, since {_since(pid)}"


class ForemanLock:
    """Held for as long as the object lives and the process does: the kernel drops an abstract Unix socket with its owner.

    The name carries scheme, host and port. Peer credentials, which cannot be forged, tell the holder.
    """

    def __init__(self, url: str) -> None:
        """Raises LockHeld."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._name = f"\0quads-tui:{parts.scheme}://{parts.hostname}:{port}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(self._name)
        except OSError:
            self._socket.close()
            raise LockHeld(f"another rollout is writing to {parts.scheme}://{parts.hostname}:{port}: {self._holder()}") from None
        self._socket.listen(8)

    def release(self) -> None:
        self._socket.close()

    def _holder(self) -> str:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(1.0)
            peer.connect(self._name)
            pid, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return _told(pid, uid)
        return "its process does not answer"


def _user(uid: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return f"uid {uid}"


def _since(pid: int) -> str:
    with suppress(OSError):
        return datetime.fromtimestamp(Path(f"/proc/{pid}").stat().st_ctime).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return "an unknown time"

"""One writer per Foreman on this machine, whatever it is called, and from whichever container or network namespace.

Each key of the server (`servers.Server`) is held twice. A lock file in a directory that all consoles of the machine see: flock,
which the kernel drops with its process. And an abstract Unix socket, which needs no set-up, but is seen in one network namespace
only. A lock file that was removed or replaced is lost: whoever takes over does that, and the holder looks before each act.

Consoles that share one write queue hold the files together (LOCK_SH, with the queue's name in the file); a console without it
needs the file alone. The socket is bound by one of them, and a second one beside it, named after the queue, tells which queue.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import socket
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.ports import TakenOver
from quads_tui.rollout.text import clean

from .lock_sockets import bound, is_bound, listener, owner
from .locks import LockHeld, flock_holder, process_words, user_words
from .servers import Server

LOCKS = Path("/run/lock/quads-tui")  # where $QUADS_TUI_LOCKS names none
_LONGEST = 4000  # bytes of a lock file that are read
_TRIES = 20  # of a file that others remove and make anew at the same time
_JOINS = 8  # tries to join the consoles of our queue, one of which may be taking the lock just now
_JOIN_PAUSE = 0.03  # seconds between two of them
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class NoDirectory(QuadsTuiError):
    """The directory of the lock files cannot be used. The text says why, and how to mend it."""


def lock_directory(path: Path) -> Path:
    """Make it where it is missing: open to all, and nobody removes what is another's. Raises NoDirectory."""
    remedy = f"an administrator creates it with: {_made_with(path)}"
    try:
        with suppress(FileExistsError):
            path.mkdir()
            path.chmod(0o1777)
        found = path.lstat()
    except OSError as error:
        raise NoDirectory(f"the lock directory {path} cannot be created: {error.strerror}; {remedy}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise NoDirectory(f"the lock directory {path} is not a directory; {remedy}")
    if found.st_mode & 0o002 and not found.st_mode & stat.S_ISVTX:
        raise NoDirectory(
            f"the lock directory {path} is writable by all without the sticky bit, so that any user could remove locks; {remedy}"
        )
    return path


def _made_with(path: Path) -> str:
    return f"install -d -m 1777 {path}"


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """By what two addresses turn out to be one Foreman. Empty members are not known."""

    certificate: str = ""  # SHA-256 of the DER, hexadecimal
    url: str = ""  # its own setting foreman_url


class ForemanLock:
    """Held from `acquire` to `release` or the end of the process. Calls may wait for the disk: not for the loop's thread.

    Any thread may make them: rollouts of one process share it.
    """

    def __init__(self, directory: Path | None, queue: str = "") -> None:
        """`directory`: of the lock files; None: there is none, and only this network namespace is seen.

        `queue`: the name of the shared write queue, whose consoles hold the lock together; empty: it is held alone.
        """
        self._directory = directory
        self.queue = queue
        self._files: dict[str, _File] = {}
        self._names: dict[str, socket.socket] = {}
        self._queue_names: dict[str, socket.socket] = {}
        self.keys: set[str] = set()
        self._calls = threading.RLock()
        self.left: dict[str, object] = {}  # what a holder that died, or was taken over from, had on its way: as `mark` got it

    def acquire(self, server: Server, *, take_over: bool = False) -> None:
        """Hold what is not held yet of this server. Raises LockHeld, and then holds no more than before.

        `take_over`: an administrator says that the holder is stopped, or is none of ours. It learns that before its next act.
        """
        acquired: list[str] = []
        with self._calls:
            try:
                for key in server.keys:
                    if key not in self.keys:
                        acquired.append(key)
                        self._acquire(key, server, take_over)
                        self.keys.add(key)
            except BaseException:
                self._drop(acquired)
                raise

    def check(self) -> None:
        """Raises TakenOver where a lock file is no longer the one that we hold, and where we hold none."""
        with self._calls:
            if not self.keys:
                raise TakenOver("the lock of the Foreman has been released: this rollout does nothing more")
            for file in self._files.values():
                if not file.stands:
                    raise TakenOver(f"the lock {file.path} was taken over by another process: this process does nothing more")
            if self.queue and not all(map(self._named, self.keys)):  # who bound them may have ended since
                raise TakenOver("another console, which does not use the write queue of this site, writes to this Foreman")

    def mark(self, writing: dict[str, object] | None) -> None:
        """Keep in the lock files what is on its way to the server; None: nothing is. It outlives this process."""
        with self._calls:
            for file in self._files.values():
                file.mark(writing)

    def same_foreman(self, own: ServerIdentity) -> str:
        """Publish what our Foreman is; who writes to one that is the same by that, in words. Empty where nobody does."""
        with self._calls:
            for file in self._files.values():
                file.publish(own)
            others = list(self._others())
        for path, contents in others:
            for what, mine, theirs in (
                ("the same TLS certificate", own.certificate, contents.get("certificate")),
                ("the same setting foreman_url", own.url, contents.get("url")),
            ):
                if mine and mine == theirs:
                    where = clean(path.name.removeprefix("foreman-").removesuffix(".lock"), 200)
                    return f"another rollout writes to a Foreman at {where} that has {what}: {_holder_of(path, contents)}"
        return ""

    def release(self) -> None:
        with self._calls:
            self._drop(list(self.keys))

    def _acquire(self, key: str, server: Server, take_over: bool) -> None:
        replaced = False
        if self._directory is not None:
            path = self._directory / f"foreman-{key}.lock"
            self._files[key], replaced = _File.locked(path, server, take_over, self.queue)
            self.left = self._files[key].left or self.left
        try:
            named = self._named(key)
        except OSError as error:
            raise LockHeld(f"the lock of {server.shown} cannot be acquired: {error.strerror}") from None
        if not named:
            self._beside(f"\0quads-tui:{key}", server, take_over, replaced)

    def _named(self, key: str) -> bool:
        """Whether the name is ours, or of a console of our queue. Raises OSError.

        One of the two names is bound, and given up, a moment after the other. So the second one is looked for more than once, and
        so is the first one, whose process may have ended meanwhile.
        """
        for tries in range(_JOINS if self.queue else 0, -1, -1):
            if self._bind(key):
                return True
            if self.queue and is_bound(_queue_name(key, self.queue)):
                return True
            if tries:
                time.sleep(_JOIN_PAUSE)
        return False

    def _bind(self, key: str) -> bool:
        """False: the name is somebody's. Raises OSError."""
        if key not in self._names:
            made = bound(f"\0quads-tui:{key}")
            if made is None:
                return False
            self._names[key] = made
        if self.queue and key not in self._queue_names:
            self._bind_second(key)
        return True

    def _bind_second(self, key: str) -> None:
        """Where it is of a process that is ending, it is free at once; if not, the next check binds it."""
        for tries in range(_JOINS, -1, -1):
            if (made := bound(_queue_name(key, self.queue))) is not None:
                self._queue_names[key] = made
                return
            if tries:
                time.sleep(_JOIN_PAUSE)

    def _beside(self, name: str, server: Server, take_over: bool, replaced: bool) -> None:
        """The socket's name is somebody's: go on without it, or raise LockHeld."""
        peer = listener(name)
        if take_over and (replaced or (peer is None and self._directory is not None)):
            return  # its holder looks at the file; or it is none of ours
        if peer is not None:
            words = f"another rollout is writing to {server.shown}: {process_words(*peer)}"
            if take_over:
                words += f"; --take-over cannot stop that process, because it has no lock file: end it first (kill {peer[0]})"
            raise LockHeld(words)
        uid, pid = owner(name)
        whose = user_words(uid) if uid is not None else "an unknown user"
        process = f"process {pid} of {whose}" if pid else f"a process of {whose}"
        remedy = "use --take-over if you are sure that nothing else writes to this Foreman"
        if self._directory is None:  # nothing but the name would be left to hold
            remedy = f"create the lock directory first ({_made_with(LOCKS)}), then {remedy}"
        raise LockHeld(
            f"the lock of {server.shown} (socket @{name[1:]}) is held by {process}, which is not quads-tui, because it does not "
            f"listen on the socket: end that process, or {remedy}"
        )

    def _drop(self, keys: list[str]) -> None:
        for key in keys:
            self.keys.discard(key)
            for names in (self._queue_names, self._names):
                if key in names:
                    names.pop(key).close()
            if key in self._files:
                self._files.pop(key).release()

    def _others(self) -> Iterator[tuple[Path, dict[str, object]]]:
        """The lock files that others hold now, and their contents."""
        ours = {file.path for file in self._files.values()}
        for path in sorted(self._directory.glob("foreman-*.lock")) if self._directory is not None else ():
            if path in ours:
                continue
            try:
                file = os.open(path, os.O_RDONLY | _FILE)
            except OSError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                yield path, _contents(file)
            finally:
                os.close(file)


class _File:
    """A lock file that this process holds."""

    def __init__(self, path: Path, file: int, queue: str) -> None:
        self.path = path
        self.left: dict[str, object] = {}
        self._file = file
        self._queue = queue
        self._mark = uuid.uuid4().hex  # tells our write from those of the other consoles of the queue
        self._identity = ServerIdentity()
        self._holder = ""
        self._writing: dict[str, object] | None = None

    @classmethod
    def locked(cls, path: Path, server: Server, take_over: bool, queue: str = "") -> tuple[_File, bool]:
        """The file, and whether it was taken from somebody. Raises LockHeld."""
        replaced, left = False, dict[str, object]()
        for _ in range(_TRIES):
            made = cls(path, _opened(path), queue)
            contents = _contents(made._file)
            left = _writing(contents) or left
            alone = made._lock(fcntl.LOCK_EX)
            if not alone and queue and made._joins():
                if made.stands:
                    made.publish(ServerIdentity())
                    return made, replaced
                os.close(made._file)
                continue
            if not alone:
                contents = _contents(made._file)
                os.close(made._file)
                if not take_over:
                    words = f"another rollout is writing to {server.shown}: {_holder_of(path, contents)}"
                    raise LockHeld(f"{words}. {_remedy(str(contents.get('queue') or ''), queue)}")
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise LockHeld(f"the lock {path} cannot be taken over: {error.strerror}") from None
                replaced = True
                continue
            if made.stands:
                made.left = _writing(_contents(made._file)) or left
                if queue and made.left:
                    made.left["by"] = made._mark
                made.publish(ServerIdentity())
                if not queue or made._lock(fcntl.LOCK_SH):
                    return made, replaced
            os.close(made._file)
        raise LockHeld(f"the lock {path} was replaced by other processes {_TRIES} times while it was being acquired")

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _joins(self) -> bool:
        """Hold it together with the consoles of our queue; False: others hold it. What is on its way there, the queue knows."""
        for _ in range(_JOINS):
            if self._lock(fcntl.LOCK_SH):
                return _contents(self._file).get("queue") == self._queue
            time.sleep(_JOIN_PAUSE)
        return False

    @property
    def stands(self) -> bool:
        """Whether the path still leads to what we hold."""
        try:
            return os.path.samestat(os.fstat(self._file), self.path.lstat())
        except OSError:
            return False

    def publish(self, identity: ServerIdentity) -> None:
        """Who holds it and for which Foreman, for those whom the kernel does not show it (in another container, say)."""
        self._identity = identity
        self._holder = f"{process_words(os.getpid(), os.getuid())}, on {socket.gethostname()}"
        self._write()

    def mark(self, writing: dict[str, object] | None) -> None:
        """As ForemanLock.mark. Before anything is, what was left stays: it is still to be waited for."""
        self._writing, self.left = writing, {}
        self._write()

    def _write(self) -> None:
        identity = self._identity
        contents = {"holder": self._holder, "certificate": identity.certificate}
        with suppress(OSError), self._turn():
            writing = self._writing or self.left or None
            if self._queue:
                contents["queue"] = self._queue
                found = _writing(_contents(self._file))
                if self._writing:
                    writing = {**self._writing, "by": self._mark}
                elif found.get("by", self._mark) != self._mark:
                    writing = found
            text = json.dumps({**contents, "url": identity.url, "writing": writing}).encode()
            os.pwrite(self._file, text, 0)  # a reader never finds less than the longer of two texts
            os.ftruncate(self._file, len(text))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The other consoles of the queue write here too, one after another. Raises OSError where one of them hangs in it."""
        if not self._queue:
            yield
            return
        for tries in range(_JOINS, -1, -1):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if not tries:
                    raise
                time.sleep(_JOIN_PAUSE)
        try:
            yield
        finally:  # also where the disk is full: nobody else could write any more
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def release(self) -> None:
        """Removed while it is held: who opened it meanwhile sees that, and makes another. With a write on its way it stays."""
        with suppress(OSError):
            last = not self._queue or (self._lock(fcntl.LOCK_EX) and not _writing(_contents(self._file)))
            if last and self.stands and not (self._writing or self.left):
                self.path.unlink()
        os.close(self._file)


def _queue_name(key: str, queue: str) -> str:
    return f"\0quads-tui-queue:{hashlib.sha256(f'{queue} {key}'.encode()).hexdigest()[:40]}"


def _remedy(theirs: str, ours: str) -> str:
    if theirs == ours:
        return "If that process hangs, an administrator can end it, or use --take-over"
    if theirs and ours:
        return "It uses another write queue (foreman.write_queue) than this site: wait until that rollout ends"
    if theirs:
        return "It uses a shared write queue: give this site file the same foreman.write_queue, or wait until that rollout ends"
    return "It does not use the write queue of this site (foreman.write_queue): wait until that rollout ends"


def _opened(path: Path) -> int:
    """For all users, since all of them lock it. Raises LockHeld for what is no lock file."""
    try:
        try:
            file = os.open(path, os.O_RDWR | _FILE)
        except FileNotFoundError:
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE, 0o666)
                os.fchmod(file, 0o666)
            except FileExistsError:
                file = os.open(path, os.O_RDWR | _FILE)
        except PermissionError:
            file = os.open(path, os.O_RDONLY | _FILE)
    except OSError as error:
        words = "is a symbolic link" if error.errno == errno.ELOOP else clean(error.strerror)
        raise LockHeld(f"the lock file {path} cannot be opened: {words}; an administrator must remove it") from None
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(file)
        raise LockHeld(f"{path} is not a lock file (owner: {user_words(found.st_uid)}); an administrator must remove it")
    return file


def _contents(file: int) -> dict[str, object]:
    try:
        found = json.loads(os.pread(file, _LONGEST, 0))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _writing(contents: dict[str, object]) -> dict[str, object]:
    found = contents.get("writing")
    return found if isinstance(found, dict) else {}


def _holder_of(path: Path, contents: dict[str, object]) -> str:
    """As the kernel shows it, else as the file has it."""
    with suppress(OSError):
        if found := flock_holder(path.stat()):
            return found
    holder = clean(contents.get("holder") or "", 200)
    return holder or f"a process that cannot be seen from here (another container?) holds {path}"

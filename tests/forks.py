"""Programs without the second that their imports take: a process that has imported everything forks one for each; all workers of a
run share it.

They are processes like any other: with a memory, files and an end of their own. What must be started as a user starts it (signals
at the start, closed streams) goes by subprocess instead; so each command is tried both ways.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NoReturn, TextIO

from tests.waiting import PATIENCE

PROGRAM = "quads_tui.cli"
_LONGEST = 200_000  # bytes of a request
_READY = b"ready"  # all is imported


class Parent:
    """A process that has imported `module` and what it needs, and forks others that call its `main()`; it ends with its last user.

    The first one that needs it starts it: of all workers of this run, or of this process where there are none.
    """

    _all: ClassVar[dict[str, Parent]] = {}

    def __init__(self, module: str) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}-{time.monotonic_ns()}"
        name = f"\0quads-tui-tests {run} {module}"  # an abstract one: nothing of it is left behind
        while True:
            self._started(name, module)
            self._link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with suppress(ConnectionError):
                self._link.connect(name)
                if self._link.recv(_LONGEST) == _READY:
                    break
            self._link.close()  # it has just ended with who used it
            assert self.process is None, f"the process that forks {module} has ended"

    @classmethod
    def of(cls, module: str) -> Parent:
        """One for this process and its whole life."""
        if not cls._all:
            atexit.register(cls._end)
        if module not in cls._all:
            cls._all[module] = cls(module)
        return cls._all[module]

    def _started(self, name: str, module: str) -> None:
        """Unless it is there: an address can be taken once."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            try:
                door.bind(name)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return
            door.listen(100)
            command = [sys.executable, "-m", "tests.forks", str(door.fileno()), module]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[door.fileno()], cwd=Path(__file__).parents[1]
            )

    @classmethod
    def _end(cls) -> None:
        for one in cls._all.values():  # all first: another process may wait in the same way for one that this one uses
            one.close()
        for one in cls._all.values():
            if one.process is not None:
                one.process.wait()

    def close(self) -> None:
        self._link.close()

    def asked(self, request: dict[str, Any], files: Sequence[int] = ()) -> Any:
        socket.send_fds(self._link, [json.dumps(request).encode()], files)
        assert select.select([self._link], [], [], PATIENCE)[0], "the process that forks does not answer"
        return json.loads(self._link.recv(_LONGEST))


class Forked:
    """One of them; of subprocess.Popen what the tests need."""

    def __init__(
        self,
        module: str,
        words: Sequence[str],
        files: Mapping[int, int],
        *,
        session: bool = False,
        terminal: bool = False,
        parent: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`files`: open ones of this process, by their numbers in the new one. `session`: it leads one of its own; `terminal`: whose
        terminal is its standard input. `parent`: another module, which has imported most of what this one needs. `environment`:
        beside what this process has."""
        self.returncode: int | None = None
        self._parent = Parent.of(parent or module)
        request = {
            "module": module,
            "words": words,
            "environment": {**os.environ, **(environment or {})},
            "directory": str(Path.cwd()),
            "numbers": list(files),
        }
        self.pid: int = self._parent.asked({**request, "session": session, "terminal": terminal}, list(files.values()))

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._parent.asked({"poll": self.pid})
        return self.returncode

    def wait(self, seconds: float | None = PATIENCE) -> int:
        """The exit status; it is killed and a TimeoutExpired raised when the seconds have passed, None: never."""
        if (status := self.poll()) is None:
            ended = os.pidfd_open(self.pid)  # readable from its end on; its number is its own until the poll after that
            try:
                if not select.select([ended], [], [], seconds)[0]:
                    self.send_signal(signal.SIGKILL)
                    raise subprocess.TimeoutExpired(f"process {self.pid}", seconds or 0.0)
            finally:
                os.close(ended)
            status = self.poll()
            assert status is not None
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Program(Forked):
    """`quads-tui WORDS`; standard input is empty. `out` and `err`: files; standard error is the tests' without one.

    `module`: whose `main()` is called instead, such as one that calls the program's.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        out: str = os.devnull,
        err: str | None = None,
        module: str = PROGRAM,
        session: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        files = {0: os.open(os.devnull, os.O_RDONLY)}
        for number, file in ((1, out), (2, err)):
            if file is not None:
                files[number] = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            super().__init__(module, words, files, session=session, parent=PROGRAM, environment=environment)
        finally:
            for opened in files.values():
                os.close(opened)


class Piped(Program):
    """One whose output is read while it runs, from pipes, as that of a subprocess.Popen."""

    def __init__(self, words: list[str], *, module: str = PROGRAM, session: bool = False) -> None:
        with TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            self.stdout, self.stderr = _pipe(out), _pipe(err)
            super().__init__(words, out=str(out), err=str(err), module=module, session=session)

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """What is left of both, to their ends; "" of one that is closed. It is killed when `timeout` seconds have passed."""
        late = threading.Timer(timeout, self.kill)
        late.start()
        try:
            with ThreadPoolExecutor(2) as pool:
                out, err = pool.map(lambda pipe: "" if pipe.closed else pipe.read(), (self.stdout, self.stderr))
        finally:
            late.cancel()
        self.stdout.close()
        self.stderr.close()
        self.wait(timeout)
        return out, err


def _pipe(path: Path) -> TextIO:
    """A named pipe, to read from; it has no end yet, since the one who reads does not wait for the one who will write."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    return os.fdopen(reader)


def _program(request: dict[str, Any], files: dict[int, int]) -> NoReturn:
    """What the new process does, from the state of a fresh one."""
    for number, file in files.items():
        os.dup2(file, number)
        os.close(file)
    if request["session"]:
        os.setsid()
    if request["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    time.tzset()
    random.seed()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["quads-tui", *request["words"]]
    try:
        sys.exit(importlib.import_module(request["module"]).main())
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            _end(end.code or 0)
        raise


def _end(status: int) -> None:
    """As the interpreter ends, but that it takes nothing apart: with all that is imported this was most of a short program's CPU time."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):  # then the interpreter says so in its way
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status & 0xFF)


def _import(module: str) -> None:
    importlib.import_module(module)
    if module == PROGRAM:
        package = importlib.import_module("quads_tui")
        for found in pkgutil.walk_packages(package.__path__, "quads_tui."):
            lazy = ("console", "metrics_server", "prometheus")  # textual is for screens, prometheus-client for metrics
            if not any(name in found.name for name in lazy) and not found.name.endswith("__main__"):
                importlib.import_module(found.name)


def _serve(door: socket.socket, module: str) -> None:
    """Until all who asked have ended, also where ctrl+c ends them."""
    _import(module)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # no process that is forked collects this, while it runs or at its end: it would copy all of it
    users = [_user(door)]
    while users:
        for ready in select.select([door, *users], [], [])[0]:
            if ready is door:
                users.append(_user(door))
                continue
            message, files, _, _ = socket.recv_fds(ready, _LONGEST, 8)
            if not message:
                users.remove(ready)
                ready.close()
                continue
            request = json.loads(message)
            if "poll" in request:
                pid, status = os.waitpid(request["poll"], os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if pid else None
            else:
                answer = os.fork()
                if not answer:
                    for link in (door, *users):
                        link.close()
                    _program(request, dict(zip(request["numbers"], files, strict=True)))
                for file in files:
                    os.close(file)
            with suppress(ConnectionError):  # who asked was killed meanwhile
                ready.send(json.dumps(answer).encode())


def _user(door: socket.socket) -> socket.socket:
    """Told that it may ask."""
    link, _ = door.accept()
    with suppress(ConnectionError):
        link.send(_READY)
    return link


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])

"""Programs without the second that their imports take: a process that has imported everything forks one for each.

They are processes like any other: with a memory, files and an end of their own. What must be started as a user starts it (signals
at the start, a terminal, a pipe that is read while it runs) goes by subprocess instead; so each command is tried both ways.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from tests.waiting import PATIENCE


class Forked:
    """One of them; of subprocess.Popen what the tests need."""

    def __init__(self, words: list[str], *, out: str = os.devnull, err: str | None = None) -> None:
        """`words`: the command line behind `quads-tui`; `out` and `err`: files; standard error is the tests' without one."""
        self.returncode: int | None = None
        files = {"out": out, "err": err, "directory": str(Path.cwd())}
        self.pid: int = _asked({"words": words, "environment": dict(os.environ), **files})

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _asked({"poll": self.pid})
        return self.returncode

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit status; it is killed and a TimeoutExpired raised when the seconds have passed."""
        if (status := self.poll()) is None:
            ended = os.pidfd_open(self.pid)  # readable from its end on; its number is its own until the poll after that
            try:
                if not select.select([ended], [], [], seconds)[0]:
                    self.send_signal(signal.SIGKILL)
                    raise subprocess.TimeoutExpired(f"process {self.pid}", seconds)
            finally:
                os.close(ended)
            status = self.poll()
            assert status is not None
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Piped(Forked):
    """One whose output is read while it runs, from pipes, as that of a subprocess.Popen."""

    def __init__(self, words: list[str]) -> None:
        with TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            self.stdout, self.stderr = _pipe(out), _pipe(err)
            super().__init__(words, out=str(out), err=str(err))

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """What is left of both, to their ends. It is killed when `timeout` seconds have passed."""
        late = threading.Timer(timeout, self.kill)
        late.start()
        try:
            with ThreadPoolExecutor(2) as pool:
                out, err = pool.map(lambda pipe: pipe.read(), (self.stdout, self.stderr))
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


@cache
def _parent() -> subprocess.Popen[str]:
    """One for this process and its whole life: it ends with the end of its input."""
    command = [sys.executable, "-m", "tests.e2e.forks"]
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
    atexit.register(parent.communicate)  # closes its input, and waits for its end
    return parent


def _asked(request: dict[str, Any]) -> Any:
    parent = _parent()
    assert parent.stdin is not None
    assert parent.stdout is not None
    print(json.dumps(request), file=parent.stdin, flush=True)
    assert select.select([parent.stdout], [], [], PATIENCE)[0], "the process that forks does not answer"
    return json.loads(parent.stdout.readline())


def _program(request: dict[str, Any], opened: dict[int, int]) -> None:
    """What the new process does, from the state of a fresh one. `opened`: its files, by their numbers."""
    for number, file in opened.items():
        os.dup2(file, number)
        os.close(file)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    time.tzset()
    random.seed()
    sys.argv = ["quads-tui", *request["words"]]
    importlib.import_module("quads_tui.cli").main()


def _serve() -> None:
    package = importlib.import_module("quads_tui")
    for module in pkgutil.walk_packages(package.__path__, "quads_tui."):
        lazy = ("console", "metrics_server", "prometheus")  # textual is for screens, prometheus-client for metrics
        if not any(name in module.name for name in lazy) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()  # no process that is forked collects this, while it runs or at its end: it would copy all of it
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            # Before it is answered: who asked may read from a pipe at once.
            written = {number: request[name] for number, name in ((1, "out"), (2, "err")) if request[name] is not None}
            opened = {number: os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for number, file in written.items()}
            opened[0] = os.open(os.devnull, os.O_RDONLY)
            answer = os.fork()
            if not answer:
                return _program(request, opened)
            for file in opened.values():
                os.close(file)
        print(json.dumps(answer), flush=True)
    return None


if __name__ == "__main__":
    _serve()

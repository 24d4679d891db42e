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
import time
from functools import cache
from pathlib import Path
from typing import Any

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


def _program(request: dict[str, Any]) -> None:
    """What the new process does, from the state of a fresh one."""
    for number, file in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        if file is not None:
            opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(opened, number)
            os.close(opened)
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
            answer = os.fork()
            if not answer:
                return _program(request)
        print(json.dumps(answer), flush=True)
    return None


if __name__ == "__main__":
    _serve()

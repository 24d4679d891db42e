"""Rollouts that wait for their time (`run --at`): a small file each, which its process holds locked while it waits.

A process that dies leaves its file without the lock: it counts no more, and the next one removes it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quads_tui.journal.locks import process_words
from quads_tui.rollout.text import clean

from .options import Options, notify

_MOST = 200  # files that are read
_LONGEST = 10_000  # bytes of one


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A rollout that starts at `at` (real time). `holder`: the process that waits, in words; `id` is no rollout's yet."""

    id: str
    at: float
    cloud: str
    hosts: int
    holder: str


@contextmanager
def announced(options: Options, *, at: float, cloud: str, hosts: int) -> Iterator[None]:
    """Listed by the start screens of this state directory meanwhile. Raises Refused where the directory cannot be used."""
    directory = options.private_directory(options.state / "scheduled")
    for path in _files(directory):
        with suppress(OSError, ValueError):
            if _read(path) is None:
                path.unlink()
    path = directory / f"{os.getpid()}.json"
    body = {"at": at, "cloud": cloud, "hosts": hosts, "holder": process_words(os.getpid(), os.getuid())}
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        notify(f"warning: the start screen does not list this rollout while it waits: {path}: {error.strerror}")
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.ftruncate(file, 0)
        os.write(file, json.dumps(body).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def scheduled(state: Path) -> list[Scheduled]:
    """Those that a process waits for now, the next one first."""
    found = []
    for path in _files(state / "scheduled"):
        with suppress(OSError, ValueError):  # it has just gone, or is not ours
            if (one := _read(path)) is not None:
                found.append(one)
    return sorted(found, key=lambda one: (one.at, one.id))


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.glob("*.json"))[:_MOST]
    except OSError:
        return []


def _read(path: Path) -> Scheduled | None:
    """None: no process holds it. Raises OSError, and ValueError for what is no such file."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            body = json.loads(file.read(_LONGEST))
    try:
        at, cloud, hosts = float(body["at"]), clean(body["cloud"], 100), int(body["hosts"])
        return Scheduled(f"{cloud or 'a rollout'} ({clean(path.stem, 20)})", at, cloud, hosts, clean(body["holder"], 200))
    except (TypeError, LookupError, OverflowError) as error:
        raise ValueError(str(error)) from None

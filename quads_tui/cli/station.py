"""What the rollouts of one process share: the signals, the machines, and for each Foreman its lock and its one write lane."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from quads_tui.engine.claims import Machines
from quads_tui.engine.lane import WriteLane
from quads_tui.inputs import Site
from quads_tui.journal.locks import ForemanLock, QuadsLock

from .front import Front
from .options import say

SIGNALS = {"SIGINT": 130, "SIGTERM": 143}

_Lock = ForemanLock | QuadsLock


@dataclass
class _Shared:
    """Held while `users` is not 0."""

    lock: _Lock
    users: int = 0
    lanes: list[WriteLane] = field(default_factory=list)


class Station:
    """`signal`: the first one that asked this process to end; `ended` is set with it, `hung_up` when the terminal has gone."""

    def __init__(self) -> None:
        self.signal = ""
        self.ended = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.fronts: list[Front] = []
        self.machines = Machines()
        self._shared: dict[str, _Shared] = {}

    def listen(self) -> None:
        """From now on signals end rollouts well, instead of the process at once."""
        loop = asyncio.get_running_loop()
        for name in SIGNALS:
            loop.add_signal_handler(getattr(signal, name), self._signalled, name)
        loop.add_signal_handler(signal.SIGHUP, self._gone)

    @contextmanager
    def lanes_of(self, site: Site) -> Iterator[list[WriteLane]]:
        """The lanes of its Foreman; while they are used, nobody else writes to it, nor does QUADS' mover. Raises LockHeld."""
        with self._held(f"foreman {site.foreman.url}", lambda: ForemanLock(site.foreman.url)) as foreman:
            if site.quads is None:
                yield foreman.lanes
                return
            path = site.quads.lock_file
            with self._held(f"quads {path}", lambda: QuadsLock(path)):
                yield foreman.lanes

    @contextmanager
    def _held(self, name: str, made: Callable[[], _Lock]) -> Iterator[_Shared]:
        shared = self._shared.get(name)
        if shared is None:
            shared = self._shared[name] = _Shared(made())
        shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[name]
                shared.lock.release()

    @contextmanager
    def shows(self, front: Front) -> Iterator[None]:
        self.fronts.append(front)
        try:
            yield
        finally:
            self.fronts.remove(front)

    def _signalled(self, name: str) -> None:
        """The first signal ends well; a second one leaves at once."""
        if self.signal:
            for front in self.fronts:
                front.let_go()
            os._exit(SIGNALS[name])
        self.signal = name
        self.ended.set()
        if self.fronts:
            say(f"{name}: no new acts; requests in flight settle. Once more leaves at once.")
        for front in self.fronts:
            front.executor.stop(name)

    def _gone(self) -> None:
        self.hung_up.set()
        for front in self.fronts:
            front.hung_up.set()

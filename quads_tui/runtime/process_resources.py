"""What the rollouts of one process share: the signals, the machines, and for each Foreman its lock and its one write lane."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quads_tui.engine.claims import Machines
from quads_tui.engine.clock import RealClock
from quads_tui.engine.write_queue import WriteQueue
from quads_tui.inputs import Site
from quads_tui.journal.foreman_lock import LOCKS, ForemanLock, NoDirectory, ServerIdentity, lock_directory
from quads_tui.journal.locks import LockHeld, QuadsLock
from quads_tui.journal.servers import server_of
from quads_tui.rollout.moments import Moment, moment_from
from quads_tui.rollout.ports import WriteMark

from .options import say
from .running_rollout import RunningRollout

_LOOKING = ThreadPoolExecutor(1, "locks")  # its own: the loop's threads may all wait for DNS
SIGNALS = {"SIGINT": 130, "SIGTERM": 143}


@dataclass
class Writer:
    """This process writes to a Foreman: the queue that its rollouts there share, and the lock. Held while `users` is not 0."""

    lock: ForemanLock
    users: int = 0
    queue: WriteQueue = field(default_factory=WriteQueue)
    _sent: dict[object, dict[str, object]] = field(default_factory=dict)  # by ticket: what others are told of the write

    def mark(self, rollout: str, clock: RealClock) -> WriteMark:
        return _Mark(self, rollout, clock)

    def left_write(self, rollout: str) -> Moment | None:
        """Of a write that a process which died left on its way, unless the journal of `rollout` tells of it. Told once."""
        left, self.lock.left = self.lock.left, {}
        return moment_from(left.get("moment")) if left and left.get("rollout") != rollout else None

    def sending(self, ticket: object, facts: dict[str, object]) -> asyncio.Future[None]:
        self._sent[ticket] = facts
        return asyncio.get_running_loop().run_in_executor(_LOOKING, self.lock.mark, facts)

    def settled(self, ticket: object) -> None:
        if self._sent.pop(ticket, None) is not None:
            _LOOKING.submit(self.lock.mark, next(reversed(self._sent.values()), None))

    async def check(self) -> None:
        """Raises TakenOver."""
        await asyncio.get_running_loop().run_in_executor(_LOOKING, self.lock.check)

    async def alike(self, identity: ServerIdentity) -> str:
        """Who writes to what may be the same Foreman under another address, in words; empty where nobody does."""
        return await asyncio.to_thread(self.lock.same_foreman, identity)


@dataclass(frozen=True)
class _Mark:
    """Implements rollout.ports.WriteMark for one rollout."""

    writer: Writer
    rollout: str
    clock: RealClock

    async def sending(self, ticket: object) -> None:
        await self.writer.sending(ticket, {"rollout": self.rollout, "moment": list(self.clock.moment())})

    def settled(self, ticket: object) -> None:
        self.writer.settled(ticket)


@dataclass
class _Mover:
    """QUADS' own mover is locked out while `users` is not 0."""

    lock: QuadsLock | None
    users: int = 0


class ProcessResources:
    """`signal`: the first one that asked this process to end; `ended` is set with it, `hung_up` when the terminal has gone."""

    def __init__(self) -> None:
        self.signal = ""
        self.ended = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.running: list[RunningRollout] = []
        self.machines = Machines()
        self._writers: list[Writer] = []
        self._movers: dict[Path, _Mover] = {}
        self._taking = asyncio.Lock()

    def listen(self) -> None:
        """From now on signals end rollouts well, instead of the process at once."""
        loop = asyncio.get_running_loop()
        for name in SIGNALS:
            loop.add_signal_handler(getattr(signal, name), self._signalled, name)
        loop.add_signal_handler(signal.SIGHUP, self._gone)

    @asynccontextmanager
    async def writer_to(self, site: Site, *, take_over: bool = False, say: Callable[[str], None] = say) -> AsyncIterator[Writer]:
        """While it is used, nobody else writes to this Foreman, nor does QUADS' mover. Raises LockHeld.

        `take_over`: the locks of a process that an administrator knows to be stopped are taken from it.
        """
        server = await server_of(site.foreman.url)
        async with self._taking:
            writer = next((writer for writer in self._writers if writer.lock.keys & set(server.keys)), None)
            if writer is None:
                writer = Writer(ForemanLock(_locks(say)))
            await asyncio.to_thread(writer.lock.acquire, server, take_over=take_over)
            if not writer.users:
                self._writers.append(writer)
            writer.users += 1
        try:
            with self._locked_out(site.quads.lock_file if site.quads else None, take_over, say):
                yield writer
        finally:
            writer.users -= 1
            if not writer.users:
                self._writers.remove(writer)
                _LOOKING.submit(writer.lock.release).result()  # behind what is still to be marked

    @contextmanager
    def _locked_out(self, path: Path | None, take_over: bool, say: Callable[[str], None]) -> Iterator[None]:
        """QUADS' own mover, by its lock file. Raises LockHeld."""
        if path is None:
            yield
            return
        mover = self._movers.get(path)
        if mover is None:
            try:
                mover = _Mover(QuadsLock(path))
            except LockHeld as held:
                if not take_over:
                    raise
                say(f"warning: {held}; when that process ends, QUADS' own mover is no longer locked out")
                mover = _Mover(None)
            self._movers[path] = mover
        mover.users += 1
        try:
            yield
        finally:
            mover.users -= 1
            if not mover.users:
                del self._movers[path]
                if mover.lock is not None:
                    mover.lock.release()

    @contextmanager
    def runs(self, running: RunningRollout) -> Iterator[None]:
        self.running.append(running)
        try:
            yield
        finally:
            self.running.remove(running)

    def _signalled(self, name: str) -> None:
        """The first signal ends well; a second one leaves at once."""
        if self.signal:
            for running in self.running:
                running.release_terminal()
            os._exit(SIGNALS[name])
        self.signal = name
        self.ended.set()
        if self.running:
            say(f"{name}: nothing new is started; requests under way are finished. Press again to exit immediately.")
        for running in self.running:
            running.executor.stop(name)

    def _gone(self) -> None:
        self.hung_up.set()
        for running in self.running:
            running.hung_up.set()


def _locks(say: Callable[[str], None]) -> Path | None:
    """The directory of the lock files. The usual one is done without where it cannot be used.

    Raises LockHeld where $QUADS_TUI_LOCKS names one that cannot.
    """
    given = os.environ.get("QUADS_TUI_LOCKS")
    try:
        return lock_directory(Path(given) if given else LOCKS)
    except NoDirectory as why:
        if given:
            raise LockHeld(f"{why} ($QUADS_TUI_LOCKS)") from None
        say(f"warning: {why}; without it, consoles in other containers and network namespaces are not seen")
        return None

"""What the rollouts of one process share: signals, machines, and for each Foreman its lock and its write queue."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from quads_tui.engine.claims import Machines
from quads_tui.engine.clock import RealClock
from quads_tui.engine.write_queue import WriteQueue
from quads_tui.inputs import Site
from quads_tui.journal.foreman_lock import LOCKS, ForemanLock, NoDirectory, ServerIdentity, lock_directory
from quads_tui.journal.locks import LockHeld, QuadsLock
from quads_tui.journal.servers import server_of
from quads_tui.rollout.moments import Moment, moment_from
from quads_tui.rollout.ports import WriteMark

from .asked import ASKED
from .options import SIGNALS, current_user, notify
from .rollout_metrics import MetricsServers
from .running_rollout import RunningRollout
from .shared_queue import SharedQueue, shared_queue

if TYPE_CHECKING:
    from quads_tui.journal.cluster.place import PostgresPlace

T = TypeVar("T")

_LOCK_THREAD = ThreadPoolExecutor(1, "locks")  # marks, in their order: the threads of the loop may all wait for DNS
_LAST_LINES = 0.2  # real seconds for what was printed just now, before this process exits at once


@dataclass
class Writer:
    """This process writes to a Foreman: the queue that its rollouts there share, and the lock. Held while `users` is not 0."""

    lock: ForemanLock
    users: int = 0
    queue: WriteQueue = field(default_factory=WriteQueue)
    place: PostgresPlace | None = None  # among the consoles of all machines; None: the site names no shared queue
    _sent: dict[object, dict[str, object]] = field(default_factory=dict)  # by ticket: what the lock file shows of the write

    def mark(self, rollout: str, clock: RealClock) -> WriteMark:
        return _Mark(self, rollout, clock)

    def left_write(self, rollout: str) -> Moment | None:
        """When a process that died sent a write with unknown result, unless the journal of `rollout` has it. Returned once."""
        left, self.lock.left = self.lock.left, {}
        return moment_from(left.get("moment")) if left and left.get("rollout") != rollout else None

    def sending(self, ticket: object, facts: dict[str, object]) -> asyncio.Future[None]:
        self._sent[ticket] = facts
        return asyncio.get_running_loop().run_in_executor(_LOCK_THREAD, self.lock.mark, facts)

    def settled(self, ticket: object) -> None:
        if self._sent.pop(ticket, None) is not None:
            _LOCK_THREAD.submit(self.lock.mark, next(reversed(self._sent.values()), None))

    async def same_foreman_elsewhere(self, identity: ServerIdentity) -> str:
        """A sentence about a process that writes to what may be the same Foreman under another address; empty if none does."""
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
class _HeldQuadsLock:
    """The lock of QUADS' own mover, held while `users` is not 0."""

    lock: QuadsLock | None
    users: int = 0


class ProcessResources:
    """`signal`: the first one that asked this process to end; `ended` is set with it, `hung_up` when the terminal hangs up."""

    def __init__(self) -> None:
        self.signal = ""
        self.ended = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.running: list[RunningRollout] = []
        self.machines = Machines()
        self.metrics = MetricsServers()
        self._writers: list[Writer] = []
        self._quads_locks: dict[Path, _HeldQuadsLock] = {}
        self._acquiring = asyncio.Lock()

    def listen(self) -> None:
        """From now on signals stop rollouts in an orderly way, instead of ending the process."""
        loop = asyncio.get_running_loop()
        for name in SIGNALS:
            loop.add_signal_handler(getattr(signal, name), self._signalled, name)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        ASKED.taken = True
        if ASKED.signal and not self.signal:  # it came before, and was lost
            loop.call_soon(self._signalled, ASKED.signal)

    @asynccontextmanager
    async def writer_to(
        self, site: Site, *, take_over: bool = False, notify: Callable[[str], None] = notify
    ) -> AsyncIterator[Writer]:
        """While it is used, nobody else writes to this Foreman, nor does QUADS' mover. Raises LockHeld.

        `take_over`: take over the locks of a process that, as an administrator has confirmed, hangs.
        """
        server, shared = await server_of(site.foreman.url), await shared_queue(site)
        async with self._acquiring:
            writer = next((writer for writer in self._writers if writer.lock.keys & set(server.keys)), None)
            if writer is None:
                writer = _writer(ForemanLock(_lock_directory(notify), shared.name if shared else ""), shared)
            elif writer.lock.queue != (shared.name if shared else ""):
                raise LockHeld(f"another rollout of this process is writing to {server.shown} with another foreman.write_queue")
            if not writer.users:
                self._writers.append(writer)
            writer.users += 1
            try:
                await _to_its_end(asyncio.to_thread(writer.lock.acquire, server, take_over=take_over))
            except BaseException:
                await _to_its_end(self._leave(writer))
                raise
            if writer.place is not None:
                writer.place.keys = tuple(sorted(writer.lock.keys))
        try:
            with self._hold_quads_lock(site.quads.lock_file if site.quads else None, take_over, notify):
                yield writer
        finally:
            await _to_its_end(self._leave_in_turn(writer))

    async def _leave_in_turn(self, writer: Writer) -> None:
        async with self._acquiring:  # whoever found the writer in use is one of its users by now
            await self._leave(writer)

    async def _leave(self, writer: Writer) -> None:
        writer.users -= 1
        if not writer.users:
            self._writers.remove(writer)
            try:
                if writer.place is not None:
                    await writer.place.close()
            finally:  # after the marks that are still queued
                await asyncio.get_running_loop().run_in_executor(_LOCK_THREAD, writer.lock.release)

    @contextmanager
    def _hold_quads_lock(self, path: Path | None, take_over: bool, notify: Callable[[str], None]) -> Iterator[None]:
        """QUADS' own mover, by its lock file. Raises LockHeld."""
        if path is None:
            yield
            return
        held = self._quads_locks.get(path)
        if held is None:
            try:
                held = _HeldQuadsLock(QuadsLock(path))
            except LockHeld as error:
                if not take_over:
                    raise
                notify(f"warning: {error}; after that process has ended, the mover can move hosts during this rollout")
                held = _HeldQuadsLock(None)
            self._quads_locks[path] = held
        held.users += 1
        try:
            yield
        finally:
            held.users -= 1
            if not held.users:
                del self._quads_locks[path]
                if held.lock is not None:
                    held.lock.release()

    @contextmanager
    def register(self, running: RunningRollout) -> Iterator[None]:
        self.running.append(running)
        try:
            yield
        finally:
            self.running.remove(running)

    def _signalled(self, name: str) -> None:
        """The first signal stops the rollouts; a second one exits immediately."""
        if self.signal:
            for running in self.running:
                running.release_terminal()
            for stream in (sys.stdout, sys.stderr):
                if drain := getattr(stream, "drain", None):
                    drain(_LAST_LINES)
            os._exit(SIGNALS[name])
        self.signal = name
        self.ended.set()
        if self.running:
            again = "Press ctrl+c again" if name == "SIGINT" else "Send the signal again"
            sent = "quads-tui waits for the answers to requests that were sent"
            notify(f"{name}: stopping. Nothing new is started; {sent}. {again} to exit without these answers.")
        for running in self.running:
            running.executor.stop(name)

    def _hung_up(self) -> None:
        self.hung_up.set()
        for running in self.running:
            running.hung_up.set()


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Its result. Whoever is cancelled, however often, waits for its end all the same: then it is known what is held."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        task.exception()  # nobody hears of it any more
        raise asyncio.CancelledError
    return task.result()


def _writer(lock: ForemanLock, shared: SharedQueue | None) -> Writer:
    if shared is None:
        return Writer(lock)
    from quads_tui.journal.cluster.place import PostgresPlace

    place = PostgresPlace(shared.dsn, (), current_user())
    return Writer(lock, queue=WriteQueue(place), place=place)


def _lock_directory(notify: Callable[[str], None]) -> Path | None:
    """The directory of the lock files; None with a warning where the default one cannot be used.

    Raises LockHeld where $QUADS_TUI_LOCKS names one that cannot be used.
    """
    given = os.environ.get("QUADS_TUI_LOCKS")
    try:
        return lock_directory(Path(given) if given else LOCKS)
    except NoDirectory as why:
        if given:
            raise LockHeld(f"{why} ($QUADS_TUI_LOCKS)") from None
        notify(f"warning: {why}; without a lock directory, rollouts in other containers and network namespaces are not detected")
        return None

"""Before every act stands the gate: all reasons for which a host may not go on, in one place."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from quads_tui.rollout.ports import Clock, Held, Skipped, Stopping
from quads_tui.rollout.stages import Kind, Stage

T = TypeVar("T")

DISARM = "disarm"  # acts of this name are let through for skipped and held hosts: they make the machine safe

_DARK = (Stage.POWER_OFF, Stage.PXE_SET, Stage.FOREMAN_BUILD)


class RolloutGate:
    """Implements rollout.ports.Gate: protected hosts, the confirmed plan (`kinds`, by host), skip, hold, stop, pause, `ahead`.

    `ahead`: at most this many hosts are off and wait for the write lane; one until the first build of the rollout is verified, so
    that a Foreman that does not do what it says costs one host, not a fleet.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        kinds: Mapping[str, Kind],
        protected: frozenset[str],
        ahead: int,
        waits: Callable[[str, str], None] = lambda host, why: None,
    ) -> None:
        self._clock = clock
        self._kinds = kinds
        self._all_build = set(kinds.values()) == {Kind.BUILD}
        self._protected = protected
        self._ahead = ahead
        self._waits = waits
        self._proved = False
        self._stopping = False
        self._paused = False
        self._out: dict[str, tuple[type[Skipped] | type[Held], str]] = {}
        self._dark: set[str] = set()
        self._known: set[str] = set()  # had a place before: first in the queue when they want one again
        self._queue: OrderedDict[str, tuple[Stage, asyncio.Future[None]]] = OrderedDict()
        self._interrupts: dict[str, asyncio.Future[None]] = {}

    # What the flow asks

    async def enter(self, host: str, act: str) -> None:
        self._check(host, disarming=act == DISARM)

    async def admit(self, host: str, stage: Stage) -> None:
        self._check(host)
        if self._take(host, stage):
            return
        self._waits(host, self._why(host, stage))
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue[host] = (stage, place)
        if host in self._known:
            self._queue.move_to_end(host, last=False)
        try:
            await place
        finally:
            del self._queue[host]
        self._check(host)

    async def watch(self, host: str, wanted: Awaitable[T], seconds: float | None = None) -> T:
        task = asyncio.ensure_future(wanted)
        try:
            self._check(host)
            interrupt = self._interrupts.setdefault(host, asyncio.get_running_loop().create_future())
            timeout = None if seconds is None else self._clock.real(seconds)
            await asyncio.wait((task, interrupt), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            self._check(host)
            raise TimeoutError
        finally:
            task.cancel()
            self._interrupts.pop(host, None)

    # What the engine tells

    def proved(self) -> None:
        """The first build of this rollout was verified: `ahead` hosts may be dark from now on."""
        self._proved = True
        self._let_in()

    def known(self, host: str) -> None:
        """The host was under way before: it comes first where places are short."""
        self._known.add(host)

    def lit(self, host: str) -> None:
        """The host no longer waits for the lane: its build was answered, or it left the flow."""
        self._dark.discard(host)
        self._let_in()

    # What the operator orders

    def take_out(self, host: str, kind: type[Skipped] | type[Held], reason: str) -> None:
        """Skip or hold: takes effect before the host's next act, and ends its waits now."""
        self._out[host] = (kind, reason)
        self._wake(host)

    def is_out(self, host: str) -> bool:
        """Skipped or held, and not taken in again."""
        return host in self._out

    def put_back(self, host: str) -> None:
        self._out.pop(host, None)

    def pause(self, paused: bool) -> None:
        """Paused: no host begins its first stage. Hosts under way finish."""
        self._paused = paused
        self._let_in()

    def stop(self) -> None:
        """No new act from now on, disarming included: what stands armed is told instead."""
        self._stopping = True
        for host in [*self._queue, *self._interrupts]:
            self._wake(host)

    @property
    def dark(self) -> int:
        """Hosts that are off, or going off, and wait for the lane."""
        return len(self._dark)

    def _check(self, host: str, disarming: bool = False) -> None:
        if self._stopping:
            raise Stopping
        if host in self._protected:
            raise Held("protected: this host is never touched")
        if host not in self._kinds:
            raise Held("not in the confirmed plan")
        if not disarming and host in self._out:
            kind, reason = self._out[host]
            raise kind(reason)

    def _limited(self, host: str, stage: Stage) -> bool:
        return self._kinds[host] is Kind.BUILD and stage in _DARK

    def _begins(self, host: str, stage: Stage) -> bool:
        return stage is self._kinds[host].stages[0]

    def _take(self, host: str, stage: Stage) -> bool:
        """Let the host into this stage if there is room for it."""
        if host in self._dark:
            return True
        if self._paused and self._begins(host, stage):
            return False
        if self._limited(host, stage):
            if self._full():
                return False
            self._dark.add(host)
            self._known.add(host)
        return True

    def _full(self) -> bool:
        return len(self._dark) >= (self._ahead if self._proved else 1)

    def _why(self, host: str, stage: Stage) -> str:
        if self._paused and self._begins(host, stage):
            return "admission is paused"
        if not self._proved:
            return "waits for the first host's build to be verified"
        return f"{self._ahead} hosts stand ready for the write lane (limits.ahead)"

    def _let_in(self) -> None:
        for host, (stage, place) in self._queue.items():
            if self._limited(host, stage) and self._full():
                if self._all_build:
                    return  # nobody behind it can go either
                continue
            if not place.done() and self._take(host, stage):
                place.set_result(None)

    def _wake(self, host: str) -> None:
        _, place = self._queue.get(host, (None, None))
        for waiting in (place, self._interrupts.get(host)):
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

"""The write lane: all POST, PUT and DELETE to Foreman, `width` at a time, and none while an outcome is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any, TypeVar

from quads_tui.rollout.causes import ServiceGone, StageFailure
from quads_tui.rollout.metrics import LaneState
from quads_tui.rollout.ports import Clock, OutcomeHidden, Probe, Stopping, Ticket, UnknownOutcome, WriteAbsent, WriteMark
from quads_tui.rollout.shared_place import LeftWrite

from .host_order import HostOrder
from .write_queue import LaneTicket, WriteQueue

T = TypeVar("T")

_LOOKS = (1.0, 2.0, 4.0, 8.0, 15.0)  # own seconds between two looks at an unknown outcome; the last one repeats
_ODD_LOOKS = 5  # in a row, after the write deadline, until a host whose record is odd no longer holds up the others


class WriteLane:
    """Implements rollout.ports.Lane: the writes of one rollout, through its handle of a queue that others may share.

    `order`: whose write goes first; None: in the order in which they come.

    `width`: writes at once, by the operator's word. A lane that is wider than one is one wide for good from the first answer that
    may come of two writes at once; `on_narrowed` hears why.

    `write_deadline` (own seconds, never under 15 real ones) must exceed the longest time that Foreman may still work on a request
    whose sender is gone; only after it does a read that shows nothing prove that nothing will come.

    `mark` tells processes after this one which writes are on their way.

    `patience`: own seconds for which no read may tell anything about an unknown outcome; after them `on_gone` stops the rollout,
    and whoever takes it up again settles the write.

    `probe_left`: what a read says about a write that a console on another machine left; needed where the queue is shared.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        queue: WriteQueue | None = None,
        order: HostOrder | None = None,
        width: int = 1,
        write_deadline: float = 180.0,
        on_narrowed: Callable[[str], None] = lambda why: None,
        mark: WriteMark | None = None,
        patience: float = inf,
        on_gone: Callable[[ServiceGone], None] = lambda gone: None,
        probe_left: Callable[[LeftWrite], Awaitable[Probe]] | None = None,
    ) -> None:
        self._handle = (WriteQueue() if queue is None else queue).handle(clock, width, order)
        self._clock = clock
        self._handle.write_deadline = clock.real(write_deadline, 15.0)
        self._write_deadline = self._handle.write_deadline * clock.speed
        self._on_narrowed = on_narrowed
        self._mark = mark
        self._patience = patience
        self._on_gone = on_gone
        self._probe_left = probe_left
        self._handle.settle_left = self._settle_left
        self._handle.longest = 2 * self._handle.write_deadline + clock.real(patience)
        self._carriers: set[asyncio.Task[Any]] = set()
        self._parting: asyncio.Task[None] | None = None

    async def write(
        self,
        host: str,
        act: str,
        send: Callable[[LaneTicket], Awaitable[T]],
        probe: Callable[[], Awaitable[Probe]],
        confirm: Callable[[], Awaitable[None]] | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> T | None:
        async def confirmed(ticket: LaneTicket) -> None:
            if confirm is not None:
                await confirm()
            if self._mark is not None:
                await self._mark.sending(ticket)
            await self._handle.sending(ticket, act, detail or {})
            self._handle.let_through(ticket)

        ticket = await self._handle.place(host, act, confirmed)
        # The write runs in a task of the lane's own: whoever cancels the host, the place stays taken until Foreman has finished.
        carrier = asyncio.ensure_future(self._carry(ticket, send, probe))
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carried)
        return await asyncio.shield(carrier)

    def adopt_in_flight(self, host: str, act: str, sent_at: float) -> LaneTicket:
        return self._handle.adopt(host, act, sent_at, "result of the last write unknown (quads-tui exited before it was known)")

    async def settle(self, place: Ticket, probe: Callable[[], Awaitable[Probe]]) -> None:
        if not isinstance(place, LaneTicket):
            raise TypeError("a ticket of another lane")
        try:
            await self._settle(place, UnknownOutcome("quads-tui exited"), probe)
        except asyncio.CancelledError:
            self._handle.shut = f"the result of the write for {place.host} is unknown"
            raise
        finally:
            self._release(place)

    async def _settle_left(self, left: LeftWrite, is_left: Callable[[], Awaitable[bool]]) -> bool:
        """Return when nothing can come any more of another console's write, and a read has told so; False: nobody may write.

        That console may be frozen before it sends, so a host that shows the change proves nothing: Foreman must say itself that
        it has finished with this very request, or that console that it has its outcome (no longer `is_left`). Else the sender's
        write deadline is waited for.
        """
        why = f"result of the write of {left.who} for {left.host} unknown (that console no longer answers)"
        over = self._clock.now() + left.arrives * self._clock.speed
        place = self._handle.adopt(left.host, left.act, over - self._write_deadline, why)

        async def probe() -> Probe:
            return await self._probe_left(left) if self._probe_left is not None else Probe.ABSENT

        try:
            if await self._is_over(probe, is_left, over):
                self._release(place)
            else:
                await self.settle(place, probe)
        except (WriteAbsent, OutcomeHidden):
            return True
        except Stopping:
            return False
        return True

    async def _is_over(self, probe: Callable[[], Awaitable[Probe]], is_left: Callable[[], Awaitable[bool]], until: float) -> bool:
        """Whether the server or the sender says that the request has ended, before own time `until`."""
        looks = 0
        while (rest := until - self._clock.now()) > 0:
            try:
                seen = await probe()
            except Exception:  # a look that fails tells nothing
                seen = Probe.UNREADABLE
            if seen in (Probe.CONFIRMED, Probe.NEVER) or not await is_left():
                return True
            await self._clock.sleep(min(rest, _LOOKS[min(looks, len(_LOOKS) - 1)]))
            looks += 1
        return False

    def state(self) -> LaneState:
        return self._handle.state()

    def leave(self) -> None:
        """The rollout is over: the others are one lane without it.

        Where an outcome is left unknown they wait until it is known, or the write deadline has passed: then nothing comes of it.
        """
        if self._handle.left:
            return
        self._handle.left = True
        if self._handle.is_open:
            self._parting = asyncio.ensure_future(self._wait_out())
        else:
            self._handle.part()

    async def _wait_out(self) -> None:
        await self._clock.sleep(self._write_deadline)
        for carrier in self._carriers:
            carrier.cancel()
        self._handle.part()

    def pause(self, paused: bool) -> None:
        """Paused: no ticket is granted; what is in flight ends as it would."""
        self._handle.pause(paused)

    def hold(self, why: str) -> None:
        """As `pause` while there is a reason (in words), but for writes that make a host safe."""
        self._handle.hold(why)

    def withdraw(self, host: str, why: Exception) -> None:
        """The host leaves the queue with this exception; a write of its own that is in flight is not touched."""
        self._handle.withdraw(host, why)

    async def drained(self, timeout: float) -> bool:
        """Wait real seconds for the writes in flight to be settled; False when some are not."""
        if self._carriers:
            await asyncio.wait(self._carriers, timeout=timeout)
        return not self._carriers

    def _release(self, ticket: LaneTicket) -> None:
        if self._mark is not None and not self._handle.shut:
            self._mark.settled(ticket)
        self._handle.release(ticket)

    async def _carry(
        self, ticket: LaneTicket, send: Callable[[LaneTicket], Awaitable[T]], probe: Callable[[], Awaitable[Probe]]
    ) -> T | None:
        try:
            try:
                result: T | None = await send(ticket)
            except UnknownOutcome as unknown:
                self._narrow(ticket, unknown, unknown.conflict)
                await self._settle(ticket, unknown, probe)
                result = None
            except StageFailure as failure:
                self._narrow(ticket, failure, failure.conflict)
                raise
        except asyncio.CancelledError:
            if ticket.sent_at is not None:
                # The process is ending with a write on the wire: nobody may write after it from here.
                self._handle.shut = f"the write for {ticket.host} was interrupted before its result was known"
            self._release(ticket)
            raise
        except BaseException:
            self._release(ticket)
            raise
        self._release(ticket)
        return result

    def _narrow(self, ticket: LaneTicket, why: Exception, conflict: bool) -> None:
        if conflict and self._handle.width > 1:
            self._handle.width = 1
            self._on_narrowed(f"{ticket.host}: {why}")

    async def _settle(self, ticket: LaneTicket, unknown: UnknownOutcome, probe: Callable[[], Awaitable[Probe]]) -> None:
        """Return when the write turned out applied; raise WriteAbsent when it did not happen and will not.

        OutcomeHidden: nothing can come of it any more, whatever it did, and Foreman tells of every host but this one. The write
        deadline alone proves that: what the server said of its end is no reason to believe an odd record.
        Stopping: nothing told for longer than `patience`. The outcome stays unknown, so nobody may write after it from here.
        """
        sent_at = ticket.sent_at if ticket.sent_at is not None else self._clock.now()
        deadline = sent_at + self._write_deadline
        looks, odd, told_at = 0, 0, self._clock.now()
        while True:
            self._handle.settling(ticket, f"result of the last write unknown ({unknown}), check {looks + 1}")
            began = self._clock.now()
            try:
                seen = await probe()
            except Exception:  # a look that fails tells nothing, whatever it failed of
                seen = Probe.UNREADABLE
            ended = began > deadline
            over = unknown.server_done or ended
            if seen in (Probe.CONFIRMED, Probe.APPLIED) or (seen is Probe.LIKELY and over):
                return
            if seen is Probe.NEVER or (seen is Probe.ABSENT and over):
                raise WriteAbsent(str(unknown))
            odd = odd + 1 if seen is Probe.ODD and ended else 0
            if odd >= _ODD_LOOKS:
                raise OutcomeHidden(str(unknown))
            if seen is not Probe.UNREADABLE:
                if not odd:
                    told_at = self._clock.now()
            elif not self._handle.left and (silent := self._clock.now() - told_at) > self._patience:
                self._handle.shut = f"the result of the write for {ticket.host} is unknown"
                words = f"the result of the write for {ticket.host} is unknown"
                self._on_gone(ServiceGone(f"Foreman has been unavailable for {silent / 60:.0f} min: {words}"))
                raise Stopping
            await self._clock.sleep(_LOOKS[min(looks, len(_LOOKS) - 1)])
            looks += 1

    def _carried(self, carrier: asyncio.Task[Any]) -> None:
        self._carriers.discard(carrier)
        if not carrier.cancelled():
            carrier.exception()  # its caller may be gone; the host's task is where it is told

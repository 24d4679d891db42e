"""The write lane: all POST, PUT and DELETE to Foreman, `width` at a time, and shut while an outcome is unknown."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Any, TypeVar

from quads_tui.rollout.causes import ServiceGone, StageFailure
from quads_tui.rollout.metrics import InFlight, LaneState
from quads_tui.rollout.ports import Clock, NotSent, Probe, Stopping, Ticket, UnknownOutcome, WriteAbsent, WriteMark

T = TypeVar("T")

_LOOKS = (1.0, 2.0, 4.0, 8.0, 15.0)  # own seconds between two looks at an unknown outcome; the last one repeats


class LaneTicket:
    """The right to send one write, once. Implements rollout.ports.Ticket."""

    def __init__(self, number: int, host: str, clock: Clock, confirm: Callable[[], Awaitable[None]] | None = None) -> None:
        self.number = number
        self.host = host
        self.sent_at: float | None = None  # own time of the first byte
        self._clock = clock
        self._confirm = confirm
        self._taken_back = False

    async def confirm(self) -> None:
        if self._confirm is not None:
            await self._confirm()

    def use(self) -> None:
        if self._taken_back or self.sent_at is not None:
            raise RuntimeError(f"ticket {self.number} of {self.host} was used or taken back: a resend needs a new one")
        self.sent_at = self._clock.now()

    def take_back(self) -> None:
        self._taken_back = True

    @property
    def taken_back(self) -> bool:
        return self._taken_back


@dataclass(slots=True)
class _Waiter:
    host: str
    act: str
    since: float
    place: asyncio.Future[LaneTicket]
    confirm: Callable[[], Awaitable[None]] | None


class WriteLane:
    """Implements rollout.ports.Lane.

    `write_deadline` (own seconds, never under 15 real ones) must exceed the longest time that Foreman may still work on a request
    whose sender is gone; only after it does a read that shows nothing prove that nothing will come.

    A lane that is wider than one, by the operator's word, is one wide for good from the first answer that may come of two writes
    at once; `on_narrowed` hears why.

    `beside`: the lanes of all rollouts of this process on the same Foreman, which this one joins. Together they are one lane, as
    wide as the narrowest: each in turn, and none while an outcome in any of them is unknown.

    `patience`: own seconds for which no read may tell anything about an unknown outcome; after them `on_gone` stops the rollout,
    and whoever takes it up again settles the write.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        width: int = 1,
        write_deadline: float = 180.0,
        on_narrowed: Callable[[str], None] = lambda why: None,
        beside: list[WriteLane] | None = None,
        mark: WriteMark | None = None,
        patience: float = inf,
        on_gone: Callable[[ServiceGone], None] = lambda gone: None,
    ) -> None:
        self._patience = patience
        self._on_gone = on_gone
        self._lanes = [] if beside is None else beside
        self._lanes.append(self)
        self._clock = clock
        self._width = width
        self._on_narrowed = on_narrowed
        self._mark = mark
        self._write_deadline = clock.real(write_deadline, 15.0) * clock.speed
        self._queue: OrderedDict[int, _Waiter] = OrderedDict()
        self._in_flight: dict[int, InFlight] = {}
        self._carriers: set[asyncio.Task[Any]] = set()
        self._numbers = 0
        self._granted = 0
        self._paused = False
        self._shut = ""
        self._left = False
        self._parting: asyncio.Task[None] | None = None

    async def write(
        self,
        host: str,
        act: str,
        send: Callable[[LaneTicket], Awaitable[T]],
        probe: Callable[[], Awaitable[Probe]],
        confirm: Callable[[], Awaitable[None]] | None = None,
    ) -> T | None:
        ticket = await self._wait_for_place(host, act, confirm)
        # The write runs in a task of the lane's own: whoever cancels the host, the place stays taken until Foreman has finished.
        carrier = asyncio.ensure_future(self._carry(ticket, send, probe))
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carried)
        return await asyncio.shield(carrier)

    def occupied(self, host: str, act: str, sent_at: float) -> LaneTicket:
        """A write of a process that died is on its way since own time `sent_at`: its place is taken from now on."""
        self._numbers += 1
        ticket = LaneTicket(self._numbers, host, self._clock)
        ticket.use()
        ticket.sent_at = sent_at
        self._in_flight[ticket.number] = InFlight(host, act, sent_at, "outcome unknown (the console ended)")
        return ticket

    async def settle(self, place: Ticket, probe: Callable[[], Awaitable[Probe]]) -> None:
        """Return when that write turned out applied, and free its place; raises WriteAbsent when it did not happen."""
        if not isinstance(place, LaneTicket):
            raise TypeError("a ticket of another lane")
        try:
            await self._settle(place, UnknownOutcome("the console ended"), probe)
        except asyncio.CancelledError:
            self._shut = f"a write of {place.host} is not settled"
            raise
        finally:
            self._release(place)

    def state(self) -> LaneState:
        head = next(iter(self._queue.values()), None)
        elsewhere = next((f"in another rollout: {lane.barrier}" for lane in self._lanes if lane.barrier), "")
        places: dict[str, int] = {}
        for place, waiter in enumerate(self._queue.values(), 1):
            places.setdefault(waiter.host, place)
        return LaneState(
            width=self._width,
            depth=len(self._queue),
            head=head.host if head else "",
            head_age=self._clock.now() - head.since if head else 0.0,
            in_flight=tuple(self._in_flight.values()),
            granted=self._granted,
            paused=self._paused,
            shut=self.barrier or elsewhere or ("paused" if self._paused else ""),
            places=places,
        )

    @property
    def barrier(self) -> str:
        """Why nobody may write to this Foreman now, in words."""
        return self._shut or self._settling

    @property
    def _settling(self) -> str:
        return next((flight.settling for flight in self._in_flight.values() if flight.settling), "")

    def leave(self) -> None:
        """The rollout is over: the others are one lane without it.

        Where an outcome is left unknown they wait until it is known, or the write deadline has passed: then nothing comes of it.
        """
        if self._left:
            return
        self._left = True
        if self._in_flight or self._shut:
            self._parting = asyncio.ensure_future(self._wait_out())
        else:
            self._part()

    async def _wait_out(self) -> None:
        await self._clock.sleep(self._write_deadline)
        for carrier in self._carriers:
            carrier.cancel()
        self._part()

    def _part(self) -> None:
        if self in self._lanes:
            self._lanes.remove(self)
            self._grant_all()

    def pause(self, paused: bool) -> None:
        """Paused: no ticket is granted; what is in flight ends as it would."""
        self._paused = paused
        self._grant()

    def withdraw(self, host: str, why: Exception) -> None:
        """The host leaves the queue with this exception; a write of its own that is in flight is not touched."""
        for number in [number for number, waiter in self._queue.items() if waiter.host == host]:
            waiter = self._queue.pop(number)
            if not waiter.place.done():
                waiter.place.set_exception(why)

    async def drained(self, timeout: float) -> bool:
        """Wait real seconds for the writes in flight to be settled; False when some are not."""
        if self._carriers:
            await asyncio.wait(self._carriers, timeout=timeout)
        return not self._carriers

    async def _wait_for_place(self, host: str, act: str, confirm: Callable[[], Awaitable[None]] | None) -> LaneTicket:
        place: asyncio.Future[LaneTicket] = asyncio.get_running_loop().create_future()
        self._numbers += 1
        number = self._numbers
        self._queue[number] = _Waiter(host, act, self._clock.now(), place, confirm)
        self._grant()
        try:
            return await place
        except asyncio.CancelledError:
            self._queue.pop(number, None)
            if place.done() and not place.cancelled() and place.exception() is None:
                self._release(place.result())
            raise

    def _grant(self) -> None:
        if self._paused or self._left or any(lane.barrier for lane in self._lanes):
            return
        busy = {flight.host for lane in self._lanes for flight in lane._in_flight.values()}
        free = min(lane._width for lane in self._lanes) - sum(len(lane._in_flight) for lane in self._lanes)
        for number, waiter in list(self._queue.items()):
            if free <= 0:
                return
            if waiter.host in busy:  # one write in flight per host, whatever the width
                continue
            del self._queue[number]
            if waiter.place.done():
                continue
            self._granted += 1
            self._in_flight[number] = InFlight(waiter.host, waiter.act, self._clock.now())
            busy.add(waiter.host)
            free -= 1
            waiter.place.set_result(self._ticket(number, waiter))

    def _ticket(self, number: int, waiter: _Waiter) -> LaneTicket:
        async def confirm() -> None:
            if waiter.confirm is not None:
                await waiter.confirm()
            if self._mark is not None:
                await self._mark.sending(ticket)
            self._let_through(ticket)

        ticket = LaneTicket(number, waiter.host, self._clock, confirm)
        return ticket

    def _let_through(self, ticket: LaneTicket) -> None:
        """What was granted may have been shut since."""
        if ticket.taken_back or self._left:
            raise NotSent("its place in the write queue was taken back")
        shut = "paused" if self._paused else next((lane.barrier for lane in self._lanes if lane.barrier), "")
        if shut:
            raise NotSent(f"Foreman writes are blocked: {shut}")

    def _release(self, ticket: LaneTicket) -> None:
        ticket.take_back()
        self._in_flight.pop(ticket.number, None)
        if self._mark is not None and not self._shut:
            self._mark.settled(ticket)
        if self._left and not self._in_flight and not self._shut:
            self._part()
        else:
            self._grant_all()

    def _grant_all(self) -> None:
        """The lane after this one first: rollouts take turns."""
        place = self._lanes.index(self) + 1 if self in self._lanes else 0
        for lane in [*self._lanes[place:], *self._lanes[:place]]:
            lane._grant()

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
                self._shut = f"a write of {ticket.host} was cut off"
            self._release(ticket)
            raise
        except BaseException:
            self._release(ticket)
            raise
        self._release(ticket)
        return result

    def _narrow(self, ticket: LaneTicket, why: Exception, conflict: bool) -> None:
        if conflict and self._width > 1:
            self._width = 1
            self._on_narrowed(f"{ticket.host}: {why}")

    async def _settle(self, ticket: LaneTicket, unknown: UnknownOutcome, probe: Callable[[], Awaitable[Probe]]) -> None:
        """Return when the write turned out applied; raise WriteAbsent when it did not happen and will not.

        Stopping: nothing told for longer than `patience`. The outcome stays unknown, so nobody may write after it from here.
        """
        sent_at = ticket.sent_at if ticket.sent_at is not None else self._clock.now()
        deadline = sent_at + self._write_deadline
        looks, told_at = 0, self._clock.now()
        while True:
            self._say(ticket, f"outcome unknown ({unknown}), look {looks + 1}")
            began = self._clock.now()
            try:
                seen = await probe()
            except Exception:  # a look that fails tells nothing, whatever it failed of
                seen = Probe.UNREADABLE
            over = unknown.ended or began > deadline
            if seen is Probe.APPLIED or (seen is Probe.LIKELY and over):
                return
            if seen is Probe.NEVER or (seen is Probe.ABSENT and over):
                raise WriteAbsent(str(unknown))
            if seen is not Probe.UNREADABLE:
                told_at = self._clock.now()
            elif not self._left and (silent := self._clock.now() - told_at) > self._patience:
                self._shut = f"a write of {ticket.host} is not settled"
                self._on_gone(ServiceGone(f"Foreman is away for {silent / 60:.0f} min: a write of {ticket.host} is not settled"))
                raise Stopping
            await self._clock.sleep(_LOOKS[min(looks, len(_LOOKS) - 1)])
            looks += 1

    def _say(self, ticket: LaneTicket, settling: str) -> None:
        flight = self._in_flight.get(ticket.number)
        if flight is not None:
            self._in_flight[ticket.number] = replace(flight, settling=settling)

    def _carried(self, carrier: asyncio.Task[Any]) -> None:
        self._carriers.discard(carrier)
        if not carrier.cancelled():
            carrier.exception()  # its caller may be gone; the host's task is where it is told

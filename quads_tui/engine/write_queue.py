"""The queue of writes to one Foreman, which the rollouts of a process share: who may write next, and when nobody may."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

from quads_tui.rollout.metrics import InFlight, LaneState
from quads_tui.rollout.ports import Clock, NotSent
from quads_tui.rollout.shared_place import LeftWrite, SharedPlace

from .host_order import HostOrder, Key

_SAFE = "cancel"  # the act that takes a host out of build mode


class LaneTicket:
    """The right to send one write, once. Implements rollout.ports.Ticket."""

    def __init__(
        self, number: int, host: str, clock: Clock, confirm: Callable[[LaneTicket], Awaitable[None]] | None = None
    ) -> None:
        self.number = number
        self.host = host
        self.sent_at: float | None = None  # own time of the first byte
        self._clock = clock
        self._confirm = confirm
        self._taken_back = False

    async def confirm(self) -> None:
        if self._confirm is not None:
            await self._confirm(self)

    def use(self) -> None:
        if self._taken_back or self.sent_at is not None:
            raise RuntimeError(f"ticket {self.number} of {self.host} was used or taken back: a resend needs a new one")
        self.sent_at = self._clock.now()

    def take_back(self) -> None:
        """It gives no right any more, used or not."""
        self._taken_back = True

    @property
    def taken_back(self) -> bool:
        return self._taken_back


@dataclass(slots=True, kw_only=True)
class Waiter:
    """A write that waits for a place; `since` in own time."""

    host: str
    act: str
    since: float
    place: asyncio.Future[LaneTicket]
    confirm: Callable[[LaneTicket], Awaitable[None]]


class WriteQueue:
    """All writes of this process to one Foreman. Each rollout has a handle, and they take turns.

    Together they have as many places as the narrowest of them is wide, and none is given while an outcome in any of them is
    unknown. One write in flight per host, whatever the width.

    `shared`: the place among the consoles of all machines. It is taken for one write, and then it is the next console's turn;
    whose write of this process it is for is decided when the place is ours.
    """

    def __init__(self, shared: SharedPlace | None = None) -> None:
        self._handles: list[QueueHandle] = []  # in the order of their turns
        self._shared = shared
        self._ours = shared is None  # the shared place
        self._taking: asyncio.Task[None] | None = None
        self._fault = ""  # an error of the program ended the wait for the shared place, in words

    def handle(self, clock: Clock, width: int, order: HostOrder | None = None) -> QueueHandle:
        """For one rollout, until it calls `part`. `order`: whose write goes first; None: in the order in which they come."""
        handle = QueueHandle(self, clock, width, order)
        self._handles.append(handle)
        return handle

    @property
    def rollouts(self) -> int:
        """How many share it now, those that left with an open write included."""
        return len(self._handles)

    @property
    def barrier(self) -> str:
        """Why nobody may write to this Foreman now, in words; empty where nothing is in the way."""
        return self._fault or next((handle.barrier for handle in self._handles if handle.barrier), "")

    @property
    def trouble(self) -> str:
        """Why nobody here gets the shared place, in words; empty where nothing is wrong with it, or nobody wants it."""
        return self._shared.trouble if self._shared is not None and self._taking is not None else ""

    @property
    def writer(self) -> str:
        """Which console elsewhere has the shared place that this one waits for, in words."""
        return self._shared.writer if self._shared is not None and self._taking is not None else ""

    async def sending(self, host: str, act: str, detail: Mapping[str, object]) -> None:
        """The last check at the shared place. Raises NotSent, QueueAway."""
        if self._shared is not None:
            await self._shared.sending(host, act, detail)

    def grant(self, handle: QueueHandle) -> None:
        """Give the free places to those who wait in this handle, in their order."""
        if handle.paused or handle.left or self.barrier:
            return
        if not self._ours:
            if handle.wants and self._taking is None:
                self._taking = asyncio.ensure_future(self._take())
            return
        busy = {flight.host for each in self._handles for flight in each.in_flight.values()}
        free = min(each.width for each in self._handles) - sum(len(each.in_flight) for each in self._handles)
        while free > 0 and (found := handle.first(busy)) is not None:
            number, waiter = found
            handle.take_place(number, waiter)
            busy.add(waiter.host)
            free -= 1

    async def _take(self) -> None:
        try:
            self._ours = await self._settled_place()
        except Exception as error:
            self._fault = f"the wait for the shared write queue ended with an internal error ({type(error).__name__})"
        finally:
            self._taking = None
        for each in list(self._handles):
            self.grant(each)
        if self._ours and not any(each.is_open for each in self._handles):
            self._pass_on()  # those who wanted it have left meanwhile

    async def _settled_place(self) -> bool:
        """Take the shared place, and settle what its last holder left. False: it is not ours, or nobody here can settle that."""
        assert self._shared is not None
        longest = max((each.longest for each in self._handles), default=0.0)
        for left in await self._shared.take(max((each.write_deadline for each in self._handles), default=0.0), longest):
            settle = next((each.settle_left for each in self._handles if not each.left and each.settle_left is not None), None)
            if settle is None or not await settle(left, partial(self._shared.is_left, left)):
                self._shared.abandon()
                return False
            if not await self._shared.settled(left):
                return False
        return True

    def _pass_on(self) -> None:
        """Nothing of ours is in flight: it is the next console's turn. With a write without an outcome, the lease runs out."""
        if self._shared is None or not self._ours:
            return
        if any(each.shut for each in self._handles):
            self._shared.abandon()
        elif not any(each.is_open for each in self._handles):
            self._ours = False
            self._shared.give_back()

    def grant_after(self, handle: QueueHandle) -> None:
        """A place is free: the rollout after this one has the first turn."""
        self._pass_on()
        turn = self._handles.index(handle) + 1 if handle in self._handles else 0
        for each in [*self._handles[turn:], *self._handles[:turn]]:
            self.grant(each)

    def remove(self, handle: QueueHandle) -> None:
        """It neither takes a turn nor holds up the others any more."""
        if handle in self._handles:
            self._handles.remove(handle)
            self.grant_after(handle)
        if not self._handles and self._taking is not None:
            self._taking.cancel()


class QueueHandle:
    """One rollout's part of the queue: what waits, what is in flight, and why it lets nobody write."""

    def __init__(self, queue: WriteQueue, clock: Clock, width: int, order: HostOrder | None) -> None:
        self._queue = queue
        self._clock = clock
        self._order = order
        self._ranked: list[tuple[Key, int]] = []  # a heap of those that wait, by number; some may have left since
        self._ranked_by = 0  # the version of the order
        self._numbers = 0
        self._granted = 0
        self.width = width
        self.waiters: dict[int, Waiter] = {}
        self.in_flight: dict[int, InFlight] = {}
        self.paused = False
        self.held = ""  # why only writes that make a host safe are let through, in words
        self.left = False  # its rollout is over: it is given no place any more
        self.shut = ""  # why nobody may write for as long as this handle is in the queue, in words
        self.settle_left: Callable[[LeftWrite, Callable[[], Awaitable[bool]]], Awaitable[bool]] | None = None
        self.write_deadline = 0.0  # real seconds for which what was sent may still arrive
        self.longest = 0.0  # real seconds that one write of this rollout, with its outcome, may take

    @property
    def barrier(self) -> str:
        """Why nobody, of this rollout or another, may write now, in words."""
        return self.shut or next((flight.settling for flight in self.in_flight.values() if flight.settling), "")

    @property
    def wants(self) -> bool:
        """Some write of this rollout would be let through."""
        return any(not waiter.place.done() and (not self.held or waiter.act == _SAFE) for waiter in self.waiters.values())

    @property
    def is_open(self) -> bool:
        """What became of some write of this rollout is not known."""
        return bool(self.in_flight or self.shut)

    async def place(self, host: str, act: str, confirm: Callable[[LaneTicket], Awaitable[None]]) -> LaneTicket:
        """Wait for a place; whoever gets its ticket gives it back by `release`. Raises what `withdraw` was given."""
        place: asyncio.Future[LaneTicket] = asyncio.get_running_loop().create_future()
        self._numbers += 1
        number = self._numbers
        self.waiters[number] = Waiter(host=host, act=act, since=self._clock.now(), place=place, confirm=confirm)
        heapq.heappush(self._ranked, (self._key(number), number))
        self._queue.grant(self)
        try:
            return await place
        except asyncio.CancelledError:
            self.waiters.pop(number, None)
            if place.done() and not place.cancelled() and place.exception() is None:
                self.release(place.result())
            raise

    def _key(self, number: int) -> Key:
        waiter = self.waiters[number]
        return (0, 0.0, number) if self._order is None else self._order.key(waiter.host, waiter.since, dark=True)

    def first(self, busy: Collection[str]) -> tuple[int, Waiter] | None:
        """Take out whose turn it is, of the hosts that are not `busy`: one write in flight per host, whatever the width."""
        if self._order is not None:
            self._order.refresh()
            if self._ranked_by != self._order.version:
                self._ranked_by = self._order.version
                self._ranked = [(self._key(number), number) for number in self.waiters]
                heapq.heapify(self._ranked)
        passed: list[tuple[Key, int]] = []
        found: tuple[int, Waiter] | None = None
        while self._ranked and found is None:
            ranked = heapq.heappop(self._ranked)
            waiter = self.waiters.get(ranked[1])
            if waiter is None or waiter.place.done():
                self.waiters.pop(ranked[1], None)
            elif waiter.host in busy or (self.held and waiter.act != _SAFE):
                passed.append(ranked)
            else:
                found = ranked[1], self.waiters.pop(ranked[1])
        for ranked in passed:
            heapq.heappush(self._ranked, ranked)
        return found

    def take_place(self, number: int, waiter: Waiter) -> None:
        """The queue's: this waiter's turn has come."""
        self._granted += 1
        self.in_flight[number] = InFlight(waiter.host, waiter.act, self._clock.now())
        waiter.place.set_result(LaneTicket(number, waiter.host, self._clock, waiter.confirm))

    def adopt(self, host: str, act: str, sent_at: float, settling: str) -> LaneTicket:
        """A place, taken at once, for a write on its way since own time `sent_at`; `settling`: why nobody may write meanwhile."""
        self._numbers += 1
        ticket = LaneTicket(self._numbers, host, self._clock)
        ticket.use()
        ticket.sent_at = sent_at
        self.in_flight[ticket.number] = InFlight(host, act, sent_at, settling)
        return ticket

    def settling(self, ticket: LaneTicket, why: str) -> None:
        """Nobody may write while this one is not settled: `why`, in words."""
        flight = self.in_flight.get(ticket.number)
        if flight is not None:
            self.in_flight[ticket.number] = replace(flight, settling=why)

    async def sending(self, ticket: LaneTicket, act: str, detail: Mapping[str, object]) -> None:
        """The last check at the place that other machines share. Raises NotSent, QueueAway."""
        await self._queue.sending(ticket.host, act, detail)

    def let_through(self, ticket: LaneTicket) -> None:
        """The last check before the first byte: what was granted may have been shut since. Raises NotSent."""
        if ticket.taken_back or self.left:
            raise NotSent("the host lost its place in the Foreman write queue")
        if self.paused:
            raise NotSent("Foreman writes are paused")
        if barrier := self._queue.barrier:
            raise NotSent(f"Foreman writes are blocked: {barrier}")

    def release(self, ticket: LaneTicket) -> None:
        """Its place is free for the next one."""
        ticket.take_back()
        self.in_flight.pop(ticket.number, None)
        if self.left and not self.is_open:
            self.part()
        else:
            self._queue.grant_after(self)

    def part(self) -> None:
        """Out of the queue: the others are as many without it. Once more does no harm."""
        self._queue.remove(self)

    def pause(self, paused: bool) -> None:
        """Paused: this rollout is given no place; what is in flight ends as it would."""
        self.paused = paused
        self._queue.grant(self)

    def hold(self, why: str) -> None:
        """As `pause` while there is a reason, in words; but what makes a host safe goes through."""
        self.held = why
        self._queue.grant(self)

    def withdraw(self, host: str, why: Exception) -> None:
        """Its waiting writes leave the queue with this exception; one that is in flight is not touched."""
        for number in [number for number, waiter in self.waiters.items() if waiter.host == host]:
            waiter = self.waiters.pop(number)
            if not waiter.place.done():
                waiter.place.set_exception(why)

    def state(self) -> LaneState:
        """As the screen shows it. Ages in own seconds."""
        waiting = [self.waiters[number] for number in sorted(self.waiters, key=self._key)]
        head = waiting[0] if waiting else None
        beside = self._queue.barrier
        elsewhere = f"in another rollout: {beside}" if beside else ""
        places: dict[str, int] = {}
        for place, waiter in enumerate(waiting, 1):
            places.setdefault(waiter.host, place)
        return LaneState(
            width=self.width,
            depth=len(self.waiters),
            head=head.host if head else "",
            head_age=self._clock.now() - head.since if head else 0.0,
            in_flight=tuple(self.in_flight.values()),
            granted=self._granted,
            paused=self.paused,
            shut=self.barrier or elsewhere or self._queue.trouble or self.held or ("paused" if self.paused else ""),
            elsewhere=self._queue.writer,
            places=places,
        )

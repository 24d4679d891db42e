"""What the lane asks and notes before the first byte of a write leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from quads_tui.engine.lane import WriteLane
from quads_tui.engine.write_queue import LaneTicket, WriteQueue
from quads_tui.rollout.ports import Held, NotSent, Probe, UnknownOutcome
from tests.clocks import VirtualClock, in_virtual_time


async def refused_when_sending(lane: WriteLane, before: Callable[[], None]) -> LaneTicket:
    """A write whose lane changes between its ticket and its first byte."""
    kept: list[LaneTicket] = []

    async def send(ticket: LaneTicket) -> None:
        kept.append(ticket)
        await ticket.confirm()
        before()
        await ticket.confirm()
        ticket.use()

    async def probe() -> Probe:
        return Probe.ABSENT

    with pytest.raises(NotSent):
        await lane.write("h1", "build", send, probe)
    return kept[0]


@pytest.mark.looptime
async def test_first_byte_a_pause_between_ticket_and_connection_gives_the_place_back() -> None:
    lane = WriteLane(VirtualClock())
    ticket = await refused_when_sending(lane, lambda: lane.pause(True))
    assert (ticket.sent_at, lane.state().in_flight) == (None, ())
    with pytest.raises(NotSent, match="lost its place"):
        await ticket.confirm()
    with pytest.raises(RuntimeError):
        ticket.use()


@pytest.mark.looptime
async def test_first_byte_an_unknown_outcome_elsewhere_holds_what_was_granted_before_it() -> None:
    queue = WriteQueue()
    lane, other = (WriteLane(VirtualClock(), width=2, queue=queue) for _ in range(2))

    async def lost(ticket: LaneTicket) -> None:
        await ticket.confirm()
        ticket.use()
        await asyncio.sleep(1)
        raise UnknownOutcome("connection reset")

    async def late(ticket: LaneTicket) -> None:
        await asyncio.sleep(5)
        await ticket.confirm()

    async def probe() -> Probe:
        return Probe.ABSENT

    unknown = asyncio.ensure_future(other.write("h2", "build", lost, probe))
    with pytest.raises(NotSent, match="result of the last write unknown"):
        await lane.write("h1", "build", late, probe)
    unknown.cancel()


@pytest.mark.looptime
async def test_first_byte_the_gate_is_asked_after_the_lane() -> None:
    async def held() -> None:
        raise Held("wait")

    async def send(ticket: LaneTicket) -> None:
        await ticket.confirm()

    async def probe() -> Probe:
        return Probe.ABSENT

    with pytest.raises(Held):
        await WriteLane(VirtualClock()).write("h1", "build", send, probe, held)


class Marks:
    """What processes after this one are told."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.log: list[int] = []

    async def sending(self, ticket: object) -> None:
        self.sent.append(ticket)
        self.log.append(len(self.sent))

    def settled(self, ticket: object) -> None:
        if ticket in self.sent:
            self.sent.remove(ticket)
        self.log.append(len(self.sent))


def test_a_write_is_marked_before_its_first_byte_until_its_outcome_is_known_and_one_that_was_cut_off_for_good() -> None:
    async def whole() -> None:
        clock, marks = VirtualClock(), Marks()
        lane = WriteLane(clock, write_deadline=60.0, mark=marks)
        seen: list[int] = []

        async def send(ticket: LaneTicket) -> bool:
            await ticket.confirm()
            ticket.use()
            seen.append(len(marks.sent))
            await clock.sleep(10)
            return True

        async def lost(ticket: LaneTicket) -> bool:
            await send(ticket)
            raise UnknownOutcome("no answer")

        async def probe() -> Probe:
            seen.append(len(marks.sent))
            return Probe.APPLIED

        await lane.write("a", "build", send, probe)
        assert (seen, marks.sent) == ([1], [])
        await lane.write("a", "build", lost, probe)
        assert (seen, marks.sent) == ([1, 1, 1], [])
        writing = asyncio.ensure_future(lane.write("a", "build", send, probe))
        await clock.sleep(5)
        for carrier in list(lane._carriers):
            carrier.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert len(marks.sent) == 1

    in_virtual_time(whole)

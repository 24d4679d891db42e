"""The write lane that several rollouts share, and places that nobody may keep or lose."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.engine.lane import WriteLane
from quads_tui.engine.write_queue import LaneTicket, WriteQueue
from quads_tui.rollout.ports import Probe, Stopping, UnknownOutcome
from tests.clocks import VirtualClock

pytestmark = pytest.mark.looptime


class Foreman:
    """Takes writes; those of `lost` hosts get no answer, and are settled once `settled` is set."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.lost: set[str] = set()
        self.settled = asyncio.Event()
        self.seconds = 1.0

    async def send(self, ticket: LaneTicket) -> None:
        ticket.use()
        self.sent.append(ticket.host)
        await asyncio.sleep(self.seconds)
        if ticket.host in self.lost:
            raise UnknownOutcome("no answer in time")

    async def probe(self) -> Probe:
        return Probe.APPLIED if self.settled.is_set() else Probe.UNREADABLE

    def write(self, lane: WriteLane, host: str) -> asyncio.Task[None]:
        return asyncio.ensure_future(lane.write(host, "build", self.send, self.probe))


def lanes(count: int, width: int = 1) -> list[WriteLane]:
    queue = WriteQueue()
    return [WriteLane(VirtualClock(), width=width, queue=queue) for _ in range(count)]


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("count", [2, 3])
async def test_an_unknown_outcome_in_one_rollout_shuts_all_others_of_that_foreman(width: int, count: int) -> None:
    """Also where the lane is wider than one, so that there would be a place."""
    foreman, rollouts = Foreman(), lanes(count, width)
    foreman.lost = {"a"}
    first = foreman.write(rollouts[0], "a")
    await asyncio.sleep(2)
    others = [foreman.write(lane, f"b{number}") for number, lane in enumerate(rollouts[1:])]
    await asyncio.sleep(600)
    assert foreman.sent == ["a"]
    assert all("no answer in time" in lane.state().shut for lane in rollouts)
    foreman.settled.set()
    await asyncio.gather(first, *others)
    assert len(foreman.sent) == count
    assert not any(lane.state().shut for lane in rollouts)


async def test_a_rollout_that_leaves_with_an_unknown_outcome_keeps_the_others_shut() -> None:
    foreman, (first, second) = Foreman(), lanes(2)
    foreman.lost = {"a"}
    lost = foreman.write(first, "a")
    await asyncio.sleep(2)
    first.leave()
    other = foreman.write(second, "b")
    await asyncio.sleep(170)
    assert foreman.sent == ["a"]
    foreman.settled.set()
    await lost
    await asyncio.wait_for(other, 5)  # at once, not at the deadline
    assert foreman.sent == ["a", "b"]


async def test_a_rollout_that_leaves_with_an_outcome_that_nobody_learns_shuts_the_others_until_the_write_deadline_only() -> None:
    foreman, (first, second) = Foreman(), lanes(2)
    foreman.lost = {"a"}
    lost = foreman.write(first, "a")
    await asyncio.sleep(2)
    first.leave()
    other = foreman.write(second, "b")
    await asyncio.sleep(170)
    assert foreman.sent == ["a"]
    await other
    assert foreman.sent == ["a", "b"]
    assert not second.state().shut
    with pytest.raises(asyncio.CancelledError):
        await lost


async def test_a_write_that_no_read_tells_of_for_longer_than_the_patience_stops_its_rollout_and_stays_unknown() -> None:
    gone: list[str] = []
    settled: list[str] = []

    class Mark:
        async def sending(self, ticket: object) -> None:
            pass

        def settled(self, ticket: object) -> None:
            assert isinstance(ticket, LaneTicket)
            settled.append(ticket.host)

    foreman = Foreman()
    foreman.lost = {"a"}
    lane = WriteLane(VirtualClock(), mark=Mark(), patience=900.0, on_gone=lambda why: gone.append(str(why)))
    write, behind = foreman.write(lane, "a"), foreman.write(lane, "b")
    await asyncio.sleep(880)
    assert not gone
    with pytest.raises(Stopping):
        await write
    assert gone == ["Foreman has been unavailable for 15 min: the result of the write for a is unknown"]
    await asyncio.sleep(600)
    assert (foreman.sent, settled) == (["a"], [])
    assert lane.state().shut == "the result of the write for a is unknown"
    behind.cancel()


async def test_a_rollout_that_is_cut_off_with_a_write_on_the_wire_keeps_the_others_shut_until_the_write_deadline() -> None:
    foreman, (first, second) = Foreman(), lanes(2)
    foreman.seconds = 60.0
    before = asyncio.all_tasks()
    foreman.write(first, "a")
    await asyncio.sleep(2)
    for task in asyncio.all_tasks() - before:  # as a process that ends
        task.cancel()
    await asyncio.sleep(1)
    first.leave()
    other = foreman.write(second, "b")
    await asyncio.sleep(170)
    assert foreman.sent == ["a"]
    assert second.state().shut
    await other  # from the write deadline on nothing comes of it any more


async def test_a_rollout_that_is_cut_off_while_it_settles_a_dead_process_write_keeps_the_others_shut_until_the_write_deadline() -> (
    None
):
    foreman, (first, second) = Foreman(), lanes(2)
    place = first.adopt_in_flight("a", "build", 0.0)
    settling = asyncio.ensure_future(first.settle(place, foreman.probe))
    await asyncio.sleep(2)
    settling.cancel()
    await asyncio.sleep(1)
    first.leave()
    other = foreman.write(second, "b")
    await asyncio.sleep(170)
    assert foreman.sent == []
    assert second.state().shut
    await other


async def test_a_rollout_that_leaves_with_nothing_open_is_not_waited_for() -> None:
    foreman, (first, second) = Foreman(), lanes(2)
    first.pause(True)
    await foreman.write(second, "b")
    first.leave()
    first.leave()  # once more does no harm
    await foreman.write(second, "c")
    assert foreman.sent == ["b", "c"]


async def test_a_narrow_rollout_that_leaves_widens_the_lane_for_those_who_wait() -> None:
    queue = WriteQueue()
    narrow = WriteLane(VirtualClock(), width=1, queue=queue)
    wide = WriteLane(VirtualClock(), width=2, queue=queue)
    foreman = Foreman()
    foreman.seconds = 100.0
    writes = [foreman.write(wide, "b"), foreman.write(wide, "c")]
    await asyncio.sleep(1)
    assert foreman.sent == ["b"]
    narrow.leave()
    await asyncio.sleep(1)
    assert foreman.sent == ["b", "c"]
    await asyncio.gather(*writes)


async def test_a_cancel_that_meets_its_grant_frees_the_place() -> None:
    foreman, (lane,) = Foreman(), lanes(1)
    lane.pause(True)
    cancelled = foreman.write(lane, "a")
    await asyncio.sleep(1)
    lane.pause(False)  # the place is given in this very moment, and nobody is there to take it
    cancelled.cancel()
    await asyncio.sleep(1)
    assert cancelled.cancelled()
    await asyncio.wait_for(foreman.write(lane, "b"), 60)
    assert foreman.sent == ["b"]
    assert lane.state().in_flight == ()


async def test_a_cancel_while_it_waits_leaves_the_queue() -> None:
    foreman, (lane,) = Foreman(), lanes(1)
    lane.pause(True)
    cancelled = foreman.write(lane, "a")
    await asyncio.sleep(1)
    cancelled.cancel()
    await asyncio.sleep(1)
    assert lane.state().depth == 0
    lane.pause(False)
    await foreman.write(lane, "b")
    assert foreman.sent == ["b"]


async def test_a_ticket_of_another_kind_settles_nothing() -> None:
    class Stranger:
        def use(self) -> None:
            return

    foreman, (lane,) = Foreman(), lanes(1)
    with pytest.raises(TypeError):
        await lane.settle(Stranger(), foreman.probe)

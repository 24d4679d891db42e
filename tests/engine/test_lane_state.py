"""What the write lane tells and how long it waits: its state as the screen shows it, the looks at an unknown outcome, its words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from quads_tui.engine.lane import LaneTicket, WriteLane
from quads_tui.engine.write_queue import WriteQueue
from quads_tui.rollout.causes import ServiceGone
from quads_tui.rollout.metrics import InFlight, LaneState
from quads_tui.rollout.ports import OutcomeHidden, Probe, Stopping, UnknownOutcome, WriteAbsent
from tests.clocks import VirtualClock

pytestmark = pytest.mark.looptime

LOOKS = [0.0, 1.0, 3.0, 7.0, 15.0, 30.0, 45.0]  # seconds after the outcome became unknown


def now() -> float:
    return asyncio.get_running_loop().time()


class Foreman:
    """Answers after `seconds`; writes of `lost` hosts get no answer. `see` is what a look shows, at its own time."""

    def __init__(self, seconds: float = 10.0, lost: str = "", see: Callable[[float], Probe] = lambda at: Probe.APPLIED) -> None:
        self.seconds = seconds
        self.lost = lost
        self.see = see
        self.sent: list[tuple[str, float]] = []
        self.looks: list[float] = []
        self.connecting = 0.0
        self.ended = False  # the server says itself that the request is over

    async def send(self, ticket: LaneTicket) -> str:
        await asyncio.sleep(self.connecting)
        ticket.use()
        self.sent.append((ticket.host, now()))
        await asyncio.sleep(self.seconds)
        if ticket.host == self.lost:
            raise UnknownOutcome("no answer in time", server_done=self.ended)
        return f"answer to {ticket.host}"

    async def probe(self) -> Probe:
        self.looks.append(now())
        return self.see(now())

    def write(self, lane: WriteLane, host: str, act: str = "build") -> asyncio.Task[str | None]:
        return asyncio.ensure_future(lane.write(host, act, self.send, self.probe))


# Its state


async def test_an_idle_lane_shows_nothing() -> None:
    assert WriteLane(VirtualClock(), width=3).state() == LaneState(width=3)


async def test_the_state_tells_who_is_written_since_when_and_who_waits_in_which_place() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock())
    began = now()
    writes = [foreman.write(lane, "a", "cancel")]
    await asyncio.sleep(2)
    writes.append(foreman.write(lane, "b"))
    await asyncio.sleep(1)
    writes += [foreman.write(lane, "c"), foreman.write(lane, "b", "parameter")]
    await asyncio.sleep(2)
    assert lane.state() == LaneState(
        width=1,
        depth=3,
        head="b",
        head_age=3.0,
        in_flight=(InFlight("a", "cancel", began),),
        granted=1,
        places={"b": 1, "c": 2},
    )
    await asyncio.sleep(6)
    assert lane.state().in_flight == (InFlight("b", "build", began + 10),)
    assert (lane.state().granted, lane.state().places) == (2, {"c": 1, "b": 2})
    assert await asyncio.gather(*writes) == [f"answer to {host}" for host in "abcb"]
    assert lane.state() == LaneState(granted=4)


async def test_a_wide_lane_takes_as_many_as_it_is_wide_and_one_of_each_host() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock(), width=2)
    began = now()
    await asyncio.gather(*(foreman.write(lane, host) for host in "aabcd"))
    assert [(host, at - began) for host, at in foreman.sent] == [("a", 0), ("b", 0), ("a", 10), ("c", 10), ("d", 20)]


async def test_a_pause_is_told_and_lifted() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock())
    lane.pause(True)
    write = foreman.write(lane, "a")
    await asyncio.sleep(5)
    state = lane.state()
    assert (state.paused, state.shut, state.depth, state.head_age, state.granted) == (True, "paused", 1, 5.0, 0)
    lane.pause(False)
    await write
    assert (lane.state().paused, lane.state().shut) == (False, "")


async def test_a_host_that_leaves_the_queue_hears_why_and_the_others_stay() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock())
    writes = {host: foreman.write(lane, host) for host in "abcd"}
    await asyncio.sleep(1)
    lane.withdraw("c", Stopping())
    lane.withdraw("a", Stopping())  # it is in flight: its write is not touched
    await asyncio.sleep(1)
    assert isinstance(writes["c"].exception(), Stopping)
    assert lane.state().places == {"b": 1, "d": 2}
    assert await writes["a"] == "answer to a"
    assert await writes["d"] == "answer to d"
    assert [host for host, _ in foreman.sent] == ["a", "b", "d"]


# Looks at an unknown outcome


async def test_the_looks_grow_further_apart_and_are_counted_on_the_screen() -> None:
    queue = WriteQueue()
    lane, other = (WriteLane(VirtualClock(), queue=queue) for _ in range(2))
    foreman = Foreman(lost="a", see=lambda at: Probe.UNREADABLE)
    began = now()
    write = foreman.write(lane, "a")
    said = []
    for look in LOOKS:
        await asyncio.sleep(began + 10 + look + 0.5 - now())
        said.append(lane.state().shut)
        assert lane.state().in_flight[0].settling == lane._handle.barrier == said[-1]
        assert other.state().shut == f"in another rollout: {said[-1]}"
        assert other._handle.barrier == ""
    assert [at - began - 10 for at in foreman.looks] == LOOKS
    assert said == [f"result of the last write unknown (no answer in time), check {number}" for number in range(1, 8)]
    foreman.see = lambda at: Probe.APPLIED
    assert await write is None
    assert (lane.state().shut, lane.state().in_flight) == ("", ())


@pytest.mark.parametrize("seen", [Probe.ABSENT, Probe.LIKELY])
@pytest.mark.parametrize(
    ("deadline", "answer", "ends"),
    [
        (180.0, 10.0, 190.0),
        (40.0, 10.0, 55.0),  # the look at 40 s began with the deadline, not after it
        (39.9, 10.0, 40.0),
        (15.0, 10.0, 17.0),
        (5.0, 12.5, 15.5),  # never under 15 real seconds
        (5.0, 11.9, 18.9),
    ],
)
async def test_what_only_time_tells_counts_from_the_first_look_after_the_write_deadline(
    seen: Probe, deadline: float, answer: float, ends: float
) -> None:
    """The deadline runs from the first byte, not from the ticket or the lost answer."""
    lane = WriteLane(VirtualClock(), write_deadline=deadline)
    foreman = Foreman(answer, lost="a", see=lambda at: seen)
    foreman.connecting = 3.0
    began = now()
    write = foreman.write(lane, "a")
    await asyncio.wait((write,))
    assert now() - began - 3 == pytest.approx(ends)
    assert isinstance(write.exception(), WriteAbsent) is (seen is Probe.ABSENT)


async def test_a_server_that_says_that_the_request_is_over_is_believed_at_once() -> None:
    for seen in (Probe.ABSENT, Probe.LIKELY):
        foreman = Foreman(lost="a", see=lambda at, seen=seen: seen)  # type: ignore[misc]
        foreman.ended = True
        write = foreman.write(WriteLane(VirtualClock()), "a")
        await asyncio.wait((write,))
        assert len(foreman.looks) == 1
        if seen is Probe.ABSENT:
            assert str(write.exception()) == "no answer in time"


async def test_a_write_of_a_dead_process_has_its_place_and_the_time_that_is_gone_counts() -> None:
    lane = WriteLane(VirtualClock(), write_deadline=100.0)
    foreman = Foreman(see=lambda at: Probe.ABSENT)
    began = now()
    place = lane.adopt_in_flight("a", "build", began - 90)
    assert lane.state().in_flight == (
        InFlight("a", "build", began - 90, "result of the last write unknown (quads-tui exited before it was known)"),
    )
    assert lane.state().shut == "result of the last write unknown (quads-tui exited before it was known)"
    more = lane.adopt_in_flight("c", "cancel", began)
    assert len(lane.state().in_flight) == 2
    write = foreman.write(lane, "b")
    with pytest.raises(WriteAbsent, match="quads-tui exited"):
        await lane.settle(place, foreman.probe)
    assert now() - began == 15
    assert (len(lane.state().in_flight), foreman.sent) == (1, [])
    foreman.see = lambda at: Probe.APPLIED
    await lane.settle(more, foreman.probe)
    await write
    assert place.taken_back
    with pytest.raises(RuntimeError):
        place.use()


async def test_every_ticket_has_its_own_number() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock(), width=3)
    numbers: list[int] = []

    async def send(ticket: LaneTicket) -> None:
        numbers.append(ticket.number)

    place = lane.adopt_in_flight("z", "build", now())
    foreman.see = lambda at: Probe.APPLIED
    await lane.settle(place, foreman.probe)
    await asyncio.gather(*(lane.write(host, "build", send, foreman.probe) for host in "abc"))
    assert len({place.number, *numbers}) == 4


# Patience


@pytest.mark.parametrize(("patience", "seconds", "minutes"), [(45.0, 60.0, 1), (44.0, 45.0, 1), (100.0, 105.0, 2), (1.0, 3.0, 0)])
async def test_a_foreman_of_which_no_look_tells_anything_for_long_ends_the_rollout_with_the_minutes(
    patience: float, seconds: float, minutes: int
) -> None:
    gone: list[ServiceGone] = []
    lane = WriteLane(VirtualClock(), patience=patience, on_gone=gone.append)
    foreman = Foreman(lost="a", see=lambda at: Probe.UNREADABLE)
    write = foreman.write(lane, "a")
    await asyncio.wait((write,))
    assert isinstance(write.exception(), Stopping)
    assert foreman.looks[-1] - foreman.looks[0] == seconds
    assert [str(why) for why in gone] == [
        f"Foreman has been unavailable for {minutes} min: the result of the write for a is unknown"
    ]
    assert lane.state().shut == "the result of the write for a is unknown"


async def test_a_look_that_tells_something_begins_the_patience_anew() -> None:
    gone: list[ServiceGone] = []
    lane = WriteLane(VirtualClock(), patience=40.0, on_gone=gone.append)
    began = now()
    foreman = Foreman(lost="a", see=lambda at: Probe.ABSENT if at - began == 40 else Probe.UNREADABLE)
    write = foreman.write(lane, "a")
    await asyncio.wait((write,))
    assert isinstance(write.exception(), Stopping)
    assert foreman.looks[-1] - began == 40 + 45


async def test_a_rollout_that_has_left_waits_for_its_write_to_the_write_deadline_whatever_its_patience() -> None:
    gone: list[ServiceGone] = []
    queue = WriteQueue()
    lane = WriteLane(VirtualClock(), patience=20.0, write_deadline=100.0, on_gone=gone.append, queue=queue)
    other = WriteLane(VirtualClock(), queue=queue)
    foreman = Foreman(lost="a", see=lambda at: Probe.UNREADABLE)
    write = foreman.write(lane, "a")
    await asyncio.sleep(11)
    lane.leave()
    left = now()
    lane.leave()  # once more changes nothing
    behind = foreman.write(other, "b")
    await asyncio.sleep(99)
    assert (len(foreman.sent), write.done(), gone) == (1, False, [])
    await asyncio.sleep(2)
    assert foreman.sent[1:] == [("b", left + 100)]
    assert write.cancelled()
    looks = len(foreman.looks)
    await behind
    await asyncio.sleep(100)
    assert len(foreman.looks) == looks  # and it is not asked for any longer


# A host whose record is odd


@pytest.mark.parametrize("ended", [False, True])
async def test_a_host_that_alone_is_odd_opens_the_lane_after_five_looks_beyond_the_write_deadline(ended: bool) -> None:
    """The deadline alone proves that nothing comes of the write; the server's word for its end does not make up for a record."""
    gone: list[ServiceGone] = []
    lane = WriteLane(VirtualClock(), write_deadline=100.0, patience=50.0, on_gone=gone.append)
    foreman = Foreman(lost="a", see=lambda at: Probe.ODD)
    foreman.ended = ended
    began = now()
    write, behind = foreman.write(lane, "a"), foreman.write(lane, "b")
    await asyncio.wait((write,))
    assert isinstance(write.exception(), OutcomeHidden)
    assert len([at for at in foreman.looks if at > began + 100]) == 5
    assert (lane.state().shut, gone) == ("", [])
    await behind
    assert foreman.sent == [("a", began), ("b", foreman.looks[-1])]


@pytest.mark.parametrize(("other", "ends"), [(Probe.APPLIED, "applied"), (Probe.ABSENT, "absent"), (Probe.UNREADABLE, "gone")])
async def test_only_odd_looks_in_a_row_count_and_they_are_no_sign_of_life(other: Probe, ends: str) -> None:
    gone: list[ServiceGone] = []
    lane = WriteLane(VirtualClock(), write_deadline=20.0, patience=200.0, on_gone=gone.append)
    foreman = Foreman(lost="a")
    foreman.see = lambda at: other if len(foreman.looks) % 4 == 0 and at > began + 20 else Probe.ODD
    began = now()
    write = foreman.write(lane, "a")
    await asyncio.wait((write,))
    error = write.exception()
    assert ends == ("applied" if error is None else "absent" if isinstance(error, WriteAbsent) else "gone" if gone else "?")


# Closing


async def test_a_drain_waits_for_what_is_in_flight_as_long_as_it_may() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock())
    began = now()
    assert await lane.drained(20)
    assert now() == began
    write = foreman.write(lane, "a")
    await asyncio.sleep(1)
    assert not await lane.drained(5)
    assert now() - began == 6
    assert await lane.drained(20)
    assert now() - began == 10
    assert write.done()


@pytest.mark.parametrize("count", [1, 2])
async def test_nobody_is_let_in_after_the_rollout_has_left(count: int) -> None:
    queue = WriteQueue()
    lanes = [WriteLane(VirtualClock(), queue=queue) for _ in range(count)]
    foreman = Foreman()
    lanes[0].leave()
    write = foreman.write(lanes[0], "a")
    await asyncio.sleep(100)
    assert (foreman.sent, write.done(), lanes[0].state().depth) == ([], False, 1)
    write.cancel()


async def test_a_write_that_is_cut_off_before_its_first_byte_shuts_nothing() -> None:
    foreman, lane = Foreman(), WriteLane(VirtualClock())
    foreman.connecting = 5.0
    first = foreman.write(lane, "a")
    await asyncio.sleep(1)
    for carrier in list(lane._carriers):
        carrier.cancel()
    await asyncio.wait((first,))
    assert lane.state().shut == ""
    foreman.connecting = 0.0
    assert await foreman.write(lane, "b") == "answer to b"
    second = foreman.write(lane, "c")
    await asyncio.sleep(1)
    for carrier in list(lane._carriers):
        carrier.cancel()
    await asyncio.wait((second,))
    assert lane.state().shut == "the write for c was interrupted before its result was known"
    behind = foreman.write(lane, "d")
    await asyncio.sleep(1000)
    assert not behind.done()
    behind.cancel()


async def test_a_settling_that_is_cut_off_is_no_answer() -> None:
    """Whoever waits for it must not take the write for applied."""
    foreman, lane = Foreman(see=lambda at: Probe.UNREADABLE), WriteLane(VirtualClock())
    settling = asyncio.ensure_future(lane.settle(lane.adopt_in_flight("a", "build", now()), foreman.probe))
    await asyncio.sleep(5)
    settling.cancel()
    await asyncio.wait((settling,))
    assert settling.cancelled()
    assert lane.state().shut == "the result of the write for a is unknown"


# Width


async def test_two_writes_that_met_narrow_the_lane_once_and_the_host_and_the_reason_are_told() -> None:
    said: list[str] = []
    lane = WriteLane(VirtualClock(), width=3, on_narrowed=said.append)

    async def conflict(ticket: LaneTicket) -> None:
        ticket.use()
        await asyncio.sleep(1)
        raise UnknownOutcome("409", conflict=True)

    async def probe() -> Probe:
        return Probe.APPLIED

    await asyncio.gather(*(lane.write(host, "build", conflict, probe) for host in "ab"))
    assert said == ["a: 409"]
    assert lane.state().width == 1


async def test_a_lane_of_one_is_narrowed_by_nothing_and_a_wide_one_by_conflicts_only() -> None:
    said: list[str] = []
    for width, conflict in ((1, True), (2, False)):
        lane = WriteLane(VirtualClock(), width=width, on_narrowed=said.append)

        async def send(ticket: LaneTicket, conflict: bool = conflict) -> None:
            ticket.use()
            raise UnknownOutcome("lost", conflict=conflict)

        async def probe() -> Probe:
            return Probe.APPLIED

        await lane.write("a", "build", send, probe)
        assert lane.state().width == width
    assert said == []

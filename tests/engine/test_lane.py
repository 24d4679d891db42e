"""The write lane, judged by a server that counts: never more than `width` writes there, whatever happens to their senders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.engine.lane import WriteLane
from quads_tui.engine.write_queue import LaneTicket, WriteQueue
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.metrics import LaneState
from quads_tui.rollout.ports import Probe, UnknownOutcome, WriteAbsent
from tests.clocks import VirtualClock, in_virtual_time
from tests.effort import tries

LONGEST = 60.0  # the server never works longer than this on a request


@dataclass
class Server:
    """Works on a request to its end even when the sender has gone, as Foreman does."""

    busy: set[str] = field(default_factory=set)
    peak: int = 0
    overlapped_on_one_host: bool = False
    applied: list[str] = field(default_factory=list)
    works: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, host: str, seconds: float, applies: bool) -> asyncio.Task[None]:
        async def work() -> None:
            self.overlapped_on_one_host |= host in self.busy
            self.busy.add(host)
            self.peak = max(self.peak, len(self.busy))
            await asyncio.sleep(seconds)
            self.busy.discard(host)
            if applies:
                self.applied.append(host)

        task = asyncio.ensure_future(work())
        self.works.append(task)
        return task


FATES = ("answered", "refused", "answer lost", "times out", "lost before it arrived", "500 after rollback")


@dataclass(frozen=True)
class Write:
    host: str
    starts: float
    seconds: float
    fate: str
    cancelled_after: float | None


writes = st.lists(
    st.builds(
        Write,
        host=st.sampled_from([f"h{n}" for n in range(6)]),
        starts=st.floats(0, 30),
        seconds=st.floats(0.1, LONGEST),
        fate=st.sampled_from(FATES),
        cancelled_after=st.none() | st.floats(0, 90),
    ),
    min_size=1,
    max_size=14,
)


async def play(plan: list[Write], width: int, rollouts: int = 1) -> tuple[Server, list[LaneState]]:
    clock = VirtualClock()
    server = Server()
    queue = WriteQueue()
    lanes = [WriteLane(clock, width=width, write_deadline=180.0, queue=queue) for _ in range(rollouts)]

    async def one(number: int, write: Write) -> None:
        mark = f"{write.host}#{number}"
        lane = lanes[number % rollouts]

        before = 0

        async def send(ticket: LaneTicket) -> str:
            nonlocal before
            before = server.applied.count(write.host)
            ticket.use()
            if write.fate == "lost before it arrived":
                raise UnknownOutcome("connection reset")
            work = server.accept(write.host, write.seconds, applies=write.fate in ("answered", "answer lost", "times out"))
            if write.fate == "times out":
                await asyncio.sleep(min(write.seconds, 1.0))
                raise UnknownOutcome("no answer in time")
            if write.fate == "answer lost":
                await asyncio.sleep(write.seconds / 2)
                raise UnknownOutcome("connection reset")
            await asyncio.shield(work)
            if write.fate == "refused":
                raise ValueError("422")
            if write.fate == "500 after rollback":
                raise UnknownOutcome("500", server_done=True)
            return mark

        async def probe() -> Probe:
            await asyncio.sleep(0.1)
            return Probe.APPLIED if server.applied.count(write.host) > before else Probe.ABSENT

        await asyncio.sleep(write.starts)
        try:
            await lane.write(write.host, "build", send, probe)
        except (ValueError, WriteAbsent):
            pass

    tasks = [asyncio.ensure_future(one(number, write)) for number, write in enumerate(plan)]
    for task, write in zip(tasks, plan, strict=True):
        if write.cancelled_after is not None:
            asyncio.get_running_loop().call_later(write.cancelled_after, task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    for lane in lanes:
        while not await lane.drained(1000.0):
            pass
    await asyncio.gather(*server.works)
    return server, [lane.state() for lane in lanes]


@given(plan=writes, width=st.integers(1, 3), rollouts=st.integers(1, 3))
@settings(max_examples=tries(100, 200), deadline=None)
def test_never_more_writes_at_the_server_than_the_lane_is_wide(plan: list[Write], width: int, rollouts: int) -> None:
    server, states = in_virtual_time(lambda: play(plan, width, rollouts))
    assert server.peak <= width
    assert not server.overlapped_on_one_host
    assert {(state.depth, state.in_flight, state.shut) for state in states} == {(0, (), "")}


@pytest.mark.looptime
async def test_rollouts_on_one_foreman_take_turns_and_wait_for_each_others_unknown_outcomes() -> None:
    clock, server = VirtualClock(), Server()
    queue = WriteQueue()
    first, second = WriteLane(clock, queue=queue), WriteLane(clock, queue=queue)
    order: list[str] = []

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        order.append(ticket.host)
        await server.accept(ticket.host, 1.0, applies=True)

    async def lost(ticket: LaneTicket) -> None:
        ticket.use()
        raise UnknownOutcome("timeout")

    async def probe() -> Probe:
        return Probe.ABSENT

    hosts = [(lane, f"{name}{number}") for lane, name in ((first, "a"), (second, "b")) for number in range(3)]
    await asyncio.gather(*(lane.write(host, "build", send, probe) for lane, host in hosts))
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert server.peak == 1
    unsettled = asyncio.ensure_future(first.write("a9", "build", lost, probe))
    await asyncio.sleep(1)
    waiting = asyncio.ensure_future(second.write("b9", "build", send, probe))
    await asyncio.sleep(1)
    assert second.state().shut.startswith("in another rollout: result of the last write unknown (timeout)")
    assert not waiting.done()
    with pytest.raises(WriteAbsent):
        await unsettled
    await waiting
    first.leave()
    assert queue.rollouts == 1


@pytest.mark.looptime
async def test_a_cancelled_host_does_not_free_the_lane_while_the_server_works() -> None:
    lane = WriteLane(VirtualClock())
    server = Server()

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        await server.accept(ticket.host, 30.0, applies=True)

    async def probe() -> Probe:
        return Probe.UNREADABLE

    first = asyncio.ensure_future(lane.write("h1", "build", send, probe))
    await asyncio.sleep(1)
    first.cancel()
    second = asyncio.ensure_future(lane.write("h2", "build", send, probe))
    await asyncio.sleep(1)
    assert server.busy == {"h1"}
    assert lane.state().depth == 1
    await second
    assert server.peak == 1


@pytest.mark.looptime
async def test_absent_counts_only_after_the_write_deadline() -> None:
    clock = VirtualClock()
    lane = WriteLane(clock, write_deadline=180.0)
    began = clock.now()

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        raise UnknownOutcome("timeout")

    async def probe() -> Probe:
        return Probe.ABSENT

    with pytest.raises(WriteAbsent):
        await lane.write("h1", "build", send, probe)
    assert clock.now() - began > 180.0


@pytest.mark.looptime
async def test_what_others_bring_about_too_counts_only_after_the_write_deadline() -> None:
    clock = VirtualClock()
    lane = WriteLane(clock, write_deadline=180.0)
    server = Server()
    working: list[asyncio.Future[None]] = []

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        working.append(server.accept("h1", 150.0, applies=True))
        raise UnknownOutcome("timeout")

    async def probe() -> Probe:
        return Probe.LIKELY

    async def other(ticket: LaneTicket) -> None:
        ticket.use()
        await server.accept("h2", 1.0, applies=True)

    first = asyncio.ensure_future(lane.write("h1", "cancel", send, probe))
    assert await lane.write("h2", "build", other, probe) is None
    assert await first is None
    assert server.peak == 1
    await asyncio.gather(*working)


@pytest.mark.looptime
async def test_what_the_server_says_itself_settles_at_once() -> None:
    clock = VirtualClock()
    lane = WriteLane(clock)

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        raise UnknownOutcome("timeout")

    async def never() -> Probe:
        return Probe.NEVER

    async def applied() -> Probe:
        return Probe.APPLIED

    with pytest.raises(WriteAbsent):
        await lane.write("h1", "build", send, never)
    assert await lane.write("h1", "build", send, applied) is None
    assert clock.now() < 1.0


@pytest.mark.looptime
async def test_looks_that_fail_keep_the_lane_shut_and_say_why() -> None:
    clock = VirtualClock()
    lane = WriteLane(clock)
    looks = 0

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        raise UnknownOutcome("connection reset by peer")

    async def probe() -> Probe:
        nonlocal looks
        looks += 1
        if looks < 50:
            raise OSError("Foreman is down")
        return Probe.APPLIED

    task = asyncio.ensure_future(lane.write("h1", "build", send, probe))
    await asyncio.sleep(300.0)
    assert not task.done()
    assert "connection reset by peer" in lane.state().shut
    await task
    assert looks == 50


async def test_a_ticket_is_good_for_one_send() -> None:
    lane = WriteLane(VirtualClock())
    kept: list[LaneTicket] = []

    async def send(ticket: LaneTicket) -> None:
        kept.append(ticket)
        ticket.use()
        with pytest.raises(RuntimeError):
            ticket.use()

    async def probe() -> Probe:
        return Probe.UNREADABLE

    await lane.write("h1", "build", send, probe)
    with pytest.raises(RuntimeError):
        kept[0].use()


@pytest.mark.looptime
async def test_pause_lets_nobody_in_and_what_is_in_flight_ends() -> None:
    lane = WriteLane(VirtualClock())
    server = Server()

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        await server.accept(ticket.host, 5.0, applies=True)

    async def probe() -> Probe:
        return Probe.UNREADABLE

    tasks = [asyncio.ensure_future(lane.write(f"h{n}", "build", send, probe)) for n in range(3)]
    await asyncio.sleep(1)
    lane.pause(True)
    await asyncio.sleep(60)
    assert server.applied == ["h0"]
    assert lane.state().shut == "paused"
    assert (lane.state().head, lane.state().places["h2"]) == ("h1", 2)
    lane.withdraw("h1", RuntimeError("skipped"))
    lane.pause(False)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], RuntimeError)
    assert server.applied == ["h0", "h2"]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("trouble", "width"),
    [
        (UnknownOutcome("reset", conflict=True), 1),
        (StageFailure(Cause.FOREMAN, "409", conflict=True), 1),
        (UnknownOutcome("no answer in time"), 3),
        (StageFailure(Cause.FOREMAN, "422"), 3),
    ],
)
async def test_a_wide_lane_goes_back_to_one_at_the_first_conflict(trouble: Exception, width: int) -> None:
    told: list[str] = []
    lane = WriteLane(VirtualClock(), width=3, on_narrowed=told.append)
    server = Server()

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        work = server.accept(ticket.host, 5.0, applies=True)
        if ticket.host == "h1":
            await (asyncio.sleep(1.0) if isinstance(trouble, UnknownOutcome) else work)
            raise trouble
        await work

    async def probe() -> Probe:
        await asyncio.sleep(0.1)
        return Probe.APPLIED if "h1" in server.applied else Probe.ABSENT

    tasks = [asyncio.ensure_future(lane.write(f"h{n}", "build", send, probe)) for n in range(8)]
    await asyncio.sleep(1.5)
    assert server.peak == 3
    server.peak = 0
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*server.works)
    assert lane.state().width == width
    assert told == ([f"h1: {trouble}"] if width == 1 else [])


@pytest.mark.looptime
async def test_a_wide_lane_lets_nobody_in_beside_a_write_that_is_not_settled() -> None:
    lane = WriteLane(VirtualClock(), width=3)
    sent: list[str] = []
    settled = asyncio.Event()

    async def send(ticket: LaneTicket) -> None:
        ticket.use()
        sent.append(ticket.host)
        if ticket.host == "h0":
            raise UnknownOutcome("no answer in time")

    async def probe() -> Probe:
        return Probe.APPLIED if settled.is_set() else Probe.UNREADABLE

    first = asyncio.ensure_future(lane.write("h0", "build", send, probe))
    await asyncio.sleep(30)
    others = [asyncio.ensure_future(lane.write(f"h{n}", "build", send, probe)) for n in (1, 2)]
    await asyncio.sleep(30)
    assert sent == ["h0"]
    settled.set()
    await asyncio.gather(first, *others)
    assert sent == ["h0", "h1", "h2"]

"""The write queue of a process that shares its place with other machines: taken for one write, settled first, never gone without."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from quads_tui.engine.lane import WriteLane
from quads_tui.engine.write_queue import LaneTicket, WriteQueue
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.plan import Target
from quads_tui.rollout.ports import NotSent, Probe, QueueAway, Stopping, Ticket, UnknownOutcome
from quads_tui.rollout.shared_place import LeftWrite
from quads_tui.rollout.stages import HostStatus, Stage
from tests.clocks import VirtualClock

from .model import Lab
from .model_services import ModelForeman
from .test_flow import ends
from .timeline import NAME, failures, whole

pytestmark = pytest.mark.looptime


class Server:
    """What the consoles of a test share: one place, and who waits for it in turn."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.left: list[LeftWrite] = []
        self.away: list[Exception] = []  # what the next checks raise
        self.told: list[str] = []

    def place(self, name: str) -> Place:
        return Place(self, name)


class Place:
    """Implements rollout.shared_place.SharedPlace, and tells what is asked of it."""

    def __init__(self, server: Server, name: str) -> None:
        self._server, self._name = server, name
        self.trouble = ""
        self.writer = "ann@jump1 is writing host a01"
        self.taken: list[tuple[float, float]] = []
        self.details: list[Mapping[str, object]] = []
        self.is_ours = True

    async def take(self, write_deadline: float, longest: float) -> Sequence[LeftWrite]:
        await self._server.turn.acquire()
        self.taken.append((write_deadline, longest))
        self._tell("take")
        return self._server.left

    async def sending(self, host: str, act: str, detail: Mapping[str, object]) -> None:
        await asyncio.sleep(0.1)
        if self._server.away:
            raise self._server.away.pop(0)
        self.details.append(detail)
        self._tell(f"{act} {host}")

    async def is_left(self, left: LeftWrite) -> bool:
        return left in self._server.left

    async def settled(self, left: LeftWrite) -> bool:
        self._tell(f"settled {left.host}")
        self._server.left = []
        return self.is_ours

    def give_back(self) -> None:
        self._tell("give back")
        self._server.turn.release()

    def abandon(self) -> None:
        self._tell("abandon")

    def _tell(self, what: str) -> None:
        self._server.told.append(f"{self._name}: {what}")


class Foreman:
    """Takes writes, a second each; asks the ticket first, as the client does."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []
        self.writing = 0
        self.peak = 0
        self.lost = False  # gives no answer
        self.seen = Probe.APPLIED

    async def send(self, ticket: LaneTicket) -> None:
        await ticket.confirm()
        ticket.use()
        self.sent.append((asyncio.get_running_loop().time(), ticket.host))
        self.writing += 1
        self.peak = max(self.peak, self.writing)
        await asyncio.sleep(1)
        self.writing -= 1
        if self.lost:
            raise UnknownOutcome("no answer in time")

    async def probe(self) -> Probe:
        return self.seen

    async def probe_left(self, left: LeftWrite) -> Probe:
        return self.seen

    def write(self, lane: WriteLane, host: str, act: str = "build") -> asyncio.Task[None]:
        return asyncio.ensure_future(lane.write(host, act, self.send, self.probe, None, {"progress": host}))


def console(server: Server, name: str, foreman: Foreman | None = None, **options: float) -> tuple[WriteLane, Place]:
    place = server.place(name)
    probe = foreman.probe_left if foreman is not None else None
    return WriteLane(VirtualClock(), queue=WriteQueue(place), probe_left=probe, **options), place


LEFT = LeftWrite(host="a01", act="build", who="ann@jump1", arrives=50.0, number=7, detail={"wanted": {}, "progress": "p"})


async def test_consoles_take_turns_and_write_one_at_a_time() -> None:
    server, foreman = Server(), Foreman()
    (one, _), (two, _) = console(server, "one"), console(server, "two")
    await asyncio.gather(*(foreman.write(lane, host) for lane in (one, two) for host in "abc"))
    assert foreman.peak == 1
    assert [line for line in server.told if "build" not in line] == [
        "one: take",
        "one: give back",
        "two: take",
        "two: give back",
    ] * 3


async def test_nothing_is_asked_of_the_place_while_nobody_here_may_write() -> None:
    server, foreman = Server(), Foreman()
    lane, _ = console(server, "one")
    lane.pause(True)
    write = foreman.write(lane, "a")
    await asyncio.sleep(60)
    assert server.told == []
    lane.pause(False)
    await write
    lane.hold("Foreman does not answer")
    safe = foreman.write(lane, "b", "cancel")
    blocked = foreman.write(lane, "c")
    await safe
    await asyncio.sleep(60)
    assert [host for _, host in foreman.sent] == ["a", "b"]
    assert [line for line in server.told if "take" in line] == ["one: take"] * 2
    lane.hold("")
    await blocked


async def test_a_place_that_nobody_wants_any_more_is_passed_on() -> None:
    server, foreman = Server(), Foreman()
    lane, _ = console(server, "one")
    await server.turn.acquire()
    write = foreman.write(lane, "a")
    await asyncio.sleep(5)
    lane.withdraw("a", Stopping())
    with pytest.raises(Stopping):
        await write
    server.turn.release()
    await asyncio.sleep(5)
    assert server.told == ["one: take", "one: give back"]


async def test_the_order_of_this_process_is_decided_when_the_place_is_ours() -> None:
    server, foreman = Server(), Foreman()
    lane, _ = console(server, "one")
    await server.turn.acquire()
    writes = [foreman.write(lane, "a"), foreman.write(lane, "b")]
    await asyncio.sleep(5)
    lane.withdraw("a", Stopping())
    server.turn.release()
    await asyncio.gather(*writes, return_exceptions=True)
    assert [host for _, host in foreman.sent] == ["b"]


async def test_the_place_knows_the_write_deadline_and_one_write_has_an_end() -> None:
    lane, place = console(Server(), "one", write_deadline=180.0, patience=900.0)
    await Foreman().write(lane, "a")
    assert place.taken == [(180.0, 2 * 180.0 + 900.0)]


async def test_what_a_dead_console_left_is_settled_before_anything_is_written() -> None:
    server, foreman = Server(), Foreman()
    server.left = [LEFT]
    foreman.seen = Probe.ABSENT
    lane, _ = console(server, "two", foreman)
    write = foreman.write(lane, "b")
    await asyncio.sleep(49)
    assert foreman.sent == []
    assert lane.state().shut.startswith("result of the write of ann@jump1 for a01 unknown")
    await write
    assert server.told == ["two: take", "two: settled a01", "two: build b", "two: give back"]
    assert foreman.sent[0][0] >= LEFT.arrives


@pytest.mark.parametrize("seen", [Probe.APPLIED, Probe.LIKELY, Probe.ABSENT])
async def test_a_left_write_is_waited_for_until_it_cannot_arrive_whatever_the_host_shows(seen: Probe) -> None:
    """Its console may be frozen before the first byte, and another one may have made the change."""
    server, foreman = Server(), Foreman()
    server.left, foreman.seen = [LEFT], seen
    lane, _ = console(server, "two", foreman)
    await foreman.write(lane, "b")
    assert foreman.sent[0][0] >= LEFT.arrives


@pytest.mark.parametrize("seen", [Probe.CONFIRMED, Probe.NEVER])
async def test_a_left_write_of_which_the_server_says_that_it_has_finished_is_waited_for_no_longer(seen: Probe) -> None:
    server, foreman = Server(), Foreman()
    server.left, foreman.seen = [LEFT], Probe.UNREADABLE  # Foreman works at it
    lane, _ = console(server, "two", foreman)
    write = foreman.write(lane, "b")
    await asyncio.sleep(20)
    assert foreman.sent == []
    foreman.seen = seen
    await write
    assert 20 < foreman.sent[0][0] < LEFT.arrives
    assert server.told == ["two: take", "two: settled a01", "two: build b", "two: give back"]


async def test_a_left_write_whose_console_woke_and_told_its_outcome_is_waited_for_no_longer() -> None:
    server, foreman = Server(), Foreman()
    server.left, foreman.seen = [LEFT], Probe.ABSENT
    lane, _ = console(server, "two", foreman)
    write = foreman.write(lane, "b")
    await asyncio.sleep(20)
    assert foreman.sent == []
    server.left = []
    await write
    assert 20 < foreman.sent[0][0] < LEFT.arrives


async def test_a_look_that_fails_says_nothing_about_a_left_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(left: LeftWrite) -> Probe:
        raise OSError("no answer")

    server, foreman = Server(), Foreman()
    server.left = [LEFT]
    monkeypatch.setattr(foreman, "probe_left", fails)
    lane, _ = console(server, "two", foreman)
    write = foreman.write(lane, "b")
    await asyncio.sleep(LEFT.arrives + 100)
    assert foreman.sent == []
    write.cancel()


async def test_nobody_writes_while_no_read_tells_of_a_left_write() -> None:
    server, foreman = Server(), Foreman()
    server.left, foreman.seen = [LEFT], Probe.UNREADABLE
    lane, _ = console(server, "two", foreman, patience=900.0)
    write = foreman.write(lane, "b")
    await asyncio.sleep(2000)
    assert foreman.sent == []
    assert server.told == ["two: take", "two: abandon"]  # whoever comes next settles it
    write.cancel()


async def test_a_place_that_was_lost_while_a_left_write_was_settled_is_taken_again() -> None:
    server, foreman = Server(), Foreman()
    server.left = [LEFT]
    lane, place = console(server, "two", foreman)
    place.is_ours = False
    write = foreman.write(lane, "b")
    await asyncio.sleep(100)
    assert foreman.sent == []
    place.is_ours = True
    server.turn.release()
    await write
    assert server.told[-3:] == ["two: take", "two: build b", "two: give back"]


@pytest.mark.parametrize("why", [QueueAway("away"), NotSent("another console took the place")])
async def test_nothing_is_sent_where_the_check_at_the_place_does_not_pass(why: NotSent) -> None:
    server, foreman = Server(), Foreman()
    server.away = [why]
    lane, _ = console(server, "one")
    with pytest.raises(type(why)):
        await foreman.write(lane, "a")
    assert foreman.sent == []
    assert server.told == ["one: take", "one: give back"]


async def test_a_write_without_an_outcome_is_left_to_the_lease() -> None:
    server, foreman = Server(), Foreman()
    foreman.lost, foreman.seen = True, Probe.UNREADABLE
    lane, _ = console(server, "one", patience=300.0)
    with pytest.raises(Stopping):
        await foreman.write(lane, "a")
    await asyncio.sleep(0)
    assert "one: give back" not in server.told
    assert "one: abandon" in server.told


async def test_while_an_outcome_is_unknown_the_place_is_kept() -> None:
    server, foreman = Server(), Foreman()
    foreman.lost, foreman.seen = True, Probe.ABSENT
    lane, _ = console(server, "one")
    write = foreman.write(lane, "a")
    await asyncio.sleep(100)
    assert "one: give back" not in server.told
    foreman.seen = Probe.APPLIED
    await write
    assert server.told[-1] == "one: give back"


async def test_the_screen_shows_trouble_with_the_place_and_who_writes_elsewhere() -> None:
    server = Server()
    lane, place = console(server, "one")
    assert (lane.state().shut, lane.state().elsewhere) == ("", "")
    await server.turn.acquire()
    write = Foreman().write(lane, "a")
    await asyncio.sleep(1)
    assert lane.state().elsewhere == "ann@jump1 is writing host a01"
    place.trouble = "the database of the write queue (db, database quads) has not answered since 23:41:00"
    assert lane.state().shut == place.trouble
    write.cancel()


async def test_an_error_of_ours_in_the_wait_for_the_place_is_shown_and_lets_nobody_write() -> None:
    server, foreman = Server(), Foreman()
    lane, place = console(server, "one")

    async def broken(lease: float, longest: float) -> Sequence[LeftWrite]:
        raise KeyError("x")

    place.take = broken  # type: ignore[method-assign]
    foreman.write(lane, "a")
    await asyncio.sleep(5)
    assert "internal error (KeyError)" in lane.state().shut
    assert foreman.sent == []


class Away(ModelForeman):
    """The database of the write queue answers none of the checks of the first `times` writes."""

    times = 0

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        if Away.times:
            Away.times -= 1
            raise QueueAway("the database of the write queue does not answer")
        return await super().build(ticket, host, target, progress)


async def test_a_database_that_does_not_answer_uses_up_no_try_and_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Away, "times", 30)
    lab = await whole(Lab([NAME], foreman=Away))
    assert Away.times == 0
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert failures(lab, Stage.FOREMAN_BUILD) == []

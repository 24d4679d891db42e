"""Outages of Foreman and of racks hold a rollout; they fail no host, use up no attempt, and end all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN, Cause, StageFailure
from quads_tui.rollout.commands import Pause, Skip
from quads_tui.rollout.events import Intent, Notice, OutageChanged, StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from tests.clocks import in_virtual_time

from .model import Lab
from .test_flow import assert_causal, ends, names

pytestmark = pytest.mark.looptime

AWAY = StageFailure(Cause.UNREACHABLE, "connection refused")
DONE, FAILED = HostStatus.DONE, HostStatus.FAILED


def lab_of(count: int, racks: int = 1, **given: object) -> Lab:
    """Hosts in `racks` racks, one after the other."""
    hosts = names(count)
    plans = {name: HostPlan(name, f"https://mgmt-{name}", rack=f"e{n % racks}") for n, name in enumerate(hosts)}
    return Lab(hosts, plans=plans, **given)  # type: ignore[arg-type]


def of_rack(lab: Lab, rack: str) -> list[str]:
    return [host.name for host in lab.plan.hosts if host.rack == rack]


async def silence(lab: Lab, hosts: Collection[str], seconds: float | None = None) -> None:
    for name in hosts:
        lab.machine(name).silent = True
    if seconds is not None:
        await lab.clock.sleep(seconds)
        for name in hosts:
            lab.machine(name).silent = False


def attempts(lab: Lab, status: StageStatus = StageStatus.FAILED) -> Counter[Stage]:
    return Counter(e.stage for e in lab.journal.events if isinstance(e, StageChanged) and e.status is status)


def powered_off(lab: Lab, since: float) -> set[str]:
    """Hosts that were told to power off from own time `since` on."""
    wall = lab.clock.wall() - lab.clock.now() + since
    return {e.host for e in lab.journal.events if isinstance(e, Intent) and e.at >= wall and e.detail == {"type": "ForceOff"}}


async def whole(lab: Lab) -> None:
    await lab.executor.settled()
    await lab.end()
    assert not lab.world.violations
    assert_causal(lab.journal.events)


# Foreman


@pytest.mark.parametrize("count", [12, 40])
async def test_a_foreman_that_is_away_holds_the_rollout_and_is_one_outage(count: int) -> None:
    lab = lab_of(count)
    lab.executor.start()
    await lab.clock.sleep(40)
    lab.world.away = AWAY
    await lab.clock.sleep(60)
    began = lab.clock.now()
    (outage,) = lab.rollout.outages.standing.values()
    assert outage.service == FOREMAN
    reads = sum(lab.world.reads.values())
    await lab.clock.sleep(120)
    assert sum(lab.world.reads.values()) - reads <= 11  # one look at a time, every `poll` seconds
    lab.world.away = None
    await lab.clock.sleep(15)
    assert not lab.rollout.outages.standing
    assert not powered_off(lab, began) - powered_off(lab, lab.clock.now() - 15)
    await whole(lab)
    assert ends(lab.rollout) == {DONE: count}
    assert len(lab.rollout.outages.past) == 1
    assert sum(attempts(lab).values()) <= 2  # those by which it was found to be away


async def test_hosts_that_are_ready_keep_their_places_in_the_queue_and_say_why_they_wait() -> None:
    lab = lab_of(40, write_seconds=7.7)
    lab.executor.start()
    await lab.clock.sleep(150)
    lab.world.away = AWAY
    await lab.clock.sleep(60)
    state = lab.executor.lane.state()
    assert state.shut == "Foreman unavailable"
    assert state.depth > 0
    new = [name for name, host in lab.rollout.hosts.items() if host.status is HostStatus.QUEUED]
    assert new
    assert {outage.service for name in new if (outage := lab.rollout.outage_of(name))} == {FOREMAN}
    lab.world.away = None
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 40}


async def test_one_look_that_fails_is_no_outage() -> None:
    lab = lab_of(6)
    lab.executor.start()
    await lab.clock.sleep(200)
    lab.world.no_looks = AWAY
    await lab.clock.sleep(6.5)  # one look of those that only install
    lab.world.no_looks = None
    await whole(lab)
    assert not lab.rollout.outages.past
    assert ends(lab.rollout) == {DONE: 6}


async def test_a_foreman_that_stays_away_ends_the_rollout_as_ever_and_no_host() -> None:
    lab = lab_of(20, limits=Limits(foreman_build=300))
    lab.executor.start()
    await lab.clock.sleep(40)
    lab.world.away = AWAY
    began = lab.clock.now()
    await whole(lab)
    assert lab.executor.stopped == "safety"
    assert lab.rollout.counts[FAILED] == 0
    assert any("stopped: Foreman has been unavailable for 5 min" in e.text for e in lab.journal.events if isinstance(e, Notice))
    assert lab.clock.now() - began < 400


async def test_installs_need_no_foreman_but_at_their_end_and_one_that_ended_meanwhile_is_done() -> None:
    lab = lab_of(3, limits=Limits(install=900))
    lab.executor.start()
    await lab.clock.sleep(200)
    assert lab.rollout.at_stage[Stage.INSTALL] == 3
    lab.world.away = AWAY
    await lab.clock.sleep(1100)  # past their deadlines
    assert lab.executor.stopped == ""
    assert not lab.rollout.counts[FAILED]
    lab.world.away = None
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 3}


async def test_an_armed_host_that_is_skipped_while_foreman_is_away_is_not_kept_waiting() -> None:
    lab = lab_of(6)
    armed = names(6)[0]
    lab.machine(armed).troubles = [("on", StageFailure(Cause.BUSY, "not now", after=900.0))]
    lab.executor.start()
    await lab.clock.sleep(60)
    assert armed in lab.rollout.armed
    lab.world.away = AWAY
    await lab.clock.sleep(60)
    assert FOREMAN in lab.rollout.outages.standing
    lab.executor.submit(Skip((armed,), ""))
    await lab.clock.sleep(10)
    assert lab.rollout.hosts[armed].status is HostStatus.SKIPPED
    assert "connection refused" in lab.rollout.hosts[armed].not_disarmed
    lab.world.away = None
    await whole(lab)


async def test_foreman_is_tried_though_nobody_asks_for_a_look() -> None:
    lab = lab_of(12, kind=Kind.OWNERSHIP, target=Target(owner_id=41))
    lab.world.away = AWAY
    lab.executor.start()
    await lab.clock.sleep(60)
    assert FOREMAN in lab.rollout.outages.standing
    lab.world.away = None
    await lab.clock.sleep(60)
    assert ends(lab.rollout) == {DONE: 12}
    await lab.end()


async def test_a_resume_knows_of_the_outage_and_begins_nobody_before_foreman_answers() -> None:
    lab = lab_of(30)
    lab.executor.start()
    await lab.clock.sleep(40)
    lab.world.away = AWAY
    await lab.clock.sleep(60)
    await lab.crash()
    lab.resume()
    began = lab.clock.now()
    assert FOREMAN in lab.rollout.outages.standing
    lab.executor.start()
    await lab.clock.sleep(60)
    assert not powered_off(lab, began)
    lab.world.away = None
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 30}


async def test_a_paused_rollout_waits_for_the_end_of_an_outage_and_is_settled_then() -> None:
    lab = lab_of(12, kind=Kind.OWNERSHIP, target=Target(owner_id=41))
    lab.world.away = AWAY
    lab.executor.start()
    await lab.clock.sleep(30)
    lab.executor.submit(Pause("admission", True))
    lab.executor.submit(Pause("writes", True))
    await lab.clock.sleep(60)
    settled = asyncio.ensure_future(lab.executor.settled())
    await lab.clock.sleep(1)
    assert not settled.done()
    lab.world.away = None
    await asyncio.wait_for(settled, 60)
    await lab.end()


# Racks


async def test_a_dead_switch_is_one_outage_and_costs_no_host() -> None:
    lab = lab_of(60, racks=3)
    rack = of_rack(lab, "e1")
    lab.executor.start()
    await lab.clock.sleep(40)
    await silence(lab, rack)
    await lab.clock.sleep(600)
    outage = lab.rollout.outages.standing["rack e1"]
    assert 3 <= outage.hosts <= len(rack)
    assert len(lab.rollout.outages.standing) == 1
    began = lab.clock.now()
    await lab.clock.sleep(400)
    assert not powered_off(lab, began) & set(rack)
    for name in rack:
        lab.machine(name).silent = False
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 60}
    assert [past.service for past in lab.rollout.outages.past] == ["rack e1"]


async def test_an_attempt_that_ends_because_the_rack_is_away_is_not_counted() -> None:
    lab = lab_of(24, limits=Limits(attempts=1), write_seconds=20.0)
    lab.executor.start()
    await lab.clock.sleep(60)
    await silence(lab, list(lab.rollout.hosts), 500)
    await whole(lab)
    assert attempts(lab).total() >= 3
    assert ends(lab.rollout) == {DONE: 24}


async def test_the_others_go_on_while_a_rack_is_away() -> None:
    lab = lab_of(60, racks=3)
    rack = of_rack(lab, "e1")
    lab.executor.start()
    await lab.clock.sleep(40)
    await silence(lab, rack)
    await lab.clock.sleep(1200)
    done = {name for name, host in lab.rollout.hosts.items() if host.status is DONE}
    assert done >= {name for name in lab.rollout.hosts if name not in rack}
    for name in rack:
        lab.machine(name).silent = False
    await whole(lab)


async def test_one_try_at_a_time_and_then_all_go_on() -> None:
    lab = lab_of(24, write_seconds=20.0)
    lab.executor.start()
    await lab.clock.sleep(60)
    hosts = list(lab.rollout.hosts)
    await silence(lab, hosts)
    await lab.clock.sleep(900)
    tries = [e for e in lab.journal.events if isinstance(e, OutageChanged) and e.state is BreakerState.HALF_OPEN]
    assert len({e.host for e in tries}) > 3  # each in its turn
    waiting = [name for name, host in lab.rollout.hosts.items() if host.status is HostStatus.WAITING]
    for name in hosts:
        lab.machine(name).silent = False
    await lab.clock.sleep(15)
    assert not lab.rollout.outages.standing
    assert waiting
    assert not [host.note for host in lab.rollout.hosts.values() if "not answer" in host.note]  # those left wait for a place
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 24}


@pytest.mark.parametrize("dead", [1, 2])
async def test_single_dead_bmcs_stay_failures_of_single_hosts(dead: int) -> None:
    lab = lab_of(20)
    for name in names(20)[5 : 5 + dead]:
        lab.machine(name).silent = True
    lab.executor.start()
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 20 - dead, FAILED: dead}
    assert not lab.rollout.outages.past


async def test_three_dead_bmcs_in_a_row_are_no_dead_rack_for_long() -> None:
    lab = lab_of(20)
    for name in names(20)[:3]:
        lab.machine(name).silent = True
    lab.executor.start()
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 17, FAILED: 3}
    for outage in lab.rollout.outages.past:
        assert outage.over is not None
        assert outage.over - outage.since < 120


async def test_a_rack_that_stays_away_ends_and_each_of_its_hosts_with_a_cause() -> None:
    lab = lab_of(40, racks=2, limits=Limits(rack_outage=600))
    rack = of_rack(lab, "e1")
    lab.executor.start()
    await lab.clock.sleep(60)
    await silence(lab, rack)
    await whole(lab)
    hosts = [lab.rollout.hosts[name] for name in rack]
    assert all(host.status in (DONE, FAILED) for host in hosts)
    lost = [host for host in hosts if host.status is FAILED]
    assert lost
    assert {host.cause for host in lost} == {Cause.UNREACHABLE}
    assert all(outage.given_up for outage in lab.rollout.outages.past)
    assert lab.executor.stopped == ""


async def test_a_skip_takes_effect_while_the_rack_is_away() -> None:
    lab = lab_of(24, write_seconds=20.0)
    lab.executor.start()
    await lab.clock.sleep(60)
    hosts = list(lab.rollout.hosts)
    await silence(lab, hosts)
    await lab.clock.sleep(400)
    waiting = next(name for name, host in lab.rollout.hosts.items() if host.status is HostStatus.WAITING)
    lab.executor.submit(Skip((waiting,), ""))
    await lab.clock.sleep(400)
    assert lab.rollout.hosts[waiting].status is HostStatus.SKIPPED
    for name in hosts:
        lab.machine(name).silent = False
    await whole(lab)


async def test_a_rack_that_answers_once_between_two_tries_is_tried_as_calmly_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_of(12, racks=2)
    lab.executor.start()
    await lab.clock.sleep(5)
    rack, guard = of_rack(lab, "e0"), lab.executor._outages
    await silence(lab, rack)
    breaker = guard._racks["e0"].breaker
    while breaker.state is not BreakerState.OPEN or breaker.until - lab.clock.now() < 5:
        await asyncio.sleep(0.5)
    guard.heard(rack[0], "")
    assert breaker.is_closed
    guard.heard(rack[0], "no answer")
    assert not breaker.is_closed
    sleeps, sleep = Counter[str](), lab.clock.sleep

    async def counted(seconds: float) -> None:
        sleeps["all"] += 1
        assert sleeps["all"] < 3000  # else it turns for ever
        await sleep(seconds)

    monkeypatch.setattr(lab.clock, "sleep", counted)
    await asyncio.sleep(200)
    assert sleeps["all"] < 500
    await silence(lab, rack, 0.0)
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 12}


async def test_a_host_that_is_skipped_in_the_moment_of_its_turn_stops_nobody() -> None:
    lab = lab_of(6)
    lab.executor.start()
    await lab.clock.sleep(5)
    await silence(lab, of_rack(lab, "e0"))
    guard = lab.executor._outages
    rack = guard._racks["e0"]
    while not (rack.breaker.state is BreakerState.OPEN and rack.waiting and rack.tries % 2 == 1):
        await asyncio.sleep(0.25)
    next(iter(rack.waiting.values())).cancel()
    rack.breaker.until = lab.clock.now()
    trying = guard._keep_trying(rack, rack.number)
    trying.send(None)  # it sleeps for no time
    trying.send(None)  # and gives the turn to a host that no longer waits for it
    trying.close()
    await lab.end()


async def test_a_resume_in_the_middle_of_it_loses_no_host() -> None:
    lab = lab_of(40, racks=2)
    rack = of_rack(lab, "e1")
    lab.executor.start()
    await lab.clock.sleep(60)
    await silence(lab, rack)
    await lab.clock.sleep(500)
    await lab.crash()
    lab.resume()
    assert "rack e1" in lab.rollout.outages.standing
    lab.executor.start()
    await lab.clock.sleep(200)
    for name in rack:
        lab.machine(name).silent = False
    await whole(lab)
    assert ends(lab.rollout) == {DONE: 40}


# Both


@given(
    after=st.floats(1, 60),
    seconds=st.floats(1, 850),
    what=st.sampled_from([FOREMAN, "e0", "e1", "both"]),
    write=st.sampled_from([1.0, 7.7]),
)
@settings(max_examples=6)
def test_no_host_fails_by_an_outage_that_is_shorter_than_the_patience(
    after: float, seconds: float, what: str, write: float
) -> None:
    async def run() -> None:
        lab = lab_of(16, racks=2, write_seconds=write)
        lab.executor.start()
        await lab.clock.sleep(after)
        if what in (FOREMAN, "both"):
            lab.world.away = AWAY
        rack = of_rack(lab, what) if what.startswith("e") else of_rack(lab, "e1") if what == "both" else []
        await silence(lab, rack, seconds)
        if not rack:
            await lab.clock.sleep(0)
        lab.world.away = None
        await whole(lab)
        assert ends(lab.rollout) == {DONE: 16}
        assert lab.executor.stopped == ""

    in_virtual_time(run)

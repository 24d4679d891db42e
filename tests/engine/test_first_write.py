"""The first write and common causes, with a whole rollout in virtual time: how many machines stand dark, and what ends it."""

from __future__ import annotations

import asyncio
import random

import pytest

from quads_tui.render.wait_reason import why
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Pause, Retry
from quads_tui.rollout.events import HostAhead, HostNote, Intent, Paused, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan, Target
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import for_a_place
from quads_tui.runtime.runner import status
from tests.clocks import in_virtual_time
from tests.effort import tries

from .model import TARGET, Lab
from .test_flow import assert_causal, ends, names

pytestmark = pytest.mark.looptime

OWNER = "Foreman 422: Owner jdoe is not in the organization of the host"


def refused(words: str = OWNER, cause: Cause = Cause.FOREMAN) -> StageFailure:
    return StageFailure(cause, words, retryable=False, service="Foreman", status=422)


def fleet(count: int, *, models: str = "R650", per_rack: int = 30) -> dict[str, HostPlan]:
    kinds = models.split()
    return {
        name: HostPlan(name, f"https://mgmt-{name}", kinds[n % len(kinds)], rack=f"f{n // per_rack}")
        for n, name in enumerate(names(count))
    }


def lab_of(count: int, limits: Limits | None = None, **more: object) -> Lab:
    plans = fleet(count, **more)  # type: ignore[arg-type]
    return Lab(list(plans), plans=plans, limits=limits)


async def first_build(lab: Lab) -> None:
    while not lab.world.builds:
        await asyncio.sleep(0.1)


def off(lab: Lab) -> list[str]:
    return [name for name, machine in lab.world.machines.items() if machine.power == "Off"]


async def headless(lab: Lab) -> int:
    """As the front door does it; gives the exit status."""
    lab.executor.start()
    return await to_the_end(lab)


async def to_the_end(lab: Lab) -> int:
    await lab.executor.settled()
    await lab.executor.finish("" if lab.rollout.settled else "safety" if lab.executor.held_back else "operator")
    return status(lab.rollout, lab.executor.stopped)


def writes_at(lab: Lab) -> list[float]:
    return [event.at - 1_795_000_000 for event in lab.journal.events if isinstance(event, Intent) and event.act == "build"]


async def test_b1_seven_hundred_hosts_whose_owner_foreman_refuses_cost_three_machines_and_end_with_4() -> None:
    lab = lab_of(700)
    for machine in lab.world.machines.values():
        machine.troubles = [("build", refused())]
    assert await headless(lab) == 4
    assert len(off(lab)) == 3
    assert len({host.rack for host in lab.plan.hosts if host.name in off(lab)}) == 3
    assert ends(lab.rollout) == {HostStatus.QUEUED: 697, HostStatus.FAILED: 3}
    assert lab.executor.stopped == "safety"
    first = off(lab)
    assert lab.rollout.paused["admission"] == (
        f"Foreman refused Build of 2 hosts for the same reason before the first write was verified: {OWNER} ({first[0]}, {first[1]}). "
        "If you resume: new hosts begin, and are paused again when 5 more hosts fail for this cause. "
        "If you do not resume: new hosts do not begin; hosts under way continue"
    )
    assert not +lab.world.sessions
    assert_causal(list(lab.journal.events))


@pytest.mark.parametrize("what", ["admission", "writes"])
async def test_a_headless_resume_under_a_pause_by_the_operator_ends_when_no_host_can_move(what: str) -> None:
    lab = lab_of(12)
    lab.executor.start()
    await first_build(lab)
    lab.executor.submit(Pause(what, True))
    await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    assert await asyncio.wait_for(headless(lab), 24 * 3600) == 4
    assert lab.executor.stopped == "operator"
    # Under a pause of new hosts those that have begun go on to their ends; under one of writes, who is written.
    assert (ends(lab.rollout)[HostStatus.DONE], len(lab.world.builds)) == ((3, 3) if what == "admission" else (1, 1))


async def test_a_pause_of_writes_ends_nothing_while_hosts_install_and_goes_on_when_lifted() -> None:
    lab = lab_of(4)
    lab.executor.start()
    await first_build(lab)
    lab.executor.submit(Pause("writes", True))
    await asyncio.sleep(60)
    assert any(host.stage is Stage.INSTALL for host in lab.rollout.hosts.values())
    moving = asyncio.ensure_future(lab.executor.settled())
    await asyncio.sleep(1)
    assert not moving.done()
    await moving
    assert not lab.rollout.settled
    lab.executor.submit(Pause("writes", False))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 4}
    await lab.end()


async def test_b1_foreman_that_refuses_for_a_different_reason_each_time_is_paused_at_three() -> None:
    lab = lab_of(60)
    for n, machine in enumerate(lab.world.machines.values()):
        machine.troubles = [("build", refused(f"Foreman 422: {'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]} cannot be"))]
    assert await headless(lab) == 4
    assert len(off(lab)) == 3
    assert "Foreman refused Build of 3 hosts before the first write was verified: " in lab.rollout.paused["admission"]


@pytest.mark.parametrize("ahead", [1, 2])
async def test_b1_a_lower_limit_of_hosts_ahead_ends_too(ahead: int) -> None:
    plans = fleet(60)
    lab = Lab(list(plans), plans=plans, limits=Limits(ahead=ahead))
    for machine in lab.world.machines.values():
        machine.troubles = [("build", refused())]
    assert await headless(lab) == 4
    assert len(off(lab)) == ahead


async def test_b1_a_hook_that_fails_everywhere_costs_three_machines() -> None:
    lab = lab_of(60)
    for machine in lab.world.machines.values():
        machine.troubles = [("build", StageFailure(Cause.HOOK, "hook dhcp: exit status 1", retryable=False))]
    assert await headless(lab) == 4
    assert len(off(lab)) == 3


async def test_b1_foreman_that_accepts_and_never_shows_it_costs_three_machines() -> None:
    lab = lab_of(60)
    for machine in lab.world.machines.values():
        machine.troubles = [("stale", "yes")] * 2000
    assert await headless(lab) == 4
    assert len(off(lab)) == 3
    assert lab.world.peak_writes == 1


async def test_the_operator_continues_and_the_same_cause_pauses_again_after_five_more() -> None:
    lab = lab_of(100)
    for machine in lab.world.machines.values():
        machine.troubles = [("build", refused())]
    lab.executor.start()
    await lab.executor.settled()
    lab.executor.submit(Pause("admission", False))
    await asyncio.sleep(1)
    await lab.executor.settled()
    pauses = [event.paused for event in lab.journal.events if isinstance(event, Paused)]
    assert pauses == [True, False, True]
    assert 3 + 5 <= len(off(lab)) <= 3 + 5 + 2  # those that were prepared when the fifth failed
    for machine in lab.world.machines.values():
        machine.troubles = []
    lab.executor.submit(Pause("admission", False))
    lab.executor.submit(Retry(tuple(lab.rollout.hosts)))
    await asyncio.sleep(1)
    assert await to_the_end(lab) == 0
    assert ends(lab.rollout) == {HostStatus.DONE: 100}


async def test_a_host_that_foreman_refused_is_retried_with_its_pxe_boot_set_again() -> None:
    lab = lab_of(1)
    lab.machine(names(1)[0]).troubles = [("build", refused())]
    await lab.run()
    assert not lab.machine(names(1)[0]).override  # cleared with the failure
    lab.executor.submit(Retry((names(1)[0],)))
    await asyncio.sleep(1)
    assert await to_the_end(lab) == 0
    assert lab.machine(names(1)[0]).wipes == 1


async def test_c4_an_ownership_host_opens_the_gate_neither_now_nor_after_a_resume() -> None:
    plans = {
        **{name: HostPlan(name, name, cloud="new") for name in names(20)[1:]},
        names(20)[0]: HostPlan(names(20)[0], "x", cloud="own"),
    }
    lab = Lab(names(20), plans=plans)
    goals = (
        Goal("new", Kind.BUILD, target=TARGET),
        Goal("own", Kind.OWNERSHIP, target=Target(owner_id=41)),
    )
    lab.plan = Plan(goals, lab.plan.hosts)
    lab._open()
    for name in names(20)[1:]:
        lab.machine(name).troubles = [("stale", "shows yesterday")] * 100  # no build is to be seen for a while
    lab.executor.start()
    while lab.rollout.hosts[names(20)[0]].status is not HostStatus.DONE:
        await asyncio.sleep(0.1)
    assert not lab.rollout.first_write_verified
    await lab.crash()
    for name in names(20)[1:]:
        lab.machine(name).troubles = []
    lab.resume()
    assert not lab.rollout.first_write_verified
    lab.executor.start()
    dark = 0
    while not lab.rollout.first_write_verified:
        dark = max(dark, len(off(lab)))
        await asyncio.sleep(0.5)
    assert dark <= 3
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 20}
    assert not lab.world.violations


async def test_one_bad_first_host_no_longer_holds_up_the_others() -> None:
    times = {}
    for bad in (0, 1):
        lab = lab_of(90, per_rack=10)
        if bad:
            lab.machine(names(90)[0]).troubles = [("off", StageFailure(Cause.REFUSED, "Reset is refused"))] * 3
        began = lab.clock.now()
        await lab.run()
        await lab.end()
        times[bad] = writes_at(lab)[1] - began
        assert lab.rollout.counts[HostStatus.DONE] == 90 - bad
    assert times[1] - times[0] < 1


async def test_three_bad_first_hosts_are_gone_round() -> None:
    lab = lab_of(90, per_rack=10, models="R650 R640 R750")
    first = (0, 10, 20)  # one of each rack, and of each model
    for n in first:
        lab.machine(names(90)[n]).troubles = [("off", StageFailure(Cause.TIMEOUT, "stayed On"))] * 3
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 87, HostStatus.FAILED: 3}
    assert writes_at(lab)[0] < 120
    begun = [event.host for event in lab.journal.events if isinstance(event, StageChanged) and event.stage is Stage.POWER_OFF]
    assert begun[:3] == [names(90)[n] for n in first]


async def test_retries_stand_behind_fresh_hosts() -> None:
    lab = lab_of(30, per_rack=1)
    bad = names(30)[:3]
    for name in bad:
        lab.machine(name).troubles = [("build", StageFailure(Cause.FOREMAN, f"409: {'abc'[bad.index(name)]} is taken"))] * 2
    lab.executor.start()
    while not lab.rollout.first_write_verified:
        await asyncio.sleep(0.1)
    built = [event.host for event in lab.journal.events if isinstance(event, Intent) and event.act == "build"]
    assert sorted(built[:3]) == bad  # each once before one of them is written for the second time; whose is first does not matter
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 30}
    assert lab.rollout.paused == {}


async def test_bmcs_of_one_model_hold_that_model_and_the_others_are_rolled_out() -> None:
    lab = lab_of(80, models="R650 R640", per_rack=5)
    for name, plan in fleet(80, models="R650 R640", per_rack=5).items():
        if plan.model == "R640":
            lab.machine(name).troubles = [("pxe", StageFailure(Cause.REFUSED, "no licence", retryable=False))]
    assert await headless(lab) == 4
    assert lab.rollout.counts[HostStatus.DONE] == 40
    assert list(lab.rollout.paused) == ["model R640"]
    held = next(name for name, host in lab.rollout.hosts.items() if host.status is HostStatus.QUEUED)
    assert [e.text for e in lab.journal.events if isinstance(e, HostNote) and e.host == held][-1] in (
        "new hosts of model R640 are paused",
        "waiting until the first write to Foreman is verified; 3 other hosts are already powered off, and no more will be until then",
    )
    assert lab.rollout.new_host_paused(held) == "model R640"
    assert len(off(lab)) <= 7


async def test_lifting_the_pause_of_a_model_frees_no_place_that_a_refusal_of_foreman_keeps() -> None:
    lab = lab_of(12, models="R650 R640")
    for host in lab.plan.hosts:
        machine = lab.machine(host.name)
        if host.model == "R650":
            machine.troubles = [("off", StageFailure(Cause.REFUSED, "no licence", retryable=False))]
        else:
            machine.troubles = [("build", refused())]
    lab.executor.start()
    await lab.executor.settled()
    assert lab.rollout.paused_by_safety == {"model R650", "admission"}
    ahead = list(lab.rollout.powered_off_waiting)
    assert len(ahead) == 3
    lab.executor.submit(Pause("model R650", False))
    await lab.executor.settled()
    assert lab.rollout.paused_by_safety == {"admission"}
    assert list(lab.rollout.powered_off_waiting) == ahead
    lab.executor.submit(Pause("admission", False))
    await asyncio.sleep(1)
    assert not set(ahead) & set(lab.rollout.powered_off_waiting)
    await lab.end()


async def test_a_pause_for_a_cause_survives_a_crash_and_is_shown_and_lifted_after_it() -> None:
    lab = lab_of(50)
    for machine in lab.world.machines.values():
        machine.troubles = [("build", refused())]
    lab.executor.start()
    await lab.executor.settled()
    await lab.crash()
    dark = off(lab)
    lab.resume()
    assert OWNER in lab.rollout.paused["admission"]
    assert lab.rollout.paused_by_safety == {"admission"}
    assert await headless(lab) == 4  # nobody lifted it
    assert off(lab) == dark
    lab.resume()
    for machine in lab.world.machines.values():
        machine.troubles = []
    lab.executor.start()
    lab.executor.submit(Pause("admission", False))
    lab.executor.submit(Retry(tuple(dark)))
    await asyncio.sleep(1)
    assert await to_the_end(lab) == 0


async def test_after_the_first_write_a_broken_installer_pauses_new_hosts_and_written_ones_are_followed() -> None:
    plans = fleet(200)
    lab = Lab(list(plans), plans=plans, write_seconds=20.0)
    for machine in lab.world.machines.values():
        machine.installs = "failed"
    lab.executor.start()
    await lab.executor.settled()
    assert "Install failed on 5 hosts for the same reason; the failure rate is above 55%" in lab.rollout.paused["admission"]
    assert await to_the_end(lab) == 4
    counts = ends(lab.rollout)
    assert set(counts) == {HostStatus.FAILED, HostStatus.QUEUED}
    assert sum(machine.build for machine in lab.world.machines.values()) == 0  # each written one came to its end


async def test_the_number_of_hosts_ahead_is_one_number() -> None:
    lab = lab_of(60, Limits(ahead=12))
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await asyncio.sleep(200)
    assert (lab.executor.gate.powered_off_waiting, len(lab.rollout.powered_off_waiting), len(off(lab))) == (3, 3, 3)
    lab.executor.submit(Pause("writes", False))
    while len(lab.world.write_ends) < 15:
        await asyncio.sleep(1)
    lab.executor.submit(Pause("writes", True))
    await asyncio.sleep(300)
    waiting = [name for name in off(lab) if not lab.machine(name).build]
    assert (lab.executor.gate.powered_off_waiting, len(lab.rollout.powered_off_waiting), len(waiting)) == (12, 12, 12)
    meters, now = Meters(), lab.clock.wall()
    new = [host for host in lab.rollout.hosts.values() if host.stage is None]
    notes = {why(host, lab.rollout, meters, forecast(lab.rollout, meters, now), now) for host in new}
    assert new and all(words.startswith(for_a_place(12, True)) for words in notes)
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert lab.rollout.powered_off_waiting == {}


FATES = (
    ("off", lambda: StageFailure(Cause.REFUSED, "Reset is refused", retryable=False)),
    ("off", lambda: StageFailure(Cause.BUSY, "busy")),
    ("look", lambda: StageFailure(Cause.UNREACHABLE, "no route to host")),
    ("pxe", lambda: StageFailure(Cause.REFUSED, "no licence", retryable=False)),
    ("pxe", lambda: StageFailure(Cause.TIMEOUT, "no effect")),
    ("build", refused),
    ("build", lambda: refused("Foreman 422: no such domain")),
    ("build", lambda: StageFailure(Cause.FOREMAN, "Foreman 409: conflict")),
    ("build", lambda: StageFailure(Cause.BUSY, "Foreman 503: maintenance")),
    ("build", lambda: "lost"),
    ("on", lambda: StageFailure(Cause.TIMEOUT, "never On", retryable=False)),
)


def test_whatever_fails_never_more_are_dark_than_allowed_and_no_host_is_lost() -> None:
    """Random hosts, failures, crashes and orders: three dark at most before the first verified write (and what an operator let
    go on), `ahead` after it; everybody ends, or waits for a pause that is told."""
    for number in range(tries(14, 50)):
        in_virtual_time(lambda number=number: _anything(number))  # type: ignore[misc]


async def _anything(number: int) -> None:
    luck = random.Random(number)
    count, ahead = luck.choice((5, 20, 45)), luck.choice((1, 2, 5, 20))
    plans = fleet(count, models=luck.choice(("R650", "R650 R640 R750")), per_rack=luck.choice((1, 5, 50)))
    lab = Lab(list(plans), plans=plans, limits=Limits(ahead=ahead))
    common = luck.choice(FATES) if luck.random() < 0.5 else None
    for machine in lab.world.machines.values():
        machine.installs = luck.choice(("built",) * 8 + ("failed",))
        for act, fault in [luck.choice(FATES)] * luck.choice((0, 0, 0, 1, 3)) + ([common] if common else []):
            machine.troubles.append((act, fault()))
    planned = [list(machine.troubles) for machine in lab.world.machines.values()]
    lifts, crashes = luck.choice((0, 1, 3)), luck.choice((0, 0, 1))
    may_lift = lifts > 0
    while True:
        lab.journal.crash_at = len(lab.journal.events) + luck.randrange(20, 600) if crashes else 0
        lab.executor.start()
        settled = asyncio.ensure_future(lab.executor.settled())
        crashed = asyncio.ensure_future(lab.journal.crashed.wait())
        await asyncio.wait((settled, crashed), return_when=asyncio.FIRST_COMPLETED)
        while not lab.journal.dead and lifts and lab.rollout.paused_by_safety:
            lifts -= 1
            for what in list(lab.rollout.paused_by_safety):
                lab.executor.submit(Pause(what, False))
            await asyncio.sleep(1)
            settled = asyncio.ensure_future(lab.executor.settled())
            await asyncio.wait((settled, crashed), return_when=asyncio.FIRST_COMPLETED)
        if not lab.journal.dead:
            break
        crashes = 0
        await lab.crash()
        lab.resume()
    waiting = [host for host in lab.rollout.hosts.values() if not host.status.is_final]
    assert all(lab.rollout.new_host_paused(host.name) in lab.rollout.paused_by_safety for host in waiting), number
    assert lab.executor.held_back is bool(waiting), number
    assert await to_the_end(lab) == (4 if waiting else 1 if lab.rollout.counts[HostStatus.DONE] < count else 0), number
    assert not lab.world.violations, number
    assert lab.world.peak_writes <= 1, number
    told = Rollout("r1", lab.plan)
    for event in lab.journal.events:
        told.apply(event)
        if isinstance(event, HostAhead):
            assert len(told.powered_off_waiting) <= (ahead if told.first_write_verified else min(ahead, 3)), number
    left_off = sum(any(act == "pxe" for act, _ in fates) for fates in planned)  # by BMCs that refuse when it is off
    assert may_lift or lab.world.dark_before_write <= min(ahead, 3) + left_off, number
    assert_causal(list(lab.journal.events))
    for task in lab.world.tasks:
        task.cancel()

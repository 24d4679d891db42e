"""The first host of a model, os and medium is built before others of its type begin: whole rollouts in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from quads_tui.render.wait_reason import why
from quads_tui.rollout.canary import TRIES
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Pause, Retry, Skip, Unskip, WriteNext
from quads_tui.rollout.events import CanaryOverdue, HostChanged, HostNote, Notice, Paused, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from tests.clocks import in_virtual_time
from tests.effort import tries

from .model import Lab
from .test_first_write import first_build, fleet, headless, off, to_the_end
from .test_flow import assert_causal, ends, names

pytestmark = pytest.mark.looptime

PAUSE = "canary R650 with RHEL 9.4 from m"
LATE = 900.0


def lab_of(count: int, *, canary: int = 1, proven: Iterable[str] = (), overdue: bool = False, **more: object) -> Lab:
    """`proven`: models of which none need be built first; `overdue`: installs are known to take LATE seconds at most."""
    plans = fleet(count, **more)  # type: ignore[arg-type]
    lab = Lab(list(plans), plans=plans)
    lab.plan = replace(lab.plan, canary=canary, proven=tuple((model, "RHEL 9.4", "m") for model in proven))
    lab._open()
    if overdue:
        learned(lab)
    return lab


def learned(lab: Lab) -> None:
    lab.rollout.durations.seed({}, {"hosts": {host.name: [None, LATE] for host in lab.plan.hosts}, "install": 5400.0})


def begun(lab: Lab) -> list[str]:
    """In the order in which they began."""
    return list(starts(lab))


def model(lab: Lab, name: str) -> str:
    return next(host.model for host in lab.plan.hosts if host.name == name)


def starts(lab: Lab) -> dict[str, float]:
    stages = [event for event in lab.journal.events if isinstance(event, StageChanged) and event.stage is Stage.POWER_OFF]
    first: dict[str, float] = {}
    for event in stages:
        first.setdefault(event.host, event.at)
    return first


def done(lab: Lab) -> dict[str, float]:
    """In the order in which they were built."""
    events = [event for event in lab.journal.events if isinstance(event, HostChanged)]
    return {event.host: event.at for event in events if event.status is HostStatus.DONE}


def spoil(lab: Lab, names: Iterable[str]) -> None:
    """Their installs fail, after all writes and far below what stops a rollout for one cause."""
    for name in names:
        lab.machine(name).installs = "failed"


async def until(lab: Lab, true: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if true():
            return
        await asyncio.sleep(1)
    raise AssertionError("it never came")


def note(lab: Lab, name: str) -> str:
    meters, now = Meters(), lab.clock.wall()
    return why(lab.rollout.hosts[name], lab.rollout, meters, forecast(lab.rollout, meters, now), now)


async def test_the_first_of_a_type_is_built_before_its_own_type_follows_and_the_others_go_on() -> None:
    lab = lab_of(60, models="R650 R640 R750", proven=["R750"], per_rack=5)
    assert await headless(lab) == 0
    for each in ("R650", "R640"):
        began = [at for name, at in starts(lab).items() if model(lab, name) == each]
        built = [at for name, at in done(lab).items() if model(lab, name) == each]
        assert began[0] < built[0] <= began[1]
    last = [name for name in begun(lab) if model(lab, name) == "R750"][-1]
    assert starts(lab)[last] < lab.rollout.started_at + 300  # nobody of them waited
    said = [event.text for event in lab.journal.events if isinstance(event, Notice)]
    first = next(name for name in begun(lab) if model(lab, name) == "R650")
    assert f"{first} is to be built as the first R650 with RHEL 9.4: 19 other hosts of this type wait" in said
    assert f"{first} is built: 19 other hosts of R650 with RHEL 9.4 from m can begin" in said
    assert_causal(list(lab.journal.events))


async def test_the_reason_is_visible_while_a_host_waits() -> None:
    lab = lab_of(8)
    lab.executor.start()
    await first_build(lab)
    await asyncio.sleep(60)
    (first,) = begun(lab)
    waits = f"waiting for the first R650 with RHEL 9.4 to be built: {first}"
    others = [name for name in names(8) if name != first]
    assert {note(lab, name) for name in others} == {waits}
    noted = {event.host for event in lab.journal.events if isinstance(event, HostNote) and event.text == waits}
    assert noted == set(others)
    assert await to_the_end(lab) == 0


async def test_a_canary_that_fails_is_replaced_by_a_host_of_another_rack() -> None:
    lab = lab_of(20, per_rack=10)
    lab.executor.start()
    await first_build(lab)
    (first,) = begun(lab)
    lab.machine(first).installs = "failed"
    await until(lab, lambda: len(begun(lab)) > 1)
    racks = {host.name: host.rack for host in lab.plan.hosts}
    assert racks[begun(lab)[1]] != racks[first]
    assert await to_the_end(lab) == 1
    assert ends(lab.rollout) == {HostStatus.DONE: 19, HostStatus.FAILED: 1}


async def test_after_two_the_type_is_held_and_the_others_come_to_their_ends() -> None:
    lab = lab_of(40, models="R650 R640", per_rack=10, proven=["R640"])
    spoil(lab, (host.name for host in lab.plan.hosts if host.model == "R650"))
    assert await headless(lab) == 4
    assert ends(lab.rollout) == {HostStatus.DONE: 20, HostStatus.FAILED: TRIES, HostStatus.QUEUED: 18}
    assert PAUSE in lab.rollout.paused_by_safety
    words = lab.rollout.paused[PAUSE]
    assert words.startswith("2 canaries of this type failed or are overdue (h")
    assert "another host of this type begins" in words
    waiting = next(name for name, host in lab.rollout.hosts.items() if host.status is HostStatus.QUEUED)
    assert note(lab, waiting).startswith("new hosts of R650 with RHEL 9.4 from m are paused: 2 canaries of")
    assert lab.executor.stopped == "safety"


@pytest.mark.parametrize("what", ["admission", PAUSE])
async def test_the_operator_lets_another_one_begin_and_it_is_a_canary_again(what: str) -> None:
    lab = lab_of(12)
    spoil(lab, names(12))
    lab.executor.start()
    await lab.executor.settled()
    assert (len(begun(lab)), list(lab.rollout.paused)) == (TRIES, [PAUSE])
    assert forecast(lab.rollout, Meters(), lab.clock.wall()).why.startswith("new hosts of R650 with RHEL 9.4 from m are paused")
    for name in names(12):
        lab.machine(name).installs = "built"
    lab.executor.submit(Pause(what, False))
    await asyncio.sleep(300)
    assert len(begun(lab)) == TRIES + 1
    assert not lab.rollout.paused
    assert await to_the_end(lab) == 1
    assert ends(lab.rollout) == {HostStatus.DONE: 10, HostStatus.FAILED: TRIES}


async def test_two_more_that_fail_hold_the_type_again() -> None:
    lab = lab_of(12)
    spoil(lab, names(12))
    lab.executor.start()
    await lab.executor.settled()
    lab.executor.submit(Pause("admission", False))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert len(begun(lab)) == 4
    assert list(lab.rollout.paused) == [PAUSE]
    assert await to_the_end(lab) == 4


async def test_an_overdue_canary_is_replaced_still_watched_and_opens_its_type_when_it_is_built_after_all() -> None:
    lab = lab_of(12, overdue=True)
    for machine in lab.world.machines.values():
        machine.install_seconds = 2500.0
    lab.executor.start()
    await until(lab, lambda: PAUSE in lab.rollout.paused)
    late = [event for event in lab.journal.events if isinstance(event, CanaryOverdue)]
    assert [event.host for event in late] == begun(lab)
    assert len(begun(lab)) == TRIES
    assert late[0].at - lab.rollout.durations.installing[late[0].host] == pytest.approx(LATE, abs=1)
    assert lab.rollout.hosts[late[0].host].status is HostStatus.RUNNING
    assert await to_the_end(lab) == 0  # the first one came to its end: nobody needed to be asked
    assert not lab.rollout.paused
    assert next(iter(done(lab))) == late[0].host


async def test_a_canary_that_is_skipped_is_replaced_and_says_nothing_of_its_type() -> None:
    lab = lab_of(10)
    lab.executor.start()
    for count in range(1, 5):
        await until(lab, lambda count=count: len(begun(lab)) == count)  # type: ignore[misc]
        lab.executor.submit(Skip((begun(lab)[-1],), "broken"))
    assert await to_the_end(lab) == 1
    assert ends(lab.rollout) == {HostStatus.DONE: 6, HostStatus.SKIPPED: 4}
    assert not any(isinstance(event, Paused) for event in lab.journal.events)


async def test_a_failed_canary_that_is_retried_and_built_opens_its_type() -> None:
    lab = lab_of(10)
    spoil(lab, names(10))
    lab.executor.start()
    await lab.executor.settled()
    for machine in lab.world.machines.values():
        machine.installs = "built"
    lab.executor.submit(Retry((begun(lab)[0],)))
    assert await to_the_end(lab) == 1
    assert ends(lab.rollout) == {HostStatus.DONE: 9, HostStatus.FAILED: 1}
    assert not lab.rollout.paused


async def test_a_write_that_the_operator_wants_next_jumps_no_canary() -> None:
    lab = lab_of(10)
    lab.executor.start()
    await first_build(lab)
    first, other = begun(lab)[0], names(10)[7]
    lab.executor.submit(WriteNext((other,)))
    await until(lab, lambda: len(begun(lab)) > 1)
    assert begun(lab)[1] == other  # before all others, once its turn may come
    assert lab.rollout.hosts[first].status is HostStatus.DONE
    assert await to_the_end(lab) == 0


async def test_canaries_and_the_first_verified_write() -> None:
    """Three candidates of different racks and models, where there are three types; of one type one."""
    for models, dark in (("R650 R640 R750 XR11", 3), ("R650", 1)):
        lab = lab_of(24, models=models, per_rack=6)
        lab.executor.submit(Pause("writes", True))
        lab.executor.start()
        await asyncio.sleep(100)
        assert len(off(lab)) == lab.executor.gate.powered_off_waiting == dark
        assert len({model(lab, name) for name in off(lab)}) == dark
        assert len({host.rack for host in lab.plan.hosts if host.name in off(lab)}) == dark
        lab.executor.submit(Pause("writes", False))
        await asyncio.sleep(1)
        assert await to_the_end(lab) == 0


async def test_without_a_canary_nothing_is_different() -> None:
    seen = []
    for canary, proven in ((0, []), (1, ["R650", "R640"])):
        lab = lab_of(30, models="R650 R640", canary=canary, proven=proven)
        assert await headless(lab) == 0
        since = lab.journal.events[0].at
        seen.append([(round(event.at - since, 3), type(event), getattr(event, "host", "")) for event in lab.journal.events])
    assert seen[0] == seen[1]


async def test_a_resume_goes_on_with_the_same_canary_and_knows_since_when_it_installs() -> None:
    lab = lab_of(12, overdue=True)
    for machine in lab.world.machines.values():
        machine.install_seconds = 1500.0
    lab.executor.start()
    await until(lab, lambda: bool(lab.rollout.at_stage[Stage.INSTALL]))
    since = lab.clock.wall()
    await asyncio.sleep(300)
    await lab.crash()
    await asyncio.sleep(100)
    lab.resume()
    learned(lab)
    lab.executor.start()
    await asyncio.sleep(100)
    assert len(begun(lab)) == 1
    assert note(lab, names(12)[-1]) == f"waiting for the first R650 with RHEL 9.4 to be built: {begun(lab)[0]}"
    await until(lab, lambda: any(isinstance(event, CanaryOverdue) for event in lab.journal.events))
    assert lab.clock.wall() - since == pytest.approx(LATE, abs=5)
    await until(lab, lambda: len(begun(lab)) == 2)
    await lab.crash()
    lab.resume()
    learned(lab)
    lab.executor.start()
    await asyncio.sleep(10)
    assert len(begun(lab)) == 2  # that the first one is overdue is known, too
    assert len([event for event in lab.journal.events if isinstance(event, CanaryOverdue)]) == 1
    assert await to_the_end(lab) == 0


async def test_a_host_that_was_skipped_before_it_began_waits_for_the_canary_after_a_resume_too() -> None:
    lab = lab_of(6)
    last = names(6)[-1]
    lab.executor.start()
    await asyncio.sleep(1)
    lab.executor.submit(Skip((last,), "x"))
    await asyncio.sleep(60)
    lab.executor.submit(Unskip((last,)))
    await asyncio.sleep(10)
    first = begun(lab)
    assert len(first) == 1
    await lab.crash()
    lab.resume()
    lab.executor.start()
    await asyncio.sleep(60)
    assert begun(lab) == first
    assert await to_the_end(lab) == 0


async def test_a_process_that_died_before_it_asked_is_made_good_for_by_the_next_one() -> None:
    lab = lab_of(12)
    spoil(lab, names(12))
    lab.executor.start()
    await lab.executor.settled()
    await lab.crash()
    asked = next(number for number, event in enumerate(lab.journal.events) if isinstance(event, Paused))
    del lab.journal.events[asked:]
    lab.resume()
    assert await asyncio.wait_for(headless(lab), 24 * 3600) == 4
    assert list(lab.rollout.paused_by_safety) == [PAUSE]
    assert len(begun(lab)) == TRIES


async def test_those_that_wait_for_the_first_of_their_type_are_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be thousands, and come first in the order."""
    lab = lab_of(1000, models="R650 R640", proven=["R640"])
    lab.executor.start()
    await asyncio.sleep(30)
    asked: list[str] = []

    def wait(host: str) -> str:
        asked.append(host)
        return lab.rollout.canaries.wait(host)

    monkeypatch.setattr(lab.executor.gate, "_canary", wait)
    before = len(begun(lab))
    await asyncio.sleep(100)
    more = len(begun(lab)) - before
    assert more > 50
    assert len(asked) < 10 * more
    await lab.crash()


async def test_a_pause_that_keeps_no_host_any_more_ends_with_a_resume() -> None:
    """The BMCs of the hosts that wait were looked at again, and told of another model."""
    lab = lab_of(12)
    spoil(lab, names(12))
    assert await headless(lab) == 4
    assert PAUSE in lab.rollout.paused
    failed = begun(lab)
    lab.plan = replace(
        lab.plan, hosts=tuple(host if host.name in failed else replace(host, model="R660") for host in lab.plan.hosts)
    )
    for machine in lab.world.machines.values():
        machine.installs = "built"
    lab.resume()
    assert await headless(lab) == 1
    assert not lab.rollout.paused
    assert set(done(lab)) == set(names(12)) - set(failed)


def test_whatever_fails_one_of_a_type_at_a_time_begins_until_one_is_built() -> None:
    for number in range(tries(12, 40)):
        in_virtual_time(lambda number=number: _anything(number))  # type: ignore[misc]


async def _anything(number: int) -> None:
    """Random types, faults, crashes and commands: of a type that waits for its first host no other one is under way, no more
    than two fail before the operator is asked, and nobody waits for ever."""
    luck = random.Random(number)
    count, wanted = luck.choice((6, 12, 20)), luck.choice((1, 1, 1, 2))
    lab = lab_of(
        count, canary=wanted, models=luck.choice(("R650", "R650 R640 R750")), per_rack=luck.choice((1, 5, 50)), overdue=True
    )
    for machine in lab.world.machines.values():
        machine.installs = luck.choice(("built",) * 4 + ("failed", "never"))
        machine.install_seconds = luck.choice((600.0, 600.0, 1400.0))
        if luck.random() < 0.3:
            act = luck.choice(("off", "pxe", "on", "build", "look"))
            machine.troubles = [(act, StageFailure(Cause.REFUSED, f"refused {luck.random()}", retryable=luck.random() < 0.5))]
    lifts, crashes = luck.choice((0, 1, 3)), luck.choice((0, 0, 1, 2))
    while True:
        lab.journal.crash_at = len(lab.journal.events) + luck.randrange(20, 400) if crashes else 0
        lab.executor.start()
        if luck.random() < 0.3:
            lab.executor.submit(WriteNext((luck.choice(names(count)),)))
        crashed = asyncio.ensure_future(lab.journal.crashed.wait())
        while True:
            settled = asyncio.ensure_future(lab.executor.settled())
            await asyncio.wait((settled, crashed), return_when=asyncio.FIRST_COMPLETED)
            if lab.journal.dead or not lifts or not lab.rollout.paused_by_safety:
                break
            lifts -= 1
            lab.executor.submit(Pause("admission", False))
            await asyncio.sleep(1)
        if not lab.journal.dead:
            break
        crashes -= 1
        await lab.crash()
        lab.resume()
        learned(lab)
    waiting = [host for host in lab.rollout.hosts.values() if not host.status.is_final]
    assert all(lab.rollout.new_host_paused(host.name) in lab.rollout.paused_by_safety for host in waiting), number
    assert await to_the_end(lab) == (4 if waiting else 0 if lab.rollout.counts[HostStatus.DONE] == count else 1), number
    assert not lab.world.violations, number
    judge(lab, wanted, number)
    assert_causal(list(lab.journal.events))
    for task in (crashed, *lab.world.tasks):
        task.cancel()


def judge(lab: Lab, wanted: int, number: int) -> None:
    """By the events alone, and by none of the program's own reckoning."""
    for each in {host.model for host in lab.plan.hosts}:
        of = {host.name for host in lab.plan.hosts if host.model == each}
        if len(of) <= wanted:
            continue
        under_way: set[str] = set()
        seen: set[str] = set()
        built, bad, allowed = 0, 0, TRIES
        for event in lab.journal.events:
            if isinstance(event, Paused) and not event.paused and event.what == f"canary {each} with RHEL 9.4 from m":
                allowed = bad + TRIES
            if getattr(event, "host", None) not in of or built >= wanted:
                continue
            if isinstance(event, StageChanged) and event.status is StageStatus.STARTED and event.host not in seen:
                assert bad < allowed, (number, event)
                seen.add(event.host)
                under_way.add(event.host)
                assert len(under_way) + built <= wanted, (number, event)
            elif isinstance(event, CanaryOverdue):
                bad += 1
                under_way.discard(event.host)
            elif isinstance(event, HostChanged) and event.status.is_final:
                built += event.status is HostStatus.DONE
                bad += event.status is HostStatus.FAILED and event.host in under_way
                under_way.discard(event.host)


async def test_the_forecast_knows_that_the_others_come_later() -> None:
    lab = lab_of(40, models="R650 R640", proven=["R640"])
    seconds = {"install": [600.0] * 40, "power_on": [15.0] * 40, "foreman_build": [1.0] * 40, "power_off": [9.0] * 40}
    lab.rollout.durations.seed({"R650": seconds, "R640": seconds, "": {"write": [1.0] * 20}})
    lab.executor.start()
    ends_at = []
    for _ in range(4):
        await asyncio.sleep(100)
        now = lab.clock.wall()
        made = forecast(lab.rollout, Meters(), now)
        waiting = [name for name in names(40) if lab.rollout.canaries.wait(name)]
        assert len(waiting) == 19
        assert min(made.turns[name] for name in waiting) > 600 - (now - lab.rollout.started_at)
        assert made.p50 is not None
        ends_at.append(now + made.p50)
    assert await to_the_end(lab) == 0
    lasted = (lab.rollout.ended_at or 0.0) - lab.rollout.started_at
    assert all(abs(end - (lab.rollout.ended_at or 0.0)) < 0.2 * lasted for end in ends_at)
    assert lasted > 1200  # two installs, one after the other

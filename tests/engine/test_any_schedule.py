"""Any faults and any orders, against a model lab in virtual time: what is said of a host is true of its machine."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Disarm, Hold, Pause, Release, Retry, Skip, Unskip
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.ports import UnknownOutcome
from quads_tui.rollout.stages import HostStatus
from tests.clocks import in_virtual_time
from tests.effort import tries

from .model import Lab, busy
from .test_flow import assert_causal, names

pytestmark = pytest.mark.looptime


ACTS = ("off", "pxe", "build", "on", "clear", "cancel")


troubles = st.lists(
    st.tuples(
        st.sampled_from(ACTS),
        st.sampled_from(
            [
                busy(),
                StageFailure(Cause.REFUSED, "licence", retryable=False),
                StageFailure(Cause.BUSY, "Retry-After", after=40.0),
                "answer lost",
                "lost",
            ]
        ),
    ),
    max_size=4,
)


orders = st.lists(
    st.tuples(
        st.floats(0, 1500),
        st.integers(0, 4),
        st.sampled_from(["skip", "hold", "unskip", "release", "retry", "restart", "disarm", "pause", "go on"]),
    ),
    max_size=8,
)


@given(fates=st.lists(troubles, min_size=5, max_size=5), orders=orders, installs=st.sampled_from(["built", "failed", "never"]))
@settings(max_examples=tries(30, 60), deadline=None)
def test_whatever_happens_the_machines_agree_with_what_is_said(
    fates: list[list[tuple[str, StageFailure | UnknownOutcome | str]]], orders: list[tuple[float, int, str]], installs: str
) -> None:
    """I1, I2, I4, I8: any faults and any orders; every host ends in one state, and that state is true of its machine."""
    in_virtual_time(lambda: _any_schedule(fates, orders, installs))


async def _any_schedule(
    fates: list[list[tuple[str, StageFailure | UnknownOutcome | str]]], orders: list[tuple[float, int, str]], installs: str
) -> None:
    lab = Lab(names(5))
    for name, fate in zip(names(5), fates, strict=True):
        lab.machine(name).troubles = list(fate)
    lab.machine(names(5)[0]).installs = installs
    lab.executor.start()
    human_rebuilds = 0
    for at, number, what in sorted(orders):
        await asyncio.sleep(max(0.0, at - lab.clock.now()))
        host = (names(5)[number],)
        human_rebuilds += what in ("retry", "restart", "unskip", "release")
        lab.executor.submit(
            {
                "skip": Skip(host, "x"),
                "hold": Hold(host, "x"),
                "unskip": Unskip(host),
                "release": Release(host),
                "retry": Retry(host),
                "restart": Retry(host, from_start=True),
                "disarm": Disarm(host),
                "pause": Pause("writes", True),
                "go on": Pause("writes", False),
            }[what]
        )
        await asyncio.sleep(0)
    lab.executor.submit(Pause("writes", False))
    await asyncio.sleep(1)
    await lab.executor.settled()
    await lab.end()
    rollout = lab.rollout
    assert rollout.settled
    assert lab.world.peak_writes <= 1
    assert not +lab.world.sessions
    assert_causal(lab.journal.events)
    changes = [event for event in lab.journal.events if isinstance(event, HostChanged)]
    assert len(changes) >= 5
    for name, host in rollout.hosts.items():
        machine = lab.machine(name)
        assert host.status.is_final
        assert machine.wipes <= 1 + human_rebuilds
        if host.status is HostStatus.DONE:
            assert (machine.build, machine.build_status, machine.power) == (False, 0, "On")
            assert machine.wipes >= 1
        else:
            assert host.reason
        if host.status in (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD) and machine.build and machine.override:
            assert host.armed  # what stands armed is never left unsaid

"""A clock that stands still while a database is away: no deadline comes nearer, and nobody who waits goes on."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.engine.own_time import first_of
from quads_tui.engine.stoppable_clock import StoppableClock

SPEED = 1000.0


async def test_own_time_does_not_pass_while_it_stands() -> None:
    clock = StoppableClock(SPEED)
    clock.stop()
    clock.stop()
    began, deadline = clock.now(), clock.deadline(100.0)
    await asyncio.sleep(0.02)  # 20 s of own time, if it ran
    assert clock.now() == began
    clock.go()
    clock.go()
    assert began <= clock.now() < deadline
    before = clock.now()
    await asyncio.sleep(0.01)
    assert clock.now() >= before + 5.0  # it runs again


async def test_who_sleeps_goes_on_when_its_own_time_has_passed() -> None:
    clock = StoppableClock(SPEED)
    began = clock.now()
    sleeping = asyncio.ensure_future(clock.sleep(20.0))
    await asyncio.sleep(0)
    clock.stop()
    await asyncio.sleep(0.05)
    assert not sleeping.done()
    clock.go()
    await asyncio.wait_for(sleeping, 30)
    assert clock.now() >= began + 20.0
    await clock.sleep(0)


async def test_a_wait_is_not_over_while_it_stands() -> None:
    clock = StoppableClock(SPEED)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(first_of(clock, 20.0, never))
    await asyncio.sleep(0)
    clock.stop()
    await asyncio.sleep(0.05)
    assert not waiting.done()
    never.set_result(None)
    await asyncio.wait_for(waiting, 30)  # what it waits for ends it all the same


@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_a_wait_is_over_after_its_own_seconds(seconds: float) -> None:
    clock = StoppableClock(SPEED)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    began = clock.now()
    await asyncio.wait_for(first_of(clock, seconds, never), 30)
    assert clock.now() >= began + seconds - 0.01

"""The first look after a Reset comes when machines of that model have been seen to be there before."""

from __future__ import annotations

from typing import Any

from quads_tui.services.redfish.learned import PowerTimes

from .conftest import Bench
from .fake import RESET, SYSTEM, FakeBmc


def test_nothing_is_concluded_from_few_machines_nor_from_those_of_another_model_or_reset() -> None:
    times = PowerTimes()
    for seconds in range(10, 19):
        times.add("R650", "On", float(seconds))
    assert times.earliest("R650", "On") == 0.0
    times.add("R650", "On", 30.0)
    assert times.earliest("R650", "On") == 11.0
    assert (times.earliest("R650", "ForceOff"), times.earliest("R640", "On")) == (0.0, 0.0)


def test_one_that_was_quick_by_chance_does_not_decide_and_old_ones_are_forgotten() -> None:
    times = PowerTimes()
    for seconds in (1.0, *[20.0] * 99):
        times.add("R650", "On", seconds)
    assert times.earliest("R650", "On") == 20.0
    for _ in range(100):
        times.add("R650", "On", 5.0)
    assert times.earliest("R650", "On") == 5.0


class Looks:
    """Own times of the Reset and of all looks at the system after it."""

    def __init__(self, bench: Bench) -> None:
        self.at: list[float] = []
        self._bench = bench
        bench.bmc.when("POST", RESET, self.reset)
        bench.bmc.when("GET", SYSTEM, self.look, times=999)

    async def reset(self, bmc: FakeBmc, request: Any, data: Any) -> None:
        self.at = [self._bench.clock.now()]

    async def look(self, bmc: FakeBmc, request: Any, data: Any) -> None:
        if self.at:
            self.at.append(self._bench.clock.now())


async def test_the_first_look_waits_for_what_this_model_takes(bench: Bench) -> None:
    times = bench.client._connection.power_times
    for _ in range(10):
        times.add("C-1", "ForceOff", 25.0)
    looks = Looks(bench)
    assert await bench.off() == ""
    assert looks.at[1] - looks.at[0] >= 25.0
    assert len(looks.at) == 3, "off, seen twice"


async def test_no_machine_is_left_unseen_for_more_than_30_s(bench: Bench) -> None:
    times = bench.client._connection.power_times
    for _ in range(10):
        times.add("C-1", "ForceOff", 3000.0)
    began = bench.clock.now()
    assert await bench.off() == ""
    assert bench.clock.now() - began < 3000.0


async def test_what_a_reset_took_is_remembered(bench: Bench) -> None:
    for _ in range(10):
        await bench.off()
        await bench.on()
    times = bench.client._connection.power_times
    assert min(times.earliest("C-1", "ForceOff"), times.earliest("C-1", "On")) >= 4.0
    bench.bmc.power = "Off"
    await bench.off()  # no Reset: nothing to learn
    assert times.earliest("C-1", "ForceOff") < 3000.0

"""How far the forecast is off, in virtual time, on the engine itself.

python -m benchmarks.forecast [--sizes 90,700] [--seconds 7.7] [--instances 10] [--bad 0,0.04] [--at 0.25]

Rollouts as in benchmarks.makespan, with the history of each host. Of the hosts `bad` is the share that never ends its install, in
the rollout and in its history. At a share of the time until the last good host is done, the forecast is compared with that time:
the median of the absolute errors, the median of the errors with their sign, and how often p90 was kept. All in minutes. Behind
the first bar stand the same figures of a forecast that knows the true distributions (benchmarks.known_forecast), behind the
second ours divided by those.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.forecast import Forecast, forecast
from quads_tui.rollout.host_results import BETWEEN
from quads_tui.rollout.learned import HostResult, LearnedDurations, build_type
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage
from tests.clocks import in_virtual_time
from tests.engine.model import Lab

from .known_forecast import Course, known_forecast
from .makespan import Instance, instance

CEILING = 5400.0
STEP = 20.0  # own seconds between two forecasts


class Known(NamedTuple):
    """The forecast by the true distributions. Seconds."""

    error: float
    spread: float
    kept: bool


@dataclass(frozen=True)
class Watched:
    """One rollout. Real time throughout; `named`: hosts that a forecast called overdue."""

    began: float
    good_end: float
    forecasts: tuple[Forecast, ...]
    named: frozenset[str]
    bad: frozenset[str]
    course: Course

    def at(self, share: float) -> Forecast:
        when = self.began + share * (self.good_end - self.began)
        return min(self.forecasts, key=lambda made: abs(made.at - when))

    def error(self, share: float) -> float | None:
        """Seconds that the forecast is late (positive) or early; None where it told nothing."""
        made = self.at(share)
        return None if made.p50 is None else made.at + made.p50 - self.good_end

    def kept(self, share: float) -> bool:
        made = self.at(share)
        return made.p90 is not None and self.good_end <= made.at + made.p90

    def spread(self, share: float) -> float:
        made = self.at(share)
        return (made.p90 or 0.0) - (made.p50 or 0.0)

    def known(self, share: float) -> Known:
        """What is to be known at the same moment."""
        when = self.at(share).at
        p50, p90 = known_forecast(self.course, when - self.began, len(self.bad) / len(self.course.given.hosts))
        return Known(when + p50 - self.good_end, p90 - p50, self.good_end <= when + p90)


@cache
def earlier_rollout(count: int, write: float) -> tuple[Sequence[Mapping[Stage, float]], list[float]]:
    """What the engine measures in such a rollout: the stages of its hosts, of the install what comes on top of the machine's own
    time (Foreman is asked from time to time only), and the seconds between writes."""
    given = instance(count, write, -1, past=0)

    async def rollout() -> tuple[Sequence[Mapping[Stage, float]], list[float]]:
        lab = drawn_lab(given)
        await lab.run()
        await lab.end()
        taken, between = lab.rollout.durations.taken, lab.rollout.durations.between.newest[-BETWEEN:]
        stages = [{**taken[name], Stage.INSTALL: taken[name][Stage.INSTALL] - each.after} for name, each in given.hosts.items()]
        return stages, between

    random.seed(1)
    return in_virtual_time(rollout)


def drawn_lab(given: Instance) -> Lab:
    plans = {name: HostPlan(name, f"https://mgmt-{name}", model=steps.model) for name, steps in given.hosts.items()}
    lab = Lab(list(given.hosts), plans=plans, write_seconds=given.write)
    for name, steps in given.hosts.items():
        machine = lab.machine(name)
        machine.off_seconds, machine.pxe_seconds = steps.off, steps.pxe
        machine.on_seconds, machine.install_seconds = steps.on, steps.after
    return lab


def history(given: Instance, lab: Lab, bad: float, seed: int) -> LearnedDurations:
    """Of earlier rollouts, in which as many hosts hung; others than now."""
    measured, between = earlier_rollout(len(given.hosts), given.write)
    chance = random.Random(f"history {seed}")
    learned = LearnedDurations()
    types = {host.name: build_type(lab.rollout.plan, host) for host in lab.rollout.plan.hosts}
    for name, tails in given.earlier.items():
        for number, seconds in enumerate(tails):
            about = f"r{number}", float(number), types[name]
            if chance.random() < bad:
                hung = HostStatus.FAILED, Stage.INSTALL, "install_timeout"
                learned.add(name, HostResult(*about, *hung, given_up=CEILING))
            else:
                took = dict(chance.choice(measured))
                took[Stage.INSTALL] += seconds
                learned.add(name, HostResult(*about, HostStatus.DONE, seconds=took))
    learned.between = list(between)
    return learned


def bad_hosts(names: Collection[str], share: float, seed: int) -> frozenset[str]:
    return frozenset(random.Random(f"bad {seed}").sample(sorted(names), round(share * len(names))))


def watched(given: Instance, bad: float, seed: int) -> Watched:
    names = list(given.hosts)
    hang = bad_hosts(names, bad, seed)
    earlier_rollout(len(names), given.write)  # now: another loop runs below

    async def rollout() -> Watched:
        lab = drawn_lab(given)
        for name in hang:
            lab.machine(name).installs = "never"
        learned, plan = history(given, lab, bad, seed), lab.rollout.plan
        lab.rollout.durations.seed(learned.seeds(plan), learned.expectations(plan, CEILING))
        made: list[Forecast] = []

        async def look() -> None:
            while True:
                await asyncio.sleep(STEP)
                made.append(forecast(lab.rollout, lab.world.meters, lab.clock.wall()))

        looks = asyncio.create_task(look())
        await lab.run()
        looks.cancel()
        await lab.end()
        assert not lab.world.violations, lab.world.violations[:3]
        done = [event for event in lab.journal.events if isinstance(event, HostChanged) and event.status is HostStatus.DONE]
        assert len(done) == len(names) - len(hang)
        named = frozenset(one.name for each in made for one in each.overdue)
        start = lab.journal.events[0].at
        written = {host: end + lab.clock.wall() - lab.clock.now() - start for end, host in lab.world.write_ends}
        course = Course(given, written, {event.host: event.at - start for event in done})
        return Watched(start, max(event.at for event in done), tuple(made), named, hang, course)

    random.seed(1)
    return in_virtual_time(rollout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="90,700")
    parser.add_argument("--seconds", type=float, default=7.7, help="of one write")
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--bad", default="0,0.04")
    parser.add_argument("--at", type=float, default=0.25)
    options = parser.parse_args()
    print(
        "hosts   bad  good end  |error|  error  p90 - p50  p90 kept  overdue: good  bad"
        " |  |error|  error  p90 - p50  p90 kept |  |error|  p90 - p50"
    )
    for count in map(int, options.sizes.split(",")):
        for bad in map(float, options.bad.split(",")):
            runs = [watched(instance(count, options.seconds, seed, past=10), bad, seed) for seed in range(options.instances)]
            print(row(runs, options.at, count, bad), flush=True)


def row(runs: Sequence[Watched], share: float, count: int, bad: float) -> str:
    ours = [error for run in runs if (error := run.error(share)) is not None]
    known = [run.known(share) for run in runs]
    off, spread = statistics.median(map(abs, ours)), statistics.median(run.spread(share) for run in runs)
    least = statistics.median(abs(one.error) for one in known), statistics.median(one.spread for one in known)
    return (
        f"{count:5} {bad:5.0%} {statistics.mean(run.good_end - run.began for run in runs) / 60:9.1f}"
        f" {off / 60:8.2f} {statistics.median(ours) / 60:6.2f} {spread / 60:10.2f}"
        f" {sum(run.kept(share) for run in runs):6} of {len(runs)}"
        f" {sum(len(run.named - run.bad) for run in runs):8} {sum(len(run.named & run.bad) for run in runs):6}"
        f" | {least[0] / 60:8.2f} {statistics.median(one.error for one in known) / 60:6.2f} {least[1] / 60:10.2f}"
        f" {sum(one.kept for one in known):6} of {len(known)} | {off / least[0]:8.2f} {spread / least[1]:10.2f}"
    )


if __name__ == "__main__":
    main()

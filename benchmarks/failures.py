"""What failures cost a rollout, in virtual time on the engine itself.

python -m benchmarks.failures [--instances 5]

Each scenario runs on the instances of benchmarks.makespan, disturbed and undisturbed. Printed are means and the worst instance:
when the second host was written, how long the rollout took against the undisturbed one, which hosts did not end done, how many
causes they had, and how many outages were told.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.makespan import Instance, Run, instance, ours
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.events import StageChanged
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from tests.engine.model import Lab

Disturb = Callable[[Lab, list[str]], None]  # the hosts in the order in which an undisturbed rollout begins them

PORTS = 48  # of a switch: the BMCs of one rack
AWAY = StageFailure(Cause.UNREACHABLE, "connection refused")


@dataclass(frozen=True)
class Scenario:
    """`hosts` and `write`: how many, and seconds of one write."""

    name: str
    hosts: int
    write: float
    disturb: Disturb


def refusing(count: int) -> Disturb:
    def disturb(lab: Lab, begun: list[str]) -> None:
        for name in begun[:count]:
            lab.machine(name).troubles = [("off", StageFailure(Cause.REFUSED, "Reset is refused", retryable=False))]

    return disturb


def staying_on(count: int) -> Disturb:
    def disturb(lab: Lab, begun: list[str]) -> None:
        for name in begun[:count]:
            lab.machine(name).stays_on = True

    return disturb


def never_installing(share: float) -> Disturb:
    def disturb(lab: Lab, begun: list[str]) -> None:
        for name in random.Random(7).sample(begun, round(share * len(begun))):
            lab.machine(name).installs = "never"

    return disturb


def foreman_away(after: float, seconds: float) -> Disturb:
    def disturb(lab: Lab, begun: list[str]) -> None:
        async def outage() -> None:
            await lab.clock.sleep(after)
            lab.world.away = AWAY
            await lab.clock.sleep(seconds)
            lab.world.away = None

        lab.world.work(outage())

    return disturb


def in_one_rack(begun: list[str]) -> list[str]:
    """The hosts behind the switch that fails."""
    return begun[10 : 10 + PORTS]


def bmcs_away(after: float, seconds: float) -> Disturb:
    def disturb(lab: Lab, begun: list[str]) -> None:
        hosts = in_one_rack(begun)

        async def outage() -> None:
            await lab.clock.sleep(after)
            for silent in (True, False):
                for name in hosts:
                    lab.machine(name).silent = silent
                await lab.clock.sleep(seconds)

        lab.world.work(outage())

    return disturb


SCENARIOS = (
    Scenario("the first host refuses Reset", 90, 1.0, refusing(1)),
    Scenario("the first host stays On", 90, 1.0, staying_on(1)),
    Scenario("the first three refuse Reset", 90, 1.0, refusing(3)),
    Scenario("the first three stay On", 90, 1.0, staying_on(3)),
    Scenario("4 % never install", 90, 7.7, never_installing(0.04)),
    Scenario("4 % never install", 700, 7.7, never_installing(0.04)),
    Scenario("Foreman is away for 3 min", 90, 1.0, foreman_away(60, 180)),
    Scenario("Foreman is away for 3 min", 700, 7.7, foreman_away(600, 180)),
    Scenario("48 BMCs are away for 2 min", 90, 1.0, bmcs_away(40, 120)),
    Scenario("48 BMCs are away for 2 min", 700, 7.7, bmcs_away(60, 120)),
)


def begun_first(given: Instance) -> tuple[Run, list[str]]:
    """The undisturbed rollout, and the order in which it begins its hosts."""
    order: list[str] = []

    def watch(lab: Lab) -> None:
        record = lab.journal.record

        def seen(event: object) -> None:
            if isinstance(event, StageChanged) and event.stage is Stage.POWER_OFF and event.status is StageStatus.STARTED:
                order.append(event.host)
            record(event)  # type: ignore[arg-type]

        lab.journal.record = seen  # type: ignore[method-assign, assignment]

    return ours(given, "model", prepare=watch), order


def last_done(lab: Lab) -> float:
    """Own seconds from the start until the last host that ended done."""
    ends = [host.since for host in lab.rollout.hosts.values() if host.status is HostStatus.DONE]
    return max(ends, default=0.0) - lab.rollout.started_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=5)
    options = parser.parse_args()
    print(
        "                                hosts write  second PUT at s   last good host, x and + min   not done  causes  outages"
    )
    for scenario in SCENARIOS:
        rows: list[tuple[float, float, float, int, int, int]] = []
        for seed in range(options.instances):
            given = instance(scenario.hosts, scenario.write, seed, past=10)
            quiet, order = begun_first(given)
            labs: list[Lab] = []

            def prepare(lab: Lab, order: list[str] = order, disturb: Disturb = scenario.disturb, labs: list[Lab] = labs) -> None:
                disturb(lab, order)
                labs.append(lab)

            run = ours(given, "model", prepare=prepare, racks=dict.fromkeys(in_one_rack(order), "e21"))
            good = last_done(labs[0])
            groups = len(labs[0].rollout.groups)
            outages = len(labs[0].rollout.outages.past) + len(labs[0].rollout.outages.standing)
            late = good - quiet.makespan
            rows.append((run.writes[1], good / quiet.makespan, late / 60, scenario.hosts - run.done, groups, outages))
        seconds, times, minutes, bad, groups_, outages_ = (list(column) for column in zip(*rows, strict=True))
        print(
            f"{scenario.name:30} {scenario.hosts:6} {scenario.write:5.1f} {statistics.mean(seconds):9.0f} ({max(seconds):.0f})"
            f" {statistics.mean(times):12.3f} ({max(times):.3f}) {statistics.mean(minutes):+6.1f}"
            f" {max(bad):10} {max(groups_):6} {max(outages_):7}",
            flush=True,
        )


if __name__ == "__main__":
    main()

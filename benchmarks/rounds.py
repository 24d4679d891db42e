"""A round of QUADS as one rollout against one rollout for each cloud, in virtual time, on the engine itself.

python -m benchmarks.rounds [--clouds 20] [--hosts 35] [--seconds 1,7.7] [--instances 10] [--history host|model|none]

Every instance (how long each host takes for each step, as benchmarks/makespan.py draws it) is given to both:

- `one`: all clouds in one rollout, one write queue.
- `20`: a rollout for each cloud, each begun when the one before it has ended, since two processes may not write to one Foreman.
  Nothing is counted between two of them, where an operator reads a plan and confirms it.

Printed are means over the instances, in minutes: until the whole round is done; until half of the clouds are done; until the
first one is. `writes`: until the last write to Foreman. Hosts are dealt to the clouds in the order in which they are drawn.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.plan import Goal, HostPlan
from quads_tui.rollout.stages import HostStatus, Kind
from tests.clocks import in_virtual_time
from tests.engine.model import TARGET, Lab

from .makespan import Instance, instance, learn


@dataclass(frozen=True)
class Round:
    """Seconds since the round began. `clouds`: when the last host of each was done, ascending."""

    clouds: Sequence[float]
    last_write: float
    reads: int  # of Foreman

    @property
    def makespan(self) -> float:
        return self.clouds[-1]


def dealt(given: Instance, clouds: int) -> dict[str, list[str]]:
    """The hosts of each cloud."""
    names = list(given.hosts)
    each = len(names) // clouds
    return {f"cloud{number + 2:02}": names[number * each : (number + 1) * each] for number in range(clouds)}


def rolled_out(given: Instance, clouds: Mapping[str, Sequence[str]], history: str) -> Round:
    """These clouds as one rollout."""
    goals = tuple(
        Goal(cloud, Kind.BUILD, "", "jdoe", "1", "RHEL 9.4", "p", "m", replace(TARGET, owner_id=41 + number))
        for number, cloud in enumerate(clouds)
    )
    plans = {
        name: HostPlan(name, f"https://mgmt-{name}", model=given.hosts[name].model, cloud=cloud)
        for cloud, names in clouds.items()
        for name in names
    }
    part = Instance({name: given.hosts[name] for name in plans}, {name: given.earlier[name] for name in plans}, given.write)

    async def rollout() -> Round:
        lab = Lab(list(plans), plans=plans, goals=goals, write_seconds=given.write)
        for name, steps in part.hosts.items():
            machine = lab.machine(name)
            machine.off_seconds, machine.pxe_seconds = steps.off, steps.pxe
            machine.on_seconds, machine.install_seconds = steps.on, steps.after
        learn(lab, part, history)
        await lab.run()
        await lab.end()
        assert not lab.world.violations, lab.world.violations[:3]
        assert lab.world.peak_writes == 1
        assert lab.rollout.counts[HostStatus.DONE] == len(plans)
        start = lab.journal.events[0].at
        done = {event.host: event.at - start for event in lab.journal.events if isinstance(event, HostChanged)}
        ends = sorted(max(done[name] for name in names) for names in clouds.values())
        return Round(ends, lab.world.write_ends[-1][0] - (start - EPOCH), sum(lab.world.reads.values()))

    random.seed(1)
    return in_virtual_time(rollout)


EPOCH = 1_795_000_000.0  # real time at the beginning of virtual time


def one_after_the_other(given: Instance, clouds: Mapping[str, Sequence[str]], history: str) -> Round:
    """A rollout for each cloud."""
    now, ends, written, reads = 0.0, list[float](), 0.0, 0
    for cloud, names in clouds.items():
        run = rolled_out(given, {cloud: names}, history)
        written = now + run.last_write
        now += run.makespan
        ends.append(now)
        reads += run.reads
    return Round(ends, written, reads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clouds", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=35, help="of each cloud")
    parser.add_argument("--seconds", default="1,7.7", help="of one write")
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--history", choices=("host", "model", "none"), default="model")
    options = parser.parse_args()
    print(f"{options.clouds} clouds of {options.hosts} hosts; minutes, means of {options.instances} instances (spread)")
    print("write  rollouts  whole round             half of the clouds  first cloud  writes  reads  against one")
    for seconds in map(float, options.seconds.split(",")):
        one, each = list[Round](), list[Round]()
        for seed in range(options.instances):
            given = instance(options.clouds * options.hosts, seconds, seed, past=10)
            clouds = dealt(given, options.clouds)
            one.append(rolled_out(given, clouds, options.history))
            each.append(one_after_the_other(given, clouds, options.history))
        ratios = [long.makespan / short.makespan for short, long in zip(one, each, strict=True)]
        for name, runs in (("one", one), (f"{options.clouds}", each)):
            spans = [run.makespan / 60 for run in runs]
            half = statistics.mean(statistics.median(run.clouds) / 60 for run in runs)
            first = statistics.mean(run.clouds[0] / 60 for run in runs)
            writes = statistics.mean(run.last_write / 60 for run in runs)
            reads = statistics.mean(run.reads for run in runs)
            against = "" if runs is one else f"{statistics.mean(ratios):5.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            print(
                f"{seconds:5.1f}  {name:>8}  {statistics.mean(spans):7.1f} ({min(spans):.1f}-{max(spans):.1f})".ljust(43)
                + f"{half:15.1f} {first:12.1f} {writes:7.1f} {reads:6.0f}  {against}",
                flush=True,
            )


if __name__ == "__main__":
    main()

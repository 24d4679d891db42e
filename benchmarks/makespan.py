"""How near to the bound a rollout comes, in virtual time, on the engine itself.

python -m benchmarks.makespan [--sizes 90,700] [--seconds 1,7.7,31] [--instances 10] [--history host|model|none]
    [--canary N]

Every instance (how long each host takes for each step) is drawn once and given to all policies:

- `ours`: the program's engine, over BMCs and a Foreman in memory.
- `ideal`: a list schedule with the same knowledge and no overhead. All hosts are powered off at once; whenever Foreman is free it
  writes the host that is ready and is expected to take longest afterwards.
- `2019`: all hosts at once, 4 writes a host, one at a time, in the order in which they are ready.
- `sequential`: a host is begun when the one before it has been told to boot.
- `bound`: no schedule ends before the slowest host's own steps, nor before all writes one after the other between the shortest
  preparation and the shortest install.

Printed are means over the instances of the times, and the spread of ours against the ideal. `dark`: from Off until On,
median and longest, from the fourth write to the last. `idle`: the share of that time in which Foreman had no write of ours.
`canary`: minutes that N canaries of each model add; all other figures are without any.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from quads_tui.rollout.events import StageChanged
from quads_tui.rollout.learned import HostResult, LearnedDurations, build_type
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from tests.clocks import in_virtual_time
from tests.engine.model import Lab

MODELS = ("R640", "R650", "R660", "1029U-TRTP", "E800-28-1145", "XR11")
POST = ((180.0, 260.0), (180.0, 260.0), (180.0, 260.0), (300.0, 420.0), (300.0, 420.0), (540.0, 840.0))  # median, p95, by model
INSTALL = ((480.0, 660.0), (600.0, 840.0), (480.0, 660.0), (600.0, 840.0), (780.0, 1080.0), (600.0, 840.0))
SHARES = (20, 20, 10, 20, 15, 15)  # of 100 hosts
REBOOT = (60.0, 120.0)  # median, p95: from the installed disk, beside the second self-test
AGENT = 30.0  # until the host has told Foreman that it is built
HEAD = 1.5  # seconds of Redfish before a host is Off, beside the power off itself


def drawn(random_: random.Random, median: float, high: float) -> float:
    """Lognormal, by its median and its 95th percentile."""
    return exp(random_.gauss(log(median), log(high / median) / 1.645))


@dataclass(frozen=True)
class Steps:
    """Seconds of one host. `after`: from On until Foreman says that it is built."""

    model: str
    off: float
    pxe: float
    on: float
    after: float
    post: float = 0.0  # of which there are two in `after`

    @property
    def before(self) -> float:
        return HEAD + self.off + self.pxe

    @property
    def tail(self) -> float:
        return self.on + self.after


@dataclass(frozen=True)
class Instance:
    hosts: Mapping[str, Steps]
    earlier: Mapping[str, Sequence[float]]  # what each host took after its write in earlier rollouts
    write: float  # seconds

    @property
    def bound(self) -> float:
        steps = self.hosts.values()
        lane = min(each.before for each in steps) + len(steps) * self.write + min(each.tail for each in steps)
        return max(lane, max(each.before + self.write + each.tail for each in steps))


def instance(count: int, write: float, seed: int, past: int) -> Instance:
    """A host's POST repeats from boot to boot; its install does not."""
    chance = random.Random(f"{seed} {count}")
    hosts: dict[str, Steps] = {}
    earlier: dict[str, list[float]] = {}
    for number in range(count):
        kind = chance.choices(range(len(MODELS)), SHARES)[0]
        post = drawn(chance, *POST[kind])

        def after(kind: int = kind, post: float = post) -> float:
            return 2 * post + drawn(chance, *REBOOT) + drawn(chance, *INSTALL[kind]) + AGENT

        name = f"h{number:04}-{MODELS[kind].lower()}.example.com"
        hosts[name] = Steps(MODELS[kind], drawn(chance, 9, 35), drawn(chance, 2, 8), drawn(chance, 0.8, 2), after(), post)
        earlier[name] = [after() for _ in range(past)]
    return Instance(hosts, earlier, write)


def expected(given: Instance, history: str) -> Callable[[str], float]:
    """What is known of each host's tail: its own past, that of its model, or nothing."""
    if history == "none":
        return lambda name: 0.0
    by_model: dict[str, list[float]] = {}
    for name, tails in given.earlier.items():
        by_model.setdefault(given.hosts[name].model, []).extend(tails)
    usual = {model: statistics.median(tails) for model, tails in by_model.items()}
    if history == "model":
        return lambda name: usual[given.hosts[name].model]
    return lambda name: statistics.median(given.earlier[name])


def ideal(given: Instance, tail: Callable[[str], float]) -> float:
    """The makespan of the list schedule, in seconds."""
    coming = sorted((steps.before, name) for name, steps in given.hosts.items())
    ready: list[tuple[float, float, str]] = []
    now, ends, place = 0.0, 0.0, 0
    while place < len(coming) or ready:
        if not ready:
            now = max(now, coming[place][0])
        while place < len(coming) and coming[place][0] <= now:
            since, name = coming[place]
            heapq.heappush(ready, (-tail(name), since, name))
            place += 1
        name = heapq.heappop(ready)[2]
        now += given.write
        ends = max(ends, now + given.hosts[name].tail)
    return ends


def of_2019(given: Instance) -> float:
    now = ends = 0.0
    for before, name in sorted((steps.before, name) for name, steps in given.hosts.items()):
        now = max(now, before) + 4 * given.write
        ends = max(ends, now + given.hosts[name].tail)
    return ends


def sequential(given: Instance) -> float:
    now = ends = 0.0
    for steps in given.hosts.values():
        now += steps.before + 4 * given.write + steps.on
        ends = max(ends, now + steps.after)
    return ends


@dataclass(frozen=True)
class Run:
    """One rollout by the engine. Seconds; `dark` and `idle` from the fourth write to the last."""

    makespan: float
    done: int
    dark: Sequence[float]
    idle: float
    reads: int
    writes: Sequence[float]  # when each ended


def ours(
    given: Instance,
    history: str,
    limits: Limits | None = None,
    prepare: Callable[[Lab], None] = lambda lab: None,
    canary: int = 0,
) -> Run:
    names = list(given.hosts)

    async def rollout() -> Run:
        plans = {name: HostPlan(name, f"https://mgmt-{name}", model=given.hosts[name].model) for name in names}
        lab = Lab(names, plans=plans, write_seconds=given.write, limits=limits, canary=canary)
        for name, steps in given.hosts.items():
            machine = lab.machine(name)
            machine.off_seconds, machine.pxe_seconds = steps.off, steps.pxe
            machine.on_seconds, machine.install_seconds = steps.on, steps.after
        learn(lab, given, history)
        prepare(lab)
        began = lab.clock.now()
        await lab.run()
        makespan = lab.clock.now() - began
        await lab.end()
        assert not lab.world.violations, lab.world.violations[:3]
        assert lab.world.peak_writes == 1
        return measured(lab, given, makespan)

    random.seed(1)
    return in_virtual_time(rollout)


def learn(lab: Lab, given: Instance, history: str) -> None:
    """What the site's earlier rollouts have taught, as far as it may be known: of each host, or of its model only."""
    if history == "none":
        return
    learned = LearnedDurations()
    plan = lab.rollout.plan
    types = {host.name: build_type(plan, host) for host in plan.hosts}
    for name, tails in given.earlier.items():
        for number, seconds in enumerate(tails):
            took = {Stage.INSTALL: seconds}
            learned.add(name, HostResult(f"r{number}", float(number), types[name], HostStatus.DONE, seconds=took))
    if history == "model":
        learned.hosts.clear()
    lab.rollout.durations.seed(learned.seeds(plan), learned.expectations(plan, 5400.0))


def measured(lab: Lab, given: Instance, makespan: float) -> Run:
    off: dict[str, float] = {}
    dark: dict[str, float] = {}
    writes: list[tuple[float, str]] = []
    start = lab.journal.events[0].at
    for event in lab.journal.events:
        if not isinstance(event, StageChanged) or event.status is not StageStatus.FINISHED:
            continue
        if event.stage is Stage.POWER_OFF:
            off[event.host] = event.at
        elif event.stage is Stage.POWER_ON and event.host in off:
            dark[event.host] = event.at - off[event.host]
    ends = lab.world.write_ends
    writes = [(end, host) for end, host in ends]
    late = {host for _, host in writes[3:]}
    span = writes[-1][0] - writes[3][0] if len(writes) > 4 else 0.0
    busy = (len(writes) - 4) * given.write
    return Run(
        makespan,
        lab.rollout.counts[HostStatus.DONE],
        sorted(seconds for host, seconds in dark.items() if host in late),
        1 - busy / span if span else 0.0,
        sum(lab.world.reads.values()),
        [end - (start - 1_795_000_000.0) for end, _ in writes],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="90,700")
    parser.add_argument("--seconds", default="1,7.7,31", help="of one write")
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--canary", type=int, default=0, help="of each model, in a second run of each instance")
    parser.add_argument("--history", choices=("host", "model", "none"), default="model")
    options = parser.parse_args()
    print("minutes; ratios to the bound; dark in seconds")
    print(
        "hosts  write   bound    ideal   ours    ours/ideal (spread)   ours/bound  2019  sequential  dark p50/max  idle  reads",
        end="",
    )
    print("  canary")
    for count in map(int, options.sizes.split(",")):
        for seconds in map(float, options.seconds.split(",")):
            rows, added = [], [0.0]
            for seed in range(options.instances):
                given = instance(count, seconds, seed, past=10)
                run = ours(given, options.history)
                assert run.done == count, f"{run.done} of {count} hosts done"
                if options.canary:
                    first = ours(given, options.history, canary=options.canary)
                    assert first.done == count, f"{first.done} of {count} hosts done"
                    added.append(first.makespan - run.makespan)
                rows.append((given, ideal(given, expected(given, options.history)), run))
            mean = statistics.mean
            ratios = [run.makespan / best for _, best, run in rows]
            bound = mean(given.bound for given, _, _ in rows)
            made = mean(run.makespan for _, _, run in rows)
            print(
                f"{count:5} {seconds:6.1f} {bound / 60:7.1f} {mean(best for _, best, _ in rows) / 60:8.1f} {made / 60:7.1f}"
                f"   {mean(ratios):8.3f} ({min(ratios):.3f}-{max(ratios):.3f})   {made / bound:8.3f}"
                f" {mean(of_2019(given) for given, _, _ in rows) / bound:7.2f}"
                f" {mean(sequential(given) for given, _, _ in rows) / bound:8.2f}"
                f" {mean(statistics.median(run.dark) for *_, run in rows):9.0f}/{max(run.dark[-1] for *_, run in rows):4.0f}"
                f" {mean(run.idle for *_, run in rows):8.1%} {mean(run.reads for *_, run in rows):6.0f}"
                f" {sum(added) / len(rows) / 60:+7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

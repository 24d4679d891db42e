"""Completion time against the size of a cloud: one host after the other, as QUADS in 2019, this program, and what is possible.

python -m benchmarks.completion_time [--sizes 3,16,36,90,150,309,700,1500] [--seconds 1,7.7,31] [--instances 10] [--results FILE]
python -m benchmarks.completion_time --real [--seed 1]

In virtual time; every drawn instance of benchmarks.makespan is given to all policies, which that module describes: `sequential`,
`2019` (and what is left out in its favour), `ours` (the engine itself, which knows the usual times of each model, as the ideal
schedule does), `ideal` and `bound`. Printed are minutes: mean (shortest-longest of the instances). `--results` keeps what was
measured: a size and a duration of the write that it holds already, with as many instances, is not measured again.
Writes screenshots/completion-time.svg and .png.

`--real` says whether the virtual time tells the truth: the same program over real HTTP (see benchmarks.real_http).
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from math import log
from pathlib import Path

from . import real_http
from .makespan import Instance, expected, ideal, instance, of_2019, ours, sequential
from .picture import Picture, Point

HISTORY = "model"  # what is known of a host's tail
OUT = Path(__file__).parent.parent / "screenshots" / "completion-time"
COLOURS = {"sequential": "#8a8f98", "2019": "#f0953f", "ours": "#3b82d0", "ideal": "#57a773", "bound": "#bbbbbb"}
NAMES = {"ours": "quads-tui"}
MINUTES = (25, 50, 100, 200, 400, 800, 1600, 3200)  # lines of the picture

Times = Mapping[str, Sequence[float]]  # minutes of each instance, by policy


def engine(given: Instance) -> float:
    run = ours(given, HISTORY)
    assert run.done == len(given.hosts), f"{run.done} of {len(given.hosts)} hosts done"
    return run.makespan


POLICIES: Mapping[str, Callable[[Instance], float]] = {
    "sequential": sequential,
    "2019": of_2019,
    "ours": engine,
    "ideal": lambda given: ideal(given, expected(given, HISTORY)),
    "bound": lambda given: given.bound,
}


def measured(hosts: int, write: float, instances: int) -> Times:
    drawn = [instance(hosts, write, seed, past=10) for seed in range(instances)]
    return {policy: [makespan(given) / 60 for given in drawn] for policy, makespan in POLICIES.items()}


def told(minutes: Sequence[float]) -> str:
    return f"{statistics.mean(minutes):6.0f} ({min(minutes):.0f}-{max(minutes):.0f})"


def picture(results: Mapping[float, Mapping[int, Times]]) -> None:
    """One panel for each duration of a write; both axes are logarithmic. Upright lines: from the shortest to the longest."""
    wide, height, left, top, bottom = 420, 520, 60, 70, 60
    drawn = Picture(left + wide * len(results) + 20, height)
    drawn.text(left, 28, "Completion time of a cloud: minutes until the last host is built (mean and spread of the instances)")
    sizes = sorted({size for series in results.values() for size in series})
    every = [minutes for series in results.values() for times in series.values() for found in times.values() for minutes in found]
    low, high = min(MINUTES[0], *every), max(every)

    def at(panel: int, hosts: float, minutes: float) -> Point:
        across = log(hosts / sizes[0]) / log(sizes[-1] / sizes[0])
        up = log(minutes / low) / log(high / low)
        return left + panel * wide + across * (wide - 110), height - bottom - up * (height - bottom - top)

    for panel, (write, series) in enumerate(results.items()):
        drawn.text(at(panel, sizes[0], low)[0], top - 16, f"Foreman needs {write:g} s for a write")
        for hosts in sizes[:: -2 if len(sizes) > 5 else -1]:
            drawn.text(at(panel, hosts, low)[0] - 8, height - bottom + 22, str(hosts))
        drawn.text(at(panel, sizes[0], low)[0] + 110, height - 12, "hosts")
        for minutes in (each for each in MINUTES if low <= each <= high):
            drawn.line([at(panel, sizes[0], minutes), at(panel, sizes[-1], minutes)], "#dddddd", 1)
            if not panel:
                drawn.text(left - 8, at(panel, sizes[0], minutes)[1] + 5, str(minutes), anchor="rs")
        ends: list[float] = []
        for policy in POLICIES:
            means = {hosts: statistics.mean(times[policy]) for hosts, times in sorted(series.items())}
            drawn.line([at(panel, hosts, minutes) for hosts, minutes in means.items()], COLOURS[policy], 3)
            for hosts, times in series.items() if policy in ("2019", "ours") else ():
                spread = [at(panel, hosts, minutes) for minutes in (min(times[policy]), max(times[policy]))]
                drawn.line(spread, COLOURS[policy], 1)
            last = max(means)
            x, y = at(panel, last, means[last])
            while any(abs(y - other) < 16 for other in ends):  # names of lines that end together stand below each other
                y += 4
            ends.append(y)
            drawn.text(x + 6, y + 5, f"{NAMES.get(policy, policy)} {means[last]:.0f}", COLOURS[policy])
    drawn.save(OUT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="3,16,36,90,150,309,700,1500")
    parser.add_argument("--seconds", default="1,7.7,31", help="of one write")
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--results", type=Path, help="JSON file that keeps what was measured")
    parser.add_argument("--real", action="store_true", help="over real HTTP at 90 and 700 hosts")
    parser.add_argument("--seed", type=int, default=1, help="of the emulated lab of --real")
    options = parser.parse_args()
    if options.real:
        raise SystemExit(real_http.main(options.seed))
    kept = json.loads(options.results.read_text()) if options.results and options.results.exists() else {}
    results: dict[float, dict[int, Times]] = {}
    print("minutes: mean (shortest-longest)")
    print(
        f"{'hosts':>6} {'write s':>7} " + " ".join(f"{policy:>18}" for policy in POLICIES) + "  ours/ideal ours/bound", flush=True
    )
    for hosts in map(int, options.sizes.split(",")):
        for write in map(float, options.seconds.split(",")):
            key = f"{hosts} {write} {options.instances}"
            times = kept.get(key) or measured(hosts, write, options.instances)
            results.setdefault(write, {})[hosts] = kept[key] = times
            near = [
                statistics.mean(mine / other for mine, other in zip(times["ours"], times[name], strict=True))
                for name in ("ideal", "bound")
            ]
            words = " ".join(f"{told(times[policy]):>18}" for policy in POLICIES)
            print(f"{hosts:6} {write:7.1f} {words} {near[0]:10.3f} {near[1]:10.3f}", flush=True)
            if options.results:
                options.results.write_text(json.dumps(kept))
    picture(results)


if __name__ == "__main__":
    main()

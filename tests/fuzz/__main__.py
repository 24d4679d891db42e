"""python -m tests.fuzz [--count 1000000] [--seed 1] [--parser NAME] [--at NUMBER]

Each input is its seed's, its parser's and its number's alone: a fault that is found is made again with --parser and --at.
Ends with status 1 when anything but a declared exception came out, or an input took too long.
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from .mutator import damaged
from .parsers import Parser, parsers

SLOW = 0.5  # CPU seconds of one input of at most 64 KB


@dataclass
class Fault:
    """One thing that went wrong, with the smallest of the inputs that showed it."""

    what: str
    number: int
    data: bytes
    count: int = 1


@dataclass
class Tally:
    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0  # CPU seconds
    faults: dict[str, Fault] = field(default_factory=dict)


def run(name: str, parser: Parser, count: int, seed: int, first: int = 0) -> Tally:
    """The inputs `first` to `first + count` of a parser."""
    tally = Tally()
    for number in range(first, first + count):
        rng = Random(f"{seed} {name} {number}")
        data = damaged(rng.choice(parser.samples), parser.samples, rng)
        began = time.thread_time()
        what = ""
        try:
            parser.feed(data, rng)
            tally.accepted += 1
        except parser.declared:
            pass
        except Exception as error:
            place = [frame for frame in traceback.extract_tb(error.__traceback__) if "quads_tui" in frame.filename]
            where = f" in {place[-1].filename.rpartition('quads_tui/')[2]}:{place[-1].lineno}" if place else ""
            what = f"{type(error).__name__}{where}: {str(error)[:100]!r}"
        took = time.thread_time() - began
        tally.inputs += 1
        tally.slowest = max(tally.slowest, took)
        if took > SLOW:
            what = what or f"took over {SLOW} s of CPU"
        if what:
            _note(tally, Fault(what, number, data))
    return tally


def _note(tally: Tally, fault: Fault) -> None:
    signature = fault.what.partition(": ")[0]
    known = tally.faults.setdefault(signature, fault)
    if known is not fault:
        known.count += 1
        if len(fault.data) < len(known.data):
            known.what, known.number, known.data = fault.what, fault.number, fault.data


def shares(found: Mapping[str, Parser], count: int) -> Iterator[tuple[str, Parser, int]]:
    whole = sum(parser.share for parser in found.values())
    for name, parser in found.items():
        yield name, parser, max(1, count * parser.share // whole)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--parser")
    options.add_argument("--at", type=int, help="this one input only")
    given = options.parse_args()
    faults = inputs = 0
    with parsers() as found:
        chosen = {name: parser for name, parser in found.items() if given.parser in (None, name)}
        for name, parser, count in shares(chosen, given.count):
            began = time.process_time()
            tally = run(name, parser, 1 if given.at is not None else count, given.seed, given.at or 0)
            inputs += tally.inputs
            faults += len(tally.faults)
            cpu = time.process_time() - began
            print(
                f"{name:15} {tally.inputs:8} inputs, {tally.accepted:7} accepted, slowest {tally.slowest * 1000:5.0f} ms, {cpu:6.0f} s of CPU",
                flush=True,
            )
            for fault in tally.faults.values():
                print(
                    f"    {fault.count} x {fault.what}\n      --parser '{name}' --at {fault.number}: {fault.data[:300]!r}",
                    flush=True,
                )
    print(f"{inputs} inputs, {faults} kinds of faults")
    raise SystemExit(faults > 0)


if __name__ == "__main__":
    main()

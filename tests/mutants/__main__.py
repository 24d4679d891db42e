"""Break the code on purpose and see whether the tests notice.

python -m tests.mutants                              every row of the table: stale ones are told, none may survive
python -m tests.mutants --only lane                  the rows whose case, module or text holds this word
python -m tests.mutants --stale                      only whether each row's text is still in the code (no test is run)
python -m tests.mutants --random 100 --seed 1        breaks at random in gate, lane, writes, flow, executor and recall
python -m tests.mutants --random 20 --in engine/memory.py,inputs/site.py
"""

from __future__ import annotations

import argparse
import sys
import time

from .bench import UnusableTests, open_bench
from .sample import MODULES, OTHER_TESTS, TESTS, breaks, diff, judge
from .table import TABLE, Mutant, stale


def check_table(rows: list[Mutant], workers: int) -> int:
    """Prints a line a row and the totals; gives the exit status."""
    began, survived = time.monotonic(), 0
    good = [row for row in rows if not stale(row)]
    for row in rows:
        if why := stale(row):
            print(f"STALE     {row.case:32} {row.module:28} {why}", flush=True)
    if good:
        with open_bench(workers) as bench:
            seconds = bench.baseline(sorted({test for row in good for test in row.tests}))
            print(f"the tests pass with nothing broken ({seconds:.0f} s)", flush=True)
            timeout = 60 + 4 * seconds
            for row, noticed in zip(good, bench.each(lambda copy, row: row.noticed(copy, timeout), good), strict=True):
                survived += not noticed
                word, words = ("noticed ", noticed) if noticed else ("SURVIVED", row.change)
                print(f"{word}  {row.case:32} {row.module:28} {words}", flush=True)
    gone = len(rows) - len(good)
    print(
        f"{len(rows)} mutants: {len(good) - survived} noticed, {survived} survived, {gone} stale; {time.monotonic() - began:.0f} s"
    )
    return 1 if survived or gone else 0


def check_random(count: int, seed: int, modules: tuple[str, ...], workers: int) -> int:
    """Prints a line a mutant, the survivors with their place and difference, and the share that was noticed."""
    began = time.monotonic()
    chosen = breaks(modules, count, seed)
    survivors = []
    with open_bench(workers) as bench:
        reach = bench.reach(TESTS if set(modules) <= set(MODULES) else OTHER_TESTS, modules)
        print(f"{len(reach.seconds)} tests pass with nothing broken ({time.monotonic() - began:.0f} s)", flush=True)
        for made, noticed in zip(chosen, bench.each(lambda copy, made: judge(copy, made, reach), chosen), strict=True):
            print(f"{'noticed ' if noticed else 'SURVIVED'}  {made.place:28} {made.kind:20} {noticed}", flush=True)
            if not noticed:
                survivors.append(made)
    for made in survivors:
        print(f"\nSURVIVED {made.place}: {made.kind}\n{diff(made)}")
    noticed_count = len(chosen) - len(survivors)
    share = 100 * noticed_count / max(1, len(chosen))
    print(
        f"\n{len(chosen)} random mutants (seed {seed}): {noticed_count} noticed ({share:.0f} %); {time.monotonic() - began:.0f} s"
    )
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--random", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--in", dest="modules", default="", metavar="MODULE,...", help="paths below quads_tui")
    parser.add_argument("--workers", type=int, default=2)
    wanted = parser.parse_args()
    try:
        if wanted.random:
            named = tuple(filter(None, wanted.modules.split(","))) or MODULES
            return check_random(wanted.random, wanted.seed, named, wanted.workers)
        rows = [row for row in TABLE if wanted.only in f"{row.case} {row.module} {row.old}"]
        if wanted.stale:
            for row in rows:
                if why := stale(row):
                    print(f"STALE     {row.case:32} {row.module:28} {why}")
            return int(any(map(stale, rows)))
        return check_table(rows, wanted.workers)
    except UnusableTests as why:
        print(why, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""`python -m quads_tui.emulators`: the emulators alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from quads_tui.emulators.fault_profiles import PROFILES
from quads_tui.emulators.foreman import VERSION
from quads_tui.emulators.process import Options, run


def main(argv: list[str] | None = None) -> int:
    """Read the command line and emulate; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m quads_tui.emulators", description="An emulated Foreman and its BMCs")
    parser.add_argument("--dir", type=Path, required=True, help="where site.yaml, assignment.yaml and control.json go")
    parser.add_argument("--hosts", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0, help="emulated seconds in a real one")
    parser.add_argument("--faults", choices=sorted(PROFILES), default="none")
    parser.add_argument("--no-tls", dest="tls", action="store_false")
    parser.add_argument("--foreman", default=VERSION, help="its version: 1.24 to 3.16")
    parser.add_argument("--quads", choices=("2.0.5", "2.1", "2.2"), help="a QUADS of this version too")
    parser.add_argument("--fleet", type=Path, help="a JSON file of given hosts, instead of made-up ones")
    parser.add_argument("--watch-pid-file", type=Path, help="end when the process of the pid in this file is gone")
    parser.add_argument(
        "--linger",
        type=float,
        default=600.0,
        help="with --watch-pid-file: seconds without that process, or a new pid in the file, before the emulators end",
    )
    return run(Options(**vars(parser.parse_args(argv))))


if __name__ == "__main__":
    sys.exit(main())

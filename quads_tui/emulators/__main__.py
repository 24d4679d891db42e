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
    parser.add_argument("--dir", type=Path, required=True, help="directory for site.yaml, assignment.yaml and control.json")
    parser.add_argument("--hosts", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0, help="emulated seconds per real second")
    parser.add_argument("--faults", choices=sorted(PROFILES), default="none")
    parser.add_argument("--no-tls", dest="tls", action="store_false")
    parser.add_argument("--foreman", default=VERSION, help="version of the emulated Foreman: 1.24 to 3.16")
    parser.add_argument("--quads", choices=("2.0.5", "2.1", "2.2"), help="also emulate a QUADS of this version")
    parser.add_argument("--fleet", type=Path, help="JSON file of the hosts to emulate, instead of invented hosts")
    parser.add_argument("--write-seconds", type=float, default=0.0, help="emulated seconds of a write; 0: the usual ones")
    parser.add_argument("--watch-pid-file", type=Path, help="end after the process whose pid is in this file has ended")
    parser.add_argument(
        "--linger",
        type=float,
        default=600.0,
        help="with --watch-pid-file: seconds until the emulators end after that process, unless the file gets a new pid",
    )
    return run(Options(**vars(parser.parse_args(argv))))


if __name__ == "__main__":
    sys.exit(main())

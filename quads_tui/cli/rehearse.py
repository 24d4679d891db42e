"""`rehearse`: the whole job against the emulators."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from quads_tui.inputs import load_assignment
from quads_tui.runtime.emulator_process import lab
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options, Usage, say
from quads_tui.runtime.process_resources import ProcessResources

from .terminal import TerminalOperator, chosen_front_end, run_with_exit_status


def rehearse(
    assignment: Path | None,
    *,
    hosts: int | None,
    seed: int,
    speed: float | None,
    faults: str | None,
    options: Options,
) -> int:
    """Gives the exit status. The emulators outlive a console that died by ten minutes, and end with it otherwise."""

    def work() -> int:
        given = load_assignment(assignment) if assignment else None
        if given and hosts and hosts != len(given.hosts):
            raise Usage(f"{assignment} has {len(given.hosts)} hosts; --hosts {hosts} does not fit")
        shown, front_end = chosen_front_end(replace(options, yes=True))
        with lab(options.state, given, hosts=hosts, seed=seed, speed=speed, faults=faults, say=say) as emulated:
            return asyncio.run(roll_out(emulated, shown, ProcessResources(), TerminalOperator(), front_end))

    return run_with_exit_status(options, work)

"""`rehearse`: a rollout against the emulators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quads_tui.inputs import load_assignment
from quads_tui.rollout.counts import count
from quads_tui.runtime.emulator_process import rehearsal_emulators
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options, Usage, notify
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
    """Returns the exit status. The emulators end with this process; if it dies, they keep running for ten minutes."""

    def work() -> int:
        given = load_assignment(assignment) if assignment else None
        if given and hosts and hosts != len(given.hosts):
            raise Usage(f"{assignment} has {count(len(given.hosts), 'host')}, but --hosts is {hosts}: omit --hosts")
        shown, front_end = chosen_front_end(replace(options, yes=True))
        with rehearsal_emulators(options, given, hosts=hosts, seed=seed, speed=speed, faults=faults, notify=notify) as emulated:
            return run_to_end(roll_out(emulated, shown, ProcessResources(), TerminalOperator(), front_end))

    return run_with_exit_status(options, work)

"""`resume`."""

from __future__ import annotations

import time
from dataclasses import replace

from quads_tui.journal.catalogue import NotFound, StoredRollout, find, newest
from quads_tui.runtime.emulator_process import emulators_pid, owned_emulators
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.given_time import given_limit
from quads_tui.runtime.options import Options, Refused, Usage, notify
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.resume import resume

from .terminal import TerminalOperator, chosen_front_end, run_with_exit_status


def resume_command(name: str | None, *, failed: bool, until: str = "", options: Options) -> int:
    """Gives the exit status; 0 when there is nothing to resume. `until`: another time limit, as given."""

    def work() -> int:
        limit = _new_limit(until)
        rollout = _choose_rollout(name, options, failed)
        if rollout is None or not (rollout.unfinished or rollout.owed or rollout.undecided or failed):
            notify(f"nothing to resume: {_nothing_reason(rollout, options)}")
            return 0
        return resume_now(rollout, options, failed=failed, until=limit)

    return run_with_exit_status(options, work)


def resume_now(rollout: StoredRollout, options: Options, *, failed: bool = False, until: float | None = None) -> int:
    """Resume it in this process; `until` as for runtime.resume.resume. The emulators of a rehearsal end with this process."""
    if rollout.unreadable:
        raise Usage(rollout.unreadable)
    if rollout.rehearsal is None:
        return run_to_end(_run_resumed(rollout, options, failed, until))
    if not emulators_pid(rollout.rehearsal):
        raise Refused([f"the emulators of {rollout.id} have ended: this rehearsal cannot be resumed"])
    with owned_emulators(rollout.rehearsal):
        return run_to_end(_run_resumed(rollout, options, failed, until))


async def _run_resumed(stored: StoredRollout, options: Options, failed: bool, until: float | None) -> int:
    ask = not options.yes and options.terminal and not options.headless
    confirmed = "plan" in stored.facts and not failed  # only what is new is asked, and only where somebody is there
    shown, front_end = chosen_front_end(replace(options, yes=True) if confirmed else options)
    shown = replace(shown, yes=options.yes)
    operator = TerminalOperator()
    return await resume(stored, shown, ProcessResources(), operator, front_end, failed=failed, ask=ask, until=until)


def _new_limit(until: str) -> float | None:
    """Real time; 0 for none any more, None for the one that there is. Raises as `given_limit`."""
    if not until:
        return None
    return 0.0 if until == "none" else given_limit(until, time.time())


def _choose_rollout(name: str | None, options: Options, failed: bool) -> StoredRollout | None:
    if name is None:
        if failed:
            raise Usage("--failed needs the id of a rollout: quads-tui rollouts lists the ids")
        return newest(options.state, _has_services, held=options.take_over)
    try:
        return find(options.state, name)
    except NotFound as error:
        raise Usage(str(error)) from None


def _has_services(rollout: StoredRollout) -> bool:
    return rollout.rehearsal is None or emulators_pid(rollout.rehearsal) > 0


def _nothing_reason(rollout: StoredRollout | None, options: Options) -> str:
    if rollout is not None:
        return f"the rollout {rollout.id} has ended; --failed retries its failed, skipped and held hosts"
    running = newest(options.state, _has_services, held=True)
    if running is None:
        return f"no unfinished rollout in {options.state / 'rollouts'}"
    who_runs = running.holder() or "another process"
    again = f"quads-tui resume {running.id} --take-over"
    return f"the rollout {running.id} is run by {who_runs}. If that process hangs and cannot be ended: {again}"

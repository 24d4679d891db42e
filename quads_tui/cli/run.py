"""`run` and `plan`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.canary import canary_groups
from quads_tui.rollout.time_words import date_and_time
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.launch import checked_plan, open_clients, roll_out
from quads_tui.runtime.options import Options, Refused, emit_json, notify
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RolloutInput, RunRequest, load
from quads_tui.runtime.unfinished import UnfinishedRollout, find_unfinished

from .terminal import TerminalOperator, ask, chosen_front_end, run_with_exit_status


def run(request: RunRequest, options: Options, cluster: str | None = None, location: str | None = None) -> int:
    """Gives the exit status. `cluster`: the database whose workers are to carry it out; None: this process does.

    `location`: for workers, only the hosts that are there; None: all.
    """

    def work() -> int:
        if cluster is not None:
            from .submit import submit_to

            return submit_to(cluster, request, options, location)
        given = load(request, options, notify)
        old = resume_or_start_new(given, options)
        if isinstance(old, int):
            return old
        shown, front_end = chosen_front_end(options)
        resources, operator = ProcessResources(), TerminalOperator()
        return run_to_end(roll_out(given, shown, resources, operator, front_end, expect=request.expect, instead_of=old))

    return run_with_exit_status(options, work)


def resume_or_start_new(given: RolloutInput, options: Options) -> int | list[StoredRollout]:
    """Asks about unfinished rollouts of these hosts. Returns an exit status if that was all, else the rollouts to supersede."""
    old = find_unfinished(given, options)
    if old:
        answer = _ask_about_unfinished(old, options)
        if answer == "resume":
            from .resume import resume_now

            return resume_now(old[0].stored, options, until=given.until or None)
        if answer == "cancel":
            notify("nothing was done")
            return 4
    return [one.stored for one in old]


def plan(request: RunRequest, options: Options) -> int:
    """Gives the exit status."""
    return run_with_exit_status(options, lambda: run_to_end(_show_plan(load(request, options, notify), options, request.expect)))


async def _show_plan(given: RolloutInput, options: Options, expect: int | None) -> int:
    async with open_clients(given.site, options) as (services, clock):
        made = await checked_plan(given, services, expect, options, notify)
    if options.json:
        canaries = [{**group.type._asdict(), "hosts": len(group.waiting)} for group in canary_groups(made)]
        emit_json("plan", clock.wall(), json.loads(json.dumps({**asdict(made), "canaries": canaries})))
    else:
        click.echo("\n".join(plan_lines(made)))
    return 0


def _ask_about_unfinished(found: Sequence[UnfinishedRollout], options: Options) -> str:
    """What to do about unfinished rollouts: resume (the only one), anew or cancel. Raises Refused where nobody can be asked.

    None may be superseded that has unfinished hosts beside those of the new rollout: nothing would ever continue them.
    """
    replaceable = not any(one.others for one in found)
    lines = [_unfinished_words(one.stored) + (f", and {one.others_words}" if one.others else "") for one in found]
    if held := [
        f"{line}, and is run by {holder}" for one, line in zip(found, lines, strict=True) if (holder := one.stored.holder())
    ]:
        raise Refused(held)
    if options.headless or not sys.stdin.isatty():
        new = ", or start a new rollout from a terminal" if replaceable else ""
        resumes = (f"resume that rollout (quads-tui resume {one.stored.id}){new}" for one in found)
        raise Refused([f"{line}: {remedy}" for line, remedy in zip(lines, resumes, strict=True)])
    for line in lines:
        click.echo(f"{line[0].upper()}{line[1:]}.")
    if not replaceable:
        click.echo(
            "A new rollout cannot replace it while hosts that are not part of the new one are unfinished: resume it, and finish "
            "or skip them."
        )
    choices = ["[r] resume that rollout"] if len(found) == 1 else []
    choices += [_ANEW] if replaceable else []
    answer = ask(f"{', '.join([*choices, '[other] cancel'])}: ").strip().lower()
    offered = {"r": "resume"} if len(found) == 1 else {}
    return {**offered, **({"a": "anew"} if replaceable else {})}.get(answer, "cancel")


_ANEW = "[a] start a new rollout: ALL hosts of the assignment are provisioned again, hosts that are done are WIPED again"


def _unfinished_words(old: StoredRollout) -> str:
    began = date_and_time(old.created_at)
    return f"the rollout {old.id} of {began} has unfinished hosts of this assignment"

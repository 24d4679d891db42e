"""`run` and `plan`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime

import click

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.canary import canary_groups
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.launch import checked_plan, find_unfinished, open_clients, roll_out
from quads_tui.runtime.options import Options, Refused, emit_json, notify
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RolloutInput, RunRequest, load

from .terminal import TerminalOperator, ask, chosen_front_end, run_with_exit_status


def run(request: RunRequest, options: Options) -> int:
    """Gives the exit status."""

    def work() -> int:
        given = load(request, options, notify)
        old = resume_or_start_new(given, options)
        if isinstance(old, int):
            return old
        shown, front_end = chosen_front_end(options)
        resources, operator = ProcessResources(), TerminalOperator()
        return run_to_end(roll_out(given, shown, resources, operator, front_end, expect=request.expect, instead_of=old))

    return run_with_exit_status(options, work)


def resume_or_start_new(given: RolloutInput, options: Options) -> int | StoredRollout | None:
    """Asks about an unfinished rollout of these hosts. Returns an exit status if that was all, else the rollout to supersede."""
    old = find_unfinished(given, options)
    if old is not None:
        answer = _ask_about_unfinished(old, options)
        if answer == "resume":
            from .resume import resume_now

            return resume_now(old, options, until=given.until or None)
        if answer == "cancel":
            notify("nothing was done")
            return 4
    return old


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


def _ask_about_unfinished(old: StoredRollout, options: Options) -> str:
    """What to do about an unfinished rollout: resume, anew or cancel. Raises Refused where nobody can be asked."""
    began = datetime.fromtimestamp(old.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    words = f"the rollout {old.id} of {began} has unfinished hosts of this assignment"
    if holder := old.holder():
        raise Refused([f"{words}, and is run by {holder}"])
    if options.headless or not sys.stdin.isatty():
        raise Refused([f"{words}: resume that rollout (quads-tui resume {old.id}), or start a new rollout from a terminal"])
    click.echo(f"{words[0].upper()}{words[1:]}.")
    answer = (
        ask(
            "[r] resume that rollout, [a] start a new rollout: ALL hosts of the assignment are provisioned again, hosts that are "
            "done are WIPED again, [other] cancel: "
        )
        .strip()
        .lower()
    )
    return {"r": "resume", "a": "anew"}.get(answer, "cancel")

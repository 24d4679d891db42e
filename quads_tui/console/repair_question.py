"""Repairs (BMC restart, power cycle, give back) as they are chosen and confirmed, on the screen and typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from quads_tui.render.question import QuestionText
from quads_tui.rollout.repair_rules import costs, neighbours_of, why_not, why_not_again
from quads_tui.rollout.repairs import Repair
from quads_tui.rollout.state import HostState, Rollout

from .key_actions import KeyAction
from .questions import question

_NAMED = 3  # hosts whose reason is told
_FROM_WHERE_IT_WAS = ("retry", "unskip", "release")


def suitable(action: KeyAction, rollout: Rollout, hosts: Sequence[HostState]) -> tuple[list[HostState], dict[str, str]]:
    """The hosts that an action applies to now, and why not to the others, as far as the action tells reasons."""
    if action.repair is not None:
        neighbours = neighbours_of(rollout.plan)
        reasons = {host.name: why for host in hosts if (why := why_not(action.repair, rollout, host.name, neighbours))}
        return [host for host in hosts if host.name not in reasons], reasons
    fitting = [host for host in hosts if host.status in action.statuses]
    again = action.name in _FROM_WHERE_IT_WAS
    reasons = {host.name: why for host in fitting if again and (why := why_not_again(host))}
    return [host for host in fitting if host.name not in reasons], reasons


def refused(action: KeyAction, reasons: Mapping[str, str]) -> str:
    """What is said where an action applies to none of the chosen hosts."""
    if not reasons:
        return f"{action.command}: not possible for the selected hosts in their present state"
    return f"{action.command}: not possible: {_told(reasons)}"


def repair_question(
    action: KeyAction, rollout: Rollout, chosen: Sequence[HostState], hidden: int, reasons: Mapping[str, str]
) -> QuestionText:
    """The question before a repair: the hosts, what it does to them and to others, and why it leaves others out."""
    assert action.repair is not None
    happens = tuple(costs(action.repair, rollout, chosen))
    asked = question(action, chosen, hidden=hidden)
    notes = (*asked.notes, *([f"Not affected: {_told(reasons)}."] if reasons else []))
    return replace(asked, title=_asked(action.repair, chosen), happens=happens, notes=notes)


def _asked(repair: Repair, chosen: Sequence[HostState]) -> str:
    whom = chosen[0].short if len(chosen) == 1 else f"these {len(chosen)} hosts"
    match repair:
        case Repair.BMC_RESTART:
            return f"Restart the BMC of {whom}?"
        case Repair.POWER_CYCLE:
            return f"Power {whom} off and on?"
        case Repair.GIVE_BACK:
            return f"Give {whom} back to the former owner?"
        case _:
            assert_never(repair)


def _told(reasons: Mapping[str, str]) -> str:
    told = [f"{name.partition('.')[0]}: {why}" for name, why in list(reasons.items())[:_NAMED]]
    return "; ".join([*told, *([f"{len(reasons) - _NAMED} more"] if len(reasons) > _NAMED else [])])

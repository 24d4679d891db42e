"""Whether what a question said is still what its answer would do: hosts go on while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quads_tui.rollout.repair_rules import costs
from quads_tui.rollout.state import HostState, Rollout

from .consequences import Effects
from .key_actions import TYPE_THE_COUNT, KeyAction
from .repair_question import suitable

AGAIN = "Asked again: these hosts have changed since the first question."


def effects_now(action: KeyAction, rollout: Rollout, hosts: Sequence[HostState]) -> Effects:
    """What the action does to these hosts as they stand now."""
    effects = action.effects(hosts)
    return effects if action.repair is None else replace(effects, happens=tuple(costs(action.repair, rollout, hosts)))


def still_true(action: KeyAction, rollout: Rollout, hosts: Sequence[HostState], said: Effects) -> bool:
    """`said`: the effects on these hosts when the question was asked.

    A few hosts: word for word. Of many that go on, some always have one step more; there nothing may happen to any that was
    said of none. Hosts to which the action no longer applies are left to the engine, which refuses them and says so; where it
    applies to none any more, the answer is void.
    """
    fitting, _ = suitable(action, rollout, hosts)
    if not fitting:
        return False
    now = effects_now(action, rollout, fitting)
    if now.kinds and len(hosts) > TYPE_THE_COUNT:
        return now.kinds <= said.kinds
    return (now.happens, now.lost) == (said.happens, said.lost)

"""What has become worse between the plan that was confirmed and the one of now."""

from __future__ import annotations

from quads_tui.rollout.counts import count

from .plan import HostPlan, Plan


def worse(confirmed: Plan, now: Plan) -> list[str]:
    """In words; empty when everything is as good as it was. Fewer hosts, or less trouble, is not worse."""
    before = {host.name: host for host in confirmed.hosts}
    found = [f"refused now: {reason}" for reason in now.refusals if reason not in confirmed.refusals]
    added = [host.name for host in now.hosts if host.name not in before]
    if added:
        found.append(f"not in the confirmed plan: {count(len(added), 'host')}: {_some(added)}")
    for host in now.hosts:
        if (old := before.get(host.name)) is not None:
            found += [f"{host.name}: {what}" for what in _of_host(old, host)]
    known = {host.name for host in confirmed.unguarded}
    if any(host.name not in known for host in now.unguarded):
        found.append(now.unguarded_words)
    goals = {goal.cloud: goal for goal in confirmed.goals}
    for goal in now.goals:
        was = goals.get(goal.cloud)
        if was is not None and (was.kind, was.os, was.owner, was.target) != (goal.kind, goal.os, goal.owner, goal.target):
            what = f"before {_words(was.os, was.owner)}, now {_words(goal.os, goal.owner)}"
            found.append(f"the goal or the settings of {goal.cloud} in Foreman have changed: {what}")
    return found


def _of_host(old: HostPlan, new: HostPlan) -> list[str]:
    if new.blocker and not old.blocker:
        return [f"can no longer be provisioned: {new.blocker}"]
    found = ["is in build mode now"] if new.in_build and not old.in_build else []
    if new.address != old.address:
        found.append(f"its BMC address has changed to {new.address}")
    if new.cloud != old.cloud or new.source != old.source:
        found.append(f"its move is now from {new.source or '?'} to {new.cloud or '?'}")
    if new.unverified and not new.accepted and not (old.unverified and old.accepted):
        found.append(f"its machine is now not verified: {new.unverified}")
    if old.identity is not None and new.identity is not None and (why := new.identity.differs(old.identity)):
        found.append(f"another machine answers at its BMC now: {why}")
    return found + [note for note in new.notes if note not in old.notes and not new.in_build]


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _words(*what: str) -> str:
    return ", ".join(word for word in what if word) or "as set in Foreman"

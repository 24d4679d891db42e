"""The plan as lines of text: what the operator confirms."""

from __future__ import annotations

from collections import Counter

from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.stages import Kind

_WHAT = {
    Kind.BUILD: "power off, PXE once, one Foreman write, power on, install: EVERYTHING ON THEM IS WIPED",
    Kind.OWNERSHIP: "ownership only (wipe: false): one Foreman write, no power action",
    Kind.SPARE: "back to the spare pool: power off only, no Foreman write",
}


def plan_lines(plan: Plan) -> list[str]:
    """The head, then what differs from the ordinary, worst first, then the hosts by model."""
    lines = [f"{plan.cloud}  {len(plan.hosts)} hosts  {plan.description}".rstrip()]
    lines.append(f"  {_WHAT[plan.kind]}")
    facts = [("Foreman", plan.foreman), ("owner", plan.owner), ("ticket", plan.ticket)]
    if plan.kind is Kind.BUILD:
        facts += [(name, value or "as Foreman has it") for name, value in _system(plan)]
    lines += [f"  {name:<8} {value}" for name, value in facts if value]
    lines += [f"  warning  {warning}" for warning in plan.warnings]
    lines += _group("cannot be done", [(host, host.trouble) for host in plan.hosts if host.trouble])
    lines += _group("differs", [(host, "; ".join(host.notes)) for host in plan.hosts if host.notes and not host.trouble])
    parameters = sum(len(host.parameters) for host in plan.hosts if not host.trouble)
    writes = {Kind.BUILD: plan.usable + sum(host.in_build for host in plan.hosts) + parameters, Kind.OWNERSHIP: plan.usable}
    lines.append(
        f"  writes   {writes.get(plan.kind, 0)} to Foreman, one at a time" if plan.kind is not Kind.SPARE else "  writes   none"
    )
    models = Counter(host.model or "model unknown" for host in plan.hosts)
    lines.append("  models   " + ", ".join(f"{count} {model}" for model, count in models.most_common()))
    return lines


def _system(plan: Plan) -> list[tuple[str, str]]:
    return [("os", plan.os), ("ptable", plan.ptable), ("medium", plan.medium)]


def _group(title: str, hosts: list[tuple[HostPlan, str]]) -> list[str]:
    if not hosts:
        return []
    shown = [f"    {host.name}  {why}" for host, why in hosts[:20]]
    more = [f"    and {len(hosts) - 20} more"] if len(hosts) > 20 else []
    return [f"  {title}: {len(hosts)}", *shown, *more]

"""The plan as lines of text: what the operator confirms."""

from __future__ import annotations

from collections import Counter

from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import Kind

_WHAT = {
    Kind.BUILD: "power off, PXE once, one Foreman write, power on, install: EVERYTHING ON THEM IS WIPED",
    Kind.OWNERSHIP: "ownership only (wipe: false): one Foreman write, no power action",
    Kind.SPARE: "back to the spare pool: power off only, no Foreman write",
}


def plan_lines(plan: Plan) -> list[str]:
    """A head for each cloud, then what differs from the ordinary, worst first, then the hosts by model."""
    counts = Counter(plan.goal(host).cloud for host in plan.hosts)
    lines = [line for goal in plan.goals for line in _goal(goal, counts[goal.cloud])]
    lines += [f"  Foreman  {plan.foreman}"] if plan.foreman else []
    lines += [f"  warning  {warning}" for warning in plan.warnings]
    lines += _group("cannot be done", [(host, host.trouble) for host in plan.hosts if host.trouble])
    lines += _group("BMC does not tell now", [(host, host.bmc) for host in plan.hosts if host.bmc])
    lines += _group("differs", [(host, "; ".join(host.notes)) for host in plan.hosts if host.notes and not host.trouble])
    writes = sum(_writes(plan, host) for host in plan.hosts)
    lines.append(f"  writes   {writes} to Foreman, one at a time" if writes else "  writes   none")
    powers = Counter(host.power for host in plan.hosts if host.power)
    if powers:
        lines.append("  power    " + ", ".join(f"{count} {power}" for power, count in powers.most_common()))
    if any(host.device for host in plan.hosts):
        devices = Counter(host.device or "PXE of any NIC" for host in plan.hosts if plan.goal(host).kind is Kind.BUILD)
        lines.append("  boots    once from " + ", ".join(f"{name} ({count})" for name, count in devices.most_common()))
    if orders := Counter(", ".join(host.order) for host in plan.hosts if host.order):
        lines.append("  order    for good, a restart of minutes each where it is another one:")
        lines += [f"    {order}  ({count})" for order, count in orders.most_common()]
    models = Counter(host.model or "model unknown" for host in plan.hosts)
    lines.append("  models   " + ", ".join(f"{count} {model}" for model, count in models.most_common()))
    return lines


def _goal(goal: Goal, hosts: int) -> list[str]:
    lines = [f"{goal.cloud}  {hosts} hosts  {goal.description}".rstrip(), f"  {_WHAT[goal.kind]}"]
    facts = [("owner", goal.owner), ("ticket", goal.ticket), ("schedule", goal.schedule)]
    if goal.kind is Kind.BUILD:
        system = (("os", goal.os), ("ptable", goal.ptable), ("medium", goal.medium))
        facts += [(name, value or "as Foreman has it") for name, value in system]
    return lines + [f"  {name:<8} {value}" for name, value in facts if value]


def _writes(plan: Plan, host: HostPlan) -> int:
    """How many there will be if nothing goes wrong."""
    kind = plan.goal(host).kind
    if host.trouble or kind is Kind.SPARE:
        return 0
    return 1 if kind is Kind.OWNERSHIP else 1 + host.in_build + len(host.parameters)


def _group(title: str, hosts: list[tuple[HostPlan, str]]) -> list[str]:
    if not hosts:
        return []
    shown = [f"    {host.name}  {why}" for host, why in hosts[:20]]
    more = [f"    and {len(hosts) - 20} more"] if len(hosts) > 20 else []
    return [f"  {title}: {len(hosts)}", *shown, *more]

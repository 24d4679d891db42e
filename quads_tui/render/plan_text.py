"""The plan as lines of text of at most 80 columns: what the operator confirms."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from textwrap import wrap
from typing import assert_never

from quads_tui.rollout.canary import CanaryGroup, canary_groups, type_words
from quads_tui.rollout.causes import group_of
from quads_tui.rollout.plan import NOT_ASKED, Goal, HostPlan, Plan
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.waits import time_limit_words

from .numbers import count, duration

WIDTH = 80
_FEW = 5  # names in one line
_SHOWN = 40  # hosts that are named for one reason


def _what(kind: Kind) -> tuple[str, ...]:
    match kind:
        case Kind.BUILD:
            return "power off, PXE once, one Foreman write, power on, install:", "EVERYTHING ON THESE HOSTS IS WIPED"
        case Kind.OWNERSHIP:
            return ("ownership only (wipe: false): one Foreman write, no power action",)
        case Kind.SPARE:
            return ("back to the spare pool: power off only, no Foreman write",)
        case _:
            assert_never(kind)


def plan_lines(plan: Plan) -> list[str]:
    """BMC addresses of the assignment, a head for each cloud, what is out of the ordinary, worst first, then totals."""
    lines = _addresses(plan)
    counts = Counter(plan.goal(host).cloud for host in plan.hosts)
    lines += [line for goal in plan.goals for line in _goal(goal, counts[goal.cloud])]
    lines += _fact("Foreman", plan.foreman)
    for warning in plan.warnings:
        lines += _fact("warning", warning)
    lines += _fact("note", _without_bmc(plan))
    lines += _group(
        _MAY_BE_PROTECTED,
        [(host, f"BMC {host.address}, not verified") for host in plan.unguarded],
        len(plan.hosts),
    )
    unaccepted = {host.name for host in plan.unaccepted}
    accepted = [(host, host.unverified) for host in plan.not_verified if host.name not in unaccepted]
    late = set(plan.late)
    silent = [(host, host.bmc) for host in plan.hosts if host.bmc and host.bmc != NOT_ASKED and not host.blocker]
    lines += _group(
        "cannot be provisioned; nothing will be done to them", [(host, host.blocker) for host in plan.hosts if host.blocker]
    )
    lines += _group(
        "not verified: these machines cannot be compared with Foreman's hosts",
        [(host, host.unverified) for host in plan.unaccepted],
        len(plan.hosts),
    )
    lines += _group(
        "expected not to be begun, because they would not be done by the time limit",
        [(host, "estimated when the plan was made") for host in plan.hosts if host.name in late],
    )
    lines += _group("hosts whose BMC did not answer; each BMC is tried again before the first action on its host", silent)
    lines += _group("not verified, accepted by redfish.unverified in the site file", accepted, len(plan.hosts))
    lines += _group("warnings", [(host, "; ".join(host.notes)) for host in plan.hosts if host.notes and not host.blocker])
    lines += _group(
        "sessions that stay open, or may stay open, at BMCs after the survey",
        [(host, host.left_session) for host in plan.hosts if host.left_session],
    )
    return lines + _totals(plan)


_MAY_BE_PROTECTED = (
    "MAY BE PROTECTED HOSTS, and are part of the rollout"
    " (DNS does not answer for a protected host, so its BMC could not be compared)"
)


def _totals(plan: Plan) -> list[str]:
    writes = sum(_writes(plan, host) for host in plan.hosts)
    clouds = Counter(plan.goal(host).cloud for host in plan.hosts)
    several = f"{len(plan.goals)} in one rollout: {', '.join(f'{goal.cloud} ({clouds[goal.cloud]})' for goal in plan.goals)}"
    lines = _fact("clouds", several) if len(plan.goals) > 1 else []
    lines += _fact("writes", f"{writes} to Foreman" if writes else "none")
    if len(plan.expected_seconds) == 2:
        half, most = map(duration, plan.expected_seconds)
        lines += _fact("time", f"good hosts done after about {half} (90 % within {most}), as in earlier rollouts")
    lines += _fact("canary", canary_words(plan))
    if plan.until:
        fit = f"{plan.usable - len(plan.late)} of {count(plan.usable, 'host')}"
        by = time_limit_words(plan.until)
        lines += _fact("limit", f"expected to be done by {by}: {fit}. A host is begun only if this is 90 % probable")
    if not_asked := sum(host.bmc == NOT_ASKED for host in plan.hosts):
        lines += _fact("BMCs", f"{not_asked} {NOT_ASKED}: each is read before the first action on its host")
    lines += _fact("power", _counted(Counter(host.power for host in plan.hosts if host.power)))
    if any(host.device for host in plan.hosts):
        devices = Counter(host.device or "PXE of any NIC" for host in plan.hosts if plan.goal(host).kind is Kind.BUILD)
        lines += _fact("boot", "once from " + ", ".join(f"{name} ({count})" for name, count in devices.most_common()))
    if orders := Counter(", ".join(host.order) for host in plan.hosts if host.order):
        lines += _fact(
            "order",
            "permanent boot order, written to the BIOS; a host with another boot order is powered on for this (some minutes):",
        )
        lines += [line for order, count in orders.most_common() for line in _wrapped(f"{order}  ({count})", 4)]
    return lines + _fact("models", _counted(Counter(host.model or "model unknown" for host in plan.hosts)))


def canary_words(plan: Plan) -> str:
    """Which types wait for their first hosts, and what that costs; empty: none."""
    groups = canary_groups(plan)
    if not groups:
        return ""
    alike: dict[tuple[str, ...], list[CanaryGroup]] = {}  # those that differ in their model only
    for group in groups:
        alike.setdefault(tuple(group.type[1:]), []).append(group)
    types = "; ".join(_alike_words(theirs) for theirs in alike.values())
    cost = "time that this adds: not known yet" if plan.canary_seconds is None else f"adds about {duration(plan.canary_seconds)}"
    return f"{count(plan.canary, 'host')} of each type must be built before the others of this type begin ({cost}): {types}"


def _alike_words(groups: Sequence[CanaryGroup]) -> str:
    """Types with the same os and medium, which are named once."""
    if len(groups) == 1:
        return f"{type_words(groups[0].type)} ({count(len(groups[0].waiting), 'host')})"
    model = groups[0].type.model or "unknown model"
    rest = type_words(groups[0].type).removeprefix(model).strip()
    models = ", ".join(f"{group.type.model or 'unknown model'} ({count(len(group.waiting), 'host')})" for group in groups)
    return f"{rest}: {models}" if rest else models


def _addresses(plan: Plan) -> list[str]:
    """All of them, and before everything else: a wrong one leads to another machine, and the question must stay in sight."""
    own = [host for host in plan.hosts if host.own_address]
    if not own:
        return []
    lines = [f"BMC addresses set in the assignment: {len(own)}"]
    for host in own:
        where = host.address + (f" system {host.system}" if host.system else "")
        lines += _wrapped(f"{host.name}  {where}", 2)
    return [*lines, ""]


def _without_bmc(plan: Plan) -> str:
    """Many are virtual machines."""
    names = [one.name for one in plan.protected if not one.machine.peer and not one.unknown]
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"protected hosts without a BMC address in DNS: {', '.join(names[:_FEW])}{more}" if names else ""


def _goal(goal: Goal, hosts: int) -> list[str]:
    lines = _wrapped(f"{goal.cloud}  {count(hosts, 'host')}  {goal.description}".rstrip(), 0)
    lines += [f"  {words}" for words in _what(goal.kind)]
    facts = [("owner", goal.owner), ("ticket", goal.ticket), ("schedule", goal.schedule)]
    if goal.kind is Kind.BUILD:
        system = (("os", goal.os), ("ptable", goal.ptable), ("medium", goal.medium))
        facts += [(name, value or "as set in Foreman") for name, value in system]
    return lines + [line for name, value in facts for line in _fact(name, value)]


def _writes(plan: Plan, host: HostPlan) -> int:
    """How many there will be if nothing goes wrong."""
    kind = plan.goal(host).kind
    if host.blocker or kind is Kind.SPARE:
        return 0
    return 1 if kind is Kind.OWNERSHIP else 1 + host.in_build + len(host.parameters)


def _group(title: str, hosts: list[tuple[HostPlan, str]], most: int = _SHOWN) -> list[str]:
    """Hosts of one reason together, the commonest reason first; what differs between their reasons is left open."""
    if not hosts:
        return []
    reasons = defaultdict(list)
    for host, why in hosts:
        reasons[group_of(why, host.name)].append((host.name, why))
    lines = _wrapped(f"{title}: {len(hosts)}", 2)
    for group, there in sorted(reasons.items(), key=lambda item: -len(item[1])):
        if len({why for _, why in there}) == 1:
            group = there[0][1]
        names = [name for name, _ in there]
        if len(names) == 1:
            lines += _wrapped(f"{names[0]}  {there[0][1]}", 4)
            continue
        lines += _wrapped(re.sub("#([.:]#)*", "…", group), 4)
        lines += _columns(names[:most])
        lines += [f"      and {len(names) - most} more (all of them: --json)"] if len(names) > most else []
    return lines


def _columns(names: list[str]) -> list[str]:
    """As many side by side as fit."""
    wide = max(map(len, names)) + 2
    row = max(1, (WIDTH - 6) // wide)
    return ["      " + "".join(f"{name:<{wide}}" for name in names[at : at + row]).rstrip() for at in range(0, len(names), row)]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _fact(name: str, value: str) -> list[str]:
    return wrap(f"  {name:<8} {value}", WIDTH, subsequent_indent=" " * 11, break_on_hyphens=False) if value else []


def _wrapped(text: str, indent: int) -> list[str]:
    first = " " * indent
    return wrap(first + text, WIDTH, subsequent_indent=first + "  ", break_on_hyphens=False)

"""The plan, its Foreman half: names resolved, hosts looked up, refusals found, before anything is written anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from quads_tui.inputs import FOREMAN, Assignment, HostSpec, Site, bmc_address
from quads_tui.inputs.assignment import CLOUD
from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.plan import Goal, HostPlan, Plan, Target
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.foreman import Foreman, HostRecord, NameUnknown


async def make_plan(assignments: Sequence[Assignment], site: Site, foreman: Foreman, say: Callable[[str], None]) -> Plan:
    """Read what there is to know. Raises StageFailure and CredentialsRefused when Foreman does not answer or refuses us.

    `say` gets a line per step, since this takes seconds on a big Foreman.
    """
    named = [(assignment.cloud, host) for assignment in assignments for host in assignment.hosts]
    refusals = [
        f"{host.name} is a protected host (site file, protected_hosts)" for _, host in named if host.name in site.protected_hosts
    ]
    twice = [name for name, count in Counter(host.name for _, host in named).items() if count > 1]
    refusals += [f"{name} is in more than one of the assignments" for name in twice]
    goals = [_goal(assignment, site) for assignment in assignments]
    hosts = [_host(goal, host, site) for goal, assignment in zip(goals, assignments, strict=True) for host in assignment.hosts]
    server = ""
    warnings = [*site.warnings, *dict.fromkeys(note for assignment in assignments for note in assignment.notes)]
    if any(goal.kind is not Kind.SPARE for goal in goals) and not refusals:
        say(f"asking Foreman {foreman.url}")
        version = await foreman.prime()
        server = f"{foreman.url} (Foreman {version})"
        warnings += [foreman.version_warning] if foreman.version_warning else []
        unknown: list[str] = []
        for number, assignment in enumerate(assignments):
            target, missing = await _resolve(assignment, goals[number], foreman)
            goals[number] = replace(goals[number], target=target)
            unknown += missing
            if not missing and target.operatingsystem_id is not None:
                refusals += [f"{assignment.cloud}: {words}" for words in await foreman.unfitting(target)]
        refusals += dict.fromkeys(unknown)
        if not unknown:
            say(f"looking up {len(hosts)} hosts")
            hosts = await _looked_up(hosts, {goal.cloud: goal for goal in goals}, foreman, site)
            refusals += await _permissions(hosts, foreman)
    elif not refusals:
        hosts, warning = await _recognisable(hosts, foreman, site)
        warnings += warning
    return Plan(
        goals=tuple(goals),
        hosts=tuple(hosts),
        refusals=tuple(refusals),
        warnings=tuple(warnings),
        foreman=server,
        hooks=tuple(hook.name for hook in site.hooks),
    )


def _goal(assignment: Assignment, site: Site) -> Goal:
    kind = Kind.OWNERSHIP if not assignment.wipe else Kind.BUILD
    if assignment.cloud == site.spare_pool:
        kind = Kind.SPARE
    build = kind is Kind.BUILD
    return Goal(
        cloud=assignment.cloud,
        kind=kind,
        description=assignment.description,
        owner=assignment.owner,
        ticket=assignment.ticket or "",
        os=(assignment.os or site.defaults.os or "") if build else "",
        ptable=(assignment.ptable or site.defaults.ptable or "") if build else "",
        medium=(assignment.medium or site.defaults.medium or "") if build else "",
        quads_id=assignment.quads_id,
    )


def _host(goal: Goal, host: HostSpec, site: Site) -> HostPlan:
    found = HostPlan(
        host.name, bmc_address(site, host), host.model or "", cloud=goal.cloud, source=host.source, schedule=host.schedule
    )
    if goal.kind is not Kind.BUILD:
        return found
    interfaces, kind = site.redfish.interfaces, site.redfish.boot_order
    first = interfaces.devices(FOREMAN, host.name, host.model or "")[:1]
    order = interfaces.devices(kind, host.name, host.model or "") if kind else ()
    return replace(found, device="".join(first), order=order)


async def _resolve(assignment: Assignment, goal: Goal, foreman: Foreman) -> tuple[Target, list[str]]:
    """The ids, asked for once an assignment, and what Foreman does not know."""
    if goal.kind is Kind.SPARE:
        return Target(), []
    wanted = {"user": goal.cloud}
    if goal.kind is Kind.BUILD:
        wanted |= {"operating system": goal.os, "partition table": goal.ptable, "installation medium": goal.medium}
    ids: dict[str, int | None] = {}
    unknown = []
    for what, name in wanted.items():
        try:
            ids[what] = await foreman.find(what, name) if name else None
        except NameUnknown as error:
            unknown.append(str(error))
    return (
        Target(
            owner_id=ids.get("user"),
            operatingsystem_id=ids.get("operating system"),
            ptable_id=ids.get("partition table"),
            medium_id=ids.get("installation medium"),
            parameters=dict(assignment.parameters) if goal.kind is Kind.BUILD else {},
        ),
        unknown,
    )


async def _looked_up(hosts: list[HostPlan], goals: Mapping[str, Goal], foreman: Foreman, site: Site) -> list[HostPlan]:
    """Thin searches over the whole Foreman, and the full records of the hosts that are to be built: their MACs, their owners."""
    known = await foreman.names()
    building = {host.name for host in hosts if goals[host.cloud].kind is Kind.BUILD}
    in_build = await foreman.in_build() & building if building else frozenset()
    spare = {host.name for host in hosts if goals[host.cloud].kind is Kind.SPARE}
    records = await foreman.records((building | spare) & known)
    logins = await foreman.logins() if records else {}
    unmanaged = await _unmanaged(foreman) if building else frozenset()
    wanted = {pair for goal in goals.values() for pair in goal.target.parameters.items()}
    having = {pair: await foreman.with_parameter(*pair) for pair in sorted(wanted)}
    found = []
    for host in hosts:
        goal = goals[host.cloud]
        record = records.get(host.name)
        if goal.kind is Kind.SPARE:
            found.append(replace(host, mac=_mac(record, site)))
            continue
        trouble, cause = "", Cause.FOREMAN
        if host.name not in known:
            trouble, cause = "Foreman has no host of this name", Cause.UNKNOWN_HOST
        elif host.name in unmanaged and goal.kind is Kind.BUILD:
            trouble = "Foreman does not manage this host: it cannot build it"
        found.append(
            replace(
                host,
                in_build=host.name in in_build,
                parameters=tuple(pair[0] for pair in goal.target.parameters.items() if host.name not in having[pair]),
                notes=(*_owner_notes(record, logins, host, site), *(_build_notes(record) if host.name in in_build else ())),
                mac=_mac(record, site),
                mode=record.boot_mode if record else "",
                trouble=trouble,
                trouble_stage=Stage.FOREMAN_BUILD if trouble else None,
                trouble_cause=cause if trouble else None,
            )
        )
    return found


async def _recognisable(hosts: list[HostPlan], foreman: Foreman, site: Site) -> tuple[list[HostPlan], list[str]]:
    """With the MACs by which a wrong BMC is seen. Powering off needs no Foreman, so one that is away is a warning."""
    if not any(site.redfish.compares(host.name) for host in hosts):
        return hosts, []
    try:
        records = await foreman.records({host.name for host in hosts})
    except (StageFailure, CredentialsRefused) as error:
        return hosts, [f"whether a BMC is the right one is not known: {error}"]
    return [replace(host, mac=_mac(records.get(host.name), site)) for host in hosts], []


def _mac(record: HostRecord | None, site: Site) -> str:
    return (record.mac or "") if record and site.redfish.compares(record.name) else ""


def _owner_notes(record: HostRecord | None, logins: Mapping[int, str], host: HostPlan, site: Site) -> tuple[str, ...]:
    """Owned by a cloud that it does not come from, as far as anybody told where it comes from."""
    owner = logins.get(record.owner_id or 0, "") if record is not None and record.owner_type != "Usergroup" else ""
    if not CLOUD.fullmatch(owner) or owner in (host.cloud, host.source, site.spare_pool):
        return ()
    return (f"owned by {owner} in Foreman",)


def _build_notes(record: HostRecord | None) -> tuple[str, ...]:
    if record is not None and record.build_status == 2:
        return ("in build already, its token has expired: cancelled first",)
    return ("in build already: cancelled first",)


async def _unmanaged(foreman: Foreman) -> frozenset[str]:
    """Hosts that Foreman only knows of. A server that cannot search for it will say so at the write."""
    try:
        return await foreman.unmanaged()
    except StageFailure:
        return frozenset()


async def _permissions(hosts: list[HostPlan], foreman: Foreman) -> list[str]:
    first = next((host.name for host in hosts if not host.trouble), None)
    missing = await foreman.missing_permissions(first) if first else ()
    return [f"our Foreman user lacks the permission {name}" for name in missing]

"""The plan: resolves names, reads hosts and BMCs, and finds refusals, before anything is written anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from quads_tui.inputs import FOREMAN, Assignment, HostSpec, InputError, Site, bmc_address, is_ipmi
from quads_tui.inputs.assignment import CLOUD
from quads_tui.rollout.addresses import host_and_port
from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure, Unreadable
from quads_tui.rollout.counts import count
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import CHECK_MACS_OFF, Goal, HostPlan, Plan, Protected, Target
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.foreman import Foreman, NameUnknown, UserRecord, pick
from quads_tui.services.ipmi import NO_MODE
from quads_tui.services.peers import peers_of

from .bmc_survey import BmcSurvey, without_survey
from .needs import misplaced_owners, missing_on, missing_permissions, short_tokens
from .sharing import (
    Conflicts,
    protected_addresses,
    protected_machines,
    sharing_addresses,
    sharing_machines,
    without_chassis_serials,
)

Notify = Callable[[str], None]


async def make_plan(
    assignments: Sequence[Assignment], site: Site, foreman: Foreman, notify: Notify, survey: BmcSurvey | None = None
) -> Plan:
    """Read everything that the plan needs. Raises StageFailure and CredentialsRefused when Foreman does not answer or refuses us.

    `notify` gets a line per step, since this takes seconds on a big Foreman. The BMCs are surveyed last, and only where nothing
    is refused; `survey` None: they are not surveyed.
    """
    plan = await draft_plan(assignments, site)
    if not plan.refusals:
        spare = plan.kinds == {Kind.SPARE}
        plan = await (with_foreman_macs(plan, foreman) if spare else _through_foreman(plan, assignments, site, foreman, notify))
    if plan.refusals:
        return plan
    if survey is None:
        return without_survey(plan)
    return with_machine_conflicts(await survey.run(plan))


def with_machine_conflicts(plan: Plan) -> Plan:
    """With refusals where the BMCs show that two hosts, or a host and a protected one, are one machine."""
    plan, conflicts = _machine_conflicts(plan)
    return replace(plan, refusals=tuple(conflicts.values()))


async def draft_plan(assignments: Sequence[Assignment], site: Site) -> Plan:
    """The plan and the refusals that follow from the files and DNS alone; no service is contacted."""
    named = [host.name for assignment in assignments for host in assignment.hosts]
    refusals = [f"{name} is a protected host (site file, protected_hosts)" for name in named if name in site.protected_hosts]
    for name in [name for name, times in Counter(named).items() if times > 1]:
        clouds = [assignment.cloud for assignment in assignments for host in assignment.hosts if host.name == name]
        refusals.append(f"{name} is in more than one of the assignments ({', '.join(clouds)})")
    goals = [_goal(assignment, site) for assignment in assignments]
    # In a thread: the site's expression for racks is bounded, but hundreds of names add up.
    hosts = await asyncio.to_thread(
        lambda: [_host(goal, host, site) for goal, given in zip(goals, assignments, strict=True) for host in given.hosts]
    )
    plan = Plan(
        goals=tuple(goals),
        hosts=tuple(hosts),
        warnings=(*site.warnings, *dict.fromkeys(note for assignment in assignments for note in assignment.notes)),
        hooks=tuple(hook.name for hook in site.hooks),
    )
    services = [service.url for service in (site.foreman, site.quads) if service is not None]
    SECRETS.spare([*plan.names, *site.protected_hosts, *services])
    if not refusals:
        plan, conflicts = await _address_conflicts(plan, [host for host in plan.hosts if plan.reaches_bmc(host)], site)
        refusals = list(conflicts.values())
        plan = replace(plan, warnings=(*plan.warnings, *plan.untold))
    return replace(plan, refusals=tuple(refusals))


async def survey_untouched(
    plan: Plan, untouched: Collection[str], site: Site, foreman: Foreman, survey: BmcSurvey | None, notify: Callable[[str], None]
) -> Plan:
    """A confirmed plan with the current findings of the BMCs of its untouched hosts, and the current protected hosts.

    A conflict ends the untouched host and refuses nothing: hosts under way must not wait for ever because of another one.
    The addresses of protected hosts need no Foreman, so they are known also when it is away.
    """
    reached = [host for host in plan.hosts if host.name in untouched and plan.reaches_bmc(host)]
    plan, conflicts = await _address_conflicts(plan, reached, site)
    plan = _end_conflicting(plan, untouched, conflicts)
    for line in plan.untold:
        notify(line)
    try:
        plan = replace(plan, protected=await _with_macs(plan.protected, foreman))
        if survey is not None and untouched:
            plan = await survey.run(plan, untouched)
    except (StageFailure, CredentialsRefused) as error:
        notify(f"the BMCs of {count(len(untouched), 'host')} not begun are not read again, earlier findings are used: {error}")
        return plan
    plan, conflicts = _machine_conflicts(plan)
    return _end_conflicting(plan, untouched, conflicts)


def _end_conflicting(plan: Plan, untouched: Collection[str], conflicts: Conflicts) -> Plan:
    """Untouched hosts that conflict with another one, or with a protected one, end before anything is done to them."""
    why = {name: words for names, words in conflicts.items() for name in names if name in untouched}
    hosts = (
        replace(host, blocker=why[host.name], blocker_stage=plan.goal(host).kind.stages[0], blocker_cause=Cause.WRONG_BMC)
        if host.name in why
        else host
        for host in plan.hosts
    )
    return replace(plan, hosts=tuple(hosts))


def _machine_conflicts(plan: Plan) -> tuple[Plan, Conflicts]:
    """Without serial numbers that several machines share, and the conflicts that follow from what the BMCs reported."""
    hosts = without_chassis_serials(plan.hosts)
    acted_on = [host for host in hosts if plan.reaches_bmc(host)]  # a host known to be another machine conflicts with none
    return replace(plan, hosts=hosts), {**sharing_machines(acted_on), **protected_machines(hosts, plan.protected)}


async def _address_conflicts(plan: Plan, reached: Sequence[HostPlan], site: Site) -> tuple[Plan, Conflicts]:
    """With the addresses of protected hosts, and the conflicts that follow from addresses alone."""
    guarded: dict[str, str] = {}
    for name in sorted(site.protected_hosts):
        try:
            guarded[name] = bmc_address(site, HostSpec(name))
        except InputError:
            continue  # a name or a scheme that can be no BMC's address here: nothing to compare
    first = await peers_of(guarded.values())  # with time of their own, however many other names are slow
    found = {**await peers_of({host.address for host in reached} - first.keys()), **first}
    protected = tuple(
        one for name in sorted(site.protected_hosts) for one in _protected(name, guarded.get(name, ""), first, plan.protected)
    )
    known: dict[str, set[str]] = defaultdict(set)
    for one in protected:
        known[one.name] |= {one.machine.peer} - {""} or _literal_peers(guarded.get(one.name, ""))
    peers = {address: there or _literal_peers(address) for address, there in found.items()}
    conflicts = {**sharing_addresses(reached, peers), **protected_addresses(reached, known, peers)}
    return replace(plan, protected=protected), conflicts


def _protected(
    name: str, address: str, found: Mapping[str, frozenset[str] | None], before: Sequence[Protected]
) -> list[Protected]:
    """One for each address; where DNS does not answer now, those that it gave earlier."""
    peers = found.get(address, frozenset())
    if peers is not None:
        return [Protected(name, Identity(peer=peer)) for peer in sorted(peers) or [""]]
    earlier = [one for one in before if one.name == name and one.machine.peer]
    return earlier or [Protected(name, Identity(), unknown=host_and_port(address)[0])]


def _literal_peers(address: str) -> frozenset[str]:
    """Host and port of an address as written: equal ones lead to one place, also while DNS does not answer."""
    host, port = host_and_port(address)
    return frozenset({f"{host}:{port}"} if host else ())


async def _with_macs(protected: Sequence[Protected], foreman: Foreman) -> tuple[Protected, ...]:
    """With the MACs that Foreman has of them; it need not know them."""
    names = {one.name for one in protected}
    known = [name for name in await foreman.records(names) if name in names]
    macs = dict(zip(known, await asyncio.gather(*map(foreman.all_macs, known)), strict=True))
    return tuple(
        replace(one, machine=replace(one.machine, macs=tuple(sorted(macs.get(one.name, frozenset()))))) for one in protected
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
        schedule=assignment.schedule,
        partial=assignment.partial,
    )


def _host(goal: Goal, host: HostSpec, site: Site) -> HostPlan:
    compared = site.redfish.compares(host.name)
    found = HostPlan(
        host.name,
        bmc_address(site, host),
        host.model or "",
        cloud=goal.cloud,
        source=host.source,
        schedule=host.schedule,
        system=host.system,
        rack=site.rack(host.name),
        own_address=host.bmc is not None,
        by_template=host.bmc is None and host.name not in site.redfish.addresses,
        compared=compared,
        unverified="" if compared or goal.kind is Kind.OWNERSHIP else CHECK_MACS_OFF,
        accepted=site.redfish.accepts(host.name),
    )
    if goal.kind is not Kind.BUILD or is_ipmi(found.address):
        return found
    interfaces, kind = site.redfish.interfaces, site.redfish.boot_order
    first = interfaces.devices(FOREMAN, host.name, host.model or "")[:1]
    order = interfaces.devices(kind, host.name, host.model or "") if kind else ()
    return replace(found, device="".join(first), order=order)


async def _through_foreman(plan: Plan, assignments: Sequence[Assignment], site: Site, foreman: Foreman, notify: Notify) -> Plan:
    """With all that Foreman knows, and what it would refuse."""
    notify(f"asking Foreman {foreman.url}")
    version = await foreman.login()
    plan = replace(plan, foreman=f"{foreman.url} (Foreman {version})")
    warnings = [foreman.version_warning] if foreman.version_warning else []
    parameters = any(assignment.parameters for assignment in assignments)
    if missing := await missing_permissions(plan.goals, parameters, foreman):
        return replace(plan, refusals=tuple(missing), warnings=(*plan.warnings, *warnings))
    users = await foreman.users()
    goals, refusals, unknown = [], [], list[str]()
    ids = dict[tuple[str, str], int]()
    apart = dict[tuple[int | None, ...], list[str]]()  # what does not go together, by the ids that were asked about
    for assignment, goal in zip(assignments, plan.goals, strict=True):
        target, missing = await _resolve_target(assignment, goal, users, foreman, ids)
        goals.append(replace(goal, target=target))
        unknown += missing
        if not missing and target.operatingsystem_id is not None:
            together = (target.operatingsystem_id, target.ptable_id, target.medium_id)
            if together not in apart:
                apart[together] = await foreman.incompatible_media(target)
            refusals += [f"{assignment.cloud}: {words}" for words in apart[together]]
    refusals += dict.fromkeys(unknown)
    plan = replace(plan, goals=tuple(goals))
    if not unknown:
        notify(f"looking up {count(len(plan.hosts), 'host')} in Foreman")
        known = await foreman.names()
        records = await foreman.records({host.name for host in plan.hosts} & known)
        plan = replace(plan, hosts=tuple(await _host_plans(plan, known, records, users, foreman, site)))
        writes = [host for host in plan.hosts if not host.blocker and plan.goal(host).kind is not Kind.SPARE]
        refusals += await misplaced_owners(writes, records, users, foreman)
        refusals += await missing_on(writes[0], plan.goal(writes[0]).kind, foreman) if writes else []
        plan = replace(plan, protected=await _with_macs(plan.protected, foreman))
    if Kind.BUILD in plan.kinds:
        warnings += await short_tokens(foreman, site.limits)
    return replace(plan, refusals=tuple(refusals), warnings=(*plan.warnings, *warnings))


async def _resolve_target(
    assignment: Assignment,
    goal: Goal,
    users: Mapping[str, UserRecord],
    foreman: Foreman,
    known: dict[tuple[str, str], int],
) -> tuple[Target, list[str]]:
    """The ids, and the names that Foreman does not know. `known`: ids that another assignment needed, by kind and name."""
    if goal.kind is Kind.SPARE:
        return Target(), []
    unknown = []
    owner = None
    try:
        owner = pick("user", goal.cloud, users).id
    except NameUnknown as error:
        unknown.append(str(error))
    wanted = {"operating system": goal.os, "partition table": goal.ptable, "installation medium": goal.medium}
    for what, name in wanted.items():
        try:
            if name and (what, name) not in known:
                known[what, name] = await foreman.find(what, name)
        except NameUnknown as error:
            unknown.append(str(error))
    ids = {what: known.get((what, name)) for what, name in wanted.items()}
    return (
        Target(
            owner_id=owner,
            operatingsystem_id=ids["operating system"],
            ptable_id=ids["partition table"],
            medium_id=ids["installation medium"],
            parameters=dict(assignment.parameters) if goal.kind is Kind.BUILD else {},
        ),
        unknown,
    )


async def _host_plans(
    plan: Plan,
    known: Collection[str],
    records: Mapping[str, HostRecord],
    users: Mapping[str, UserRecord],
    foreman: Foreman,
    site: Site,
) -> list[HostPlan]:
    """Thin searches over the whole Foreman, beside the full records of the hosts: their MACs, their owners."""
    building = {host.name for host in plan.hosts if plan.goal(host).kind is Kind.BUILD}
    in_build = await foreman.in_build() & building if building else frozenset()
    unmanaged = await _unmanaged_hosts(foreman) if building else frozenset()
    logins = {user.id: user.login for user in users.values()}
    wanted = {pair for goal in plan.goals for pair in goal.target.parameters.items()}
    having = {pair: await foreman.with_parameter(*pair) for pair in sorted(wanted)}
    found = []
    for host in plan.hosts:
        goal = plan.goal(host)
        record = records.get(host.name)
        if goal.kind is Kind.SPARE:
            found.append(replace(host, mac=_foreman_mac(record, host)))
            continue
        blocker, cause = "", Cause.FOREMAN
        if host.name not in known:
            blocker, cause = "Foreman has no host of this name", Cause.UNKNOWN_HOST
        elif host.name in unmanaged and goal.kind is Kind.BUILD:
            blocker = "Foreman does not manage this host, so Foreman cannot install it"
        stage = Stage.FOREMAN_BUILD
        if not blocker and goal.kind is Kind.BUILD and is_ipmi(host.address):
            blocker, stage, cause = _unknown_mode(record, host, site), Stage.PXE_SET, Cause.REFUSED
        building_now = host.name in in_build
        owners = _owner_notes(record, logins, host, site.spare_pool) if goal.kind is Kind.BUILD else ()
        found.append(
            replace(
                host,
                in_build=building_now,
                parameters=tuple(pair[0] for pair in goal.target.parameters.items() if host.name not in having[pair]),
                notes=(*owners, *(_build_notes(record) if building_now else ())),
                mac=_foreman_mac(record, host),
                mode=record.boot_mode if record else "",
                **_owner(record, logins),
                blocker=blocker,
                blocker_stage=stage if blocker else None,
                blocker_cause=cause if blocker else None,
            )
        )
    return found


def _unknown_mode(record: HostRecord | None, host: HostPlan, site: Site) -> str:
    """Why PXE cannot be set by IPMI, which sets the boot mode with it; empty where the mode is known."""
    if (record is not None and record.boot_mode) or (site.ipmi is not None and site.ipmi.of(host.name).boot_mode):
        return ""
    return NO_MODE


async def with_foreman_macs(plan: Plan, foreman: Foreman) -> Plan:
    """With the MACs by which a wrong BMC is recognised. Powering off needs no Foreman, so if it is away that is a warning."""
    if not plan.protected and not any(host.compared for host in plan.hosts):
        return plan
    try:
        records = await foreman.records({host.name for host in plan.hosts})
        protected = await _with_macs(plan.protected, foreman)
    except (StageFailure, CredentialsRefused) as error:
        words = f"BMCs cannot be compared with the MACs in Foreman (wrong or protected machines are not recognised): {error}"
        return replace(plan, warnings=(*plan.warnings, words))
    hosts = tuple(replace(host, mac=_foreman_mac(records.get(host.name), host)) for host in plan.hosts)
    return replace(plan, hosts=hosts, protected=protected)


def _foreman_mac(record: HostRecord | None, host: HostPlan) -> str:
    return (record.mac or "") if record and host.compared else ""


def _owner(record: HostRecord | None, logins: Mapping[int, str]) -> dict[str, Any]:
    """To whom it may be given back, as members of HostPlan; none where Foreman shows no owner."""
    if record is None or record.owner_id is None or record.owner_type is None:
        return {}
    login = logins.get(record.owner_id, "") if record.owner_type == "User" else ""
    return {"owner_id": record.owner_id, "owner_type": record.owner_type, "owner": login}


def _owner_notes(record: HostRecord | None, logins: Mapping[int, str], host: HostPlan, spare_pool: str) -> tuple[str, ...]:
    """A note where the owner in Foreman is a cloud that the host does not come from, as far as that is known."""
    owner = logins.get(record.owner_id or 0, "") if record is not None and record.owner_type != "Usergroup" else ""
    if not CLOUD.fullmatch(owner) or owner in (host.cloud, host.source, spare_pool):
        return ()
    return (f"owned by {owner} in Foreman, not by {host.source or 'a known cloud'}: check that {owner} no longer uses this host",)


def _build_notes(record: HostRecord | None) -> tuple[str, ...]:
    if record is not None and record.build_status == 2:
        return ("already in build mode, with an expired token: build mode is cancelled first",)
    return ("already in build mode: build mode is cancelled first",)


async def _unmanaged_hosts(foreman: Foreman) -> frozenset[str]:
    """Hosts that Foreman knows but does not manage. Empty where the server cannot search for it: then the write fails."""
    try:
        return await foreman.unmanaged()
    except Unreadable:
        raise
    except StageFailure:
        return frozenset()

"""The plan, its Foreman half: names resolved, hosts looked up, refusals found, before anything is written anywhere."""

from __future__ import annotations

from collections.abc import Callable

from quads_tui.inputs import Assignment, Site, bmc_address
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.plan import HostPlan, Plan, Target
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.foreman import Foreman, HostRecord, NameUnknown


async def make_plan(assignment: Assignment, site: Site, foreman: Foreman, say: Callable[[str], None]) -> Plan:
    """Read what there is to know. Raises StageFailure and CredentialsRefused when Foreman does not answer or refuses us.

    `say` gets a line per step, since this takes seconds on a big Foreman.
    """
    kind = _kind(assignment, site)
    refusals = [
        f"{host.name} is a protected host (site file, protected_hosts)"
        for host in assignment.hosts
        if host.name in site.protected_hosts
    ]
    names = {
        "os": assignment.os or site.defaults.os or "",
        "ptable": assignment.ptable or site.defaults.ptable or "",
        "medium": assignment.medium or site.defaults.medium or "",
    }
    target, hosts, server = Target(), _untouched(assignment, site), ""
    warnings = [*site.warnings, *assignment.notes]
    if kind is not Kind.SPARE and not refusals:
        say(f"asking Foreman {foreman.url}")
        version = await foreman.prime()
        server = f"{foreman.url} (Foreman {version})"
        warnings += [foreman.version_warning] if foreman.version_warning else []
        target, unknown = await _resolve(assignment, kind, names, foreman)
        refusals += unknown
        if not unknown:
            say(f"looking up {len(assignment.hosts)} hosts")
            hosts = await _hosts(assignment, site, kind, target, foreman)
            refusals += await _permissions(hosts, foreman)
    return Plan(
        cloud=assignment.cloud,
        kind=kind,
        description=assignment.description or "",
        owner=assignment.owner or "",
        ticket=assignment.ticket or "",
        os=names["os"] if kind is Kind.BUILD else "",
        ptable=names["ptable"] if kind is Kind.BUILD else "",
        medium=names["medium"] if kind is Kind.BUILD else "",
        hosts=tuple(hosts),
        target=target,
        refusals=tuple(refusals),
        warnings=tuple(warnings),
        foreman=server,
    )


def _kind(assignment: Assignment, site: Site) -> Kind:
    if assignment.cloud == site.spare_pool:
        return Kind.SPARE
    return Kind.BUILD if assignment.wipe else Kind.OWNERSHIP


def _untouched(assignment: Assignment, site: Site) -> list[HostPlan]:
    return [HostPlan(host.name, bmc_address(site, host), host.model or "") for host in assignment.hosts]


async def _resolve(assignment: Assignment, kind: Kind, names: dict[str, str], foreman: Foreman) -> tuple[Target, list[str]]:
    """The ids, asked for once a rollout, and what Foreman does not know."""
    wanted = {"user": assignment.cloud}
    if kind is Kind.BUILD:
        wanted |= {"operating system": names["os"], "partition table": names["ptable"], "installation medium": names["medium"]}
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
            parameters=dict(assignment.parameters) if kind is Kind.BUILD else {},
        ),
        unknown,
    )


async def _hosts(assignment: Assignment, site: Site, kind: Kind, target: Target, foreman: Foreman) -> list[HostPlan]:
    """Thin searches over the whole Foreman, full records only of hosts that are in build already."""
    known = await foreman.names()
    ours = {host.name for host in assignment.hosts}
    in_build = await foreman.in_build() & ours if kind is Kind.BUILD else frozenset()
    records = await foreman.records(in_build) if in_build else {}
    unmanaged = await _unmanaged(foreman) if kind is Kind.BUILD else frozenset()
    lacking = {name: ours - await foreman.with_parameter(name, value) for name, value in target.parameters.items()}
    hosts = []
    for host in assignment.hosts:
        trouble, cause = "", Cause.FOREMAN
        if host.name not in known:
            trouble, cause = "Foreman has no host of this name", Cause.UNKNOWN_HOST
        elif host.name in unmanaged:
            trouble = "Foreman does not manage this host: it cannot build it"
        hosts.append(
            HostPlan(
                host.name,
                bmc_address(site, host),
                host.model or "",
                in_build=host.name in in_build,
                parameters=tuple(name for name in target.parameters if host.name in lacking[name]),
                notes=_build_notes(records.get(host.name)) if host.name in in_build else (),
                trouble=trouble,
                trouble_stage=Stage.FOREMAN_BUILD if trouble else None,
                trouble_cause=cause if trouble else None,
            )
        )
    return hosts


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

"""No two hosts on one machine, and none on a protected one: by the addresses of their BMCs, and by what those report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

from quads_tui.inputs import system_key
from quads_tui.rollout.identity import Identity, bmc_of
from quads_tui.rollout.plan import HostPlan, Protected

Conflicts = dict[tuple[str, ...], str]  # by the hosts concerned: what is wrong with them
Peers = Mapping[
    str, frozenset[str]
]  # by a BMC's address: where it leads to; its own host and port where its name does not resolve

_ALL_PAIRS = 40  # hosts that share one fact; of more, each is compared with its neighbour and with the first
_NAMED = 5
OWN_BMC = "give each host its own BMC, or a `system` of its own"


def sharing_addresses(hosts: Iterable[HostPlan], peers: Peers) -> Conflicts:
    """Hosts whose addresses lead to one BMC, unless each names another system behind it."""
    behind = defaultdict(list)
    for host in hosts:
        for bmc in sorted({bmc_of(peer) for peer in peers[host.address]}):
            behind[bmc].append(host)
    found: Conflicts = {}
    for bmc, there in behind.items():
        systems = [system_key(host.system) for host in there]
        unclear = [host for host, system in zip(there, systems, strict=True) if not system or systems.count(system) > 1]
        if len(there) > 1 and unclear:
            named = there if not all(systems) else unclear
            words = f"have the same BMC ({bmc}): {OWN_BMC}"
            found.setdefault(tuple(host.name for host in named), f"{_names([host.name for host in named])} {words}")
    return found


def sharing_machines(hosts: Iterable[HostPlan]) -> Conflicts:
    """Hosts whose BMCs report the same machine."""
    found: Conflicts = {}
    for first, second in _pairs(hosts):
        assert first.identity is not None and second.identity is not None
        if (first.name, second.name) not in found and (why := first.identity.is_one_with(second.identity)):
            found[first.name, second.name] = f"{first.name} and {second.name} are the same machine: {why} ({second.identity})"
    return found


def without_chassis_serials(hosts: Sequence[HostPlan]) -> tuple[HostPlan, ...]:
    """Without serial numbers that two different machines report: those are of their chassis."""
    of_chassis = set()
    with_serial = [host for host in hosts if host.identity is not None and host.identity.serial]
    for first, second in _pairs(with_serial):
        assert first.identity is not None and second.identity is not None
        if first.identity.serial == second.identity.serial and first.identity.differs(second.identity):
            of_chassis.add(first.identity.serial)
    return tuple(
        replace(host, identity=replace(host.identity, serial=""))
        if host.identity is not None and host.identity.serial in of_chassis
        else host
        for host in hosts
    )


def protected_addresses(hosts: Iterable[HostPlan], guarded: Mapping[str, Iterable[str]], peers: Peers) -> Conflicts:
    """Hosts whose BMC address leads to the BMC of a protected host; `guarded`: where their own lead to, by name."""
    owners = {bmc_of(peer): name for name, there in guarded.items() for peer in there}
    found: Conflicts = {}
    for host in hosts:
        for peer in sorted(peers[host.address]):
            if owner := owners.get(bmc_of(peer)):
                words = f"the BMC address of {host.name} ({host.address}) leads to the protected host {owner} ({peer})"
                found[host.name,] = words
    return found


def protected_machines(hosts: Iterable[HostPlan], protected: Sequence[Protected]) -> Conflicts:
    """Hosts whose BMC reports the machine of a protected host."""
    found: Conflicts = {}
    for host in hosts:
        machine = host.identity or Identity()
        for one in protected:
            if (machine.bmc and machine.bmc == one.machine.bmc) or machine.agreeing(one.machine):
                words = f"the BMC address of {host.name} ({host.address}) leads to the protected host {one.name}"
                found[host.name,] = f"{words}: this BMC reports {machine}; the protected host is {one.machine}"
    return found


def _pairs(hosts: Iterable[HostPlan]) -> Iterator[tuple[HostPlan, HostPlan]]:
    """Those that have at least one fact in common."""
    sharing = defaultdict(list)
    for host in hosts:
        machine = host.identity
        if machine is None:
            continue
        for mark in machine.marks:
            sharing[mark].append(host)
        if machine.serial:
            sharing["serial number", machine.serial].append(host)
    for group in sharing.values():
        if len(group) <= _ALL_PAIRS:
            yield from combinations(group, 2)
        else:
            yield from pairwise(group)
            yield from ((group[0], other) for other in group[2:])


def _names(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"

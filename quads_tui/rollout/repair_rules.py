"""When a repair is possible, whom it concerns, and what it costs, in words: for the question and for the engine alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import assert_never

from quads_tui.rollout.counts import count

from .addresses import host_and_port
from .identity import Identity, bmc_of
from .plan import HostPlan, Plan
from .repairs import Repair
from .safety import Safety
from .stages import HostStatus, Kind
from .state import HostState, Rollout

_SHOWN = 5  # hosts, BMCs, former owners


class Neighbours:
    """Which hosts of a plan have one BMC: by its address, and by the machines that their BMCs told of.

    `machines`: as they are known now, by host; those of the plan count too.
    """

    def __init__(self, plan: Plan, machines: Mapping[str, Identity] | None = None) -> None:
        self.plan = plan
        self._order = {host.name: number for number, host in enumerate(plan.hosts)}
        self._places: dict[str, set[str]] = {}  # by host
        self._behind: defaultdict[str, list[str]] = defaultdict(list)
        self._machines: dict[str, Identity] = {}
        for host in plan.hosts:
            self._places[host.name] = places = _places(host)
            for place in places:
                self._behind[place].append(host.name)
        self._protected = {one.machine.bmc: one.name for one in plan.protected if one.machine.bmc}
        self.learn(machines or {})

    def learn(self, machines: Mapping[str, Identity]) -> None:
        """What is known of them by now. Costs little where that has not changed: repairs of many hosts ask one by one."""
        for name, machine in machines.items():
            if self._machines.get(name) is machine:
                continue
            self._machines[name] = machine
            before, now = self._places[name], _places(self.plan.hosts[self._order[name]], machine)
            for place in before - now:
                self._behind[place].remove(name)
            for place in now - before:
                self._behind[place].append(name)
            self._places[name] = now

    def of(self, host: str) -> list[str]:
        """The other hosts of the plan behind its BMC, in the plan's order."""
        found = {name for place in self._places[host] for name in self._behind[place]} - {host}
        return sorted(found, key=self._order.__getitem__)

    def protected(self, host: str) -> str:
        """A protected host behind its BMC, as far as the plan knows; empty: none."""
        return next((self._protected[place] for place in sorted(self._places[host]) if place in self._protected), "")


_newest: list[tuple[Plan, Neighbours]] = []  # of one plan at most


def neighbours_of(plan: Plan) -> Neighbours:
    """By what the plan knows. Kept for the newest plan: a question asks several times, and 10,000 addresses take 0.1 s."""
    if not _newest or _newest[0][0] is not plan:
        _newest[:] = [(plan, Neighbours(plan))]
    return _newest[0][1]


def _places(host: HostPlan, machine: Identity | None = None) -> set[str]:
    name, port = host_and_port(host.address)
    peers = {one.bmc for one in (host.identity, machine) if one is not None and one.peer}
    return {bmc_of(f"{name}:{port}"), *peers}


def why_not(repair: Repair, rollout: Rollout, name: str, neighbours: Neighbours, protected: Collection[str] = ()) -> str:
    """Why this repair is not possible on this host now, in words; empty: it is. `protected`: names of hosts, the plan's aside."""
    host = rollout.hosts.get(name)
    if host is None:
        return "it is not in this rollout"
    if name in protected:
        return "it is a protected host"
    if why := _why_not_now(repair, host):
        return why
    if restarting := next((one for one in neighbours.of(name) if rollout.hosts[one].repair is Repair.BMC_RESTART), ""):
        return f"the BMC that it shares with {restarting} is being restarted"
    match repair:
        case Repair.BMC_RESTART:
            return restart_blocked(rollout, name, neighbours, protected)
        case Repair.POWER_CYCLE:
            return "" if host.kind is Kind.BUILD else "this rollout does not install it"
        case Repair.GIVE_BACK:
            return _why_not_given_back(rollout, host)
    assert_never(repair)


def _why_not_now(repair: Repair, host: HostState) -> str:
    """What holds for every repair."""
    if host.kind is Kind.OWNERSHIP:
        return "only its owner is changed by this rollout: its BMC is not contacted"
    if host.repair is not None:
        return f"a {host.repair.label} is under way"
    if not host.status.is_final:
        return f"it is {_standing(host)}: hold or skip it first"
    if host.status is HostStatus.DONE and repair is not Repair.BMC_RESTART:
        return "it is done: it belongs to its new owner"
    if host.given_back and repair is not Repair.BMC_RESTART:
        return f"it was given back to {host.given_back}"
    return ""


def why_not_again(host: HostState) -> str:
    """Why no retry takes the host in again from where it failed, in words; empty: it may."""
    return (
        f"it was given back to {host.given_back}; only a restart from the first stage takes it again" if host.given_back else ""
    )


def _standing(host: HostState) -> str:
    return f"{host.status.label} ({host.stage.label})" if host.stage is not None else host.status.label


def restart_blocked(rollout: Rollout, name: str, neighbours: Neighbours, protected: Collection[str] = ()) -> str:
    """Why its BMC must not be restarted now, for what else is behind it, in words; empty: it may be."""
    if other := neighbours.protected(name):
        return f"its BMC also serves {other}, which is protected"
    for other in neighbours.of(name):
        beside = rollout.hosts[other]
        if other in protected:
            return f"its BMC also serves {other}, which is protected"
        if beside.repair is not None:
            return f"its BMC also serves {other}, where a {beside.repair.label} is under way"
        if not beside.status.is_final:
            return f"its BMC also serves {other}, which is {_standing(beside)}: hold or skip {other} first"
    return ""


def _why_not_given_back(rollout: Rollout, host: HostState) -> str:
    if host.kind is not Kind.BUILD:
        return "this rollout does not change its owner"
    if not host.owned:
        return "this rollout has not changed its owner in Foreman"
    plan = rollout.plan.hosts[host.index]
    if plan.owner_id is None:
        return "its former owner is not known"
    if plan.owner_id == rollout.plan.goal(plan).target.owner_id and plan.owner_type == "User":
        return "its former owner is the present one"
    return ""


def without_shared_bmcs(names: Iterable[str], neighbours: Neighbours) -> dict[str, list[str]]:
    """The hosts by whom each BMC is restarted, once, with the others of `names` behind the same one."""
    wanted = list(dict.fromkeys(names))
    groups: dict[str, list[str]] = {}
    taken: set[str] = set()
    for name in wanted:
        if name not in taken:
            groups[name] = [other for other in neighbours.of(name) if other in wanted and other not in taken]
            taken |= {name, *groups[name]}
    return groups


def _named(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def costs(repair: Repair, rollout: Rollout, hosts: Iterable[HostState]) -> list[str]:
    """What a question about it says, beside the hosts: what is done, what happens to power and disk, who else is concerned."""
    match repair:
        case Repair.BMC_RESTART:
            return _restart_costs(rollout, hosts)
        case Repair.POWER_CYCLE:
            return _cycle_costs(hosts)
        case Repair.GIVE_BACK:
            return _give_back_costs(rollout, hosts)
    assert_never(repair)


def _restart_costs(rollout: Rollout, hosts: Iterable[HostState]) -> list[str]:
    neighbours = neighbours_of(rollout.plan)
    groups = without_shared_bmcs([host.name for host in hosts], neighbours)
    lines = []
    for name in list(groups)[:_SHOWN]:
        others = neighbours.of(name)
        serves = f"it also serves: {_named(others)}" if others else "it serves no other host of this rollout"
        lines.append(f"BMC {rollout.hosts[name].address}: {serves}.")
    if len(groups) > _SHOWN:
        lines.append(f"And {count(len(groups) - _SHOWN, 'more BMC')}, each restarted once.")
    return [
        *lines,
        "The BMC will not answer for some minutes, and its sessions will end. The power of the hosts stays as it is.",
    ]


def _cycle_costs(hosts: Iterable[HostState]) -> list[str]:
    hosts = list(hosts)
    boots = "the host boots its disk and is" if len(hosts) == 1 else "the hosts boot their disks and are"
    lines = [f"Build mode and PXE are cancelled first. Then the power goes off (forced) and on: {boots} not reinstalled."]
    if installing := _installing(hosts):
        lines.append(f"May still be installing: {installing}. The power cycle interrupts the install.")
    return lines


def _installing(hosts: Iterable[HostState]) -> str:
    return _named([host.name for host in hosts if host.left is Safety.INSTALLING])


def _give_back_costs(rollout: Rollout, hosts: Iterable[HostState]) -> list[str]:
    hosts = list(hosts)
    moves: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for host in hosts:
        plan = rollout.plan.hosts[host.index]
        moves[plan.owner_words, rollout.plan.goal(plan).cloud].append(host.name)
    lines = [
        f"The owner in Foreman changes back from {cloud} to {owner}: {_named(names)}." for (owner, cloud), names in moves.items()
    ]
    return [
        *lines[:_SHOWN],
        *([f"And {count(len(lines) - _SHOWN, 'more former owner')}."] if len(lines) > _SHOWN else []),
        *([f"May still be installing: {installing}. The install is not stopped."] if (installing := _installing(hosts)) else []),
        "Build mode and PXE are cancelled first. The disk MAY HAVE BEEN WIPED ALREADY; its data is not restored.",
    ]

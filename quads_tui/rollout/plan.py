"""What a rollout will do, host by host, as the operator confirms it and as the gate enforces it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from quads_tui.rollout.counts import count

from .causes import Cause
from .identity import Identity, identity_from
from .stages import Kind, Stage

_NAMED = 10  # hosts
_LONGEST = 1e6  # seconds
CHECK_MACS_OFF = "its MACs are not compared (redfish.check_macs)"  # a value of HostPlan.unverified
NOT_ASKED = "not surveyed yet"  # `bmc` of a host whose BMC was not asked, or not in the time that there is for all


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host of the plan. `blocker` (why it cannot be done) ends it as failed in `blocker_stage`, before anything is done."""

    name: str
    address: str  # of the BMC: scheme, host and port
    model: str = ""
    in_build: bool = False  # in build already when the plan was made: cancelled first, two writes
    parameters: tuple[str, ...] = ()  # names of host parameters whose value differs: one write each
    notes: tuple[str, ...] = ()
    blocker: str = ""
    blocker_stage: Stage | None = None
    blocker_cause: Cause | None = None
    cloud: str = ""  # whose goal it gets; empty where there is only one
    source: str = ""  # the cloud that it comes from, where QUADS told
    schedule: int | None = None  # the id of its schedule in QUADS
    mode: str = ""  # the boot mode that Foreman's PXE loader is for: UEFI, Legacy, or empty
    power: str = ""  # of the machine when its BMC was last asked; empty: not asked
    bmc: str = ""  # why its BMC did not tell anything when the plan was made, in words
    advised: bool = False  # those words, or `blocker`, say exactly what to do
    mac: str = ""  # of the NIC that Foreman provisions through; empty: not to be compared with what the BMC says
    device: str = ""  # Dell's name of the one to boot from once (NIC.Integrated.1-1-1); empty: PXE from whichever is first
    order: tuple[str, ...] = ()  # Dell's names of the boot devices in the order that is to stay; empty: left as it is
    system: str = ""  # which of several systems behind the BMC, by id or path, as the assignment names it
    rack: str = ""  # by the site's `racks`; without a match a rack of its own (the host's name)
    own_address: bool = False  # the assignment itself brings the BMC's address
    compared: bool = True  # False: redfish.check_macs is off for it, so it counts as not verified
    identity: Identity | None = None  # the machine as its BMC told it when the plan was made
    unverified: str = ""  # why the machine could not be compared with Foreman's host, in words; empty: verified, or not asked yet
    accepted: bool = False  # it may be acted on although it is not verified: by redfish.unverified, or confirmed in the question
    by_template: bool = True  # its BMC's address follows the site's template; else the assignment or redfish.addresses brings it
    owner_id: int | None = None  # in Foreman when the plan was made; None: it has none, or nobody knows (journals of before)
    owner_type: str = ""  # User or Usergroup
    owner: str = ""  # its login, where that is known
    left_session: str = ""  # what the survey left at its BMC, or may have left there, in words

    @property
    def owner_words(self) -> str:
        """Its owner when the plan was made, for the operator."""
        return self.owner or f"{self.owner_type.lower() or 'owner'} {self.owner_id}"


@dataclass(frozen=True, slots=True)
class Target:
    """What Foreman is asked for, as ids. None: left as it is."""

    owner_id: int | None = None
    operatingsystem_id: int | None = None
    ptable_id: int | None = None
    medium_id: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)

    def attributes(self) -> dict[str, object]:
        """As members of PUT /hosts/:id (Foreman API v2); what is None is left as it is."""
        wanted: dict[str, object] = {
            name: value
            for name, value in (
                ("operatingsystem_id", self.operatingsystem_id),
                ("ptable_id", self.ptable_id),
                ("medium_id", self.medium_id),
                ("owner_id", self.owner_id),
            )
            if value is not None
        }
        if self.owner_id is not None:
            wanted["owner_type"] = "User"  # without it Foreman keeps the old type
        return wanted


@dataclass(frozen=True, slots=True)
class Goal:
    """What the hosts of one assignment get: its words, and what follows from them."""

    cloud: str
    kind: Kind
    description: str = ""
    owner: str = ""
    ticket: str = ""
    os: str = ""
    ptable: str = ""
    medium: str = ""
    target: Target = field(default_factory=Target)
    quads_id: int | None = None  # of the assignment in QUADS
    schedule: str = ""  # from when to when its hosts are scheduled, in words, where QUADS' export told
    partial: bool = False  # other hosts of the assignment are in rollouts of their own


@dataclass(frozen=True, slots=True)
class Protected:
    """A machine of a protected host, as far as its BMC's address and Foreman tell it (peer, MACs). One for each address."""

    name: str
    machine: Identity
    unknown: str = ""  # the name of its BMC, while the name service does not answer for it: no address can be compared with it


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of it: one goal a cloud. `refusals` are reasons for which nothing may start (exit status 3)."""

    goals: tuple[Goal, ...]
    hosts: tuple[HostPlan, ...]
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    expected_seconds: tuple[float, ...] = ()  # until all good hosts are done, p50 and p90; empty: not known
    foreman: str = ""  # address and version, for the operator
    hooks: tuple[str, ...] = ()  # the names of the site's
    protected: tuple[Protected, ...] = ()  # the machines of the site's protected hosts
    canary: int = 0  # hosts of each model, os and medium that must be built before others of them begin (rollout/canary.py)
    proven: tuple[tuple[str, str, str], ...] = ()  # models with os and medium of which none need be: built here lately
    canary_seconds: float | None = None  # how much longer the rollout takes for it (among expected_seconds); None: not known
    until: float = 0.0  # real time by which a host must be done, or it is not begun; 0: no limit
    late: tuple[str, ...] = ()  # hosts that are not expected to be done by then, as foreseen when the plan was made

    @property
    def names(self) -> tuple[str, ...]:
        """By which reasons tell who is meant: of its hosts, the addresses of their BMCs, and of the protected hosts."""
        hosts = [name for host in self.hosts for name in (host.name, host.address)]
        return tuple(filter(None, (*hosts, *(one.name for one in self.protected))))

    @property
    def not_verified(self) -> tuple[HostPlan, ...]:
        """Hosts whose machine would be acted on though it was not compared with Foreman's host, accepted ones included."""
        return tuple(host for host in self.hosts if host.unverified and self.reaches_bmc(host))

    @property
    def unaccepted(self) -> tuple[HostPlan, ...]:
        """Of those the ones that are still to be asked for."""
        return tuple(host for host in self.not_verified if not host.accepted)

    @property
    def untold(self) -> tuple[str, ...]:
        """Protected hosts whose BMC address nobody knows now, in words. A name that does not exist is not among them: no BMC."""
        return tuple(
            f"DNS does not answer for {one.unknown}, the BMC address of the protected host {one.name}:"
            " the BMC addresses of the other hosts cannot be compared with it"
            for one in self.protected
            if one.unknown
        )

    @property
    def unguarded(self) -> tuple[HostPlan, ...]:
        """Hosts whose BMC may be that of a protected host: an address of their own, and neither addresses nor MACs could tell."""
        unknown = [one.machine.macs for one in self.protected if one.unknown]
        return tuple(
            host
            for host in self.hosts
            if not host.by_template
            and self.reaches_bmc(host)
            and (host.unverified or (host.accepted and host.identity is None))
            and not all(macs and _tells_macs(host) for macs in unknown)
        )

    @property
    def unguarded_words(self) -> str:
        """What is wrong with those; empty where there are none."""
        found, names = self.unguarded, ", ".join(dict.fromkeys(one.name for one in self.protected if one.unknown))
        why = f"hosts whose BMC may be that of a protected host ({names}), because the two could not be compared"
        return f"{why}: {_some(found)}" if found else ""

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must stay in sight while it runs: hosts that are not verified, and those that may be protected ones."""
        found = self.not_verified
        words = f"not verified: {count(len(found), 'host')} (machine not compared with Foreman's host): {_some(found)}"
        return (*((words,) if found else ()), *((self.unguarded_words,) if self.unguarded else ()))

    @property
    def protected_machines(self) -> dict[str, Identity]:
        """By the protected host's name; one whose BMC has several addresses stands there once for each."""
        found: dict[str, Identity] = {}
        for one in self.protected:
            found[f"{one.name} ({one.machine.peer})" if one.name in found else one.name] = one.machine
        return found

    def confirmed(self) -> Plan:
        """The plan after an operator's yes to a question that names the hosts that are not verified: they may be acted on."""
        return replace(self, hosts=tuple(replace(host, accepted=True) if host.unverified else host for host in self.hosts))

    def reaches_bmc(self, host: HostPlan) -> bool:
        """Something is to be done to it through its BMC."""
        return not host.blocker and self.goal(host).kind is not Kind.OWNERSHIP

    @property
    def usable(self) -> int:
        """How many hosts something will be done to."""
        return sum(1 for host in self.hosts if not host.blocker)

    @property
    def cloud(self) -> str:
        """The name of the cloud, or of all of them."""
        return self.words("cloud")

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(goal.kind for goal in self.goals)

    def goal(self, host: HostPlan) -> Goal:
        return self.goals[0] if len(self.goals) == 1 else next(goal for goal in self.goals if goal.cloud == host.cloud)

    def words(self, member: str) -> str:
        """What the goals say under this name, each once."""
        return ", ".join(dict.fromkeys(str(getattr(goal, member)) for goal in self.goals if getattr(goal, member)))


def _tells_macs(host: HostPlan) -> bool:
    """One that was not asked yet is compared before its first act."""
    return host.identity is None or (bool(host.identity.macs) and host.identity.complete)


def _some(hosts: Sequence[HostPlan]) -> str:
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return ", ".join(host.name for host in hosts[:_NAMED]) + more


def plan_from(facts: Mapping[str, Any]) -> Plan:
    """The inverse of dataclasses.asdict, as JSON keeps it. Raises ValueError, KeyError or TypeError for anything else."""
    facts = facts if "goals" in facts else _of_one_cloud(facts)
    given = [{_RENAMED.get(name, name): value for name, value in host.items()} for host in facts["hosts"]]
    hosts = tuple(
        HostPlan(
            **{
                **host,
                "parameters": tuple(host["parameters"]),
                "notes": tuple(host["notes"]),
                "order": tuple(host.get("order", ())),
                "identity": identity_from(host["identity"]) if host.get("identity") else None,
                "blocker_stage": Stage(host["blocker_stage"]) if host["blocker_stage"] else None,
                "blocker_cause": Cause(host["blocker_cause"]) if host["blocker_cause"] else None,
            }
        )
        for host in given
    )
    goals = tuple(Goal(**{**goal, "kind": Kind(goal["kind"]), "target": Target(**goal["target"])}) for goal in facts["goals"])
    words = {name: tuple(facts[name]) for name in ("refusals", "warnings", "hooks", "expected_seconds", "late") if name in facts}
    proven = tuple(tuple(map(str, type)) for type in facts.get("proven", ()))
    protected = tuple(
        Protected(one["name"], _addressed(identity_from(one["machine"])), one.get("unknown", ""))
        for one in facts.get("protected", ())
    )
    cost = facts.get("canary_seconds")
    cost = cost if isinstance(cost, int | float) and 0 <= cost < _LONGEST else None
    canary = {"canary": int(facts.get("canary", 0)), "proven": proven, "canary_seconds": cost}
    plan = Plan(**{**facts, **words, **canary, "goals": goals, "hosts": hosts, "protected": protected})
    if len(goals) != 1 and {host.cloud for host in hosts} - {goal.cloud for goal in goals}:
        raise ValueError("the cloud of a host has no entry in the plan")
    return plan


def _addressed(machine: Identity) -> Identity:
    """Without the URL that earlier journals kept for a name that did not resolve: no peer is ever equal to it."""
    return replace(machine, peer="") if "://" in machine.peer else machine


def _of_one_cloud(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """As the first journals kept it: the one goal's members stood in the plan itself."""
    goal = {name: facts[name] for name in _GOAL if name in facts}
    return {**{name: value for name, value in facts.items() if name not in _GOAL}, "goals": [goal]}


_RENAMED = {"trouble": "blocker", "trouble_stage": "blocker_stage", "trouble_cause": "blocker_cause"}  # in journals of before
_GOAL = frozenset(member.name for member in fields(Goal))

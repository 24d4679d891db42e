"""What a rollout will do, host by host, as the operator confirms it and as the gate enforces it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .causes import Cause
from .stages import Kind, Stage


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host of the plan. `trouble` ends it as failed in `trouble_stage` before anything is done to it."""

    name: str
    address: str  # of the BMC: scheme, host and port
    model: str = ""
    in_build: bool = False  # in build already when the plan was made: cancelled first, two writes
    parameters: tuple[str, ...] = ()  # names of host parameters whose value differs: one write each
    notes: tuple[str, ...] = ()
    trouble: str = ""
    trouble_stage: Stage | None = None
    trouble_cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What Foreman is asked for, as ids. None: left as it is."""

    owner_id: int | None = None
    operatingsystem_id: int | None = None
    ptable_id: int | None = None
    medium_id: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of it. `refusals` are reasons for which nothing may start (exit status 3)."""

    cloud: str
    kind: Kind
    description: str
    owner: str
    ticket: str
    os: str
    ptable: str
    medium: str
    hosts: tuple[HostPlan, ...]
    target: Target = field(default_factory=Target)
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    foreman: str = ""  # address and version, for the operator

    @property
    def usable(self) -> int:
        """How many hosts something will be done to."""
        return sum(1 for host in self.hosts if not host.trouble)


def plan_from(facts: Mapping[str, Any]) -> Plan:
    """The inverse of dataclasses.asdict, as JSON keeps it. Raises ValueError, KeyError or TypeError for anything else."""
    hosts = tuple(
        HostPlan(
            **{
                **host,
                "parameters": tuple(host["parameters"]),
                "notes": tuple(host["notes"]),
                "trouble_stage": Stage(host["trouble_stage"]) if host["trouble_stage"] else None,
                "trouble_cause": Cause(host["trouble_cause"]) if host["trouble_cause"] else None,
            }
        )
        for host in facts["hosts"]
    )
    words = {name: tuple(facts[name]) for name in ("refusals", "warnings")}
    return Plan(**{**facts, **words, "kind": Kind(facts["kind"]), "hosts": hosts, "target": Target(**facts["target"])})

"""How the hosts of each cloud of a rollout stand, as numbers: the same for JSON, reports and the list of rollouts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .stages import HostStatus, Kind
from .state import Rollout


@dataclass(frozen=True, slots=True)
class CloudCounts:
    """Hosts of one cloud. done + failed + skipped + held + unfinished = hosts."""

    cloud: str
    kind: Kind
    hosts: int
    done: int
    failed: int
    skipped: int
    held: int
    unfinished: int

    def members(self) -> dict[str, Any]:
        """As JSON types, by their names."""
        return {**asdict(self), "kind": self.kind.value}


def cloud_counts(rollout: Rollout) -> tuple[CloudCounts, ...]:
    """One for each cloud, in the plan's order."""
    kinds = {goal.cloud: goal.kind for goal in rollout.plan.goals}
    return tuple(_counts(rollout, cloud, kinds[cloud]) for cloud in rollout.clouds)


def counts_of(rollout: Rollout, cloud: str) -> CloudCounts:
    """Of one cloud of the rollout."""
    return _counts(rollout, cloud, next(goal.kind for goal in rollout.plan.goals if goal.cloud == cloud))


def _counts(rollout: Rollout, cloud: str, kind: Kind) -> CloudCounts:
    counts = rollout.clouds[cloud]
    ends = {status.value: counts[status] for status in HostStatus if status.is_final}
    return CloudCounts(cloud, kind, counts.total(), unfinished=counts.total() - sum(ends.values()), **ends)

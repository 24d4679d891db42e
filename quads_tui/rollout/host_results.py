"""What became of the hosts of a rollout, for what its site learns of them."""

from __future__ import annotations

from .learned import HostResult, LearnedDurations, build_type
from .stages import HostStatus
from .state import Rollout

BETWEEN = 20  # of the newest seconds between writes that are kept: soon outweighed by those of the next rollout


def learn_from(rollout: Rollout, learned: LearnedDurations, now: float) -> None:
    """Add the hosts of the rollout that have begun. `now`: real time, up to which those were watched that have not ended."""
    durations = rollout.durations
    plans = {host.name: host for host in rollout.plan.hosts}
    for name, host in rollout.hosts.items():
        if host.stage is None or plans[name].blocker:
            continue
        given_up = durations.given_up.get(name)
        if name in durations.installing:
            given_up = max(0.0, now - durations.installing[name]) * rollout.speed
        learned.add(
            name,
            HostResult(
                rollout.id,
                rollout.started_at,
                build_type(rollout.plan, plans[name]),
                host.status,
                None if host.status is HostStatus.DONE else host.stage,
                host.cause.value if host.cause else "",
                {stage: round(seconds, 1) for stage, seconds in durations.taken.get(name, {}).items()},
                None if given_up is None else round(given_up, 1),
            ),
        )
    if len(durations.between):
        learned.between = durations.between.newest[-BETWEEN:]
    learned.trim()

"""Hosts whose installs took longer than those of nearly all hosts of their kind, also when they ended well after all."""

from __future__ import annotations

from typing import NamedTuple

from .stages import Stage
from .state import Rollout


class OverdueInstall(NamedTuple):
    """The rollout's own seconds: what the install took, or has taken so far, and from when on it was overdue."""

    seconds: float
    after: float


def overdue_installs(rollout: Rollout, now: float) -> dict[str, OverdueInstall]:
    """By host, in the order of the plan. `now`: real time up to which those were watched that are not at an end."""
    durations = rollout.durations
    found = {}
    for host in rollout.hosts:
        after = durations.expected.overdue_after.get(host)
        if after is None:
            continue
        since = durations.installing.get(host)
        seconds = max(
            durations.taken.get(host, {}).get(Stage.INSTALL, 0.0),
            durations.given_up.get(host, 0.0),
            0.0 if since is None else (now - since) * rollout.speed,
        )
        if seconds > after:
            found[host] = OverdueInstall(seconds, after)
    return found

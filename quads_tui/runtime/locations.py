"""Where the BMCs of a rollout's hosts are: at one location, since one worker carries a whole rollout, and must reach them all."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace

from quads_tui.inputs import Assignment, HostSpec
from quads_tui.rollout.counts import count

from .options import Refused, Usage
from .rollout_input import RolloutInput

NOWHERE = "none"  # what is typed for the hosts that have no location
_NAMED = 3  # hosts of a location that are named


def location_of(given: RolloutInput) -> str:
    """The one location of its hosts; empty: they have none. Raises Refused where they have several."""
    found = _hosts_by_location(given)
    if len(found) > 1:
        options = " and ".join(f"--location {shlex.quote(where or NOWHERE)}" for where in found)
        several = "the hosts have several locations, and one worker carries out a whole rollout"
        raise Refused([f"{several}: submit one rollout for each location, with {options} ({_listed(found)})"])
    return next(iter(found), "")


def only_at(given: RolloutInput, location: str) -> RolloutInput:
    """With the hosts of this location alone. `location`: as typed. Raises Usage where there are none."""
    wanted = "" if location == NOWHERE else location
    found = _hosts_by_location(given)
    if wanted not in found:
        where = f"at the location {location}" if wanted else "without a location"
        raise Usage(f"no host of the assignment is {where}; there are {_listed(found)}")
    taken = (_taken(assignment, {host.name for host in found[wanted]}) for assignment in given.assignments)
    return replace(given, assignments=tuple(assignment for assignment in taken if assignment.hosts))


def _taken(assignment: Assignment, wanted: set[str]) -> Assignment:
    hosts = tuple(host for host in assignment.hosts if host.name in wanted)
    left = len(assignment.hosts) - len(hosts)
    if not left:
        return assignment
    words = f"{assignment.cloud}: not in this rollout: {count(left, 'host')} at other locations"
    return replace(assignment, hosts=hosts, partial=True, notes=(*assignment.notes, words))


def _hosts_by_location(given: RolloutInput) -> dict[str, list[HostSpec]]:
    found: dict[str, list[HostSpec]] = {}
    for assignment in given.assignments:
        for host in assignment.hosts:
            found.setdefault(host.location or given.site.location(host.name), []).append(host)
    return dict(sorted(found.items()))


def _listed(found: Mapping[str, list[HostSpec]]) -> str:
    words = []
    for where, hosts in found.items():
        names = ", ".join(host.name for host in hosts[:_NAMED]) + (", ..." if len(hosts) > _NAMED else "")
        words.append(f"{count(len(hosts), 'host')} {f'at {where}' if where else 'without one'}: {names}")
    return "; ".join(words)

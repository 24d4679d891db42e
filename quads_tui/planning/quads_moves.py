"""The moves of QUADS as assignments; and the ids in QUADS of an assignment that came from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from quads_tui.inputs import Assignment, HostSpec, Site
from quads_tui.inputs.addresses import AddressError, host_name
from quads_tui.inputs.assignment import CLOUD
from quads_tui.rollout.ports import QuadsError
from quads_tui.services.quads import Quads, QuadsHost

_NAMED = 10  # how many hosts a note names


async def assignments_from(quads: Quads, site: Site, *, cloud: str | None = None, date: str = "") -> tuple[Assignment, ...]:
    """One assignment for each cloud that hosts move to, in the order of QUADS' moves; `cloud` picks one.

    Hosts that are broken, retired or protected are left out, and a note says so. Raises QuadsError.
    """
    moves = [move for move in await quads.moves(date) if cloud in (None, move.new)]
    known = await quads.hosts() if moves else {}
    found: dict[str, list[HostSpec]] = {}
    notes: dict[str, list[str]] = {}
    for move in moves:
        if not CLOUD.fullmatch(move.new):
            raise QuadsError(f"QUADS moves {move.host} to {move.new!r}, which is not the name of a cloud", final=True)
        try:
            name = host_name(move.host)
        except AddressError as trouble:
            raise QuadsError(f"QUADS moves {move.host!r}, which {trouble}", final=True) from None
        hosts, left_out = found.setdefault(move.new, []), notes.setdefault(move.new, [])
        if why := _left_out(name, known, site):
            left_out.append(f"{name} is left out: {why}")
            continue
        hosts.append(HostSpec(name, known[name].model or None, source=move.current))
    return tuple([await _assignment(quads, site, name, hosts, notes[name], date) for name, hosts in found.items() if hosts])


async def enriched(quads: Quads, assignments: Sequence[Assignment]) -> tuple[Assignment, ...]:
    """The assignments of files, with the ids under which QUADS knows them, and where QUADS has their hosts now.

    A QUADS that does not answer is a note, and is not asked again about each of them.
    """
    found: list[Assignment] = []
    known: dict[str, QuadsHost] | None = None
    gone: QuadsError | None = None
    for assignment in assignments:
        try:
            if gone is not None:
                raise gone
            known = await quads.hosts() if known is None else known
            found.append(await _enriched(quads, assignment, known))
        except QuadsError as trouble:
            gone = None if trouble.answered else trouble
            words = (
                f"QUADS will not be updated about the assignment of {assignment.cloud}, because QUADS cannot be read now: "
                f"{trouble.reason}"
            )
            found.append(replace(assignment, notes=(*assignment.notes, words)))
    return tuple(found)


async def _enriched(quads: Quads, assignment: Assignment, known: Mapping[str, QuadsHost]) -> Assignment:
    active = await quads.assignment(assignment.cloud)
    schedules = await quads.schedules(assignment.cloud)
    hosts = tuple(
        replace(host, schedule=schedules.get(host.name), source=known[host.name].cloud if host.name in known else "")
        for host in assignment.hosts
    )
    there = [host.name for host in hosts if host.source == assignment.cloud]
    more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
    words = f"hosts of the assignment that are already in {assignment.cloud} in QUADS: {', '.join(there[:_NAMED])}{more}"
    notes = (*assignment.notes, words) if there else assignment.notes
    return replace(assignment, hosts=hosts, quads_id=active.id if active else None, notes=notes)


def _left_out(name: str, known: dict[str, QuadsHost], site: Site) -> str:
    if name in site.protected_hosts:
        return "protected host (site file, protected_hosts)"
    host = known.get(name)
    if host is None:
        return "QUADS does not list this host"
    return "marked as broken in QUADS" if host.broken else "marked as retired in QUADS" if host.retired else ""


async def _assignment(quads: Quads, site: Site, cloud: str, hosts: list[HostSpec], notes: list[str], date: str) -> Assignment:
    path = Path("QUADS")
    if cloud == site.spare_pool:
        return Assignment(path, cloud, tuple(hosts), "back to the spare pool", notes=tuple(notes))
    active = await quads.assignment(cloud)
    if active is None:
        raise QuadsError(f"QUADS moves hosts to {cloud}, but has no active assignment for this cloud", final=True)
    schedules = await quads.schedules(cloud, date)
    return Assignment(
        path=path,
        cloud=cloud,
        hosts=tuple(replace(host, schedule=schedules.get(host.name)) for host in hosts),
        description=active.description,
        owner=active.owner,
        ticket=active.ticket or None,
        ccuser=active.ccuser,
        wipe=active.wipe,
        os=active.os or None,
        notes=tuple(notes),
        quads_id=active.id,
    )

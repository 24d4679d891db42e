"""The state of a machine for an operator who asks: reads only, each request once, and never more than a few.

Event logs take BMCs up to 23 s to answer, so nothing that a host waits for ever reads one.
"""

from __future__ import annotations

from collections.abc import Mapping

from quads_tui.rollout.bmc_report import SEL_LINES, BmcReport, LogLine
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.text import clean

from .connection import Missing
from .resources import Document, System, last_part, local_path, mapping, references, text
from .system import Machine

_LOGS = ("sel", "iml", "eventlog", "log1", "log")  # ids of event logs in lower case, the best first
_ENTRIES = 3  # that are read one by one, where their list has references only
_END = 200  # entries at each end of a long list that are looked at: cleaning a megabyte of them would hold the loop


async def read_report(machine: Machine) -> BmcReport:
    """Raises StageFailure where the machine cannot be read at all."""
    now = machine.connection.clock.now()
    system = await machine.look(now)
    try:
        document, _ = await machine.read(system.path, now)
    except Missing as gone:
        raise StageFailure(Cause.PROTOCOL, f"the BMC no longer shows {clean(system.path)}: {gone}") from None
    missing: list[str] = []
    sel: tuple[LogLine, ...] = ()
    try:
        sel = await _event_log(machine, system, document, now)
    except (Missing, StageFailure) as no:
        missing.append(f"event log: {no}")
    return BmcReport(
        power=system.power,
        progress=text(mapping(document.get("BootProgress")), "LastState"),
        post=_post(document),
        last_reset=text(document, "LastResetTime"),
        override=str(system.boot) if system.boot.present else "",
        sel=sel,
        missing=tuple(missing),
    )


def _post(document: Document) -> str:
    """The maker's own word for where the self-test is."""
    for maker in mapping(document.get("Oem")).values():
        if isinstance(maker, Mapping) and (word := text(maker, "PostState")):
            return word
    return ""


async def _event_log(machine: Machine, system: System, document: Document, now: float) -> tuple[LogLine, ...]:
    """The newest entries of the machine's event log; none where it has none. Raises Missing and StageFailure."""
    services = local_path(document.get("LogServices"))
    if not services and system.manager:
        manager, _ = await machine.read(system.manager, now)
        services = local_path(manager.get("LogServices"))
    if not services:
        return ()
    listed, _ = await machine.read(services, now)
    logs = {last_part(path).lower(): path for path in references(listed.get("Members"))}
    path = next((logs[name] for name in _LOGS if name in logs), "")
    if not path:
        return ()
    entries, _ = await machine.read(f"{path.rstrip('/')}/Entries", now)
    members = entries.get("Members")
    found = [one for one in members if isinstance(one, Mapping)] if isinstance(members, list) else []
    if len(found) > 2 * _END:
        found = [*found[:_END], *found[-_END:]]
    told = [one for one in found if "Created" in one or "Message" in one]
    if not told and found:
        paths = references(found)
        for ends in (*paths[: _ENTRIES - 1], *paths[-1:]):  # some list the newest first, some last
            told.append((await machine.read(ends, now))[0])
    lines = [LogLine(text(one, "Created"), text(one, "Message") or text(one, "Name")) for one in told]
    return tuple(sorted(lines, key=lambda line: line.when, reverse=True)[:SEL_LINES])

"""QUADS' own export: the two keys `clouds:` and `current_schedules:` of its tool export_current_schedules.

Rule: each key that the tool writes is accepted, and no other. Of a cloud we use ccuser, description, owner, ticket and wipe; qinq
and vlan are network matters and ignored. Of a schedule we use cloud, host and moved; its dates are QUADS' to judge. QUADS writes
null where it knows nothing: that is accepted for all but cloud, host and wipe. `wipe` must be there, because QUADS' and our own
default differ. A schedule with `moved: true` is left out, with a note: QUADS has handed that host over already, and rolling it
out once more would wipe a machine in use.
"""

from __future__ import annotations

from pathlib import Path

from .addresses import HOST_NAME
from .assignment import CLOUD, CLOUD_EXPECTED, Assignment, HostList
from .fields import Section
from .problems import Report
from .yaml_reader import Node

EXPORT_KEYS = frozenset({"clouds", "current_schedules"})
_CLOUD_KEYS = ("ccuser", "description", "owner", "qinq", "ticket", "vlan", "wipe")
_SCHEDULE_KEYS = ("cloud", "host", "start", "end", "build_start", "build_end", "moved")


def read_export(report: Report, root: Node, path: Path, wanted: str | None) -> Assignment | None:
    """The chosen cloud of an export as an Assignment; None with a problem noted when there is no choice to make."""
    section = Section(report, root, "", sorted(EXPORT_KEYS))
    clouds = section.child("clouds", required="a mapping of clouds")
    if clouds is not None and clouds.kind != "map":
        section.wrong(clouds, "clouds", "a mapping of clouds")
    if not section.has("current_schedules"):
        section.child("current_schedules", required="a list of schedules")
    schedules = section.items("current_schedules", "a list of schedules")
    names = list(clouds.entries) if clouds is not None else []
    for name in names:
        if clouds is not None and not CLOUD.fullmatch(name):
            report.add(clouds.entries[name].line, f"clouds.{name}", f"is no cloud's name; expected {CLOUD_EXPECTED}")
    chosen = wanted or (names[0] if len(names) == 1 else None)
    if clouds is None or not names or chosen not in names:
        held = ", ".join(names) or "none"
        what = (
            f"{wanted} is not in this export" if wanted else "the export holds several clouds" if names else "there is no cloud"
        )
        section.add("clouds", f"{what}; expected --cloud with one of: {held}" if names else f"{what}; expected at least one")
        chosen = None
    picked: dict[str, Section] = {}
    if clouds is not None:
        for name in names:
            entry = clouds.entries[name].value
            picked[name] = Section(report, _without_nulls(entry), f"clouds.{name}", _CLOUD_KEYS)
    listed, moved, starts = _schedules(report, schedules, chosen, section)
    if chosen is None:
        return None
    cloud = picked[chosen]
    notes = (f"{moved} hosts of {chosen} are left out: QUADS has moved them already (moved: true)",) if moved else ()
    return Assignment(
        path=path,
        cloud=chosen,
        description=cloud.text("description", "text", most=1000) or "",
        owner=cloud.text("owner", "a user's name") or "",
        ticket=cloud.text("ticket", "a ticket such as SCALELAB-3753", numbers=True),
        ccuser=cloud.texts("ccuser", "user name"),
        wipe=cloud.flag("wipe", required=True) is not False,
        hosts=tuple(listed.hosts),
        notes=notes,
        starts=starts,
    )


def _without_nulls(node: Node) -> Node:
    """A mapping without the keys that QUADS had nothing to write under; `wipe` stays, so that its absence is told."""
    kept = {
        key: entry for key, entry in node.entries.items()
        if key == "wipe" or not (entry.value.kind == "null" or (entry.value.kind == "text" and not entry.value.text.strip()))
    }  # fmt: skip
    return Node(node.line, node.kind, node.text, node.items, kept)


def _schedules(report: Report, schedules: list[Node], chosen: str | None, section: Section) -> tuple[HostList, int, str]:
    """The hosts that are scheduled for the chosen cloud, how many were left out as moved, and the first start."""
    listed, moved = HostList(report), 0
    starts: list[str] = []
    for index, node in enumerate(schedules):
        key = f"current_schedules[{index}]"
        schedule = Section(report, node, key, _SCHEDULE_KEYS)
        if node.kind != "map":
            continue
        cloud = schedule.text("cloud", CLOUD_EXPECTED, required=True)
        host = schedule.text("host", HOST_NAME, required=True, most=1000)
        empty = (child := schedule.child("moved")) is None or child.kind == "null"
        is_moved = not empty and schedule.flag("moved")
        if host is None:
            listed.tried += 1
        elif chosen is not None and cloud == chosen:
            if is_moved:
                moved += 1
            else:
                listed.add(host, schedule.line("host"), f"{key}.host")
                start = schedule.child("start")
                starts += [start.text] if start is not None and start.kind in ("text", "date") and start.text else []
    if chosen is not None and not listed.tried:
        why = f"all {moved} hosts of {chosen} are moved already (moved: true)" if moved else f"there is no host for {chosen}"
        section.add("current_schedules", f"{why}; expected at least one that is not moved")
    return listed, moved, min(starts, default="")

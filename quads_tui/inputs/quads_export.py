"""QUADS' own export: the two keys `clouds:` and `current_schedules:` of its tool export_current_schedules.

Rule: each key that the tool writes is accepted, and no other. Of a cloud we use ccuser, description, owner, ticket and wipe; qinq
and vlan are network matters and ignored. `wipe` must be there, because QUADS' and our own default differ.

The tool writes every schedule that has not ended, those of the future too, so the dates decide (naive, of the QUADS server's
clock): a schedule is **due** when start <= the start of the rollout < end. A date that the clock skips counts from the first
moment after the gap; of a start that comes twice the second time counts, of an end the first, so that nothing is wiped before its
time or past it. Schedules that are not due are left out, and the plan says which.

`moved` is no answer to whether a host is in the cloud already: the tool writes true for every host that is not in the spare pool,
wherever it is. `build_end` is: QUADS sets it in a schedule once the host was moved for this schedule. So of the schedules that
are due, a host is **there already** (left out, said) when build_end is set and `moved` is not false; with build_end and
moved: false it has gone back to the spare pool since, and is taken; with moved: true alone it is taken too, and said.

QUADS writes null for what it does not have: no build_start and build_end (the host was not moved yet), no `moved`, no vlan. A
schedule without a start or an end is never current to QUADS, so it is not due here either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from .addresses import HOST_NAME, AddressError, host_name
from .assignment import CLOUD, CLOUD_EXPECTED, Assignment, HostList
from .diagnostics import Report
from .section import Section
from .times import EXPECTED, LATEST, BadTime, Zone, parsed
from .yaml_reader import Node, read_yaml

_EXPORT_KEYS = frozenset({"clouds", "current_schedules"})
_CLOUD_KEYS = ("ccuser", "description", "owner", "qinq", "ticket", "vlan", "wipe")
_SCHEDULE_KEYS = ("cloud", "host", "start", "end", "build_start", "build_end", "moved")
_API_TIME = "%a, %d %b %Y %H:%M:%S GMT"  # how QUADS' API writes its local times: "GMT", whatever its zone
_FRACTION = re.compile(r"(:\d\d)\.\d+", re.ASCII)  # of a second; an offset may follow
_NAMED = 10  # how many of the hosts that are left out are named
_SHOWN = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class _Date:
    """A date of a schedule: as it is shown, and from when to when it is uncertain (see the module's rule)."""

    shown: str
    first: float
    last: float
    odd: str = ""  # why it is no ordinary time, in words


@dataclass(frozen=True, slots=True)
class _Schedule:
    cloud: str
    host: str
    line: int
    key: str
    start: _Date | None
    end: _Date | None
    built: bool
    moved: bool | None

    def is_due(self, at: float) -> bool:
        return self.start is not None and self.end is not None and self.start.last <= at < self.end.first

    @property
    def is_done(self) -> bool:
        """QUADS has moved the host for this very schedule, and it is still there."""
        return self.built and self.moved is not False

    @property
    def window(self) -> str:
        if self.start is None or self.end is None:
            return f"has no {'start' if self.start is None else 'end'} in QUADS"
        return f"{self.start.shown} to {self.end.shown}"


def is_export(root: Node) -> bool:
    """Whether this is QUADS' export, and no assignment."""
    return root.kind == "map" and not _EXPORT_KEYS.isdisjoint(root.entries) and "cloud" not in root.entries


def read_export(report: Report, root: Node, path: Path, wanted: str | None, at: float, zone: Zone) -> Assignment | None:
    """What is due at `at` of the chosen cloud, as an Assignment; None with a problem noted when there is no choice to make."""
    section, picked = _clouds(report, root)
    chosen = _chosen(section, picked, wanted)
    schedules = _schedules(report, section, zone)
    if chosen is None:
        return None
    listed, notes = HostList(report), []
    ours = [schedule for schedule in schedules if schedule.cloud == chosen]
    due = [schedule for schedule in ours if schedule.is_due(at)]
    there = {schedule.host for schedule in due if schedule.is_done}
    taken = [schedule for schedule in due if schedule.host not in there]
    elsewhere = {schedule.host: schedule for schedule in schedules if schedule.cloud != chosen and schedule.is_due(at)}
    for schedule in taken:
        if other := elsewhere.get(schedule.host):
            words = (
                f"{schedule.host} is also scheduled for {other.cloud} at the same time (line {other.line}); expected one cloud"
            )
            report.add(schedule.line, schedule.key, words)
        listed.add(schedule.host, schedule.line, f"{schedule.key}.host")
    kept = {schedule.host for schedule in taken} | there
    moment = f"{zone.clock(at):{_SHOWN}} ({zone})"
    notes += _named(
        f"not due at {moment}", [f"{one.host} ({one.window})" for one in ours if one.host not in kept and not one.is_due(at)]
    )
    notes += _named("because QUADS has already moved and built them for this schedule", sorted(there))
    notes += _named(
        "although QUADS has marked them as moved: without a build_end, they are not built for this schedule",
        [one.host for one in taken if one.moved and not one.built],
        "included",
    )
    dates = [(name, date) for one in taken for name, date in (("start", one.start), ("end", one.end)) if date and date.odd]
    notes += dict.fromkeys(f"{name} {date.shown} {date.odd}" for name, date in dates)
    if not taken and not report.problems:
        what = (
            f"no schedule of {chosen} is due at {moment}"
            if not there
            else f"all hosts that are due in {chosen} are there already"
        )
        section.add(
            "current_schedules",
            f"{what}: {_dates(ours)}; expected a schedule that has begun; --at schedule waits for the next start",
        )
    schedule_words = f"{_dates(taken)} ({zone})"
    members = _members(picked[chosen])
    return Assignment(path, chosen, tuple(listed.hosts), notes=tuple(notes), schedule=schedule_words, **members)


def check_export(report: Report, root: Node, zone: Zone) -> tuple[int, int]:
    """Notes what is wrong with an export whatever the date and the cloud; returns how many clouds and schedules it has."""
    section, picked = _clouds(report, root)
    for cloud in picked.values():
        _members(cloud)
    schedules = _schedules(report, section, zone)
    dated = [one for one in schedules if one.start is not None and one.end is not None]
    dated.sort(key=lambda one: (one.host, one.start.first if one.start is not None else 0.0))
    for one, later in pairwise(dated):
        if one.host == later.host and one.end is not None and later.start is not None and later.start.last < one.end.first:
            message = f"{one.host} is also scheduled for {one.cloud} at the same time (line {one.line})"
            report.warn(later.line, later.key, message)
    return len(picked), len(schedules)


def _members(cloud: Section) -> dict[str, Any]:
    """What an export says of a cloud, as members of an Assignment."""
    return {
        "description": cloud.text("description", "text", most=1000) or "",
        "owner": cloud.text("owner", "a user's name") or "",
        "ticket": cloud.text("ticket", "a ticket such as SCALELAB-3753", numbers=True),
        "ccuser": cloud.texts("ccuser", "user name"),
        "wipe": cloud.flag("wipe", required=True) is not False,
    }


def next_start(path: Path, cloud: str | None, zone: Zone, now: float) -> tuple[float, str] | None:
    """When the next schedule of an export's cloud begins, and why that is no ordinary time (or nothing).

    None for another file than an export, and where all have begun. Raises InputError.
    """
    report = Report(path)
    root = read_yaml(path, report)
    found: list[_Date] = []
    if root is not None and is_export(root):
        section, picked = _clouds(report, root)
        chosen = _chosen(section, picked, cloud)
        schedules = _schedules(report, section, zone)
        found = [one.start for one in schedules if one.cloud == chosen and one.start is not None and one.start.last > now]
    report.settle()
    first = min(found, key=lambda date: date.last, default=None)
    return None if first is None else (first.last, f"{first.shown} {first.odd}" if first.odd else "")


def _clouds(report: Report, root: Node) -> tuple[Section, dict[str, Section]]:
    """The export and its clouds."""
    section = Section(report, root, "", sorted(_EXPORT_KEYS))
    clouds = section.child("clouds", required="a mapping of clouds")
    if clouds is not None and clouds.kind != "map":
        section.wrong(clouds, "clouds", "a mapping of clouds")
    picked: dict[str, Section] = {}
    for name, entry in clouds.entries.items() if clouds is not None else ():
        if not CLOUD.fullmatch(name):
            report.add(entry.line, f"clouds.{name}", f"is not the name of a cloud; expected {CLOUD_EXPECTED}")
        picked[name] = Section(report, _without_nulls(entry.value), f"clouds.{name}", _CLOUD_KEYS)
    if clouds is not None and clouds.kind == "map" and not picked:
        section.add("clouds", "is empty; expected at least one cloud")
    return section, picked


def _chosen(section: Section, picked: dict[str, Section], wanted: str | None) -> str | None:
    """Which of the clouds is meant; None with a problem noted where there is a choice to make."""
    names = list(picked)
    chosen = wanted or (names[0] if len(names) == 1 else None)
    if chosen in picked:
        return chosen
    if names:
        what = f"{wanted} is not in this export" if wanted else "the export holds several clouds"
        section.add("clouds", f"{what}; expected --cloud with one of: {', '.join(names)}")
    return None


def _without_nulls(node: Node) -> Node:
    """A mapping without the keys that QUADS had nothing to write under; `wipe` stays, so that its absence is told."""
    kept = {key: entry for key, entry in node.entries.items() if key == "wipe" or not _is_null(entry.value)}
    return Node(node.line, node.kind, node.text, node.items, kept)


def _is_null(node: Node) -> bool:
    return node.kind == "null" or (node.kind == "text" and not node.text.strip())


def _schedules(report: Report, section: Section, zone: Zone) -> list[_Schedule]:
    if not section.has("current_schedules"):
        section.child("current_schedules", required="a list of schedules")
    found = []
    for index, node in enumerate(section.items("current_schedules", "a list of schedules")):
        key = f"current_schedules[{index}]"
        schedule = Section(report, node, key, _SCHEDULE_KEYS)
        if node.kind != "map":
            continue
        cloud = schedule.text("cloud", CLOUD_EXPECTED, required=True)
        host = _host(schedule)
        start, end = _date(schedule, "start", zone, required=True), _date(schedule, "end", zone, required=True)
        if start is not None and end is not None and end.last <= start.first:
            schedule.add("end", f"is {end.shown}, not after the start {start.shown}; expected a later date")
        _date(schedule, "build_start", zone)
        built = _date(schedule, "build_end", zone) is not None
        told = schedule.child("moved")
        moved = None if told is None or _is_null(told) else schedule.flag("moved")
        if cloud is not None and host is not None:
            found.append(_Schedule(cloud, host, schedule.line("host"), key, start, end, built, moved))
    return found


def _host(schedule: Section) -> str | None:
    text = schedule.text("host", HOST_NAME, required=True, most=1000)
    try:
        return None if text is None else host_name(text)
    except AddressError as trouble:
        schedule.add("host", f'"{(text or "")[:80]}" {trouble}')
        return None


def _date(schedule: Section, key: str, zone: Zone, *, required: bool = False) -> _Date | None:
    """A date as QUADS writes it (naive, of its own clock) or with an offset; None for null, and for a problem noted."""
    node = schedule.child(key, required=EXPECTED if required else "")
    if node is None or _is_null(node):
        return None
    if node.kind not in ("date", "text"):
        schedule.wrong(node, schedule.name(key), EXPECTED)
        return None
    text = node.text.strip()
    try:
        moment = _parsed(text)
        if moment.year > LATEST:  # "for ever": later than every other date, whatever the clock
            at = datetime(LATEST, 12, 31, tzinfo=UTC).timestamp()
            return _Date(f"{moment:{_SHOWN}}", at, at)
        if moment.tzinfo is not None:
            at = moment.timestamp()
            return _Date(f"{zone.clock(at):{_SHOWN}}", at, at)
        return _Date(f"{moment:{_SHOWN}}", zone.first(moment), zone.last(moment), zone.oddity(moment))
    except BadTime as bad:
        schedule.add(key, f'"{text[:80]}" {bad}')
        return None


def _parsed(text: str) -> datetime:
    """Raises BadTime."""
    text = _FRACTION.sub(r"\1", text, count=1)
    try:
        return datetime.strptime(text, _API_TIME)  # noqa: DTZ007 - whatever it calls itself, it is QUADS' local time
    except ValueError:
        return parsed(text, latest=MAXYEAR)


def _dates(schedules: Iterable[_Schedule]) -> str:
    """From when to when, each window once, the most frequent first; a few of them."""
    windows = Counter(one.window for one in schedules)
    if len(windows) == 1:
        return next(iter(windows))
    if not windows:
        return "no schedules at all"
    named = ", ".join(f"{window} ({_counted(count)})" for window, count in windows.most_common(3))
    return named + (f" and {len(windows) - 3} more dates" if len(windows) > 3 else "")


def _named(why: str, hosts: list[str], what: str = "left out") -> list[str]:
    """One note: how many, why, and the first of them by name."""
    if not hosts:
        return []
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return [f"{_counted(len(hosts))} {what}, {why}: {', '.join(hosts[:_NAMED])}{more}"]


def _counted(hosts: int) -> str:
    return "1 host" if hosts == 1 else f"{hosts} hosts"

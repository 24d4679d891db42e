"""Several files as one rollout: each file once, each cloud in one file, each host in one cloud.

Two files for one cloud are an error even where they ask for the same: the usual reason is a copy whose `cloud` was not changed,
and its hosts would be wiped for the wrong users.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from .assignment import Assignment
from .assignment_file import read_assignment
from .diagnostics import InputError, Place, Problem, Report
from .times import Zone

_NAMED = 10  # hosts that one problem names


def load_assignments(
    paths: Sequence[Path], *, cloud: str | None = None, at: float | None = None, zone: Zone | None = None
) -> tuple[Assignment, ...]:
    """One for each file, in this order, read as load_assignment does. Raises InputError with all that is wrong in any of them."""
    reports, found = [Report(path) for path in paths], list[Assignment]()
    problems: list[Problem] = []
    for report in reports:
        try:
            found.append(read_assignment(report, cloud=cloud, at=at, zone=zone))
        except InputError as error:
            problems += error.problems
    problems += [Problem(place.file, place.line, place.key, words) for _, place, words in conflicts(reports)]
    if problems:
        raise InputError(problems)
    return tuple(found)


def conflicts(reports: Sequence[Report]) -> Iterator[tuple[Report, Place, str]]:
    """What keeps these files from being one rollout: the later file's report, the place in it, and words that name the other."""
    files: set[Path] = set()
    clouds: dict[str, Place] = {}
    hosts: dict[str, tuple[Report, Place]] = {}
    for report in reports:
        if report.file.resolve() in files:
            yield report, Place(report.file, 0, ""), "the file is given twice; expected each file once"
            continue
        files.add(report.file.resolve())
        for cloud, place in report.clouds.items():
            if (first := clouds.setdefault(cloud, place)) is not place:
                yield report, place, f"{cloud} is also the cloud of {first}; expected one file for each cloud"
        shared: defaultdict[Path, list[tuple[str, Place, Place]]] = defaultdict(list)
        for name, place in report.hosts.items():
            other, there = hosts.setdefault(name, (report, place))
            if other is not report:
                shared[other.file].append((name, place, there))
        for file, found in shared.items():
            yield report, found[0][1], _shared(report.file, file, found)


def _shared(file: Path, other: Path, found: Sequence[tuple[str, Place, Place]]) -> str:
    """Hosts of both files, in words. A host may be written in a hosts_file, and two assignments may share one."""
    if len(found) == 1:
        ((name, _, there),) = found
        where = str(there) if there.file == other else f"{other} ({there})"
        words = f"the host {name} of {file} is also in {where}"
    else:
        names = ", ".join(f"{name} ({there.file.name}:{there.line})" for name, _, there in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        words = f"{len(found)} hosts of {file} are also in {other}: {names}{more}"
    return f"{words}; expected each host in one assignment"

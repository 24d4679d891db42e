"""Checks files offline: assignments, site files and QUADS' exports, each recognised by its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from quads_tui.rollout.counts import count as counted

from .assignment import Assignment
from .assignment_file import ASSIGNMENT, note_cloud
from .assignments import conflicts
from .diagnostics import InputError, Problem, Report
from .quads_export import check_export, is_export
from .row_commands import missing_programs
from .site import Site, bmc_address, check_speed
from .site_file import SITE, read_site
from .times import local_zone
from .yaml_reader import Node, read_yaml


class FileKind(StrEnum):
    """What a file is, by its keys."""

    ASSIGNMENT = "assignment"
    SITE = "site file"
    EXPORT = "QUADS export"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file with what is wrong in it, and what should be known. `summary` says what it holds."""

    path: Path
    kind: FileKind
    summary: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def lint(paths: Sequence[Path], site: Path | None = None) -> list[CheckedFile]:
    """Checks the files, `site` first. Assignments are checked against that site too, or against the only one among the files.

    Passwords are not fetched, and no service is asked. Raises InputError where this machine's time zone is misspelt.
    """
    first = [_Read(site, FileKind.SITE)] if site is not None else []
    read = [*first, *(_Read(path) for path in dict.fromkeys(paths) if path != site)]
    sites = [one.check_site() for one in read if one.kind is FileKind.SITE]
    known = sites[0] if first or len(sites) == 1 else None
    for one in read:
        if one.kind is FileKind.ASSIGNMENT:
            one.check_assignment(known)
        elif one.kind is FileKind.EXPORT:
            one.check_export(known)
    for report, place, words in conflicts([one.report for one in read if one.kind is FileKind.ASSIGNMENT]):
        report.warn(place.line, place.key, f"not in one rollout: {words}")
    return [one.checked() for one in read]


class _Read:
    """A file that is read, with its report."""

    def __init__(self, path: Path, kind: FileKind | None = None) -> None:
        self.report = Report(path)
        self.root = read_yaml(path, self.report) or Node(0, "bad")
        self.kind = kind or _kind(self.root)
        self.summary = ""
        if self.kind is FileKind.UNKNOWN and not self.report.problems:
            message = "has no key of an assignment, a site file or a QUADS export; expected one of these three kinds of file"
            self.report.add(self.root.line, "", message)

    def checked(self) -> CheckedFile:
        """What was found so far."""
        return CheckedFile(self.report.file, self.kind, self.summary, self.report.found(), tuple(self.report.warnings))

    def check_site(self) -> Site | None:
        """The site, if nothing is wrong with it."""
        site = read_site(self.report, self.root) if self.root.kind != "bad" else None
        if site is None or self.report.problems:
            return None
        self.summary = f"Foreman at {site.foreman.url}"
        for place, why in missing_programs(site.commands):  # another machine may have it
            node = self.root.entries["commands"].value.items[place]
            self.report.warn(node.entries["run"].line, f"commands[{place}].run", why)
        return site

    def check_assignment(self, site: Site | None) -> None:
        """Notes what is wrong with it, and what it cannot be on this site."""
        assignment = ASSIGNMENT.read(self.report, self.root, path=self.report.file)
        if assignment is None or self.report.problems:
            return
        note_cloud(self.report, self.root)
        count = len(assignment.hosts)
        self.summary = f"{assignment.cloud}, {counted(count, 'host')}"
        if site is not None:
            self._check_on(site, assignment)

    def check_export(self, site: Site | None) -> None:
        """Notes what is wrong with it, whatever the cloud and the date."""
        clouds, schedules = check_export(self.report, self.root, site.quads_zone if site is not None else local_zone())
        self.summary = f"{counted(clouds, 'cloud')}, {counted(schedules, 'schedule')}"

    def _check_on(self, site: Site, assignment: Assignment) -> None:
        for host in assignment.hosts:
            if host.name in site.protected_hosts:
                self._add(
                    "hosts",
                    f"{host.name} is a protected host (site file, protected_hosts); expected no protected host",
                )
        if assignment.wipe and assignment.cloud != site.spare_pool:
            for name in ("os", "ptable", "medium"):
                if not (getattr(assignment, name) or getattr(site.defaults, name)):
                    self._add(
                        name, f"is set neither here nor in the defaults of the site file; expected {name} in one of the two"
                    )
        try:
            check_speed(site, [bmc_address(site, host) for host in assignment.hosts])
        except InputError as error:
            for problem in error.problems:
                self._add("hosts", f"on this site ({problem.key}): {problem.message}")

    def _add(self, key: str, message: str) -> None:
        entry = self.root.entries.get(key)
        self.report.add(entry.line if entry is not None else self.root.line, key, message)


def _kind(root: Node) -> FileKind:
    if is_export(root):
        return FileKind.EXPORT
    keys = root.entries.keys()
    site, assignment = len(keys & set(SITE.names)), len(keys & set(ASSIGNMENT.names))
    if not site and not assignment:
        return FileKind.UNKNOWN
    return FileKind.SITE if site > assignment else FileKind.ASSIGNMENT

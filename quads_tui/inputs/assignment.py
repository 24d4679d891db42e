"""The assignment: which hosts go to which cloud, and as what. One file, one cloud."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .addresses import AddressError, host_name
from .diagnostics import Place, Report

CLOUD = re.compile(r"cloud[0-9]{2,}")
CLOUD_EXPECTED = "a cloud such as cloud02"


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One host: a normalised DNS name, and what the file says of its model and its BMC's address (scheme://host[:port]).

    `source` and `schedule`: the cloud that it comes from, and the id of its schedule, where QUADS told.
    """

    name: str
    model: str | None = None
    bmc: str | None = None
    source: str = ""
    schedule: int | None = None
    system: str = ""  # which of several systems behind its BMC: id or path
    location: str = ""  # only workers of it reach its BMC; empty: any machine does


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the operator wrote. None: the site's default. `notes` are words about what was read and left out."""

    path: Path
    cloud: str
    hosts: tuple[HostSpec, ...]
    description: str = ""
    owner: str = ""
    ticket: str | None = None
    ccuser: tuple[str, ...] = ()
    wipe: bool = True
    os: str | None = None
    ptable: str | None = None
    medium: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quads_id: int | None = None  # of the assignment in QUADS, where QUADS told
    schedule: str = ""  # from when to when its hosts are scheduled, in words, where the file says
    partial: bool = False  # hosts of it are left out here, for a rollout of their own


class HostList:
    """Hosts from several places; a second mention is a problem that names both places."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._addresses: dict[str, dict[str, str]] = {}  # of BMCs: the hosts behind each, by system
        self.hosts: list[HostSpec] = []

    def add(
        self,
        text: str,
        line: int,
        key: str,
        *,
        file: Path | None = None,
        model: str | None = None,
        bmc: str | None = None,
        system: str = "",
        location: str = "",
    ) -> None:
        """One mention of a host; `file` is the hosts_file that it is in."""
        try:
            name = host_name(text)
        except AddressError as error:
            self._report.add(line, key, f'"{text[:80]}" {error}', file)
            return
        if first := self._report.hosts.get(name):
            words = f"the host {name} is listed twice, first in {first.file.name}:{first.line}; expected it once"
            self._report.add(line, key, words, file)
            return
        self._report.hosts[name] = Place(file or self._report.file, line, key)
        if bmc is not None:
            # Two hosts behind one BMC would power off and wipe the wrong machine, unless each says which system it is.
            there = self._addresses.setdefault(bmc, {})
            if there and (system_key(system) in there or "" in (system_key(system), *there)):
                other = there.get(system_key(system)) or next(iter(there.values()))
                message = f"is also the BMC of {other}; expected a BMC of its own for each host, or another `system` for each"
                self._report.add(line, f"{key}.bmc", message)
            there.setdefault(system_key(system), name)
        self.hosts.append(HostSpec(name, model, bmc, system=system, location=location))


def system_key(system: str) -> str:
    """The same for the id of a system and for its path: /redfish/v1/Systems/Node2 is Node2."""
    return system.rstrip("/").rpartition("/")[2].lower()

"""The assignment: which hosts go to which cloud, and as what. One file, one cloud."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from .addresses import HOST_NAME, AddressError, host_name, service_url
from .diagnostics import InputError, Problem, Report
from .files import FileError, decode, read_regular
from .section import Section
from .times import BadTime, Zone, this_machine
from .yaml_reader import CONTROLS, MOST_BYTES, Node, read_yaml

CLOUD = re.compile(r"cloud[0-9]{2,}")
CLOUD_EXPECTED = "a cloud such as cloud02"
SYSTEM = re.compile(r"/redfish/v1/\S+|[^\s/]+")
SYSTEM_EXPECTED = "the id or the path of one system, such as Node2 or /redfish/v1/Systems/Node2"
KEYS = (
    "cloud", "description", "owner", "ticket", "ccuser", "wipe", "os", "ptable", "medium", "parameters", "hosts", "hosts_file",
)  # fmt: skip


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


class HostList:
    """Hosts from several places; a second mention is a problem that names both places."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._names: dict[str, str] = {}
        self._addresses: dict[str, dict[str, str]] = {}  # of BMCs: the hosts behind each, by system
        self.hosts: list[HostSpec] = []
        self.tried = 0  # mentions, good or bad: an empty list is another problem than a list of bad names

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
    ) -> None:
        """One mention of a host; `file` is the hosts_file it stands in."""
        self.tried += 1
        try:
            name = host_name(text)
        except AddressError as trouble:
            self._report.add(line, key, f'"{text[:80]}" {trouble}', file)
            return
        place = f"{(file or self._report.file).name}:{line}"
        if name in self._names:
            self._report.add(line, key, f"the host {name} is given twice, first in {self._names[name]}; expected it once", file)
            return
        self._names[name] = place
        if bmc is not None:
            # Two hosts behind one BMC would power off and wipe the wrong machine, unless each says which system it is.
            there = self._addresses.setdefault(bmc, {})
            if there and (system_key(system) in there or "" in (system_key(system), *there)):
                other = there.get(system_key(system)) or next(iter(there.values()))
                message = f"is the BMC of {other} too; expected one BMC for each host, or another `system` for each"
                self._report.add(line, f"{key}.bmc", message)
            there.setdefault(system_key(system), name)
        self.hosts.append(HostSpec(name, model, bmc, system=system))


def system_key(system: str) -> str:
    """The same for the id of a system and for its path: /redfish/v1/Systems/Node2 is Node2."""
    return system.rstrip("/").rpartition("/")[2].lower()


def load_assignment(path: Path, *, cloud: str | None = None, at: float | None = None, zone: Zone | None = None) -> Assignment:
    """Reads an assignment or a QUADS export. InputError tells all that is wrong.

    Of an export: `cloud` picks one of its clouds; taken is what is due at real time `at` (None: now), its dates being of `zone`
    (None: this machine's).
    """
    from .quads_export import is_export, read_export

    if cloud is not None and not CLOUD.fullmatch(cloud):
        raise InputError([Problem(path, 0, "--cloud", f"expected {CLOUD_EXPECTED}")])
    report = Report(path)
    root = read_yaml(path, report)
    result: Assignment | None = None
    if root is not None and root.kind != "bad":
        if is_export(root):
            due_at = time.time() if at is None else at
            result = read_export(report, root, path, cloud, due_at, zone or local_zone())
        else:
            result = _read(report, root, path, cloud)
    report.settle()
    if result is None:
        raise InputError([Problem(path, 0, "", "cannot be used; expected an assignment")])
    return result


def local_zone() -> Zone:
    """This machine's. Raises InputError where the environment names one that is not known."""
    try:
        return this_machine()
    except BadTime as bad:
        raise InputError([Problem(Path("the time zone"), 0, "", str(bad))]) from None


def _read(report: Report, root: Node, path: Path, wanted: str | None) -> Assignment:
    section = Section(report, root, "", KEYS)
    cloud = section.text("cloud", CLOUD_EXPECTED, required=True) or ""
    if cloud and not CLOUD.fullmatch(cloud):
        section.add("cloud", f"is no cloud's name; expected {CLOUD_EXPECTED}")
    elif cloud and wanted is not None and wanted != cloud:
        section.add("cloud", f"the file is for {cloud}, asked for was {wanted}; expected the same cloud")
    wipe = section.flag("wipe")
    return Assignment(
        path=path,
        cloud=cloud,
        description=section.text("description", "text", most=1000) or "",
        owner=section.text("owner", "a user's name") or "",
        ticket=section.text("ticket", "a ticket such as SCALELAB-3753", numbers=True),
        ccuser=section.texts("ccuser", "user name"),
        wipe=wipe if wipe is not None else True,
        os=section.text("os", "a Foreman operating system title"),
        ptable=section.text("ptable", "a Foreman partition table name"),
        medium=section.text("medium", "a Foreman installation medium name"),
        parameters=_parameters(section),
        hosts=_hosts(section, path),
    )


def _parameters(section: Section) -> dict[str, str]:
    node = section.child("parameters")
    found: dict[str, str] = {}
    if node is None:
        return found
    if node.kind != "map":
        section.wrong(node, "parameters", "a mapping of names and texts")
    for name, entry in node.entries.items():
        key = f"parameters.{name}"
        if not name or re.search(r"\s", name) or len(name) > 255:
            section.report.add(entry.line, key, "is no parameter's name; expected up to 255 characters without white space")
        value = section.text_of(entry.value, key, "text", most=10_000, empty=True)
        if value is not None:
            found[name] = entry.value.text
    return found


def _hosts(section: Section, path: Path) -> tuple[HostSpec, ...]:
    listed = HostList(section.report)
    for index, node in enumerate(section.items("hosts", "a list of host names or mappings")):
        key = f"hosts[{index}]"
        if node.kind == "map":
            _host(section.report, node, key, listed)
            continue
        text = section.text_of(node, key, f"{HOST_NAME}, or a mapping with name, model, bmc, system", most=1000)
        if text is None:
            listed.tried += 1
        else:
            listed.add(text, node.line, key)
    usable_file = _hosts_file(section, path, listed) if section.has("hosts_file") else True
    hosts = section.node.entries.get("hosts")
    if not listed.tried and usable_file and (hosts is None or hosts.value.kind == "list"):
        key = "hosts" if section.has("hosts") or not section.has("hosts_file") else "hosts_file"
        section.add(key, "there is no host; expected at least one under hosts or in hosts_file")
    return tuple(listed.hosts)


def _host(report: Report, node: Node, key: str, listed: HostList) -> None:
    section = Section(report, node, key, ("name", "model", "bmc", "system"))
    model = section.text("model", "a model such as R650")
    bmc = section.text("bmc", "an address such as https://mgmt-host.example.com", most=1000)
    if bmc is not None:
        try:
            bmc = service_url(bmc, path=False)
        except AddressError as trouble:
            section.add("bmc", str(trouble))
            bmc = None
    system = section.text("system", SYSTEM_EXPECTED, numbers=True) or ""
    if system and (not system_key(system) or not SYSTEM.fullmatch(system)):
        section.add("system", f"is no system of a BMC; expected {SYSTEM_EXPECTED}")
    name = section.text("name", HOST_NAME, required=True, most=1000)
    if name is None:
        listed.tried += 1
    else:
        listed.add(name, section.line("name"), key, model=model, bmc=bmc, system=system)


def _hosts_file(section: Section, path: Path, listed: HostList) -> bool:
    """Adds the hosts of the file beside the assignment; False when it could not be read."""
    expected = "the plain name of a file beside the assignment"
    name = section.text("hosts_file", expected)
    if name is None:
        return False
    if "/" in name or "\\" in name or name in (".", ".."):
        section.add("hosts_file", f"is a path; expected {expected}")
        return False
    file = path.parent / name
    try:
        # No symbolic link: a file handed over must not make its reader open another one.
        data = read_regular(file, MOST_BYTES, follow=False)
    except FileError as trouble:
        section.add("hosts_file", f"{name} {trouble}")
        return False
    try:
        text = decode(data)
    except UnicodeDecodeError as error:
        section.report.add(data.count(b"\n", 0, error.start) + 1, "", "is not UTF-8 text; expected host names", file)
        return False
    for number, line in enumerate(text.split("\n"), start=1):
        if found := CONTROLS.search(line.rstrip("\r").replace("\t", " ")):
            message = f"holds the control character U+{ord(found[0]):04X}; expected host names"
            section.report.add(number, "", message, file)
            listed.tried += 1
            continue
        for word in line.partition("#")[0].split():
            listed.add(word, number, "", file=file)
    return True

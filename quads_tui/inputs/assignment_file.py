"""The assignment's file: its keys, its hosts, and the hosts_file beside it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .addresses import HOST_NAME, is_ipmi
from .assignment import CLOUD, CLOUD_EXPECTED, Assignment, HostList, HostSpec
from .diagnostics import InputError, Place, Problem, Report
from .files import FileError, decode, read_regular
from .quads_export import is_export, read_export
from .readers import BmcAddress, Flag, Text, Texts
from .section import Section
from .table import Key, Reader, Table
from .times import Zone, local_zone
from .yaml_reader import CONTROLS, MOST_BYTES, Node, read_yaml

CLOUD_NAME = Text(CLOUD_EXPECTED, pattern=CLOUD, wrong="is not the name of a cloud")
OS = Text("a Foreman operating system title")
PTABLE = Text("a Foreman partition table name")
MEDIUM = Text("a Foreman installation medium name")
_SYSTEM = re.compile(r"/redfish/v1/\S+|[^\s/]+")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A host and where it is written; without a spec, where something else is written that was noted."""

    line: int
    key: str
    spec: HostSpec | None = None
    file: Path | None = None  # the hosts_file that it is in


def _check_host(section: Section, values: dict[str, Any]) -> None:
    if "system" in values and is_ipmi(values.get("bmc", "")):
        section.add("system", "cannot be combined with an ipmi:// address: IPMI knows one machine behind a BMC")


HOST = Table(
    HostSpec,
    (
        Key(
            "name",
            Text(HOST_NAME, most=1000),
            "Full name of the host in Foreman",
            required=True,
            sample="f21-h18-000-r650.example.com",
        ),
        Key(
            "model",
            Text("a model such as R650"),
            "Model of the host; used to group hosts, and to find the boot devices of Dell machines",
            sample="R650",
        ),
        Key(
            "bmc",
            BmcAddress(),
            "Address of the BMC of the host; overrides the site file. ipmi://HOST[:PORT] for a machine without usable Redfish",
            default="from the site file: redfish.addresses, else redfish.address",
            sample='"https://127.0.0.1:20001"',
        ),
        Key(
            "system",
            Text(
                "the id or the path of one system, such as Node2 or /redfish/v1/Systems/Node2",
                numbers=True,
                pattern=_SYSTEM,
                wrong="is not the id or the path of a system",
            ),
            "Id or path of the system that is this host, if there are several behind one BMC",
            default="the only system, else the system with the MAC that Foreman has",
            sample="Node2",
        ),
        Key(
            "location",
            Text("the name of a location, such as pod2", most=100),
            "Location of its BMC network, for rollouts that workers carry out ([how](cluster.md#locations))",
            sample="pod2",
        ),
    ),
    check=_check_host,
)


@dataclass(frozen=True, slots=True)
class Hosts(Reader):
    """A list of host names, or of mappings with more about a host."""

    expected: str = "a list of host names or mappings"

    @property
    def kind(self) -> str:
        return "list of names or mappings"

    @property
    def table(self) -> Table[Any]:
        return HOST

    def read(self, section: Section, key: str) -> list[_Mention] | None:
        nodes = section.items(key, self.expected)
        found = [_mention(section, node, f"{section.name(key)}[{index}]") for index, node in enumerate(nodes)]
        return found if section.node.entries[key].value.kind == "list" else None

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"anyOf": [{"type": "string"}, HOST.schema()]}}


def _mention(section: Section, node: Node, path: str) -> _Mention:
    if node.kind == "map":
        spec = HOST.read(section.report, node, path)
        return _Mention(node.entries["name"].line if "name" in node.entries else node.line, path, spec)
    text = section.text_of(node, path, f"{HOST_NAME}, or a mapping with {', '.join(HOST.names)}", most=1000)
    return _Mention(node.line, path, HostSpec(text) if text is not None else None)


@dataclass(frozen=True, slots=True)
class HostsFile(Reader):
    """A plain file of host names beside the assignment."""

    expected: str = "the name of a file in the directory of the assignment"

    @property
    def kind(self) -> str:
        return "file name"

    def read(self, section: Section, key: str) -> list[_Mention] | None:
        name = section.text(key, self.expected)
        if name is None:
            return None
        if "/" in name or "\\" in name or name in (".", ".."):
            section.add(key, f"is a path; expected {self.expected}")
            return None
        file = section.report.file.parent / name
        try:
            # No symbolic link: a file handed over must not make its reader open another one.
            data = read_regular(file, MOST_BYTES, follow=False)
        except FileError as error:
            section.add(key, f"{name} {error}")
            return None
        try:
            text = decode(data)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            section.report.add(line, "", "is not UTF-8 text; expected host names", file)
            return None
        return _listed(section.report, text, file)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[^/\\]+$", "maxLength": 255}


def _listed(report: Report, text: str, file: Path) -> list[_Mention]:
    """The names of a hosts_file: split on white space, `#` begins a comment."""
    found: list[_Mention] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if control := CONTROLS.search(line.rstrip("\r").replace("\t", " ")):
            message = f"contains the control character U+{ord(control[0]):04X}; expected host names"
            report.add(number, "", message, file)
            found.append(_Mention(number, "", file=file))
            continue
        found += [_Mention(number, "", HostSpec(word), file) for word in line.partition("#")[0].split()]
    return found


@dataclass(frozen=True, slots=True)
class Parameters(Reader):
    """Names and texts; a text may be empty, and is kept as it was written."""

    expected: str = "a mapping of names and texts"

    @property
    def kind(self) -> str:
        return "mapping of names and texts"

    def read(self, section: Section, key: str) -> dict[str, str]:
        node = section.node.entries[key].value
        if node.kind != "map":
            section.wrong(node, section.name(key), self.expected)
        found: dict[str, str] = {}
        for name, entry in node.entries.items():
            path = f"{section.name(key)}.{name}"
            if not name or re.search(r"\s", name) or len(name) > 255:
                message = "is not the name of a parameter; expected up to 255 characters without white space"
                section.report.add(entry.line, path, message)
            if section.text_of(entry.value, path, "text", most=10_000, empty=True) is not None:
                found[name] = entry.value.text
        return found

    def schema(self) -> dict[str, Any]:
        names = {"pattern": r"^\S+$", "maxLength": 255}
        return {"type": "object", "propertyNames": names, "additionalProperties": {"type": "string", "maxLength": 10_000}}


def _together(section: Section, values: dict[str, Any]) -> None:
    """Puts the hosts of both keys together: there must be one, and none twice."""
    places = ("hosts", "hosts_file")
    unread = [place for place in places if section.has(place) and place not in values]
    mentions: list[_Mention] = [mention for place in places for mention in values.pop(place, None) or []]
    listed = HostList(section.report)
    for mention in mentions:
        if (spec := mention.spec) is not None:
            listed.add(
                spec.name,
                mention.line,
                mention.key,
                file=mention.file,
                model=spec.model,
                bmc=spec.bmc,
                system=spec.system,
                location=spec.location,
            )
    if not mentions and not unread:
        key = "hosts_file" if section.has("hosts_file") and not section.has("hosts") else "hosts"
        section.add(key, "there is no host; expected at least one under hosts or in hosts_file")
    values["hosts"] = tuple(listed.hosts)


ASSIGNMENT = Table(
    Assignment,
    (
        Key("cloud", CLOUD_NAME, "Name of the target cloud in QUADS", required=True, sample="cloud02"),
        Key("description", Text("text", most=1000), "What the cloud is for", sample="OpenStack scale test"),
        Key(
            "owner",
            Text("a user's name"),
            "Person who asked for the cloud; the owner in Foreman is the user with the name of the cloud",
            sample="jdoe",
        ),
        Key("ticket", Text("a ticket such as SCALELAB-3753", numbers=True), "Ticket of the request", sample='"3753"'),
        Key("ccuser", Texts("user name"), "Other users of the cloud", sample="[asmith, bwong]"),
        Key(
            "wipe",
            Flag(),
            "true: wipe and rebuild the hosts; false: change only the owner in Foreman, without power action or rebuild",
            sample="true",
        ),
        Key("os", OS, "Title of the operating system in Foreman", default="defaults.os of the site file", sample="RHEL 9.4"),
        Key(
            "ptable",
            PTABLE,
            "Name of the partition table in Foreman",
            default="defaults.ptable of the site file",
            sample="generic-rhel9",
        ),
        Key(
            "medium",
            MEDIUM,
            "Name of the installation medium in Foreman",
            default="defaults.medium of the site file",
            sample="RHEL Local",
        ),
        Key(
            "parameters",
            Parameters(),
            "Host parameters to set in Foreman; other parameters are not changed",
            sample='{overcloud: "true"}',
        ),
        Key(
            "hosts",
            Hosts(),
            "The hosts, each as a name or as a mapping; at least one here or in hosts_file",
            sample="[f21-h17-000-r650.example.com]",
        ),
        Key(
            "hosts_file",
            HostsFile(),
            "File with more host names, in the directory of the assignment; separated by white space, # begins a comment",
            sample="cloud02.hosts",
        ),
    ),
    check=_together,
    needs=("hosts", "hosts_file"),
)


def load_assignment(path: Path, *, cloud: str | None = None, at: float | None = None, zone: Zone | None = None) -> Assignment:
    """Reads an assignment or a QUADS export. Raises InputError with all that is wrong.

    Of an export: `cloud` picks one of its clouds; taken is what is due at real time `at` (None: now), its dates being of `zone`
    (None: this machine's).
    """
    return read_assignment(Report(path), cloud=cloud, at=at, zone=zone)


def read_assignment(report: Report, *, cloud: str | None = None, at: float | None = None, zone: Zone | None = None) -> Assignment:
    """As load_assignment, of the report's file; the report then knows where its cloud and its hosts are written."""
    path = report.file
    if cloud is not None and not CLOUD.fullmatch(cloud):
        raise InputError([Problem(path, 0, "--cloud", f"expected {CLOUD_EXPECTED}")])
    root = read_yaml(path, report)
    result: Assignment | None = None
    if root is not None and root.kind != "bad":
        if is_export(root):
            due_at = time.time() if at is None else at
            result = read_export(report, root, path, cloud, due_at, zone or local_zone())
            if result is not None:
                line = root.entries["clouds"].value.entries[result.cloud].line
                report.clouds[result.cloud] = Place(path, line, f"clouds.{result.cloud}")
        else:
            result = ASSIGNMENT.read(report, root, path=path)
            note_cloud(report, root)
            _check_cloud(report, root, cloud)
    report.settle()
    if result is None:
        raise InputError([Problem(path, 0, "", "cannot be used; expected an assignment")])
    return result


def note_cloud(report: Report, root: Node) -> None:
    """Where an assignment's cloud is written, if it is."""
    if (entry := root.entries.get("cloud")) is not None:
        report.clouds[entry.value.text.strip()] = Place(report.file, entry.value.line, "cloud")


def _check_cloud(report: Report, root: Node, wanted: str | None) -> None:
    """Notes that the file is for another cloud than the one that was asked for."""
    entry = root.entries.get("cloud")
    cloud = entry.value.text.strip() if entry is not None else ""
    if entry is not None and CLOUD.fullmatch(cloud) and wanted is not None and wanted != cloud:
        report.add(entry.line, "cloud", f"the file is for {cloud}, but --cloud is {wanted}; expected the same cloud")

"""The site's file: every key of it, and what concerns several keys at once."""

from __future__ import annotations

import re
from collections.abc import Mapping as Values
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .addresses import AddressError, bmc_url, host_name, is_loopback, service_url
from .assignment_file import CLOUD_NAME, MEDIUM, OS, PTABLE
from .boot_interfaces import InterfacesFile, check_boot_order
from .diagnostics import InputError, Problem, Report
from .hooks import HOOKS
from .ipmi import IPMI
from .limits import LIMITS
from .metrics import METRICS
from .on_event import ON_EVENT
from .patterns import Locations, Patterns, RackExpression, Unchecked
from .readers import Address, FilePath, HostNames, Mapping, Number, Text, TimeZone
from .row_commands import COMMANDS
from .section import Section
from .site import DEFAULT_ADDRESS, Defaults, ForemanSite, QuadsSite, RedfishSite, Site
from .table import Key, Reader, Table
from .trust import Password, Tls, TlsPolicy
from .write_queue import WRITE_QUEUE
from .yaml_reader import Node, read_yaml

_USER = Text("a user's name")


@dataclass(frozen=True, slots=True)
class BmcTemplate(Reader):
    """The address of any host's BMC: `{host}` stands for the host's name."""

    expected: str = "an address such as https://mgmt-{host}"

    @property
    def kind(self) -> str:
        return "address with `{host}`"

    def read(self, section: Section, key: str) -> str | None:
        text = section.text(key, self.expected, most=1000)
        if text is None:
            return None
        rest = text.replace("{host}", "")
        if "{host}" not in text or "{" in rest or "}" in rest:
            section.add(key, f"must contain {{host}} and no other braces; expected {self.expected}")
            return None
        try:
            service_url(text.replace("{host}", "h"), path=False)
        except AddressError as error:
            section.add(key, str(error))
            return None
        return text.rstrip("/")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^{}\s]*\{host\}", "maxLength": 1000}


@dataclass(frozen=True, slots=True)
class AddressesFile(Reader):
    """A file beside the site: host name to BMC address. Its problems are noted with its own name and lines."""

    expected: str = "a file's path"

    @property
    def kind(self) -> str:
        return "path"

    def read(self, section: Section, key: str) -> dict[str, str] | None:
        text = section.text(key, self.expected, most=4096)
        if text is None:
            return None
        report = Report(section.report.file.parent / text)
        root = read_yaml(report.file, report)
        found = _addresses(report, root) if root is not None else {}
        section.report.problems += report.problems
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 4096}


def _addresses(report: Report, root: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    if root.kind != "map":
        report.add(root.line, "", "expected a mapping of host names and BMC addresses")
        return found
    section = Section(report, root, "", tuple(root.entries))
    for key in root.entries:
        value = section.text(key, "an address such as https://mgmt-host.example.com", most=1000)
        try:
            name, address = host_name(key), bmc_url(value) if value else ""
        except AddressError as error:
            section.add(key, str(error))
            continue
        if not value:
            continue
        if address in owners:
            section.add(key, f"is also the BMC of {owners[address]}; expected a BMC of its own for each host")
        found[name] = address
        owners[address] = name
    return found


def _check_foreman(section: Section, values: dict[str, Any]) -> None:
    if re.search(r"/api(/v2)?$", values.get("url", "")):
        section.add("url", "ends with /api; expected the address without /api, which quads-tui adds itself")
    _check_plain_http(section, "url", values)
    if (width := values.get("write_width", 1)) > 1:
        _warn(section, "write_width", f"{width} writes to Foreman at the same time; after the first conflict one at a time")
        if "write_queue" in values:
            section.add("write_width", "cannot be combined with write_queue, which lets one write through at a time; expected 1")


def _check_quads(section: Section, values: dict[str, Any]) -> None:
    _check_plain_http(section, "url", values)


def _check_redfish(section: Section, values: dict[str, Any]) -> None:
    values.setdefault("address", DEFAULT_ADDRESS)
    _check_plain_http(section, "address", values)
    check_boot_order(section, values)
    if old := values.get("old_tls"):
        if _tls(values).kind in ("fingerprint", "first_use"):
            message = "cannot be combined with a pinned certificate; expected tls: {ca_file: FILE} or {verify: false} beside it"
            section.add("old_tls", message)
        _warn(section, "old_tls", f"TLS older than 1.2 is accepted from {', '.join(old)}")
    if unchecked := values.get("check_macs"):
        whom = "all hosts" if "*" in unchecked else ", ".join(unchecked)
        _warn(
            section,
            "check_macs",
            f"off for {whom}: a BMC address that leads to another host is not detected; these hosts are not verified",
        )


def _check_plain_http(section: Section, key: str, values: Values[str, Any]) -> None:
    url = values.get(key, "").lower()
    if not url.startswith("http://") or is_loopback(url):
        return
    if _tls(values).kind == "off":
        _warn(section, key, "http:// to another machine: passwords are sent unencrypted")
    else:
        section.add(key, "is http:// to another machine; expected https://, or tls: {verify: false} beside it")


def _tls(values: Values[str, Any]) -> TlsPolicy:
    policy: TlsPolicy = values.get("tls", TlsPolicy())
    return policy


def _warn(section: Section, key: str, message: str) -> None:
    section.report.warn(section.line(key), section.name(key), message)


_TLS_ROW = Key(
    "tls",
    Tls(),
    "How the TLS certificate of the server is checked",
    default="the certificate authorities that this machine trusts",
    sample="{verify: false}",
)

FOREMAN = Table(
    ForemanSite,
    (
        Key(
            "url",
            Address("an address such as https://foreman.example.com", path=True),
            "Address of Foreman, without /api",
            required=True,
            sample="https://foreman.example.com",
        ),
        Key(
            "username",
            _USER,
            "User name of the Foreman account; needs the permissions view_hosts, edit_hosts, build_hosts, view_users, "
            "view_operatingsystems, view_ptables and view_media; for `parameters` also view_params, create_params, edit_params",
            required=True,
            sample="quads",
        ),
        Key(
            "password",
            Password(),
            "{env: NAME}, {file: PATH} (mode 0600) or {command: [PROGRAM, ARGUMENT]}",
            required=True,
            sample="{env: FOREMAN_PASSWORD}",
        ),
        replace(_TLS_ROW, sample="{ca_file: lab-ca.pem}"),
        Key(
            "write_width",
            Number(64, whole=True),
            "Number of writes to Foreman at the same time; after the first conflict one at a time",
            sample="1",
        ),
        Key(
            "write_queue",
            Mapping(WRITE_QUEUE),
            "The write queue that consoles on several machines share (extra `cluster`)",
            optional=True,
        ),
    ),
    check=_check_foreman,
)

DEFAULTS = Table(
    Defaults,
    (
        Key("os", OS, "Title of an operating system in Foreman", sample="RHEL 9.4"),
        Key("ptable", PTABLE, "Name of a partition table in Foreman", sample="generic-rhel9"),
        Key("medium", MEDIUM, "Name of an installation medium in Foreman", sample="RHEL Local"),
    ),
)

REDFISH = Table(
    RedfishSite,
    (
        Key(
            "address",
            BmcTemplate(),
            "Address of the BMC of a host; overridden by redfish.addresses, and by `bmc` in an assignment",
            default=DEFAULT_ADDRESS,
            sample='"https://mgmt-{host}"',
        ),
        Key(
            "addresses",
            AddressesFile(),
            "YAML file of host names and BMC addresses (https:// or ipmi://), for hosts that redfish.address does not fit",
            sample="bmcs.yaml",
            optional=True,
        ),
        Key("username", _USER, "User name of the BMC account", required=True, sample="root"),
        Key("password", Password(), "Password of the BMC account", required=True, sample="{env: BMC_PASSWORD}"),
        replace(_TLS_ROW, help="How the TLS certificates of the BMCs are checked; most BMCs have self-signed certificates"),
        Key(
            "old_tls",
            Patterns(),
            "Hosts whose BMC supports only TLS 1.0 or 1.1",
            sample='["*-r620*"]',
            optional=True,
        ),
        Key(
            "check_macs",
            Unchecked(),
            "true: compare the MACs of the BMC with Foreman, and refuse a mismatch; false: do not compare; patterns: do not "
            "compare these hosts",
            default="true",
            sample="true",
            field="unchecked",
        ),
        Key(
            "unverified",
            Patterns(),
            "Hosts that may be provisioned although their machine cannot be compared with Foreman's host (not verified)",
            sample="[]",
        ),
        Key(
            "interfaces",
            InterfacesFile(),
            "File of QUADS with the boot devices of Dell machines (foreman_r650: NIC...); they boot once from the first device",
            sample="idrac_interfaces.yml",
            optional=True,
        ),
        Key(
            "boot_order",
            Text("a type of redfish.interfaces, such as director"),
            "Type in the file redfish.interfaces that is the permanent boot order of Dell machines; to change it, "
            "a machine is powered on once more",
            sample="director",
            optional=True,
        ),
    ),
    check=_check_redfish,
)

QUADS = Table(
    QuadsSite,
    (
        Key(
            "url",
            Address("an address such as https://quads.example.com", path=True),
            "Address of QUADS",
            required=True,
            sample="https://quads.example.com",
        ),
        Key("username", _USER, "User name of the QUADS account", required=True, sample="admin@example.com"),
        Key("password", Password(), "Password of the QUADS account", required=True, sample="{env: QUADS_PASSWORD}"),
        replace(_TLS_ROW, sample="{ca_file: lab-ca.pem}"),
        Key(
            "lock_file",
            FilePath(),
            "Lock file of the mover of QUADS; while the mover holds this lock, no rollout starts",
            sample="/tmp/moveandrebuild.lock",
        ),
        Key(
            "timezone",
            TimeZone(),
            "Time zone of the times in QUADS, which QUADS writes without a time zone",
            default="this machine's",
            sample="Europe/Berlin",
        ),
    ),
    check=_check_quads,
)

SITE = Table(
    Site,
    (
        Key("foreman", Mapping(FOREMAN), "The Foreman server", required=True),
        Key("defaults", Mapping(DEFAULTS), "Operating system, partition table and medium of assignments that do not set them"),
        Key("redfish", Mapping(REDFISH), "The BMCs; one account for all of them", required=True),
        Key("ipmi", Mapping(IPMI), "The BMCs at ipmi:// addresses", optional=True),
        Key("quads", Mapping(QUADS), "The QUADS server", optional=True),
        Key(
            "racks",
            RackExpression(),
            "Regular expression that finds the rack in a host name (first group); a host without a match is a rack of its own",
            sample=r'"^([a-z]\\d+)-"',
        ),
        Key(
            "locations",
            Locations(),
            "Regular expressions of host names, each with the location of the BMC network of these hosts; the first that fits "
            "counts, and `location` of a host in its assignment before all ([how](cluster.md#locations))",
            sample='{"^pod2-": pod2}',
            optional=True,
        ),
        Key(
            "spare_pool",
            CLOUD_NAME,
            "Name of the spare pool; hosts that move to this cloud are only powered off",
            sample="cloud01",
        ),
        Key(
            "protected_hosts",
            HostNames(),
            "Exact names of hosts that are never touched, even if an assignment lists them",
            sample="[foreman.example.com]",
        ),
        Key("hooks", HOOKS, "Commands of the site that run before or after a stage", optional=True),
        Key(
            "on_event",
            Mapping(ON_EVENT),
            "Command of the site that runs at a new failure, a pause or the end of a rollout",
            optional=True,
        ),
        Key("commands", COMMANDS, "Commands of the site that an operator runs for a host by a key, such as ssh", optional=True),
        Key("limits", Mapping(LIMITS), "Limits of a rollout: counts and times", optional=True),
        Key("metrics", Mapping(METRICS), "Metrics of a running rollout for Prometheus; needs the extra `metrics`", optional=True),
        Key(
            "speed",
            Number(10_000),
            "How many times faster a rehearsal runs: waits and deadlines are divided by it. Only with loopback addresses",
            sample="1",
        ),
    ),
)


def load_site(path: Path) -> Site:
    """Reads a site file. Raises InputError with all that is wrong; passwords are not fetched here."""
    report = Report(path)
    root = read_yaml(path, report)
    site = read_site(report, root) if root is not None and root.kind != "bad" else None
    report.settle()
    if site is None:
        raise InputError([Problem(path, 0, "", "cannot be used; expected a site file")])
    return site


def read_site(report: Report, root: Node) -> Site | None:
    """The site of a file that is read; problems and warnings go into the report."""
    site = SITE.read(report, root, path=report.file)
    return site and replace(site, warnings=tuple(f"{warning.key}: {warning.message}" for warning in report.warnings))

"""The site: where Foreman, the BMCs and QUADS are, who we are there, and how fast we may go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.limits import Limits

from .addresses import HOST_NAME, AddressError, host_name, is_loopback, service_url
from .assignment import CLOUD, CLOUD_EXPECTED, HostSpec, local_zone
from .boot_interfaces import Interfaces, read_boot_order, read_interfaces
from .diagnostics import InputError, Problem, Report
from .hooks import read_hooks
from .limits import NAMES as LIMIT_NAMES
from .limits import read_limits
from .on_event import AlertCommand, read_on_event
from .patterns import LOOKED_AT, fits, read_patterns, read_rack
from .secrets import SecretSource
from .section import Section
from .times import BadTime, Zone, zone_named
from .trust import TlsPolicy, read_password, read_tls
from .yaml_reader import Node, read_yaml

KEYS = (
    "foreman", "defaults", "redfish", "quads", "racks", "spare_pool", "protected_hosts", "hooks", "on_event", "limits", "speed",
)  # fmt: skip
DEFAULT_ADDRESS = "https://mgmt-{host}"  # how QUADS names a host's BMC
TEMPLATE = "an address such as https://mgmt-{host}"


@dataclass(frozen=True, slots=True)
class ForemanSite:
    """`url` without a final slash and without /api; `write_width` is how many writes may be at Foreman at once."""

    url: str
    username: str
    password: SecretSource
    tls: TlsPolicy
    write_width: int = 1


@dataclass(frozen=True, slots=True)
class Defaults:
    """Foreman names for what an assignment leaves out."""

    os: str | None = None
    ptable: str | None = None
    medium: str | None = None


@dataclass(frozen=True, slots=True)
class RedfishSite:
    """`address` is a template with {host}, by default QUADS' own convention; one account for all BMCs."""

    address: str
    username: str
    password: SecretSource
    tls: TlsPolicy
    addresses: Mapping[str, str] = field(default_factory=dict)  # of BMCs that the template does not fit, by host
    unchecked: tuple[str, ...] = ()  # patterns of hosts for which check_macs is off: nobody looks whose NICs they are
    unverified: tuple[str, ...] = ()  # patterns of hosts that may be acted on although their machine cannot be compared
    old_tls: tuple[str, ...] = ()  # patterns of host names whose BMCs know nothing newer than TLS 1.0 or 1.1
    interfaces: Interfaces = field(default_factory=Interfaces)  # Dell's names of boot devices, by model and host
    boot_order: str = ""  # the type of the interfaces file that Dell's own boot order is set to for good; empty: left alone

    def tls_of(self, host: str) -> TlsPolicy:
        """How the BMC of this host proves who it is."""
        return replace(self.tls, old=True) if fits(host, self.old_tls) else self.tls

    def compares(self, host: str) -> bool:
        """Whether the NICs that its BMC tells are compared with what Foreman has."""
        return not fits(host, self.unchecked)

    def accepts(self, host: str) -> bool:
        """Whether it may be acted on although it is not verified."""
        return fits(host, self.unverified)


@dataclass(frozen=True, slots=True)
class QuadsSite:
    """The QUADS server; `lock_file` is the file that its own mover locks."""

    url: str
    username: str
    password: SecretSource
    tls: TlsPolicy
    lock_file: Path = Path("/tmp/moveandrebuild.lock")  # as QUADS' documentation has it in its crontab
    timezone: Zone | None = None  # of its times, which it writes without one; None: this machine's


@dataclass(frozen=True, slots=True)
class Site:
    """A whole site file. `warnings` are for the header and the plan."""

    path: Path
    foreman: ForemanSite
    redfish: RedfishSite
    defaults: Defaults = field(default_factory=Defaults)
    quads: QuadsSite | None = None
    racks: re.Pattern[str] | None = None
    spare_pool: str = "cloud01"
    protected_hosts: frozenset[str] = frozenset()
    hooks: tuple[Hook, ...] = ()
    on_event: AlertCommand | None = None
    limits: Limits = field(default_factory=Limits)
    speed: float = 1
    warnings: tuple[str, ...] = ()

    @property
    def quads_zone(self) -> Zone:
        """Of the times that QUADS and its export write. Raises InputError."""
        return (self.quads.timezone if self.quads else None) or local_zone()

    def rack(self, host: str) -> str:
        """The rack in its name; a host that tells none is a rack of its own."""
        found = self.racks.search(host[:LOOKED_AT]) if self.racks is not None else None
        return (found[1] or host) if found else host


def find_site(option: Path | None, environ: Mapping[str, str]) -> Path:
    """The site file: `--site`, else $QUADS_TUI_SITE, else site.yaml in the user's configuration folder. InputError if absent."""
    usual = platformdirs.user_config_path("quads-tui") / "site.yaml"
    variable = environ.get("QUADS_TUI_SITE", "")
    path, where = (
        (option, "--site") if option is not None else (Path(variable), "$QUADS_TUI_SITE") if variable else (usual, "")
    )  # fmt: skip
    try:
        found = path.exists()
    except (OSError, ValueError):
        found = False
    if found:
        return path
    if where:
        raise InputError([Problem(path, 0, where, "there is no such file; expected the site file there")])
    message = (
        "there is no site file: --site not given, $QUADS_TUI_SITE not set, nothing here; "
        "expected one at any of them: copy sample_assignments/site.yaml and adapt it"
    )
    raise InputError([Problem(path, 0, "", message)])


def load_site(path: Path) -> Site:
    """Reads a site file. InputError tells all that is wrong; passwords are not fetched here."""
    report = Report(path)
    root = read_yaml(path, report)
    site = _read(report, root, path) if root is not None and root.kind != "bad" else None
    report.settle()
    if site is None:
        raise InputError([Problem(path, 0, "", "cannot be used; expected a site file")])
    return site


def _read(report: Report, root: Node, path: Path) -> Site | None:
    section = Section(report, root, "", KEYS)
    warnings: list[str] = []
    foreman = _foreman(section, warnings)
    redfish = _redfish(section, warnings)
    quads = _quads(section, warnings)
    defaults = _defaults(section)
    spare = section.text("spare_pool", CLOUD_EXPECTED)
    if spare is not None and not CLOUD.fullmatch(spare):
        section.add("spare_pool", f"is no cloud's name; expected {CLOUD_EXPECTED}")
    limits_node = section.child("limits")
    limits = Limits() if limits_node is None else read_limits(Section(report, limits_node, "limits", LIMIT_NAMES))
    speed = section.number("speed", whole=False, most=10_000)
    protected = _protected(section)
    racks = read_rack(section)
    hooks = read_hooks(report, section.items("hooks", "a list of hooks"))
    call = read_on_event(section)
    if foreman is None or redfish is None:
        return None
    return Site(
        path,
        foreman,
        redfish,
        defaults,
        quads,
        racks,
        spare or "cloud01",
        protected,
        hooks,
        call,
        limits,
        speed if speed is not None else 1,
        tuple(warnings),
    )


def _part(section: Section, key: str, known: tuple[str, ...], *, required: bool) -> Section | None:
    node = section.child(key, required=f"a mapping with {', '.join(known)}" if required else "")
    if node is None:
        return None
    return Section(section.report, node, key, known)


def _foreman(section: Section, warnings: list[str]) -> ForemanSite | None:
    part = _part(section, "foreman", ("url", "username", "password", "tls", "write_width"), required=True)
    if part is None:
        return None
    tls = read_tls(part, warnings)
    url = _url(part, "url", tls, warnings)
    if url is not None and re.search(r"/api(/v2)?$", url):
        part.add("url", "ends with /api; expected the address without it, since the program adds it itself")
    username, password = _account(part, warnings)
    width = part.number("write_width", whole=True, most=64)
    if width is not None and width > 1:
        warnings.append(f"foreman.write_width: {int(width)} writes at once until the first conflict")
    if url is None or username is None or password is None:
        return None
    return ForemanSite(url, username, password, tls, int(width or 1))


def _redfish(section: Section, warnings: list[str]) -> RedfishSite | None:
    keys = (
        "address", "addresses", "username", "password", "tls", "old_tls", "check_macs", "unverified", "interfaces", "boot_order",
    )  # fmt: skip
    part = _part(section, "redfish", keys, required=True)
    if part is None:
        return None
    tls = read_tls(part, warnings)
    address = _template(part, tls, warnings)
    addresses = _addresses(part) if part.has("addresses") else {}
    interfaces = read_interfaces(part)
    boot_order = read_boot_order(part, interfaces)
    username, password = _account(part, warnings)
    if address is None or username is None or password is None:
        return None
    old = read_patterns(part, "old_tls")
    if old and tls.kind in ("fingerprint", "first_use"):
        part.add("old_tls", "does not go with a pinned certificate; expected tls: {ca_file: FILE} or {verify: false} beside it")
    if old:
        warnings.append(f"redfish.old_tls: TLS of before 1.2 is taken from {', '.join(old)}")
    unchecked, unverified = _unchecked(part), read_patterns(part, "unverified")
    if unchecked:
        whom = "all hosts" if "*" in unchecked else ", ".join(unchecked)
        warnings.append(f"redfish.check_macs is off for {whom}: a wrong BMC behind a name is not noticed, they are not verified")
    return RedfishSite(address, username, password, tls, addresses, unchecked, unverified, old, interfaces, boot_order)


def _unchecked(part: Section) -> tuple[str, ...]:
    """Patterns of the hosts for which check_macs is off: true, false, or a list of them."""
    node = part.child("check_macs")
    if node is None or node.kind == "bad":
        return ()
    if node.kind == "list":
        return read_patterns(part, "check_macs")
    if node.kind != "bool":
        part.wrong(node, part.name("check_macs"), "true, false, or a list of patterns of the hosts for which it is off")
        return ()
    return () if part.flag("check_macs") else ("*",)


def _addresses(part: Section) -> dict[str, str]:
    """A file beside the site: host name to BMC address. Its problems are told with its own name and lines."""
    text = part.text("addresses", "a file's path", most=4096)
    if text is None:
        return {}
    path = part.report.file.parent / text
    report = Report(path)
    root = read_yaml(path, report)
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    if root is not None and root.kind == "map":
        section = Section(report, root, "", tuple(root.entries))
        for key in root.entries:
            value = section.text(key, "an address such as https://mgmt-host.example.com", most=1000)
            try:
                name, address = host_name(key), service_url(value, path=False) if value else ""
            except AddressError as trouble:
                section.add(key, str(trouble))
                continue
            if address in owners:
                section.add(key, f"is the BMC of {owners[address]} too; expected one BMC for each host")
            found[name] = address
            owners[address] = name
    elif root is not None:
        report.add(root.line, "", "expected a mapping of host names and BMC addresses")
    part.report.problems += report.problems
    return found


def _quads(section: Section, warnings: list[str]) -> QuadsSite | None:
    part = _part(section, "quads", ("url", "username", "password", "tls", "lock_file", "timezone"), required=False)
    if part is None:
        return None
    tls = read_tls(part, warnings)
    url = _url(part, "url", tls, warnings)
    username, password = _account(part, warnings)
    lock_file = part.text("lock_file", "a file's path", most=4096)
    place = {"lock_file": section.report.file.parent / lock_file} if lock_file else {}
    timezone = _timezone(part)
    if url is None or username is None or password is None:
        return None
    return QuadsSite(url, username, password, tls, timezone=timezone, **place)


def _timezone(part: Section) -> Zone | None:
    name = part.text("timezone", "a time zone such as Europe/Berlin")
    try:
        return None if name is None else zone_named(name)
    except BadTime as bad:
        part.add("timezone", f'"{name}" {bad}')
        return None


def _account(part: Section, warnings: list[str]) -> tuple[str | None, SecretSource | None]:
    return part.text("username", "a user's name", required=True), read_password(part, warnings)


def _defaults(section: Section) -> Defaults:
    part = _part(section, "defaults", ("os", "ptable", "medium"), required=False)
    if part is None:
        return Defaults()
    return Defaults(
        part.text("os", "a Foreman operating system title"),
        part.text("ptable", "a Foreman partition table name"),
        part.text("medium", "a Foreman installation medium name"),
    )


def _protected(section: Section) -> frozenset[str]:
    names = set()
    for index, node in enumerate(section.items("protected_hosts", "a list of host names")):
        key = f"protected_hosts[{index}]"
        text = section.text_of(node, key, HOST_NAME)
        try:
            names |= {host_name(text)} if text is not None else set()
        except AddressError as trouble:
            section.report.add(node.line, key, f'"{(text or "")[:80]}" {trouble}')
    return frozenset(names)


def _url(part: Section, key: str, tls: TlsPolicy, warnings: list[str]) -> str | None:
    text = part.text(key, "an address such as https://foreman.example.com", required=True, most=1000)
    if text is None:
        return None
    try:
        url = service_url(text, path=True)
    except AddressError as trouble:
        part.add(key, str(trouble))
        return None
    _plain_http(part, key, url, tls, warnings)
    return url


def _plain_http(part: Section, key: str, url: str, tls: TlsPolicy, warnings: list[str]) -> None:
    if not url.startswith("http://") or is_loopback(url):
        return
    if tls.kind == "off":
        warnings.append(f"{part.path}: http:// off this machine: passwords travel unencrypted")
    else:
        part.add(key, "is http:// off this machine; expected https://, or tls: {verify: false} beside it")


def _template(part: Section, tls: TlsPolicy, warnings: list[str]) -> str | None:
    text = part.text("address", TEMPLATE, most=1000) if part.has("address") else DEFAULT_ADDRESS
    if text is None:
        return None
    rest = text.replace("{host}", "")
    if "{host}" not in text or "{" in rest or "}" in rest:
        part.add("address", f"must hold {{host}} and no other braces; expected {TEMPLATE}")
        return None
    try:
        _plain_http(part, "address", service_url(text.replace("{host}", "h"), path=False), tls, warnings)
    except AddressError as trouble:
        part.add("address", str(trouble))
        return None
    return text.rstrip("/")


def bmc_address(site: Site, host: HostSpec) -> str:
    """The BMC's address, scheme://host[:port]: the host's own, else from the template. InputError if it may not be used."""
    try:
        listed = host.bmc or site.redfish.addresses.get(host.name)
        address = listed or service_url(site.redfish.address.replace("{host}", host.name), path=False)
    except AddressError as trouble:
        raise InputError([Problem(site.path, 0, "redfish.address", f"for {host.name} the address {trouble}")]) from None
    if address.startswith("http://") and site.redfish.tls.kind != "off" and not is_loopback(address):
        message = f"the BMC of {host.name} is at http:// off this machine; expected https://, or redfish.tls: {{verify: false}}"
        raise InputError([Problem(site.path, 0, "redfish.tls", message)])
    return address


def check_speed(site: Site, addresses: Iterable[str]) -> None:
    """Refuses a speed other than 1 unless Foreman, QUADS and each of `addresses` (URLs or hosts) are literal loopback."""
    if site.speed == 1:
        return
    far = [] if is_loopback(site.foreman.url) else ["foreman.url"]
    if site.quads is not None and not is_loopback(site.quads.url):
        far.append("quads.url")
    hosts = [address for address in addresses if not is_loopback(address)]
    if hosts:
        far.append(f"the address of {len(hosts)} hosts, such as {hosts[0]}")
    if far:
        where = ", ".join(far)
        message = f"{site.speed:g} is for rehearsals; not on loopback: {where}; expected 1, or 127.0.0.0/8, ::1 or localhost"
        raise InputError([Problem(site.path, 0, "speed", message)])

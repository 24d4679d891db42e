"""The site: where Foreman, the BMCs and QUADS are, who we are there, and how fast we may go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.row_commands import RowCommand

from .addresses import AddressError, is_ipmi, is_loopback, service_url
from .assignment import HostSpec
from .boot_interfaces import Interfaces
from .diagnostics import InputError, Problem
from .ipmi import IpmiSite
from .metrics import MetricsSite
from .on_event import AlertCommand
from .patterns import LOOKED_AT, fits
from .secrets import SecretSource
from .times import Zone, local_zone
from .trust import TlsPolicy
from .write_queue import WriteQueueSite

DEFAULT_ADDRESS = "https://mgmt-{host}"  # how QUADS names a host's BMC


@dataclass(frozen=True, slots=True)
class ForemanSite:
    """`url` without a final slash and without /api; `write_width` is how many writes may be at Foreman at once."""

    url: str
    username: str
    password: SecretSource
    tls: TlsPolicy = field(default_factory=TlsPolicy)
    write_width: int = 1
    write_queue: WriteQueueSite | None = None  # that consoles on other machines share; None: only those of this machine


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
    tls: TlsPolicy = field(default_factory=TlsPolicy)
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
    tls: TlsPolicy = field(default_factory=TlsPolicy)
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
    ipmi: IpmiSite | None = None
    racks: re.Pattern[str] | None = None
    locations: tuple[tuple[re.Pattern[str], str], ...] = ()
    spare_pool: str = "cloud01"
    protected_hosts: frozenset[str] = frozenset()
    hooks: tuple[Hook, ...] = ()
    on_event: AlertCommand | None = None
    commands: tuple[RowCommand, ...] = ()
    limits: Limits = field(default_factory=Limits)
    metrics: MetricsSite | None = None
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

    def location(self, host: str) -> str:
        """Of its BMC network, by its name; empty: no pattern fits."""
        return next((where for pattern, where in self.locations if pattern.search(host[:LOOKED_AT])), "")


def find_site(option: Path | None, environ: Mapping[str, str]) -> Path:
    """The site file: `--site`, else $QUADS_TUI_SITE, else site.yaml in the user's configuration folder. InputError if absent."""
    variable = environ.get("QUADS_TUI_SITE", "")
    if option is not None:
        path, where = option, "--site"
    elif variable:
        path, where = Path(variable), "$QUADS_TUI_SITE"
    else:
        path, where = _usual_site(), ""
    try:
        found = path.exists()
    except (OSError, ValueError):
        found = False
    if found:
        return path
    if where:
        raise InputError([Problem(path, 0, where, "there is no such file; expected the site file there")])
    message = (
        "there is no site file: --site is not given, $QUADS_TUI_SITE is not set, and this file does not exist; "
        "expected a site file: copy sample_assignments/site.yaml and adapt it"
    )
    raise InputError([Problem(path, 0, "", message)])


def _usual_site() -> Path:
    try:
        return platformdirs.user_config_path("quads-tui") / "site.yaml"
    except RuntimeError:  # neither $HOME nor an entry in passwd
        return Path("~/.config/quads-tui/site.yaml")


def bmc_address(site: Site, host: HostSpec) -> str:
    """The BMC's address, scheme://host[:port]: the host's own, else from the template. InputError if it may not be used."""
    try:
        listed = host.bmc or site.redfish.addresses.get(host.name)
        address = listed or service_url(site.redfish.address.replace("{host}", host.name), path=False)
    except AddressError as error:
        raise InputError([Problem(site.path, 0, "redfish.address", f"the BMC address of {host.name} {error}")]) from None
    if address.startswith("http://") and site.redfish.tls.kind != "off" and not is_loopback(address):
        message = f"the BMC of {host.name} is at http:// of another machine; expected https://, or redfish.tls: {{verify: false}}"
        raise InputError([Problem(site.path, 0, "redfish.tls", message)])
    if is_ipmi(address) and site.ipmi is None:
        message = f"the key is missing, and the BMC of {host.name} is at an ipmi:// address; expected username and password"
        raise InputError([Problem(site.path, 0, "ipmi", message)])
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
        far.append(f"addresses of BMCs: {len(hosts)}, such as {hosts[0]}")
    if far:
        where = ", ".join(far)
        expected = "expected speed 1, or 127.0.0.0/8, ::1 or localhost"
        message = f"{site.speed:g} is for rehearsals; these addresses are not on this machine: {where}; {expected}"
        raise InputError([Problem(site.path, 0, "speed", message)])

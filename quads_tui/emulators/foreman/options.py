"""What an emulated Foreman holds, what its work costs and what goes wrong in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = "3.12.0"  # the last one of which all that is served here was read


@dataclass(frozen=True, slots=True)
class Source:
    """An installation medium or a partition table: it fits the systems of its family, or those whose title begins with `only`."""

    name: str
    family: str
    only: str = ""

    def fits(self, family: str, title: str) -> bool:
        return family == self.family and title.startswith(self.only)


@dataclass(frozen=True, slots=True)
class Cost:
    """Emulated seconds of one kind of work, log-normal: median and 95th percentile."""

    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Estimates, except for the login and the small indexes, which follow recorded X-Runtime values."""

    login: Cost = Cost(0.115, 0.17)  # CPU: three password hashes (bcrypt) for every request without a cookie
    cookie: Cost = Cost(0.003, 0.006)
    small: Cost = Cost(0.017, 0.03)  # an index or a show of anything but hosts
    thin: Cost = Cost(0.02, 0.04)
    thin_per_host: float = 0.00005
    full: Cost = Cost(0.06, 0.12)
    full_per_host: float = 0.03  # rendering a host with its twenty associations
    show: Cost = Cost(0.09, 0.18)
    parameter: Cost = Cost(0.05, 0.1)
    save: Cost = Cost(0.25, 0.5)  # PUT of a host, without what the smart proxy takes
    proxy_call: Cost = Cost(0.03, 0.12)  # waiting for the smart proxy, no CPU
    proxy_hang: float = 60.0  # RestClient's own timeout
    user: Cost = Cost(0.08, 0.16)
    user_per_role: float = 0.004
    unattended: Cost = Cost(0.1, 0.2)


@dataclass(frozen=True, slots=True)
class ForemanFaults:
    """What goes wrong. Hosts by FQDN.

    concurrency_2019: a write that overlaps another write is answered 500 or its connection is reset (half and half);
    one that was reset may or may not have been applied.
    proxy_hang: how often the smart proxy hangs for a host (60 emulated seconds, then 422) before it works again.
    dhcp_conflict: hosts whose build is always refused with 422 and errors.conflict.
    sweeper: probability that two requests that overlap in one worker give a 500 before the action runs.
    """

    concurrency_2019: bool = False
    proxy_hang: Mapping[str, int] = field(default_factory=dict)
    dhcp_conflict: frozenset[str] = frozenset()
    sweeper: float = 0.0


def _titles() -> tuple[str, ...]:
    # More than one default page (20), and the usual target beyond it: a client that forgets per_page does not find it.
    rhel = ("7.9", "8.2", "8.4", "8.6", "8.8", "8.10", "9.0", "9.2", "9.4", "9.5")
    return (
        "CentOS 7.9", "CentOS Stream 8", "CentOS Stream 9", "Debian 12.5", "Fedora 38", "Fedora 39", "Fedora 40",
        "RHCOS 4.12", "RHCOS 4.13", "RHCOS 4.14", "RHCOS 4.15", "RHCOS 4.16",
        *(f"RHEL {version}" for version in rhel), "Rocky 8.9", "Rocky 9.3", "Ubuntu 20.04", "Ubuntu 22.04", "Ubuntu 24.04",
    )  # fmt: skip


MEDIA = (
    Source("RHEL Local", "Redhat", "RHEL"),
    Source("RHEL 8 Local", "Redhat", "RHEL 8"),  # named so that an operator may well pick it for RHEL 9: refused
    Source("CentOS mirror", "Redhat", "CentOS"),
    Source("Fedora mirror", "Redhat", "Fedora"),
    Source("Rocky mirror", "Redhat", "Rocky"),
    Source("RHCOS Local", "Redhat", "RHCOS"),
    Source("Debian mirror", "Debian", "Debian"),
    Source("Ubuntu mirror", "Debian", "Ubuntu"),
)
PTABLES = (
    Source("generic-rhel9", "Redhat", "RHEL 9"),
    Source("generic-rhel8", "Redhat", "RHEL 8"),
    Source("generic-rhel7", "Redhat", "RHEL 7"),
    Source("Kickstart default", "Redhat"),
    Source("Kickstart default thin", "Redhat"),
    Source("Preseed default", "Debian"),
    Source("Preseed default LVM", "Debian"),
)


@dataclass(frozen=True, slots=True)
class ForemanOptions:
    """An emulated Foreman and its lab.

    permissions: None makes the API user an administrator; else the names of the permissions that it has.
    token_minutes: how long a build token lives, in emulated minutes; with 0 there are none, and nothing that boots finds one.
    in_build: hosts that stand in build mode from the start, and how many emulated minutes old their token is.
    hidden: parameters of every host whose value the API shows as *****.
    version: from 1.24 to 3.16; what it decides: `per_page=all` (before 2.2 it gives a default page, up to 2.5.0 it is a 500 with
    `thin`), whether our permissions are told (2.1), and which members a host has.
    bonded: hosts whose primary interface is a bond, and that bond's MAC; they are provisioned through eno1 all the same.
    elsewhere: logins that are in another organization than the hosts; displaced: in another location.
    page_limit: no page holds more results than this, whatever is asked for; 0 for none.
    front_timeout: emulated seconds after which the web server in front answers 504 while the work goes on.
    Times of the connection and of the login are real seconds, whatever the speed: keep_alive, session_idle, lockout.
    """

    username: str = "admin"
    password: str = "changeme"
    cloud_password: str = "cloud-secret"
    version: str = VERSION
    permissions: frozenset[str] | None = None
    clouds: tuple[str, ...] = tuple(f"cloud{number:02d}" for number in range(1, 33))
    owner: str = "cloud01"
    operatingsystems: tuple[str, ...] = field(default_factory=_titles)
    media: tuple[Source, ...] = MEDIA
    ptables: tuple[Source, ...] = PTABLES
    installed: tuple[str, str, str] = ("RHEL 9.2", "generic-rhel9", "RHEL Local")  # os, ptable, medium of every host
    parameters: Mapping[str, str] = field(default_factory=lambda: {"overcloud": "true"})
    hidden: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()  # machines that Foreman does not know
    unmanaged: frozenset[str] = frozenset()
    bonded: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    displaced: frozenset[str] = frozenset()
    in_build: Mapping[str, float] = field(default_factory=dict)
    token_minutes: int = 360
    workers: int = 6
    threads: int = 5
    queue_limit: int = 250
    front_timeout: float = 300.0
    costs: Costs = Costs()
    faults: ForemanFaults = ForemanFaults()
    page_limit: int = 0
    keep_alive: float = 15.0
    responses_per_connection: int = 100
    session_idle: float = 3600.0
    lockout: float = 300.0
    failed_logins: int = 30
    log_length: int = 20_000

    def since(self, major: int, minor: int) -> bool:
        """Whether the version that this server claims to be is that one or later."""
        return self._release[:2] >= (major, minor)

    @property
    def stumbles_over_thin_all(self) -> bool:
        """Whether it answers 500 to a thin search for all records on one page."""
        return (2, 2, 0) <= self._release <= (2, 5, 0)

    @property
    def _release(self) -> tuple[int, ...]:
        own = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.version)
        return tuple(int(number or 0) for number in own.groups()) if own else (0, 0, 0)

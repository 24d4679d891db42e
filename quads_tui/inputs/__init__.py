"""What the operator wrote: assignment, site and secrets, read strictly; every error names file, line and key."""

from __future__ import annotations

from .addresses import is_ipmi
from .assignment import Assignment, HostSpec, system_key
from .assignment_file import load_assignment
from .assignments import load_assignments
from .boot_interfaces import FOREMAN, Interfaces
from .diagnostics import InputError, Problem
from .ipmi import IpmiAccount, IpmiSite
from .metrics import Listen, MetricsSite, listen_address, open_to_others
from .on_event import AlertCommand
from .quads_export import next_start
from .secrets import Secret, SecretSource, resolve_secret
from .site import (
    Defaults,
    ForemanSite,
    QuadsSite,
    RedfishSite,
    Site,
    bmc_address,
    check_speed,
    find_site,
)
from .site_file import load_site
from .times import BadTime, Zone, local_zone, parsed
from .trust import TlsPolicy
from .write_queue import WriteQueueSite, dsn_option, password_typed

__all__ = [
    "FOREMAN",
    "AlertCommand",
    "Assignment",
    "BadTime",
    "Defaults",
    "ForemanSite",
    "HostSpec",
    "InputError",
    "Interfaces",
    "IpmiAccount",
    "IpmiSite",
    "Listen",
    "MetricsSite",
    "Problem",
    "QuadsSite",
    "RedfishSite",
    "Secret",
    "SecretSource",
    "Site",
    "TlsPolicy",
    "WriteQueueSite",
    "Zone",
    "bmc_address",
    "check_speed",
    "dsn_option",
    "find_site",
    "is_ipmi",
    "listen_address",
    "load_assignment",
    "load_assignments",
    "load_site",
    "local_zone",
    "next_start",
    "open_to_others",
    "parsed",
    "password_typed",
    "resolve_secret",
    "system_key",
]

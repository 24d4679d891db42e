"""What the operator wrote: assignment, site and secrets, read strictly; every error names file, line and key."""

from __future__ import annotations

from .assignment import Assignment, HostSpec, load_assignment, system_key
from .calls import Call
from .hooks import Hook
from .interfaces import FOREMAN, Interfaces
from .limits import Limits
from .problems import InputError, Problem
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
    load_site,
)
from .trust import TlsPolicy

__all__ = [
    "FOREMAN",
    "Assignment",
    "Call",
    "Defaults",
    "ForemanSite",
    "Hook",
    "HostSpec",
    "InputError",
    "Interfaces",
    "Limits",
    "Problem",
    "QuadsSite",
    "RedfishSite",
    "Secret",
    "SecretSource",
    "Site",
    "TlsPolicy",
    "bmc_address",
    "check_speed",
    "find_site",
    "load_assignment",
    "load_site",
    "resolve_secret",
    "system_key",
]

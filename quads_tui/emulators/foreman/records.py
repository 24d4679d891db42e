"""The rows of the emulated Foreman: what its database would hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

INSTALLED, PENDING, EXPIRED, FAILED = 0, 1, 2, 3  # build_status
LABELS = ("Installed", "Pending installation", "Token expired", "Installation error")
LOCAL = "local"  # what a PXE file holds when it does not hold a build token


@dataclass(slots=True, eq=False)
class Medium:
    id: int
    name: str
    path: str
    family: str
    created_at: str


@dataclass(slots=True, eq=False)
class Ptable:
    id: int
    name: str
    family: str
    created_at: str


@dataclass(slots=True, eq=False)
class OperatingSystem:
    id: int
    title: str
    name: str
    major: str
    minor: str
    family: str
    created_at: str
    media: list[Medium]
    ptables: list[Ptable]


@dataclass(slots=True, eq=False)
class Role:
    id: int
    name: str
    description: str
    builtin: int
    permissions: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class UserRole:
    """A row of user_roles. There is no unique index on it, so one role may stand in two rows."""

    id: int
    role: Role


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """An organization or a location."""

    id: int
    name: str
    description: str | None = None


@dataclass(slots=True, eq=False)
class User:
    id: int
    login: str
    password: str
    admin: bool
    created_at: str
    updated_at: str
    roles: list[UserRole]
    firstname: str | None = None
    lastname: str | None = None
    mail: str | None = None
    description: str | None = None
    last_login: datetime | None = None
    organizations: tuple[Taxonomy, ...] = ()
    locations: tuple[Taxonomy, ...] = ()


@dataclass(slots=True)
class Parameter:
    id: int
    name: str
    value: str
    kind: str
    hidden: bool
    created_at: str
    updated_at: str


@dataclass(slots=True)
class Token:
    value: str
    expires: float  # emulated seconds; tokens of token_duration 0 do not exist at all


@dataclass(slots=True)
class Nic:
    id: int
    mac: str
    ip: str
    identifier: str | None
    type: str  # "interface", "bond" or "bmc"
    primary: bool = False
    provision: bool = False


@dataclass(slots=True, eq=False)
class Host:
    """A host. `revision` moves with every commit, so that a rendered body can be kept until the next one."""

    id: int
    name: str
    model: str
    managed: bool
    nics: list[Nic]
    os: OperatingSystem | None
    ptable: Ptable | None
    medium: Medium | None
    owner_id: int | None
    owner_type: str | None
    created_at: str
    updated_at: str
    installed_at: datetime | None
    parameters: dict[str, Parameter]
    organization: Taxonomy
    location: Taxonomy
    build: bool = False
    build_errors: str | None = None
    stored_status: int = INSTALLED
    token: Token | None = None
    older_tokens: list[Token] = field(default_factory=list)  # of overlapping writes: still valid
    comment: str | None = None
    pxe_loader: str = "PXELinux BIOS"
    revision: int = 0
    times_built: int = 0
    times_failed: int = 0
    times_armed: int = 0
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def primary(self) -> Nic:
        """Its address is the one that the top of a host's body shows."""
        return next(nic for nic in self.nics if nic.primary)

    @property
    def bmc(self) -> Nic:
        """The NIC of its BMC."""
        return next(nic for nic in self.nics if nic.type == "bmc")

    @property
    def mac(self) -> str:
        """Of the NIC that it is provisioned through: its PXE file is named after it."""
        return next(nic.mac for nic in self.nics if nic.provision)

    def status(self, now: float) -> int:
        """The build status as a body shows it: live, unlike the stored one that a search reads."""
        if self.build:
            return EXPIRED if self.token is not None and self.token.expires <= now else PENDING
        return FAILED if self.build_errors is not None else INSTALLED

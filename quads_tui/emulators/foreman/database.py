"""The state of the emulated Foreman, filled from its options, with the look-ups that Foreman offers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from ..interfaces import Machine, Time, seeded
from .options import ForemanOptions
from .records import (
    LOCAL,
    PENDING,
    Host,
    Medium,
    Nic,
    OperatingSystem,
    Parameter,
    Ptable,
    Role,
    Taxonomy,
    Token,
    User,
    UserRole,
)

DEFAULT_ROLE = "Default role"
ORGANIZATION, ELSEWHERE = Taxonomy(1, "Scale Lab", "The lab"), Taxonomy(3, "Perf Lab")
LOCATION, DISPLACED = Taxonomy(2, "Rack row 1"), Taxonomy(4, "Rack row 9")
DEBIANS = ("Debian", "Ubuntu")
HOST_PERMISSIONS = (
    "view_hosts", "create_hosts", "edit_hosts", "destroy_hosts", "build_hosts", "power_hosts", "console_hosts",
    "ipmi_boot_hosts", "puppetrun_hosts",
)  # fmt: skip
PERMISSIONS: Mapping[str, str | None] = {
    **dict.fromkeys(HOST_PERMISSIONS, "Host"),
    **dict.fromkeys(("view_users", "create_users", "edit_users", "destroy_users"), "User"),
    **dict.fromkeys(("view_roles", "edit_roles"), "Role"),
    **dict.fromkeys(("view_params", "create_params", "edit_params", "destroy_params"), "Parameter"),
    "view_operatingsystems": "Operatingsystem",
    "view_media": "Medium",
    "view_ptables": "Ptable",
    "view_settings": "Setting",
}


def stamp(moment: datetime) -> str:
    """Foreman's spelling of a moment in API bodies."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


class Database:
    def __init__(self, machines: Sequence[Machine], time: Time, seed: int, options: ForemanOptions) -> None:
        self.time = time
        self.options = options
        self.generator: random.Random = seeded(seed, "foreman", "ids")
        self.created = time.utc() - timedelta(days=400)
        self._parameter_ids = count(1)
        self._row_ids = count(1)
        self.pxe_files: dict[str, str] = {}  # MAC -> build token or LOCAL
        self._fill_catalogue(options)
        self._fill_users(options)
        self._fill_hosts(machines, options)

    # What stands in the database from the start

    def _fill_catalogue(self, options: ForemanOptions) -> None:
        old = stamp(self.created)
        self.media = [
            Medium(number, source.name, f"http://content.example.com/{number}/$major.$minor/$arch", source.family, old)
            for number, source in enumerate(options.media, 1)
        ]
        self.ptables = [Ptable(number, source.name, source.family, old) for number, source in enumerate(options.ptables, 101)]
        self.systems = []
        for number, title in enumerate(options.operatingsystems, 1):
            name, version = title.rsplit(" ", 1)
            major, _, minor = version.partition(".")
            family = "Debian" if name.startswith(DEBIANS) else "Redhat"
            media = [row for row, source in zip(self.media, options.media, strict=True) if source.fits(family, title)]
            ptables = [row for row, source in zip(self.ptables, options.ptables, strict=True) if source.fits(family, title)]
            self.systems.append(OperatingSystem(number, title, name, major, minor, family, old, media, ptables))

    def _fill_users(self, options: ForemanOptions) -> None:
        old = stamp(self.created)
        self.default_role = Role(1, DEFAULT_ROLE, "Role that is automatically assigned to every user in the system.", 2)
        self.api_role = Role(2, "QUADS", "What the API user may do.", 0, tuple(sorted(options.permissions or ())))
        manager = Role(3, "Manager", "Everything but settings.", 0, tuple(HOST_PERMISSIONS))
        self.roles = [self.default_role, self.api_role, manager]
        self.roles += [Role(10 + number, cloud, f"Hosts of {cloud}.", 0) for number, cloud in enumerate(options.clouds, 1)]
        api_roles = [self.default_role] if options.permissions is None else [self.default_role, self.api_role]
        self.users = [User(4, options.username, options.password, options.permissions is None, old, old, self.rows(api_roles))]
        for number, cloud in enumerate(options.clouds, 1):
            rows = self.rows([self.default_role, self.roles[2 + number]])
            self.users.append(User(10 + number, cloud, options.cloud_password, False, old, old, rows, firstname=cloud))
        for user in self.users:
            user.organizations = (ELSEWHERE,) if user.login in options.elsewhere else (ORGANIZATION,)
            user.locations = (DISPLACED,) if user.login in options.displaced else (LOCATION,)
        self.by_login = {user.login: user for user in self.users}
        self.users_by_id = {user.id: user for user in self.users}

    def rows(self, roles: Iterable[Role]) -> list[UserRole]:
        """Rows of user_roles for these roles, with new ids."""
        return [UserRole(next(self._row_ids), role) for role in roles]

    def _fill_hosts(self, machines: Sequence[Machine], options: ForemanOptions) -> None:
        old = stamp(self.created)
        title, table, source = options.installed
        system = next(row for row in self.systems if row.title == title)
        ptable = next(row for row in self.ptables if row.name == table)
        medium = next(row for row in self.media if row.name == source)
        owner = self.by_login[options.owner].id
        self.hosts: dict[str, Host] = {}
        for row, machine in enumerate(machines):
            if machine.name in options.missing:
                continue
            octets = f"{row // 250}.{row % 250 + 1}"
            nics = [
                Nic(2 * row + 1, machine.mac, f"10.1.{octets}", "eno1", "interface", primary=True, provision=True),
                Nic(2 * row + 2, "06" + machine.mac[2:], f"10.2.{octets}", None, "bmc"),
            ]
            installed = (self.created + timedelta(days=row % 300, seconds=37 * row)).replace(microsecond=0)
            host = Host(
                201 + row, machine.name, machine.model, machine.name not in options.unmanaged, nics, system, ptable, medium,
                owner, "User", old, old, installed, {}, ORGANIZATION, LOCATION,
            )  # fmt: skip
            for hidden, given in ((False, options.parameters), (True, options.hidden)):
                for name, value in given.items():
                    host.parameters[name] = self.parameter(name, value, hidden=hidden)
            self.pxe_files[host.mac] = LOCAL
            if (age := options.in_build.get(host.name)) is not None:
                host.build, host.stored_status = True, PENDING
                host.token = Token(self.uuid(), self.time.now() + (options.token_minutes - age) * 60)
                self.pxe_files[host.mac] = host.token.value
            self.hosts[host.name] = host
            if host.name in options.bonded:
                self.bond(host, options.bonded[host.name])
        self.by_id = {host.id: host for host in self.hosts.values()}

    # What an administrator changes

    def bond(self, host: Host, mac: str) -> None:
        """A bond of this MAC becomes its primary interface; it is provisioned through the same NIC as before."""
        host.primary.primary = False
        host.nics.append(Nic(100_000 + host.id, mac, host.nics[0].ip, "bond0", "bond", primary=True))
        host.revision += 1

    def restrict(self, permissions: frozenset[str]) -> None:
        """The API user is no administrator, and has these permissions only."""
        user = self.by_login[self.options.username]
        user.admin = False
        self.api_role.permissions = tuple(sorted(permissions))
        user.roles = self.rows([self.default_role, self.api_role])

    # Making and finding

    def uuid(self) -> str:
        digits = f"{self.generator.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))

    def now(self) -> str:
        """The emulated time as API bodies spell it."""
        return stamp(self.time.utc())

    def parameter(self, name: str, value: str, *, kind: str = "string", hidden: bool = False) -> Parameter:
        now = self.now()
        return Parameter(next(self._parameter_ids), name, value, kind, hidden, now, now)

    def host(self, key: str) -> Host | None:
        """By FQDN, id or `id-name`, as Foreman's own find_resource."""
        return self.hosts.get(key) or self.by_id.get(number(key))

    def user(self, key: str) -> User | None:
        return self.by_login.get(key) or self.users_by_id.get(number(key))

    def owner_login(self, host: Host) -> str | None:
        """None for a host that no user owns."""
        if host.owner_type != "User":
            return None
        owner = self.users_by_id.get(host.owner_id or 0)
        return None if owner is None else owner.login


def number(key: str) -> int:
    """The integer that an id or an `id-name` begins with; -1, which no row has, without one."""
    head = key.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 18 else -1

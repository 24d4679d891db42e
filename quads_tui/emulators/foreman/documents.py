"""Rows as the JSON bodies of API v2. Key sets follow recordings of real servers (Foreman 3.12 core, no plugins)."""

from __future__ import annotations

import json
from typing import Any

from .database import DEFAULT_ROLE, HOST_PERMISSIONS, LOCATION, ORGANIZATION, PERMISSIONS, Database, stamp
from .records import LABELS, PENDING, Host, Medium, Nic, OperatingSystem, Parameter, Ptable, Role, Taxonomy, User

Document = dict[str, Any]
SECRET = "*****"
# What a bare-metal host of this lab does not have; the keys are there all the same.
ABSENT = (
    "ip6", "last_report", "realm_id", "realm_name", "subnet6_id", "subnet6_name", "comment", "disk", "initiated_at",
    "hostgroup_id", "use_image", "uuid", "compute_resource_id", "compute_resource_name", "compute_profile_id",
    "compute_profile_name", "image_id", "image_name", "last_compile", "compute_resource_provider", "puppet_proxy_id",
    "puppet_proxy_name", "puppet_proxy", "puppet_ca_proxy_id", "puppet_ca_proxy_name", "puppet_ca_proxy",
    "hostgroup_name", "hostgroup_title", "creator_id", "creator",
)  # fmt: skip


# Members that came with a version, and those that left core after one.
CAME: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    ((3, 0), ("bmc_available",)), ((3, 5), ("initiated_at",)), ((3, 9), ("display_name",)),
    ((3, 6), ("creator_id", "creator", "compute_resource_provider")),
)  # fmt: skip
LEFT: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    ((2, 6), ("environment_id", "environment_name")), ((3, 3), ("uptime_seconds",)),
)  # fmt: skip


class HostBodies:
    """Bodies of hosts, rendered once a commit: 700 hosts are polled for a whole rollout."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._main: dict[int, tuple[tuple[int, int], str]] = {}

    def main(self, host: Host) -> str:
        """The keys of an index item, as JSON text without the closing brace."""
        status = host.status(self.database.time.now())
        stamp_of_it = (host.revision, status)
        kept = self._main.get(host.id)
        if kept is None or kept[0] != stamp_of_it:
            kept = (stamp_of_it, json.dumps(self._document(host, status))[:-1])
            self._main[host.id] = kept
        return kept[1]

    def item(self, host: Host, *, parameters: bool = False, all_parameters: bool = False) -> str:
        """An entry of an index of hosts, as JSON text."""
        body = self.main(host)
        if parameters:
            body += ', "parameters": ' + json.dumps([parameter(row) for row in host.parameters.values()])
        if all_parameters:
            body += ', "all_parameters": ' + json.dumps([parameter(row) for row in host.parameters.values()])
        return body + "}"

    def show(self, host: Host, caller: User, *, reveal: bool = False) -> str:
        """A host's own page, as JSON text; `reveal`: hidden parameters with their values."""
        rows = json.dumps([parameter(row, reveal=reveal) for row in host.parameters.values()])
        tail = {
            "interfaces": [interface(host, nic) for nic in host.nics],
            "permissions": {name: allowed(caller, name) for name in HOST_PERMISSIONS},
        }
        return f'{self.main(host)}, "parameters": {rows}, "all_parameters": {rows}, {json.dumps(tail)[1:]}'

    def _document(self, host: Host, status: int) -> Document:
        owner = self.database.owner_login(host)
        nic, bmc = host.primary, host.bmc
        body: Document = dict.fromkeys(ABSENT)
        body.update(
            id=host.id, name=host.name, display_name=host.name, certname=host.name, ip=nic.ip, mac=nic.mac,
            sp_mac=bmc.mac, sp_ip=bmc.ip, sp_name=None, sp_subnet_id=None,
            domain_id=1, domain_name=host.name.partition(".")[2], subnet_id=1, subnet_name="provisioning",
            architecture_id=1, architecture_name="x86_64",
            operatingsystem_id=host.os and host.os.id, operatingsystem_name=host.os and host.os.title,
            ptable_id=host.ptable and host.ptable.id, ptable_name=host.ptable and host.ptable.name,
            medium_id=host.medium and host.medium.id, medium_name=host.medium and host.medium.name,
            pxe_loader=host.pxe_loader, model_id=1, model_name=host.model,
            owner_id=host.owner_id, owner_name=owner, owner_type=host.owner_type,
            enabled=True, managed=host.managed, build=host.build, comment=host.comment,
            image_file="", capabilities=["build"], provision_method="build", bmc_available=False,
            installed_at=host.installed_at and stamp(host.installed_at),
            created_at=host.created_at, updated_at=host.updated_at,
            # An installation error is what makes a host's global status "Error" (2).
            global_status=2 if status == 3 else 0, global_status_label="Error" if status == 3 else "OK",
            organization_id=host.organization.id, organization_name=host.organization.name,
            location_id=host.location.id, location_name=host.location.name,
            puppet_status=0, build_status=status, build_status_label=LABELS[status],
        )  # fmt: skip
        options = self.database.options
        for version, names in CAME:
            if not options.since(*version):
                for name in names:
                    del body[name]
        for version, names in LEFT:
            if not options.since(*version):
                body |= dict.fromkeys(names)
        if status == PENDING and host.token is not None:
            body["token"] = host.token.value
        return body


def allowed(user: User, permission: str) -> bool:
    """Whether the user has this permission; an administrator has all."""
    return user.admin or any(permission in row.role.permissions for row in user.roles)


def interface(host: Host, nic: Nic) -> Document:
    first = nic.type != "bmc"
    virtual = nic.type == "bond"
    body = {
        "id": nic.id, "name": host.name if first else None, "ip": nic.ip, "ip6": None, "mac": nic.mac, "mtu": None,
        "fqdn": host.name if first else None, "identifier": nic.identifier, "primary": nic.primary, "provision": nic.provision,
        "type": nic.type, "managed": first, "virtual": virtual, "execution": first, "subnet_id": 1 if first else None,
        "subnet_name": "provisioning" if first else None, "subnet6_id": None, "subnet6_name": None,
        "domain_id": 1 if first else None, "domain_name": host.name.partition(".")[2] if first else None,
        "created_at": host.created_at, "updated_at": host.created_at,
    }  # fmt: skip
    if not first:
        body |= {"username": "root", "password": SECRET, "provider": "IPMI"}
    return body


def parameter(row: Parameter, *, reveal: bool = False) -> Document:
    return {
        "priority": 70, "created_at": row.created_at, "updated_at": row.updated_at, "id": row.id, "name": row.name,
        "parameter_type": row.kind, "associated_type": "host", "hidden_value?": row.hidden,
        "value": SECRET if row.hidden and not reveal else row.value,
    }  # fmt: skip


def role(row: Role) -> Document:
    return {
        "id": row.id, "name": row.name, "description": row.description, "builtin": row.builtin, "origin": None,
        "cloned_from_id": None,
    }  # fmt: skip


def role_show(row: Role) -> Document:
    kinds = sorted({PERMISSIONS.get(name) or "" for name in row.permissions})
    filters = [{"id": 1000 * row.id + number, "resource_type": kind} for number, kind in enumerate(kinds, 1)]
    return role(row) | {"filters": filters, "locations": [taxonomy(LOCATION)], "organizations": [taxonomy(ORGANIZATION)]}


def system(row: OperatingSystem) -> Document:
    return {
        "id": row.id, "name": row.name, "title": row.title, "description": None, "major": row.major, "minor": row.minor,
        "family": row.family, "release_name": "", "password_hash": "SHA512", "created_at": row.created_at,
        "updated_at": row.created_at,
    }  # fmt: skip


def system_show(row: OperatingSystem) -> Document:
    return system(row) | {
        "parameters": [], "images": [], "os_default_templates": [], "provisioning_templates": [],
        "architectures": [{"id": 1, "name": "x86_64"}],
        "media": [{"id": medium.id, "name": medium.name} for medium in row.media],
        "ptables": [{"id": ptable.id, "name": ptable.name} for ptable in row.ptables],
    }  # fmt: skip


def medium(row: Medium) -> Document:
    return {
        "id": row.id, "name": row.name, "path": row.path, "os_family": row.family, "created_at": row.created_at,
        "updated_at": row.created_at,
    }  # fmt: skip


def ptable(row: Ptable) -> Document:
    return {
        "id": row.id, "name": row.name, "description": None, "os_family": row.family, "created_at": row.created_at,
        "updated_at": row.created_at,
    }  # fmt: skip


def taxonomy(row: Taxonomy) -> Document:
    return {"id": row.id, "name": row.name, "title": row.name, "description": row.description}


def user(row: User) -> Document:
    return {
        "id": row.id, "login": row.login, "firstname": row.firstname, "lastname": row.lastname, "mail": row.mail,
        "admin": row.admin, "disabled": False, "effective_admin": row.admin, "auth_source_id": 1,
        "auth_source_name": "Internal", "timezone": None, "locale": None, "description": row.description,
        "mail_enabled": True, "last_login_on": row.last_login and stamp(row.last_login), "created_at": row.created_at,
        "updated_at": row.updated_at, "ssh_keys": [], "default_location": None, "default_organization": None,
        "locations": [{"id": place.id, "name": place.name} for place in row.locations],
        "organizations": [{"id": place.id, "name": place.name} for place in row.organizations],
    }  # fmt: skip


def user_show(row: User) -> Document:
    """A user's own page leaves the Default role out; `/users/:id/roles` does not."""
    return user(row) | {
        "auth_source_internal": {"id": 1, "type": "AuthSourceInternal", "name": "Internal"},
        "mail_notifications": [], "usergroups": [], "cached_usergroups": [],
        "roles": [
            {"id": held.role.id, "name": held.role.name, "description": held.role.description, "origin": None}
            for held in row.roles
            if held.role.name != DEFAULT_ROLE
        ],
        "locations": [taxonomy(place) for place in row.locations],
        "organizations": [taxonomy(place) for place in row.organizations],
    }  # fmt: skip


def setting(name: str, value: Any, kind: str, label: str, description: str, created_at: str) -> Document:
    return {
        "id": name, "name": name, "full_name": label, "description": description, "settings_type": kind, "default": value,
        "value": value, "category": "Setting::Provisioning", "category_name": "Provisioning", "readonly": False,
        "encrypted": False, "select_values": None, "created_at": created_at, "updated_at": created_at,
    }  # fmt: skip


def permission(number: int, name: str) -> Document:
    return {"name": name, "id": number, "resource_type": PERMISSIONS[name]}

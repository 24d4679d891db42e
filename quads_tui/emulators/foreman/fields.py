"""The search fields of each resource."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from .database import Database
from .records import EXPIRED, FAILED, INSTALLED, PENDING, Host
from .search import Field, Fields

STATUSES = {"built": INSTALLED, "pending": PENDING, "token_expired": EXPIRED, "build_failed": FAILED}
GLOBAL = {"ok": 0, "warning": 1, "error": 2}


def text(name: str) -> Field:
    return Field("text", attrgetter(name))


def integer(name: str) -> Field:
    return Field("integer", attrgetter(name))


def flag(name: str) -> Field:
    return Field("boolean", attrgetter(name))


def title_of(name: str, part: str) -> Callable[[Any], Any]:
    def get(host: Any) -> Any:
        row = getattr(host, name)
        return None if row is None else getattr(row, part)

    return get


def host_fields(database: Database) -> Fields:
    """`build_status` reads the stored row: an expired token shows in the body, not here."""
    owner = Field("text", database.owner_login)

    def parameter(name: str) -> Field | None:
        if not name.startswith("params."):
            return None
        wanted = name.removeprefix("params.")

        def value(host: Host) -> str | None:
            row = host.parameters.get(wanted)
            return None if row is None else row.value

        return Field("text", value)

    system = Field("text", title_of("os", "title"))
    known = {
        "id": integer("id"), "name": text("name"), "build": flag("build"), "managed": flag("managed"),
        "build_status": Field("choice", attrgetter("stored_status"), STATUSES),
        "owner": owner, "user.login": owner, "owner_id": integer("owner_id"), "owner_type": text("owner_type"),
        "os": Field("text", title_of("os", "name")), "os_title": system, "os_id": Field("integer", title_of("os", "id")),
        "os_major": Field("text", title_of("os", "major")), "os_minor": Field("text", title_of("os", "minor")),
        "model": text("model"), "comment": text("comment"),
        "mac": Field("text", lambda host: host.primary.mac), "has_mac": text("mac"),
        "ip": Field("text", lambda host: host.primary.ip), "hostgroup": Field("text", lambda host: None),
        "installed_at": Field("moment", attrgetter("installed_at")), "status.enabled": Field("boolean", lambda host: True),
        "global_status": Field("choice", lambda host: 2 if host.stored_status == FAILED else 0, GLOBAL),
    }  # fmt: skip
    return Fields(known, ("name",), parameter)


USERS = Fields(
    {
        "id": integer("id"), "login": text("login"), "firstname": text("firstname"), "lastname": text("lastname"),
        "mail": text("mail"), "admin": flag("admin"), "disabled": Field("boolean", lambda user: False),
        "last_login_on": Field("moment", attrgetter("last_login")),
    },
    ("login", "firstname", "lastname", "mail"),
)  # fmt: skip
SYSTEMS = Fields(
    {
        "id": integer("id"), "name": text("name"), "title": text("title"), "major": text("major"), "minor": text("minor"),
        "family": text("family"),
    },
    ("name", "title"),
)  # fmt: skip
SOURCES = Fields({"id": integer("id"), "name": text("name"), "family": text("family")}, ("name",))
ROLES = Fields({"id": integer("id"), "name": text("name"), "builtin": integer("builtin")}, ("name",))
PARAMETERS = Fields({"id": integer("id"), "name": text("name"), "value": text("value")}, ("name",))
DOCUMENTS = Fields({"name": Field("text", lambda row: row["name"]), "id": Field("text", lambda row: row["id"])}, ("name",))

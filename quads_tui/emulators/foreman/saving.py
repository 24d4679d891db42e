"""PUT of a host: one transaction over attributes, build mode, token, PXE files and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .answers import invalid, message
from .builds import Builds, Task
from .database import Database, number
from .options import ForemanOptions
from .records import INSTALLED, LOCAL, PENDING, Host, Medium, OperatingSystem, Parameter, Ptable, Token
from .web_server import Work

Row = TypeVar("Row", OperatingSystem, Ptable, Medium)
ACCEPTED = frozenset(
    (
        "build", "operatingsystem_id", "operatingsystem_name", "ptable_id", "ptable_name", "medium_id", "medium_name",
        "owner_id", "owner_type", "comment", "progress_report_id", "host_parameters_attributes",
    )
)  # fmt: skip


@dataclass(slots=True)
class Snapshot:
    """A host as a request read it before it waited for the row: what its own decisions rest on."""

    os: OperatingSystem | None
    ptable: Ptable | None
    medium: Medium | None
    owner_id: int | None
    owner_type: str | None
    build: bool
    token: Token | None


def attributes(body: dict[str, Any]) -> dict[str, Any]:
    """Wrapped or flat; when "host" is there its siblings do not count, and unknown keys are dropped silently."""
    given = body["host"] if isinstance(body.get("host"), dict) else body
    return {name: value for name, value in given.items() if name in ACCEPTED}


class Saving:
    """Saves of hosts, one at a time for each host."""

    def __init__(self, database: Database, builds: Builds, options: ForemanOptions) -> None:
        self._database = database
        self._builds = builds
        self._options = options

    async def update(self, host: Host, given: dict[str, Any], work: Work) -> None:
        """Applies the attributes or nothing at all. Raises Refusal (422)."""
        before = Snapshot(host.os, host.ptable, host.medium, host.owner_id, host.owner_type, host.build, host.token)
        after = self._decided(host, before, given)
        arming = after.build and not before.build
        disarming = before.build and not after.build
        moved = (after.os, after.medium) != (before.os, before.medium)
        if arming:
            after.token = self._builds.token() if host.managed else None
        elif disarming:
            after.token = None
        async with host.saving:  # a second PUT of the same host waits here, then goes on with its stale snapshot
            await work.cpu(self._options.costs.save)
            parameters = self._parameters(host, given.get("host_parameters_attributes"))
            tasks: list[Task] = []
            if host.managed and (arming or disarming or moved):
                content = after.token.value if after.build and after.token else LOCAL
                tasks = self._builds.deploy(host, content, moves=not disarming)
            if uuid := given.get("progress_report_id"):
                self._builds.watch(str(uuid), tasks)
            await self._builds.orchestrate(host, tasks, work, building=after.build)
            self._commit(host, before, after, given, parameters)
            if arming:
                host.times_armed += 1

    def _decided(self, host: Host, before: Snapshot, given: dict[str, Any]) -> Snapshot:
        database = self._database
        system = _chosen(given, "operatingsystem", database.systems, before.os)
        ptable = _chosen(given, "ptable", database.ptables, before.ptable)
        medium = _chosen(given, "medium", database.media, before.medium)
        errors: dict[str, list[str]] = {}
        owner_id, owner_type = before.owner_id, given.get("owner_type", before.owner_type)
        if "owner_id" in given:
            owner_id = _integer(given["owner_id"])
        if owner_type not in ("User", "Usergroup"):
            errors["owner_type"] = ["needs to be one of the following: User, Usergroup"]
        elif ("owner_id" in given or "owner_type" in given) and (
            owner_type == "Usergroup" or owner_id not in database.users_by_id
        ):
            errors["owner"] = [f"There is no owner with id {owner_id} and type {owner_type}"]
        elif owner_type == "User" and (owner := database.users_by_id.get(owner_id or 0)) is not None and not owner.admin:
            # A validation of every save, whatever it changes.
            if host.organization not in owner.organizations:
                errors["is_owned_by"] = ["does not belong into host's organization"]
            if host.location not in owner.locations:
                errors.setdefault("is_owned_by", []).append("does not belong into host's location")
        build = before.build if given.get("build") is None else _boolean(given["build"])
        if host.managed:
            chosen: tuple[tuple[str, OperatingSystem | Ptable | Medium | None], ...]
            chosen = (("operatingsystem_id", system), ("ptable_id", ptable), ("medium_id", medium))
            for name, row in chosen:
                if row is None:
                    errors[name] = ["can't be blank"]
            if system is not None and ptable is not None and ptable not in system.ptables:
                errors["ptable_id"] = [f"{ptable.name} does not belong to {system.title} operating system"]
            if system is not None and medium is not None and medium not in system.media:
                errors["medium_id"] = [f"{medium.name} does not belong to {system.title} operating system"]
        if errors:
            raise invalid(host.id, errors)
        return Snapshot(system, ptable, medium, owner_id, owner_type, build, before.token)

    def _commit(
        self, host: Host, before: Snapshot, after: Snapshot, given: dict[str, Any], parameters: dict[str, Parameter] | None
    ) -> None:
        # Only changed columns are written, so that two PUTs with different columns do not undo each other.
        for name in ("os", "ptable", "medium", "owner_id", "owner_type"):
            if getattr(after, name) != getattr(before, name):
                setattr(host, name, getattr(after, name))
        if after.build != before.build:
            if after.build:
                if host.token is not None:
                    host.older_tokens.append(host.token)
                host.token = after.token
                host.stored_status = PENDING
            else:
                host.token = None
                host.older_tokens.clear()
                host.stored_status = INSTALLED
            host.build = after.build
            host.build_errors = None
        if "comment" in given:
            host.comment = None if given["comment"] is None else str(given["comment"])
        if parameters is not None:
            host.parameters = parameters
        host.updated_at = self._database.now()
        host.revision += 1

    def _parameters(self, host: Host, given: Any) -> dict[str, Parameter] | None:
        """The list REPLACES the host's parameters: matched by name, whatever is not named is destroyed."""
        if given is None:
            return None
        entries: Iterable[Any] = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
        kept: dict[str, Parameter] = {}
        for entry in entries:
            # An entry with an id but no name is updated and then destroyed, since no name of it is in the list.
            if not isinstance(entry, dict) or not entry.get("name") or entry.get("_destroy"):
                continue
            name = str(entry["name"])
            row = host.parameters.get(name)
            if row is None:
                kept[name] = self._database.parameter(
                    name, text(entry.get("value")), kind=str(entry.get("parameter_type", "string")),
                    hidden=_boolean(entry.get("hidden_value", False)),
                )  # fmt: skip
            else:
                value = text(entry["value"]) if "value" in entry else row.value
                kept[name] = Parameter(row.id, name, value, row.kind, row.hidden, row.created_at, self._database.now())
        return kept


def _chosen(given: dict[str, Any], kind: str, rows: Sequence[Row], now: Row | None) -> Row | None:
    """By name, or by id, or as it was. An unknown name is refused at once; an unknown id is an empty association."""
    if (name := given.get(f"{kind}_name")) is not None:
        found = next((row for row in rows if name == getattr(row, "title", row.name)), None)
        if found is None:
            raise message(422, f"Could not find {kind} with name: {name}")
        return found
    if f"{kind}_id" in given:
        wanted = _integer(given[f"{kind}_id"])
        return next((row for row in rows if row.id == wanted), None)
    return now


def text(value: Any) -> str:
    """How Foreman stores a parameter's value."""
    return value if isinstance(value, str) else json.dumps(value)


def _integer(value: Any) -> int | None:
    if value is None or isinstance(value, bool):
        return None
    return value if isinstance(value, int) else number(str(value))


def _boolean(value: Any) -> bool:
    """Rails' cast: everything but its few words for false is true."""
    return value not in (False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF", "")

"""What Foreman's API v2 tells: hosts, users, catalogues, settings, and whether a write has been applied."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from quads_tui.rollout.causes import StageFailure, Unreadable
from quads_tui.rollout.foreman_host import HostRecord, Interface, SomeUnreadable, host_name, interfaces
from quads_tui.rollout.numbers import bounded, record_id
from quads_tui.rollout.plan import Target
from quads_tui.rollout.ports import Probe
from quads_tui.rollout.text import clean

from .errors import failure
from .names import pick
from .session import PAGE, ForemanSession, results
from .users import UserRecord

_QUERY = 3500  # characters of host names in one search: Apache refuses request lines over 8 KiB
KNOWN = ((1, 24), (3, 16))  # the first and the last version whose answers are known here
_MOST_TOKEN_MINUTES = 60 * 24 * 365
_TOKEN_MINUTES = 360.0  # Foreman's default token_duration, for users who may not read the settings

COLLECTIONS = {  # what the operator calls it: the collection and the member that carries the name
    "operating system": ("operatingsystems", "title"),
    "partition table": ("ptables", "name"),
    "installation medium": ("media", "name"),
    "user": ("users", "login"),
}

_HIDES = frozenset({403, 404, 500})  # an answer about one host that does not show it, where others are shown
_AT_WORK = frozenset({"pending", "running"})  # states of the tasks of a PUT
_TAKEN_BACK = frozenset({"failed", "rollbacked", "conflict"})


class ForemanReads:
    """The reads. Each raises StageFailure in Foreman's own words, and CredentialsRefused."""

    _session: ForemanSession
    _witness: str = ""  # another host, which Foreman showed when one host was not to be read

    @property
    def version_warning(self) -> str:
        """What the operator should know of a server whose version is none of the known ones; empty for those."""
        found = self._session.version_number
        if found is not None and KNOWN[0] <= found <= KNOWN[1]:
            return ""
        first, last = (f"{major}.{minor}" for major, minor in KNOWN)
        words = f"is Foreman {self._session.version}" if self._session.version else "does not state its version"
        return f"{self._session.url} {words}; supported: {first} to {last}"

    async def find(self, what: str, name: str) -> int:
        """The id of an operating system, partition table, medium or user. Raises NameUnknown with the nearest names."""
        path, member = COLLECTIONS[what]

        def named(item: Mapping[str, Any]) -> tuple[str, int]:
            if not isinstance(item.get(member), str):
                raise Unreadable(f"Foreman lists one of /{path} with {member} {clean(item.get(member), 40)!r}")
            return item[member], item["id"]

        if found := dict(await self._session.collect(path, {"search": f"{member} = {_quoted(name)}"}, named)).get(name):
            return found
        return pick(what, name, dict(await self._session.first_page(path, named)))

    async def names(self) -> frozenset[str]:
        """Names of all hosts that we may see: one thin search."""
        return await self._names("")

    async def unmanaged(self) -> frozenset[str]:
        """Names of all hosts that Foreman knows but does not build."""
        return await self._names("managed = false")

    async def in_build(self) -> frozenset[str]:
        """Names of all hosts that are in build mode now, of the whole Foreman: one thin search."""
        return await self._names("build = true")

    async def with_parameter(self, name: str, value: str) -> frozenset[str]:
        """Names of all hosts whose host parameter (own or inherited) has this value: one thin search."""
        return await self._names(f"params.{name} = {_quoted(value)}")

    async def records(self, names: Collection[str]) -> dict[str, HostRecord]:
        """Full records by name; hosts that Foreman does not show are missing. A search per about a hundred names.

        Raises SomeUnreadable, with the others, where records cannot be read.
        """
        odd: list[Unreadable] = []
        wanted = frozenset(names)

        def read(item: Mapping[str, Any]) -> HostRecord | None:
            try:
                return HostRecord.read(item)
            except Unreadable as why:
                name = item.get("name")
                if not isinstance(name, str) or name.lower() in wanted:
                    odd.append(why)
                return None

        asked = [
            self._session.collect("hosts", {"search": f"name ^ ({', '.join(chunk)})"}, read) for chunk in _chunks(sorted(wanted))
        ]
        told = [
            record for found in await asyncio.gather(*asked) for record in found if record is not None and record.name in wanted
        ]
        records = {record.name: record for record in told}
        # The same host in the answers to two searches is one: there are Foremans behind which a search is not passed on.
        for name in {record.name for record in told if records[record.name].id != record.id}:
            odd.append(Unreadable(f"Foreman shows two hosts named {name}"))
            del records[name]
        if odd:
            raise SomeUnreadable(odd, records)
        return records

    async def incompatible_media(self, target: Target) -> list[str]:
        """What of the target does not go with its operating system, in words (operatingsystems/show: its ptables and media).

        Foreman would refuse every host's build for it (422). What it does not tell is taken to fit.
        """
        answer = await self._session.read(f"operatingsystems/{target.operatingsystem_id}", {})
        body = self._session.body(answer) if answer.status == 200 else None
        said = []
        for what, member, wanted in (
            ("partition table", "ptables", target.ptable_id),
            ("installation medium", "media", target.medium_id),
        ):
            listed = body.get(member) if isinstance(body, Mapping) else None
            if wanted is None or listed is None:
                continue
            if not isinstance(listed, list) or not all(isinstance(item, Mapping) for item in listed):
                raise Unreadable(f"Foreman shows the operating system {target.operatingsystem_id} with unreadable {member}")
            if any(record_id(item.get("id")) == wanted for item in listed):
                continue
            names = [clean(item.get("name"), 60) for item in listed[:6]]
            said.append(
                f"the {what} is not associated with the operating system in Foreman; these are: {', '.join(names[:5]) or 'none'}"
            )
        return said

    async def users(self) -> dict[str, UserRecord]:
        """All users by login."""
        return {user.login: user for user in await self._session.collect("users", {}, UserRecord.read)}

    async def parents(self, places: str) -> dict[int, frozenset[int]]:
        """The ids above each of the `organizations` or `locations` that has such: who is in a parent is in its children too.

        Empty where we may not see them.
        """

        def read(item: Mapping[str, Any]) -> tuple[int, frozenset[int]]:
            ancestry = clean(item.get("ancestry") or "", 1000)
            above = {record_id(int(number)) for number in re.findall(r"\d{1,18}", ancestry, re.ASCII)} | {
                record_id(item.get("parent_id"))
            }
            return item["id"], frozenset(number for number in above if number is not None)

        try:
            found = dict(await self._session.collect(places, {}, read))
        except Unreadable:
            raise
        except StageFailure:
            return {}
        return {number: above for number, above in found.items() if above}

    async def granted(self) -> frozenset[str] | None:
        """All permissions of our user, on whatever hosts; None where this Foreman does not tell (before 2.1)."""
        answer = await self._session.read("permissions/current_permissions", {})
        if answer.status != 200:
            return None
        listed = results(self._session.body(answer), "permissions/current_permissions")
        return frozenset(clean(item.get("name"), 100) for item in listed) or None

    async def host(self, name: str) -> HostRecord | None:
        """One host, fresh; None when Foreman has none of this name or hides it from us."""
        answer = await self._session.read(f"hosts/{quote(name)}", {})
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise failure(answer)
        return HostRecord.read(self._session.body(answer), name)

    async def provisioning_macs(self, name: str) -> frozenset[str]:
        """MACs of the interfaces that Foreman provisions this host through; empty where it has none, or no such host.

        Only hosts/show tells: the MAC at the top of a record is the primary interface's, which may be a bond of other ones.
        """
        return await self._macs(name, lambda interface: interface.provision)

    async def all_macs(self, name: str) -> frozenset[str]:
        """MACs of all interfaces that Foreman knows of this host but its BMC's; empty where there is no such host."""
        return await self._macs(name, lambda interface: interface.type != "bmc")

    async def _macs(self, name: str, wanted: Callable[[Interface], bool]) -> frozenset[str]:
        answer = await self._session.read(f"hosts/{quote(name)}", {})
        if answer.status == 404:
            return frozenset()
        if answer.status != 200:
            raise failure(answer)
        found = interfaces(self._session.body(answer), name)
        return frozenset({interface.mac for interface in found if wanted(interface)} - {""})

    async def missing_permissions(self, host: str, wanted: Collection[str]) -> tuple[str, ...]:
        """Which of these our user lacks on this host (hosts/show); empty where it does not say."""
        answer = await self._session.read(f"hosts/{quote(host)}", {})
        if answer.status != 200:
            return ()
        body = self._session.body(answer)
        HostRecord.read(body, host)
        granted = body.get("permissions") if isinstance(body, Mapping) else None
        if not isinstance(granted, Mapping):
            return ()
        return tuple(name for name in wanted if granted.get(name) is False)

    async def lacking_for(self, path: str) -> tuple[str, ...]:
        """Which permissions our user lacks to read this collection."""
        answer = await self._session.read(path, {"per_page": "1"})
        body = self._session.body(answer) if answer.status == 403 else None
        error = body.get("error") if isinstance(body, Mapping) else None
        missing = error.get("missing_permissions") if isinstance(error, Mapping) else None
        return tuple(clean(name, 60) for name in missing) if isinstance(missing, list) else ()

    async def token_seconds(self) -> float:
        """How long a build token lives (the setting token_duration); 0 means for ever."""
        minutes = bounded(await self._setting("token_duration"), 0, _MOST_TOKEN_MINUTES)
        return (_TOKEN_MINUTES if minutes is None else minutes) * 60

    async def identity(self) -> tuple[str, str]:
        """By what it is known whatever its address: SHA-256 of its certificate, and its own name for itself (foreman_url).

        What it does not tell is empty.
        """
        try:
            url = await self._setting("foreman_url")
        except Unreadable:
            url = None  # its certificate is compared all the same
        own = clean(url, 300, compared=True).rstrip("/").lower() if isinstance(url, str) else ""
        return self._session.certificate, own

    async def _setting(self, name: str) -> object:
        """None where we may not read it."""
        answer = await self._session.read("settings", {"search": f"name = {name}"})
        if answer.status == 200:
            for item in results(self._session.body(answer), "settings"):
                if item.get("name") == name:
                    return item.get("value")
        return None

    async def probe_host(self, name: str, wanted: Mapping[str, object], progress: str) -> Probe:
        """Whether the write of `wanted` with this progress_report_id has been applied (DESIGN: settled by a fresh read).

        The task list is asked first: were it read after the host, a write could land between the two.
        """
        tasks = await self._tasks(progress) if progress else frozenset()
        if tasks & _AT_WORK:
            return Probe.UNREADABLE
        try:
            record = await self.host(name)
        except StageFailure as why:
            return await self._odd(name, why)
        if record is None:
            return await self._odd(name)
        if record.has(wanted):
            if tasks:
                return Probe.CONFIRMED
            # Out of build is also what the end of an install and other people leave behind: it does not tell of our request.
            return Probe.LIKELY if wanted.get("build") is False else Probe.APPLIED
        return Probe.NEVER if tasks & _TAKEN_BACK else Probe.ABSENT

    async def parameter_id(self, host: str, name: str) -> str:
        """Of the host's own parameter; empty where it has none of this name."""
        try:
            found = await self._parameter(host, name)
        except Unreadable:
            raise
        except StageFailure as hidden:
            if hidden.status not in (403, 404):
                raise
            found = None
        if found is None:
            return ""
        number = record_id(found.get("id"))
        if number is None:
            raise Unreadable(
                f"Foreman's record of the parameter {name} of {host} has no valid id: {clean(found.get('id', 'none'), 40)}"
            )
        return str(number)

    async def probe_parameter(self, host: str, name: str, value: str) -> Probe:
        """Whether the host's own parameter has this value."""
        try:
            found = await self._parameter(host, name)
        except StageFailure as why:
            return await self._odd(host, why)
        return Probe.APPLIED if found is not None and _text(found.get("value")) == value else Probe.ABSENT

    async def _odd(self, name: str, why: StageFailure | None = None) -> Probe:
        """A look that did not show this host, for `why` (None: 404): ODD where Foreman shows another one just so."""
        if why is not None and not isinstance(why, Unreadable) and why.status not in _HIDES:
            return Probe.UNREADABLE
        witness, self._witness = self._witness, ""
        try:
            if witness in ("", name):
                answer = await self._session.read("hosts", {"thin": "1", "per_page": "2"})
                names = [host_name(item.get("name")) for item in results(self._session.body(answer), "hosts")]
                witness = next((other for other in names if other != name), "")
            if not witness or await self.host(witness) is None:
                return Probe.UNREADABLE
        except StageFailure:
            return Probe.UNREADABLE
        self._witness = witness
        return Probe.ODD

    async def _parameter(self, host: str, name: str) -> Mapping[str, Any] | None:
        """One parameter of a host; hidden ones would otherwise read as asterisks."""
        path = f"hosts/{quote(host)}/parameters"
        search = {"search": f"name = {_quoted(name)}", "show_hidden": "true", "per_page": str(PAGE)}
        answer = await self._session.read(path, search)
        if answer.status != 200:
            raise failure(answer)
        items = results(self._session.body(answer), path)
        return next((item for item in items if item.get("name") == name), None)

    async def rolled_back(self, progress: str) -> bool:
        """Whether the task list of a PUT says that it failed and was taken back.

        False where the server keeps no such list, or no longer (five minutes).
        """
        tasks = await self._tasks(progress)
        return bool(tasks & _TAKEN_BACK) and not tasks & _AT_WORK

    async def _names(self, search: str) -> frozenset[str]:
        query = {"thin": "1", **({"search": search} if search else {})}
        return frozenset(await self._session.collect("hosts", query, lambda item: host_name(item.get("name"))))

    async def _tasks(self, progress: str) -> frozenset[str]:
        """The states in the task list of a PUT (orchestration/:uuid/tasks, kept for five minutes); empty: no list."""
        path = f"orchestration/{progress}/tasks"
        answer = await self._session.read(path, {})
        tasks = results(self._session.body(answer), path) if answer.status == 200 else []
        states = [item.get("status") for item in tasks]
        if not all(isinstance(state, str) for state in states):
            raise Unreadable(f"Foreman lists tasks of a write with states {clean(states, 60)}")
        return frozenset(map(str, states))


def _text(value: object) -> object:
    """A parameter's value as the text that it was set from: typed ones come as JSON types."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _chunks(names: Iterable[str]) -> Iterable[list[str]]:
    chunk: list[str] = []
    size = 0
    for name in names:
        if chunk and size + len(name) + 6 > _QUERY:
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += len(name) + 6  # comma and space, percent-encoded
    if chunk:
        yield chunk

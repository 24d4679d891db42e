"""The Foreman API v2 client: one session cookie, at most eight connections, shared reads, one write at a time by its Ticket."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import FOREMAN, Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.identity import mac_of
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import Target
from quads_tui.rollout.ports import Clock, NotSent, Probe, Ticket, UnknownOutcome
from quads_tui.rollout.text import clean

from ..http import Http, NotJson, RequestFailed, Response
from .errors import explain, failure, judged, unanswered
from .names import pick
from .users import UserRecord

_QUERY = 3500  # characters of host names in one search: Apache refuses request lines over 8 KiB
_PAGE = 10_000  # where the version does not know per_page=all (before 2.2)
KNOWN = ((1, 24), (3, 16))  # the first and the last version whose answers are known here
_BODY = 32 << 20
_TOKEN_MINUTES = 360  # Foreman's default token_duration, for users who may not read the settings

COLLECTIONS = {  # what the operator calls it: the collection and the member that carries the name
    "operating system": ("operatingsystems", "title"),
    "partition table": ("ptables", "name"),
    "installation medium": ("media", "name"),
    "user": ("users", "login"),
}

_AT_WORK = frozenset({"pending", "running"})  # states of the tasks of a PUT
_TAKEN_BACK = frozenset({"failed", "rollbacked", "conflict"})


class Foreman:
    """One Foreman. Reads may run side by side; every write takes a Ticket from the lane.

    Raises StageFailure in the server's own words, CredentialsRefused when it does not take our name and password (then nothing
    more is ever sent: thirty failed logins lock the address out), and from writes UnknownOutcome when no answer settles them.
    """

    def __init__(
        self,
        http: Http,
        *,
        url: str,
        username: str,
        password: Secret,
        tls: TlsPolicy,
        clock: Clock,
        limits: Limits,
        reads: Meter,
        writes: Meter,
        write_width: int = 1,
    ) -> None:
        self.url = url.rstrip("/")
        self.version = ""
        self._certificate = ""
        self._http = http
        self._username = username
        self._password = password
        self._tls = tls
        self._clock = clock
        self._limits = limits
        self._reads = reads
        self._writes = writes
        self._cookies: dict[str, str] = {}
        self._logins = 0  # grows with every priming call
        self._priming = asyncio.Lock()
        self._places = asyncio.Semaphore(max(1, limits.foreman_connections - write_width))
        self._refused = ""

    # Reads

    async def prime(self) -> str:
        """The call that earns the session cookie; gives Foreman's version."""
        await self._log_in(self._logins)
        return self.version

    @property
    def version_warning(self) -> str:
        """What the operator should know of a server whose version is none of the known ones; empty for those."""
        found = _version(self.version)
        if found is not None and KNOWN[0] <= found <= KNOWN[1]:
            return ""
        first, last = (f"{major}.{minor}" for major, minor in KNOWN)
        words = f"is Foreman {self.version}" if self.version else "does not tell its version"
        return f"{self.url} {words}; known here are {first} to {last}"

    async def find(self, what: str, name: str) -> int:
        """The id of an operating system, partition table, medium or user. Raises NameUnknown with the nearest names."""
        path, member = COLLECTIONS[what]
        names: dict[str, int] = {}
        for item in await self._collect(path, {}):
            if isinstance(item.get(member), str) and isinstance(item.get("id"), int):
                names[item[member]] = item["id"]
        return pick(what, name, names)

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
        """Full records by name; hosts that Foreman does not show are missing. A search per about a hundred names."""
        asked = [self._collect("hosts", {"search": f"name ^ ({', '.join(chunk)})"}) for chunk in _chunks(sorted(names))]
        records = [HostRecord.read(item) for items in await asyncio.gather(*asked) for item in items]
        return {record.name: record for record in records if record is not None}

    async def unfitting(self, target: Target) -> list[str]:
        """What of the target does not go with its operating system, in words (operatingsystems/show: its ptables and media).

        Foreman would refuse every host's build for it (422). What it does not tell is taken to fit.
        """
        answer = await self._read(f"operatingsystems/{target.operatingsystem_id}", {})
        body = self._body(answer) if answer.status == 200 else None
        said = []
        for what, member, wanted in (
            ("partition table", "ptables", target.ptable_id),
            ("installation medium", "media", target.medium_id),
        ):
            listed = body.get(member) if isinstance(body, Mapping) else None
            known = {item.get("id"): clean(item.get("name"), 60) for item in listed or () if isinstance(item, Mapping)}
            if wanted is None or not isinstance(listed, list) or wanted in known:
                continue
            names = list(known.values())
            said.append(f"the {what} does not go with the operating system; Foreman has for it: {', '.join(names[:5]) or 'none'}")
        return said

    async def users(self) -> dict[str, UserRecord]:
        """All users by login."""
        users = [UserRecord.read(item) for item in await self._collect("users", {})]
        return {user.login: user for user in users if user is not None}

    async def parents(self, places: str) -> dict[int, frozenset[int]]:
        """The ids above each of the `organizations` or `locations` that has such: who is in a parent is in its children too.

        Empty where we may not see them.
        """
        try:
            items = await self._collect(places, {})
        except StageFailure:
            return {}
        found = {}
        for item in items:
            above = re.findall(r"\d+", str(item.get("ancestry") or "")) + [str(item.get("parent_id") or "")]
            found[item.get("id")] = frozenset(int(number) for number in above if number.isdigit() and len(number) < 18)
        return {number: above for number, above in found.items() if isinstance(number, int) and above}

    async def granted(self) -> frozenset[str] | None:
        """All permissions of our user, on whatever hosts; None where this Foreman does not tell (before 2.1)."""
        answer = await self._read("permissions/current_permissions", {})
        names = {item.get("name") for item in _results(self._body(answer))} if answer.status == 200 else set()
        return frozenset(name for name in names if isinstance(name, str)) or None

    async def host(self, name: str) -> HostRecord | None:
        """One host, fresh; None when Foreman has none of this name or hides it from us."""
        answer = await self._read(f"hosts/{quote(name)}", {})
        if answer.status == 404:
            return None
        record = HostRecord.read(self._body(answer))
        if record is None:
            raise StageFailure(Cause.PROTOCOL, "Foreman's answer about the host cannot be understood", service=FOREMAN)
        return record

    async def provisioning_macs(self, name: str) -> frozenset[str]:
        """MACs of the interfaces that Foreman provisions this host through; empty where it has none, or no such host.

        Only hosts/show tells: the MAC at the top of a record is the primary interface's, which may be a bond of other ones.
        """
        return await self._macs(name, lambda interface: interface.get("provision") is True)

    async def all_macs(self, name: str) -> frozenset[str]:
        """MACs of all interfaces that Foreman knows of this host but its BMC's; empty where there is no such host."""
        return await self._macs(name, lambda interface: interface.get("type") != "bmc")

    async def _macs(self, name: str, wanted: Callable[[Mapping[str, Any]], bool]) -> frozenset[str]:
        answer = await self._read(f"hosts/{quote(name)}", {})
        if answer.status == 404:
            return frozenset()
        body = self._body(answer) if answer.status == 200 else None
        interfaces = body.get("interfaces") if isinstance(body, Mapping) else None
        if not isinstance(interfaces, list):
            raise StageFailure(Cause.PROTOCOL, "Foreman's answer about the host tells no interfaces", service=FOREMAN)
        macs = {mac_of(one.get("mac")) for one in interfaces if isinstance(one, Mapping) and wanted(one)}
        return frozenset(macs - {""})

    async def missing_permissions(self, host: str, wanted: Collection[str]) -> tuple[str, ...]:
        """Which of these our user lacks on this host (hosts/show); empty where it does not say."""
        answer = await self._read(f"hosts/{quote(host)}", {})
        body = self._body(answer) if answer.status == 200 else None
        granted = body.get("permissions") if isinstance(body, Mapping) else None
        if not isinstance(granted, Mapping):
            return ()
        return tuple(name for name in wanted if granted.get(name) is False)

    async def lacking_for(self, path: str) -> tuple[str, ...]:
        """Which permissions our user lacks to read this collection."""
        answer = await self._read(path, {"per_page": "1"})
        body = self._body(answer) if answer.status == 403 else None
        error = body.get("error") if isinstance(body, Mapping) else None
        missing = error.get("missing_permissions") if isinstance(error, Mapping) else None
        return tuple(clean(name, 60) for name in missing) if isinstance(missing, list) else ()

    async def token_seconds(self) -> float:
        """How long a build token lives (the setting token_duration); 0 means for ever."""
        minutes = await self._setting("token_duration")
        return float(minutes if isinstance(minutes, int | float) else _TOKEN_MINUTES) * 60

    async def identity(self) -> tuple[str, str]:
        """By what it is known whatever its address: SHA-256 of its certificate, and its own name for itself (foreman_url).

        What it does not tell is empty.
        """
        url = await self._setting("foreman_url")
        own = clean(url, 300).rstrip("/").lower() if isinstance(url, str) else ""
        return self._certificate, own

    async def _setting(self, name: str) -> object:
        """None where we may not read it."""
        answer = await self._read("settings", {"search": f"name = {name}"})
        if answer.status == 200:
            for item in _results(self._body(answer)):
                if item.get("name") == name:
                    return item.get("value")
        return None

    async def probe_host(self, name: str, wanted: Mapping[str, object], progress: str) -> Probe:
        """Whether the write of `wanted` with this progress_report_id has been applied (DESIGN: settled by a fresh read).

        The task list is asked first: were it read after the host, a write could land between the two.
        """
        tasks = await self._tasks(progress) if progress else frozenset()
        record = await self.host(name)
        if record is None or tasks & _AT_WORK:
            return Probe.UNREADABLE
        if record.has(wanted):
            # Out of build is also what the end of an install and other people leave behind: it does not tell of our request.
            return Probe.APPLIED if tasks or wanted.get("build") is not False else Probe.LIKELY
        return Probe.NEVER if tasks & _TAKEN_BACK else Probe.ABSENT

    async def parameter_id(self, host: str, name: str) -> str:
        """Of the host's own parameter; empty where it has none of this name."""
        found = await self._read(f"hosts/{quote(host)}/parameters", _parameter(name))
        items = _results(self._body(found)) if found.status == 200 else []
        return next((str(item.get("id", name)) for item in items if item.get("name") == name), "")

    async def probe_parameter(self, host: str, name: str, value: str) -> Probe:
        """Whether the host's own parameter has this value."""
        answer = await self._read(f"hosts/{quote(host)}/parameters", _parameter(name))
        if answer.status != 200:
            return Probe.UNREADABLE
        for item in _results(self._body(answer)):
            if item.get("name") == name and _text(item.get("value")) == value:
                return Probe.APPLIED
        return Probe.ABSENT

    async def rolled_back(self, progress: str) -> bool:
        """Whether the task list of a PUT says that it failed and was taken back.

        False where the server keeps no such list, or no longer (five minutes).
        """
        tasks = await self._tasks(progress)
        return bool(tasks & _TAKEN_BACK) and not tasks & _AT_WORK

    # Writes: one Ticket each

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        """The one PUT: os, ptable, medium, owner and build together. `progress` is a new UUID, kept for settling."""
        return await self._put_host(ticket, host, {**target.attributes(), "build": True}, progress)

    async def cancel_build(self, ticket: Ticket, host: str, progress: str) -> HostRecord:
        """Take the host out of build mode: its token dies, its PXE configuration points to the disk again."""
        return await self._put_host(ticket, host, {"build": False}, progress)

    async def set_owner(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        return await self._put_host(ticket, host, target.attributes(), progress)

    async def rebuild_config(self, ticket: Ticket, host: str) -> None:
        """Have the PXE files of the host's present state written again (hosts/rebuild_config)."""
        await self._write(ticket, "PUT", f"hosts/{quote(host)}/rebuild_config", {"only": ["TFTP"]})

    async def set_parameter(self, ticket: Ticket, host: str, name: str, value: str, known: str) -> None:
        """One host parameter through the nested resource, which leaves the others alone (hosts/parameters).

        `known`: as `parameter_id` told, shortly before.
        """
        base = f"hosts/{quote(host)}/parameters"
        if known:
            await self._write(ticket, "PUT", f"{base}/{quote(known)}", {"parameter": {"value": value}})
        else:
            await self._write(ticket, "POST", base, {"parameter": {"name": name, "value": value}})

    # How

    async def _put_host(self, ticket: Ticket, host: str, attributes: Mapping[str, object], progress: str) -> HostRecord:
        body = {"host": {**attributes, "progress_report_id": progress}}
        answer = await self._write(ticket, "PUT", f"hosts/{quote(host)}", body)
        try:
            record = HostRecord.read(answer.json())
        except NotJson:
            record = None
        if record is None:
            raise UnknownOutcome("Foreman accepted the write, but its answer cannot be read", server_done=True)
        return record

    async def _write(self, ticket: Ticket, method: str, path: str, body: Mapping[str, object]) -> Response:
        """Send once. A 401 to an expired cookie was certainly not executed: log in again and send under the same ticket.

        The ticket is asked, and used, at the first byte. Raises what it raises.
        """
        if not self._cookies:
            await self._log_in(self._logins)
        used = False

        async def first_byte(peer: str) -> None:
            nonlocal used
            await ticket.confirm()
            if not used:
                ticket.use()
                used = True

        for last in (False, True):
            logins = self._logins
            try:
                answer = await self._exchange(
                    method, path, body, total=self._limits.foreman_write, meter=self._writes, before_send=first_byte
                )
            except RequestFailed as error:
                if error.kind == "check":
                    raise NotSent(error.reason) from None
                raise unanswered(error) from None
            if answer.status == 401 and not last:
                await self._log_in(logins)
                continue
            break
        return judged(answer)

    async def _names(self, search: str) -> frozenset[str]:
        items = await self._collect("hosts", {"thin": "1", **({"search": search} if search else {})})
        return frozenset(clean(item["name"]).lower() for item in items if isinstance(item.get("name"), str))

    async def _collect(self, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """All results of an index, whatever page size the server insists on. A list with holes is a failure, never an answer."""
        items: dict[object, Mapping[str, Any]] = {}
        page, size = 1, "all" if (_version(self.version) or (0, 0)) >= (2, 2) else str(_PAGE)
        while True:
            answer = await self._read(path, {**query, "per_page": size, **({"page": str(page)} if page > 1 else {})})
            if answer.status != 200:
                raise failure(answer)
            body = self._body(answer)
            wanted = body.get("subtotal") if isinstance(body, Mapping) else None
            if not isinstance(wanted, int) or not isinstance(body, Mapping) or not isinstance(body.get("results"), list):
                raise StageFailure(Cause.PROTOCOL, f"what Foreman answered about {path} is no list", service=FOREMAN)
            before = len(items)
            items |= {item.get("id", (page, place)): item for place, item in enumerate(_results(body))}
            if len(items) >= wanted:
                return list(items.values())
            if len(items) == before:
                raise StageFailure(Cause.PROTOCOL, f"Foreman shows {before} of {wanted} {path} and no more", service=FOREMAN)
            if page == 1 and isinstance(body.get("per_page"), int):
                size = str(min(body["per_page"], before + len(_results(body))))  # as many as it gave, so that pages join
            page += 1

    async def _tasks(self, progress: str) -> frozenset[object]:
        """The states in the task list of a PUT (orchestration/:uuid/tasks, kept for five minutes); empty: no list."""
        answer = await self._read(f"orchestration/{progress}/tasks", {})
        return frozenset(item.get("status") for item in _results(self._body(answer))) if answer.status == 200 else frozenset()

    async def _read(self, path: str, query: Mapping[str, str]) -> Response:
        """A GET; 200, 404 and 403 are given back, everything else is a StageFailure."""
        if not self._cookies:
            await self._log_in(self._logins)
        where = f"{path}?{urlencode(query)}" if query else path
        for last in (False, True):
            logins = self._logins
            try:
                async with self._places:
                    answer = await self._exchange("GET", where, None, total=self._limits.foreman_read, meter=self._reads)
            except RequestFailed as error:
                raise StageFailure(Cause.UNREACHABLE, error.reason, service=FOREMAN) from None
            if answer.status == 401 and not last:
                await self._log_in(logins)
                continue
            break
        if answer.status in (200, 403, 404):
            return answer
        raise failure(answer)

    async def _log_in(self, seen: int) -> None:
        """One priming call however many found the cookie missing or expired. `seen`: the count of logins that they knew."""
        async with self._priming:
            if self._logins != seen:
                return
            for last in (False, True):
                try:
                    async with self._places:
                        self._cookies.clear()
                        answer = await self._exchange("GET", "status", None, total=self._limits.foreman_read, meter=self._reads)
                except RequestFailed as error:
                    raise StageFailure(Cause.UNREACHABLE, error.reason, service=FOREMAN) from None
                if last or answer.status != 401 or answer.body.strip():
                    break  # an empty 401 speaks of an old session, never of the password
            if answer.status == 401:
                self._refused = (
                    f"{explain(answer)} (user {self._username}); nothing more is sent, thirty failed logins lock us out"
                )
                raise CredentialsRefused(self._refused)
            if answer.status != 200:
                raise failure(answer)
            self._logins += 1
            body = self._body(answer)
            version = body.get("version") if isinstance(body, Mapping) else None
            self.version = clean(version or answer.headers.get("Foreman_version", ""), 40)

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        *,
        total: float,
        meter: Meter,
        before_send: Callable[[str], Awaitable[None]] | None = None,
    ) -> Response:
        if self._refused:
            raise CredentialsRefused(self._refused)
        login = f"{self._username}:{self._password.reveal()}".encode()
        headers = {
            "Accept": "application/json",
            "Authorization": "Basic " + base64.b64encode(login).decode(),
        }
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = await self._http.request(
            method,
            f"{self.url}/api/{path}",
            service="foreman",
            meter=meter,
            tls=self._tls,
            headers=headers,
            json=body,
            connect=self._clock.real(self._limits.connect, 5.0),
            total=self._clock.real(total, 15.0),
            max_body=_BODY,
            before_send=before_send,
        )
        self._cookies.update(answer.cookies)
        self._certificate = answer.certificate
        return answer

    def _body(self, answer: Response) -> object:
        try:
            return answer.json()
        except NotJson as error:
            page = answer.body.lstrip()[:1] == b"<"
            words = f"no JSON from Foreman: {explain(answer) if page else error.reason}"
            raise StageFailure(Cause.PROTOCOL, words, service=FOREMAN) from None


def _results(body: object) -> list[Mapping[str, Any]]:
    results = body.get("results") if isinstance(body, Mapping) else None
    return [item for item in results if isinstance(item, Mapping)] if isinstance(results, list) else []


def _parameter(name: str) -> dict[str, str]:
    """The search for one parameter of a host; hidden ones would otherwise read as asterisks."""
    return {"search": f"name = {_quoted(name)}", "show_hidden": "true", "per_page": str(_PAGE)}


def _text(value: object) -> object:
    """A parameter's value as the text that it was set from: typed ones come as JSON types."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _version(text: str) -> tuple[int, int] | None:
    """Major and minor of "3.13.0-develop"."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


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

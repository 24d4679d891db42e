"""The QUADS API v3 client (2.0 and 2.1, and 2.2 with its tracking of moves): what is to be moved, and what became of it.

QUADS answers a PATCH whose commit it rolled back with 200 and the old record: every answer is compared with what was asked.
Its times are naive: those of its own clock.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from quads_tui.inputs import Secret, TlsPolicy, Zone, local_zone
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.numbers import record_id
from quads_tui.rollout.ports import Clock, QuadsError
from quads_tui.rollout.text import clean

from .http import Http
from .redirects import redirect_target
from .responses import NotJson, RequestFailed, Response

_BODY = 16 << 20  # bytes: GET /hosts is a megabyte for 700 hosts
_ERROR = 1 << 18  # bytes of an error that are parsed
_TOKEN = 8000  # characters; a JWT has a few hundred
_TOTAL = 30.0  # own seconds: GET /moves takes more than one for 700 hosts


@dataclass(frozen=True, slots=True)
class Move:
    """One host that QUADS wants elsewhere: cloud names."""

    host: str
    current: str
    new: str


@dataclass(frozen=True, slots=True)
class QuadsAssignment:
    """The active assignment of a cloud."""

    id: int
    cloud: str
    description: str
    owner: str
    ticket: str
    ccuser: tuple[str, ...]
    wipe: bool
    os: str  # 2.2 and later; else empty


@dataclass(frozen=True, slots=True)
class QuadsHost:
    """A host as QUADS has it; `cloud` is where it is now."""

    name: str
    model: str
    cloud: str
    broken: bool
    retired: bool


class Quads:
    """One QUADS server. Reads need no login; writes carry a token that lives 100 minutes (2.1) and is made anew on a 401.

    Every call raises QuadsError. Times are real ones, seconds since 1970 UTC.
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
        meter: Meter,
        zone: Zone | None = None,
        spare_pool: str = "cloud01",
    ) -> None:
        """`zone`: of QUADS' clock; None: this machine's."""
        self.url = url.rstrip("/")
        self._http = http
        self._username = username
        self._password = password
        self._tls = tls
        self._clock = clock
        self._limits = limits
        self._meter = meter
        self._zone = zone or local_zone()
        self._spare_pool = spare_pool
        self._token = ""
        self._refused = ""  # why this password is not sent again
        self._newer = False  # 2.2 or later, as far as it was asked

    async def version(self) -> str:
        """Such as "QUADS version 2.1.0 bowie"."""
        found = await self._get("version")
        return clean(found, 80) if isinstance(found, str) else ""

    async def moves(self, date: str = "") -> list[Move]:
        """What QUADS would move now, or at `date` (YYYY-MM-DDTHH:MM)."""
        found = _mappings(await self._get("moves", {"date": date} if date else {}), "moves")
        return [
            Move(
                _name(item, "host", "moves"),
                _text(item, "current", compared=True),
                _name(item, "new", "moves"),
            )
            for item in found
        ]

    async def assignment(self, cloud: str) -> QuadsAssignment | None:
        """The active assignment of a cloud; None where it has none, as the spare pool."""
        found = await self._get(f"assignments/active/{quote(cloud)}")
        if found == {}:
            return None
        where = f"assignments/active/{cloud}"
        number = _id(found, where) if isinstance(found, Mapping) else None
        if number is None:
            raise _odd(where, "not an assignment")
        if not isinstance(found.get("wipe"), bool):
            raise QuadsError(f"QUADS does not show whether {cloud} is to be wiped", final=True)
        people = found.get("ccuser")
        return QuadsAssignment(
            id=number,
            cloud=cloud,
            description=_text(found, "description"),
            owner=_text(found, "owner"),
            ticket=_text(found, "ticket"),
            ccuser=tuple(clean(name, 100) for name in people if isinstance(name, str)) if isinstance(people, list) else (),
            wipe=found["wipe"],
            os=_text(found, "ostype", compared=True),
        )

    async def hosts(self) -> dict[str, QuadsHost]:
        """All of them; a second or two on a big QUADS."""
        found = {}
        for item in _mappings(await self._get("hosts"), "hosts"):
            name = _name(item, "name", "hosts").lower()
            found[name] = QuadsHost(
                name,
                _text(item, "model"),
                _cloud(item),
                broken=_flag(item, "broken", name),
                retired=_flag(item, "retired", name),
            )
        return found

    async def schedules(self, cloud: str, date: str = "") -> dict[str, int]:
        """The ids of the schedules of a cloud's hosts, by host: of the current ones, or of those at `date` (YYYY-MM-DDTHH:MM)."""
        asked = {"cloud": cloud, "date": date} if date else {"cloud": cloud}
        return {name: number for name, number, _ in await self._scheduled(asked)}

    async def all_built(self, cloud: str) -> bool:
        """Whether every host that is scheduled for the cloud now has been built and is there; not where none is scheduled."""
        hosts = [host for _, _, host in await self._scheduled({"cloud": cloud})]
        built = [_flag(host, "build", _text(host, "name")) and _cloud(host) == cloud for host in hosts]
        return bool(built) and all(built)

    async def _scheduled(self, asked: Mapping[str, str]) -> list[tuple[str, int, Mapping[str, Any]]]:
        """Host, id and the host's record of each schedule."""
        found = []
        where = "schedules/current"
        for item in _mappings(await self._get(where, asked), where):
            host = item.get("host")
            record: Mapping[str, Any] = host if isinstance(host, Mapping) else {"name": host}
            found.append((_name(record, "name", where).lower(), _id(item, where), record))
        return found

    async def tracks(self) -> bool:
        """Whether this server keeps the progress of moves (2.2 and later)."""
        answer = await self._exchange("GET", "moves/progress/", None, {})
        self._newer = answer.status != 404
        if self._newer:
            self._json(answer, "GET moves/progress/")
        return self._newer

    # Writes

    async def send_progress(self, schedule: int, status: str, message: str, error: str) -> None:
        """PATCH /moves/progress/<schedule>: one of QUADS' own stages, completed or failed."""
        body: dict[str, object] = {"status": status, "message": message}
        if error:
            body["error_message"] = error
        await self._patch(f"moves/progress/{schedule}", body, {"status": status})

    async def send_started(self, host: str) -> None:
        """The host is about to be moved: not built, and its switch not set for where it goes."""
        wanted = {"switch_config_applied": False, "build": False}
        await self._patch(f"hosts/{quote(host)}", wanted, wanted)

    async def start_tracking(self, host: str) -> None:
        """POST /moves/progress/batch: the move begins. A server that cannot (the schedule is gone: 500) goes without."""
        answer = await self._signed("POST", "moves/progress/batch", {"hostnames": [host]})
        if answer.status in (401, 429):
            self._json(answer, "POST moves/progress/batch")

    async def send_failure(self, host: str) -> None:
        """The move failed: as the mover of 2.2 leaves the host."""
        wanted = {"build": False, "validated": False, "switch_config_applied": False}
        await self._patch(f"hosts/{quote(host)}", wanted, wanted)

    async def send_built(self, host: str, cloud: str, built_at: float) -> None:
        """The host is in its new cloud: build true (done, in QUADS' words), not validated.

        Sent without the time once more where that is what QUADS fails at.
        """
        wanted: dict[str, object] = {"cloud": cloud, "build": True, "validated": False}
        body = {**wanted, "overcloud": True} if self._newer else wanted
        try:
            await self._patch(f"hosts/{quote(host)}", {**body, "last_build": self._time(built_at)}, wanted)
        except QuadsError as error:
            if not error.final:
                raise
            await self._patch(f"hosts/{quote(host)}", body, wanted)

    async def send_schedule_times(self, host: str, cloud: str, begun_at: float, built_at: float) -> None:
        """When the move began and ended, for the schedule that the host had for this cloud then: none where it was removed."""
        begun, built = self._time(begun_at), self._time(built_at)
        current = await self._scheduled({"host": host, "cloud": cloud, "date": built})
        number = next((number for name, number, _ in current if name == host), None)
        if number is not None:
            # QUADS refuses an end before the start, as it is when its clock was put back meanwhile.
            await self._patch(f"schedules/{number}", {"build_start": begun, "build_end": max(begun, built)}, {})

    async def mark_unvalidated(self, assignment: int) -> None:
        """Hosts of it are about to be wiped."""
        await self._patch(f"assignments/{assignment}", {"validated": False}, {"validated": False})

    async def end_empty_assignment(self, cloud: str) -> None:
        """Hosts have left the cloud: without a current schedule there its assignment is over."""
        if cloud == self._spare_pool or await self._scheduled({"cloud": cloud}):
            return
        active = await self.assignment(cloud)
        if active is not None:
            await self._patch(f"assignments/{active.id}", {"active": False}, {"active": False})

    async def update_assignment(self, assignment: int, *, provisioned: bool, validated: bool) -> None:
        """PATCH /assignments/<id>: how far its hosts are as a whole."""
        wanted: dict[str, object] = {"provisioned": provisioned, "validated": validated}
        await self._patch(f"assignments/{assignment}", wanted, wanted)

    def _time(self, at: float) -> str:
        """As QUADS reads it: a time of its own clock."""
        return self._zone.clock(at).strftime("%Y-%m-%dT%H:%M")

    async def log_in(self) -> None:
        """Earn a token with Basic (POST /login/). A password that was refused is not sent again by this process."""
        if self._refused:
            raise QuadsError(self._refused)
        basic = base64.b64encode(f"{self._username}:{self._password.reveal()}".encode()).decode()
        answer = await self._exchange("POST", "login/", None, {"Authorization": f"Basic {basic}"})
        if answer.status == 401:
            # Not final: a pending update must not be lost for a password that somebody can put right.
            self._refused = (
                f"QUADS refused the login of {clean(self._username, 40)}; it is tried again when the rollout is resumed"
            )
            raise QuadsError(self._refused)
        found = self._json(answer, "POST login/")
        token = found.get("auth_token") if isinstance(found, Mapping) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not 0 < len(token) < _TOKEN:
            raise QuadsError("QUADS answered the login without a token")
        self._token = token

    async def _patch(self, path: str, body: Mapping[str, object], wanted: Mapping[str, object]) -> None:
        answer = await self._signed("PATCH", path, body)
        found = self._json(answer, f"PATCH {path}")
        if wanted and not isinstance(found, Mapping):
            raise _odd(path, "not a record")
        unlike = [name for name, value in wanted.items() if not _same(_member(found, name), value)]
        if unlike:
            raise QuadsError(f"QUADS answered {answer.status} but did not store {', '.join(unlike)}", final=True)

    async def _signed(self, method: str, path: str, body: Mapping[str, object]) -> Response:
        if not self._token:
            await self.log_in()
        answer = await self._exchange(method, path, body, {"Authorization": f"Bearer {self._token}"})
        if answer.status == 401:
            await self.log_in()
            answer = await self._exchange(method, path, body, {"Authorization": f"Bearer {self._token}"})
        return answer

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        where = f"{path}?{urlencode(query)}" if query else path
        return self._json(await self._exchange("GET", where, None, {}), f"GET {path}")

    async def _exchange(self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]) -> Response:
        try:
            return await self._http.request(
                method,
                f"{self.url}/api/v3/{path}",
                service="quads",
                meter=self._meter,
                tls=self._tls,
                headers=headers,
                json=body,
                connect=self._clock.real(self._limits.connect, 5.0),
                total=self._clock.real(_TOTAL, 15.0),
                max_body=_BODY,
            )
        except RequestFailed as error:
            raise QuadsError(f"QUADS does not answer: {error.reason}") from None

    def _json(self, answer: Response, what: str) -> Any:
        """Raises QuadsError in the server's words for what is no success, and for what is no JSON."""
        if 300 <= answer.status < 400:  # of a proxy: QUADS did nothing
            raise QuadsError(f"QUADS answered {what} with HTTP {answer.status}, a redirect to {redirect_target(answer)}")
        try:
            if not answer.ok and len(answer.body) > _ERROR:
                raise NotJson("a very long error")
            found = answer.json()
        except NotJson as error:
            own = answer.status == 500  # 502 and 503 are of a proxy, or of a server that is not up yet
            raise QuadsError(f"QUADS answered {what} with HTTP {answer.status} and {error.reason}", answered=own) from None
        if answer.ok:
            return found
        words = ""
        if isinstance(found, Mapping):
            words = _text(found, "message") or _text(found, "error")
        busy = answer.status >= 500 or answer.status in (401, 429)
        reason = f"QUADS refused {what}: HTTP {answer.status} {words}".rstrip()
        raise QuadsError(reason, final=not busy, answered=answer.status == 500)


def _member(found: object, name: str) -> object:
    """A member of a record; a cloud by its name."""
    if not isinstance(found, Mapping):
        return None
    return _cloud(found) if name == "cloud" else found.get(name)


def _cloud(record: Mapping[str, Any]) -> str:
    cloud = record.get("cloud")
    return _text(cloud, "name", compared=True) if isinstance(cloud, Mapping) else _text(record, "cloud", compared=True)


def _text(record: Mapping[str, Any], name: str, *, compared: bool = False) -> str:
    value = record.get(name)
    return clean(value, 200, compared=compared) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _same(told: object, asked: object) -> bool:
    return type(told) is type(asked) and told == asked


def _odd(where: str, what: str) -> QuadsError:
    """What QUADS told cannot be read now: of no use, and asked again."""
    return QuadsError(f"unexpected response from QUADS /{where}: {what}", answered=True)


def _name(record: Mapping[str, Any], member: str, where: str) -> str:
    """Untouched, since it is compared. Raises QuadsError where it is empty, no text, or holds what a name does not."""
    name = record.get(member)
    if not isinstance(name, str) or not 0 < len(name) < 256 or not name.isprintable():
        raise _odd(where, f"{member} {clean(name, 40)!r}")
    return name


def _id(record: Mapping[str, Any], where: str) -> int:
    """Raises QuadsError."""
    number = record_id(record.get("id"))
    if number is None:
        raise _odd(where, f"id {clean(record.get('id', 'missing'), 40)!r}")
    return number


def _flag(record: Mapping[str, Any], member: str, host: str) -> bool:
    """False where it has none. Raises QuadsError."""
    value = record.get(member)
    if value is not None and not isinstance(value, bool):
        raise _odd("hosts", f"{clean(host, 80)} with {member} {clean(value, 40)!r}")
    return value is True


def _mappings(found: object, where: str) -> Sequence[Mapping[str, Any]]:
    """The records of a list. Raises QuadsError where it is none: no list is not an empty list."""
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise _odd(where, "not a list of records")
    return found
